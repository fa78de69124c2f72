//! What both sides of a task agreed on before: loaded, minted, and checked against what both
//! sides say of it.

use std::sync::Arc;

use syncplan_exec::{read_mark, write_mark};
use syncplan_manifest::{FilterScope, parse_action_filter};
use syncplan_model::filter::Filter;
use syncplan_model::plan::{BaseHeader, Mark, Side};
use syncplan_model::spec::{Direction, FilesTask, Mode, StoreAccess};
use syncplan_model::{ActionFilter, Digest, Entry, Facts, RESERVED_DIR, Snapshot, SnapshotBuilder, TaskName};
use syncplan_plan::BaseInput;
use syncplan_state::{Base, BaseHead, State};
use syncplan_store::{Store, StoreError};

use crate::failure::Failure;
use crate::looker::{place, whereabouts};
use crate::project::Project;
use crate::snapshot_file::{Named, Portable};
use crate::stores::{self, Purpose};

/// The sides on which marks are left and asked for: those that the task writes to. A one-way source may
/// be made anew at any time, as generated folders are.
pub(crate) fn marked_sides(spec: &FilesTask, direction: Option<Direction>) -> &'static [Side] {
    match (spec.mode, direction.unwrap_or(spec.direction)) {
        (Mode::TwoWay, _) => &[Side::Local, Side::Remote],
        (_, Direction::Push) => &[Side::Remote],
        (_, Direction::Fetch) => &[Side::Local],
    }
}

/// The base of a task, as the planner takes it.
pub(crate) struct TaskBase {
    pub(crate) header: BaseHeader,
    pub(crate) local: Snapshot,
    pub(crate) remote: Snapshot,
    /// What was protected when the task was applied last, and is not any more.
    pub(crate) protected_before: Vec<ActionFilter>,
}

impl TaskBase {
    /// A base from the state, not yet held against what the sides say of it.
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
            left: None,
            local: None,
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

/// What each side says of a base, the local one first.
pub(crate) type Marks = [Option<Mark>; 2];

/// What both sides say of the base of a task; they are opened only where a mark was left.
pub(crate) async fn look_for_marks(
    project: &Project,
    task: &TaskName,
    spec: &FilesTask,
    base: &BaseHead,
    sides: &[Side],
) -> Result<Marks, Failure> {
    let mut marks = [None; 2];
    for &side in sides {
        if base.marked.on(side).is_some() {
            let store = stores::open_side(project, spec, None, side, Purpose::Preview)?;
            marks[side as usize] = ask_for_mark(&*store, task, side, base).await?;
        }
    }
    Ok(marks)
}

/// What both sides, the local one first, say of a base that was marked there. One that cannot be asked
/// is never taken for the one that was synced.
pub(crate) async fn ask_for_marks(
    [local, remote]: [&Arc<dyn Store>; 2],
    task: &TaskName,
    base: &BaseHead,
    sides: &[Side],
) -> Result<Marks, Failure> {
    let mut marks = [None; 2];
    for &side in sides {
        let store = if side == Side::Local { local } else { remote };
        marks[side as usize] = ask_for_mark(&**store, task, side, base).await?;
    }
    Ok(marks)
}

async fn ask_for_mark(
    store: &dyn Store,
    task: &TaskName,
    side: Side,
    base: &BaseHead,
) -> Result<Option<Mark>, Failure> {
    let Some(marked) = base.marked.on(side) else { return Ok(None) };
    match read_mark(store, &base.lineage).await {
        Ok(None) => Ok(Some(Mark::Missing)),
        Ok(Some(serial)) if serial < marked => Ok(Some(Mark::Older)),
        Ok(Some(_)) => Ok(Some(Mark::Current)),
        Err(error) => Err(Failure::new(
            "syncplan::base::mark",
            format!("the {side} side of `{task}` cannot be asked whether it is the one that was synced"),
        )
        .because(error)
        .help(format!(
            "make `{RESERVED_DIR}/base` readable there; or forget what was synced with `syncplan forget {task}`, and \
             both sides are joined"
        ))),
    }
}

/// Leaves a mark on the sides that the task writes to where the base has advanced since the last one. A side that cannot be
/// written to has none, and nothing is wrong with that; one that is not the one that was marked before
/// gets none, so that it is noticed.
pub(crate) async fn leave_marks(
    project: &Project,
    state: &State,
    task: &TaskName,
    spec: &FilesTask,
    base: &BaseHead,
    [local, remote]: [&Arc<dyn Store>; 2],
    sides: &[Side],
) -> Result<(), Failure> {
    for &side in sides {
        let store = if side == Side::Local { local } else { remote };
        let access = project.loaded.spec.store(&place(spec, side).store).map(|store| store.access);
        let marked = base.marked.on(side);
        if access != Some(StoreAccess::ReadWrite) || base.serial == 0 || marked == Some(base.serial) {
            continue;
        }
        match mark(&**store, base, marked).await {
            Ok(true) => state.mark_base(task, side, base.serial).await?,
            Ok(false) => tracing::warn!("the {side} side of {task} is not the one that was synced before"),
            Err(error) if marked.is_some() => {
                tracing::warn!(%error, "the {side} side of {task} could not be told what was synced");
            }
            Err(error) => tracing::debug!(%error, "the {side} side of {task} keeps no mark of the base"),
        }
    }
    Ok(())
}

/// Marks a side, if nothing was marked there before or what was marked still stands.
async fn mark(store: &dyn Store, base: &BaseHead, marked: Option<u64>) -> Result<bool, StoreError> {
    if let Some(marked) = marked
        && read_mark(store, &base.lineage).await?.is_none_or(|found| found < marked)
    {
        return Ok(false);
    }
    write_mark(store, &base.lineage, base.serial).await?;
    Ok(true)
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
