//! What both sides of a task agreed on before: loaded, minted, and checked against what the remote
//! side says of it.

use std::sync::Arc;

use syncplan_exec::{read_mark, write_mark};
use syncplan_manifest::{FilterScope, parse_action_filter};
use syncplan_model::filter::Filter;
use syncplan_model::plan::{BaseHeader, Mark, Side};
use syncplan_model::spec::{FilesTask, StoreAccess};
use syncplan_model::{ActionFilter, Digest, Entry, Facts, Snapshot, SnapshotBuilder, TaskName};
use syncplan_plan::BaseInput;
use syncplan_state::{Base, State};
use syncplan_store::Store;

use crate::failure::Failure;
use crate::looker::whereabouts;
use crate::project::Project;
use crate::snapshot_file::{Named, Portable};

/// The base of a task, as the planner takes it.
pub(crate) struct TaskBase {
    pub(crate) header: BaseHeader,
    pub(crate) local: Snapshot,
    pub(crate) remote: Snapshot,
    /// What was protected when the task was applied last, and is not any more.
    pub(crate) protected_before: Vec<ActionFilter>,
}

impl TaskBase {
    /// A base from the state, not yet held against the remote side.
    pub(crate) fn of(base: Base, project: &Project, spec: &FilesTask) -> Self {
        let protected_before = protected_before(&base.protect, project, spec);
        Self { header: base.header(), local: base.local, remote: base.remote, protected_before }
    }

    /// A base from a portable snapshot: of a base, or of one side as it stood then.
    pub(crate) fn of_portable(portable: Portable) -> Self {
        let Portable { header, snapshot, base } = portable;
        let (digest, entries) = (snapshot.digest(), snapshot.entries());
        // A side says nothing of serials: it is taken for the outcome of some run.
        let plain_side = || Named { lineage: digest.to_string(), serial: 1, digest: None };
        let is_base = base.is_some();
        let named = base.unwrap_or_else(plain_side);
        let base_header = BaseHeader {
            lineage: named.lineage,
            serial: named.serial,
            digest: named.digest.unwrap_or(digest),
            entries,
            remote: None,
        };
        // Tokens mean something on the side that they are of, and nowhere else.
        let plain = content_of(&snapshot, &snapshot);
        let (local, remote) = match (is_base, header.side) {
            (true, _) => (plain.clone(), plain),
            (false, Side::Local) => (snapshot, plain),
            (false, Side::Remote) => (plain, snapshot),
        };
        Self { header: base_header, local, remote, protected_before: Vec::new() }
    }

    pub(crate) fn input(&self) -> BaseInput<'_> {
        BaseInput { header: self.header.clone(), local: &self.local, remote: &self.remote }
    }
}

/// What both sides agree on, as far as it means something on either: no tokens. Both have the same
/// paths.
pub(crate) fn content_of(local: &Snapshot, remote: &Snapshot) -> Snapshot {
    let mut builder = SnapshotBuilder::new();
    let (mut local, mut remote) = (local.cursor(), remote.cursor());
    while let (Some(here), Some(there)) = (local.current(), remote.current()) {
        let facts = Facts {
            token: None,
            mtime: here.facts.mtime.or(there.facts.mtime),
            digest: here.facts.digest.or(there.facts.digest),
            fingerprint: here.facts.fingerprint.or(there.facts.fingerprint),
            ..here.facts.clone()
        };
        if let Err(error) = builder.push(&Entry { path: here.path.clone(), facts }) {
            unreachable!("the order of a snapshot does not change by what is known: {error}");
        }
        local.advance();
        remote.advance();
    }
    builder.finish()
}

/// Which two places a base is about; what is filtered changes nothing about that.
pub(crate) fn places(project: &Project, spec: &FilesTask) -> Digest {
    let [local, remote] = [&spec.local, &spec.remote].map(|place| whereabouts(project, place));
    Digest::of(format!("{local}\n{remote}").as_bytes())
}

/// What the remote side says of a base that was marked there. Where it cannot be asked, nothing.
pub(crate) async fn ask_for_mark(store: &Arc<dyn Store>, base: &Base) -> Option<Mark> {
    let marked = base.marked?;
    match read_mark(&**store, &base.lineage).await {
        Ok(None) => Some(Mark::Missing),
        Ok(Some(serial)) if serial < marked => Some(Mark::Older),
        Ok(Some(_)) => Some(Mark::Current),
        Err(error) => {
            tracing::debug!(%error, "the remote side cannot say which base it was synced with");
            None
        }
    }
}

/// Leaves a mark on the remote side where the base has advanced since the last one. A side that
/// cannot be written to has none, and nothing is wrong with that.
pub(crate) async fn leave_mark(
    project: &Project,
    state: &State,
    task: &TaskName,
    spec: &FilesTask,
    remote: &Arc<dyn Store>,
) -> Result<(), Failure> {
    let access = project.loaded.spec.store(&spec.remote.store).map(|store| store.access);
    if access != Some(StoreAccess::ReadWrite) {
        return Ok(());
    }
    let Some(base) = state.load_base(task, &places(project, spec)).await? else { return Ok(()) };
    if base.serial == 0 || base.marked == Some(base.serial) {
        return Ok(());
    }
    match write_mark(&**remote, &base.lineage, base.serial).await {
        Ok(()) => Ok(state.mark_base(task, base.serial).await?),
        Err(error) => {
            tracing::debug!(%error, "the remote side keeps no mark of the base");
            Ok(())
        }
    }
}

/// What a task protects, each with the filters that it names written out: so that a name that goes,
/// or comes to mean something else, is noticed as well.
pub(crate) fn protect_texts(spec: &FilesTask) -> Vec<String> {
    spec.protect.iter().map(|filter| spelled_out(filter.filter()).to_string()).collect()
}

/// What was protected and is not any more.
pub(crate) fn protected_before(before: &[String], project: &Project, spec: &FilesTask) -> Vec<ActionFilter> {
    let now = protect_texts(spec);
    let scope = FilterScope::of(&project.loaded.spec);
    let gone = before.iter().filter(|text| !now.contains(text));
    gone.filter_map(|text| still_parsed(text, &scope)).collect()
}

/// Written by another version it may not mean anything to this one.
pub(crate) fn still_parsed(text: &str, scope: &FilterScope) -> Option<ActionFilter> {
    let parsed = parse_action_filter(text, "protect", scope);
    parsed
        .inspect_err(|_| tracing::warn!("`protect \"{text}\"` held before and cannot be read any more"))
        .ok()
}

fn spelled_out(filter: &Filter) -> Filter {
    let all = |parts: &[Filter]| parts.iter().map(spelled_out).collect();
    match filter {
        Filter::Not(inner) => Filter::Not(Box::new(spelled_out(inner))),
        Filter::And(parts) => Filter::And(all(parts)),
        Filter::Or(parts) => Filter::Or(all(parts)),
        Filter::Named(named) => spelled_out(named.filter()),
        Filter::All | Filter::None | Filter::Term(_) => filter.clone(),
    }
}
