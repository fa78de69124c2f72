//! One side of a task, looked at: what is there, with what was known of it before.

use std::sync::Arc;

use syncplan_model::plan::{Side, SideHeader};
use syncplan_model::spec::{FilesTask, Place, StoreKind, Symlinks, Task};
use syncplan_model::{Capability, Digest, Entry, EntryKind, Mtime, Snapshot, TaskName};
use syncplan_scan::{
    IgnoreRules, Inquiry, Question, Scan, ScanRequest, believe, inquire, scan, without_hasty,
};
use syncplan_state::State;
use syncplan_store::Store;

use crate::failure::Failure;
use crate::project::Project;
use crate::render::progress::Scanning;
use crate::shared::{Shared, may_be_indexed};
use crate::stores;
use crate::survey::{Surveyed, files_task, now, open_sides};

/// Looks at one side.
pub(crate) struct Looker<'a> {
    project: &'a Project,
    task: &'a TaskName,
    spec: &'a FilesTask,
    side: Side,
    place: &'a Place,
    pub(crate) store: Arc<dyn Store>,
    /// Which place it is and what is left out: what is known of another is not believed.
    source: Digest,
    scanning: &'a Scanning,
}

/// What was found, and what had been known.
pub(crate) struct Found {
    pub(crate) scan: Scan,
    known: Option<Digest>,
    begun: Mtime,
    /// The index that others share, if this side may have one.
    shared: Option<Shared>,
}

impl<'a> Looker<'a> {
    pub(crate) fn new(
        project: &'a Project,
        task: &'a Task,
        spec: &'a FilesTask,
        side: Side,
        store: Arc<dyn Store>,
        scanning: &'a Scanning,
    ) -> Self {
        let place = place(spec, side);
        let source = identity(project, place, spec);
        Self { project, task: &task.name, spec, side, place, store, source, scanning }
    }

    pub(crate) async fn look(&self, state: &State) -> Result<Found, Failure> {
        let previous = state.load_snapshot(self.task, self.side, &self.source).await?;
        let known = previous.as_ref().map(Snapshot::digest);
        let begun = now();
        let request = ScanRequest {
            select: self.spec.select.clone(),
            ignore_files: self.spec.ignore_files.clone(),
            ignore_markers: self.spec.ignore_markers.clone(),
            now: begun,
            previous,
            found: self.scanning.counter(),
            ..ScanRequest::default()
        };
        // Side by side: where the place cannot be reached, the listing says so.
        let listing = scan(Arc::clone(&self.store), request);
        let (scan, shared) = tokio::join!(listing, self.read_shared(state, known.is_some()));
        let (mut scan, shared) = (scan?, shared?);
        if let Some(told) = shared.as_ref().and_then(|shared| shared.content.as_ref()) {
            scan.snapshot = believe(&scan.snapshot, told);
        }
        Ok(Found { scan, known, begun, shared })
    }

    pub(crate) fn surveyed(&self, found: &Found, rules_of_other: &IgnoreRules) -> Surveyed {
        let header = side_header(self.project, self.place, &*self.store);
        let capabilities = stores::capabilities(self.project, self.place, &*self.store);
        let snapshot = rules_of_other.apply(found.scan.snapshot.clone());
        let (store, rules) = (Arc::clone(&self.store), found.scan.rules.clone());
        Surveyed { store, header, capabilities, snapshot, rules }
    }

    /// An unchanged side costs no write.
    pub(crate) async fn remember(
        &self,
        state: &State,
        found: &Found,
        snapshot: &Snapshot,
    ) -> Result<(), Failure> {
        let precision = self.store.capabilities().mtime_precision;
        let snapshot = without_hasty(snapshot, precision, found.begun);
        if found.known != Some(snapshot.digest()) {
            state.save_snapshot(self.task, self.side, &self.source, &snapshot).await?;
        }
        match &found.shared {
            Some(shared) => shared.remember(state, self.task, &self.source, &snapshot).await,
            None => Ok(()),
        }
    }

    /// What other machines say of the remote side. To do without costs reading and nothing else.
    async fn read_shared(&self, state: &State, is_known: bool) -> Result<Option<Shared>, Failure> {
        if self.side == Side::Local || !may_be_indexed(&*self.store) {
            return Ok(None);
        }
        Shared::read(state, &*self.store, self.task, &self.source, is_known).await.map(Some)
    }
}

/// Scans one side, with what its own files and the other side's ignore files leave out, and looks
/// closer at every file, at its samples or at what the store keeps beside it: a snapshot that travels
/// has to answer by itself.
pub(crate) async fn look_closely(
    project: &Project,
    state: &State,
    task: &Task,
    side: Side,
    scanning: &Scanning,
) -> Result<Snapshot, Failure> {
    let spec = files_task(task, None)?;
    let [local, remote] = open_sides(project, &spec, false)?;
    let (own, other) = if side == Side::Local { (local, remote) } else { (remote, local) };
    let looker = Looker::new(project, task, &spec, side, own, scanning);
    let found = looker.look(state).await?;
    let rules = if spec.ignore_files.is_empty() {
        IgnoreRules::default()
    } else {
        Looker::new(project, task, &spec, side.other(), other, scanning).look(state).await?.scan.rules
    };
    let snapshot = looker.surveyed(&found, &rules).snapshot;
    let cheap = looker.store.capabilities().has(Capability::CheapReads);
    let questions = unknown(&snapshot, if cheap { Inquiry::Sampled } else { Inquiry::Stat });
    let snapshot = inquire(Arc::clone(&looker.store), snapshot, questions, spec.sample).await?;
    looker.remember(state, &found, &snapshot).await?;
    Ok(snapshot)
}

/// The files of which no hash is known, and that were not looked at more closely before.
fn unknown(snapshot: &Snapshot, inquiry: Inquiry) -> Vec<Question> {
    let mut questions = Vec::new();
    let mut cursor = snapshot.cursor();
    while let Some(Entry { path, facts }) = cursor.current() {
        let hashed = facts.digest.is_some() || facts.fingerprint.is_some();
        let known = hashed || (inquiry == Inquiry::Stat && facts.mtime.is_some());
        if facts.kind == EntryKind::File && !known {
            questions.push(Question { path: path.clone(), inquiry });
        }
        cursor.advance();
    }
    questions
}

/// The place of one side.
pub(crate) fn place(spec: &FilesTask, side: Side) -> &Place {
    match side {
        Side::Local => &spec.local,
        Side::Remote => &spec.remote,
    }
}

/// A side as plan.json describes it.
pub(crate) fn side_header(project: &Project, place: &Place, store: &dyn Store) -> SideHeader {
    let kind = project.loaded.spec.store(&place.store).map_or("", |store| store.kind.as_str());
    SideHeader {
        store: place.store.clone(),
        kind: kind.to_owned(),
        location: store.location().to_owned(),
        service: stores::service(project, place),
        capabilities: stores::capabilities(project, place, store)
            .iter()
            .map(|capability| capability.as_str().to_owned())
            .collect(),
    }
}

/// What a snapshot is of: a place, and what is left out there.
pub(crate) fn identity(project: &Project, place: &Place, spec: &FilesTask) -> Digest {
    let (at, filter) = (whereabouts(project, place), filter_digest(spec));
    Digest::of(format!("{at}\n{filter}").as_bytes())
}

/// Which place it is, among all in the world.
pub(crate) fn whereabouts(project: &Project, place: &Place) -> String {
    let Some(store) = project.loaded.spec.store(&place.store) else { return String::new() };
    let at = match &store.kind {
        StoreKind::S3(s3) => format!("s3 {:?} {} {:?}", s3.endpoint, s3.bucket, s3.prefix),
        StoreKind::Local(local) => {
            let folder = stores::folder_of(project, local, place);
            // By its name alone: it may not exist before the first push.
            format!("local {:?}", std::path::absolute(&folder).unwrap_or(folder))
        }
        other => {
            let (location, service) = (stores::location(store, place), stores::service(project, place));
            format!("{} {location} {service:?}", other.as_str())
        }
    };
    format!("{at}\n{:?}", place.path)
}

/// What decides which entries are left out.
pub(crate) fn filter_digest(spec: &FilesTask) -> Digest {
    let FilesTask { select, ignore_files, ignore_markers, symlinks, .. } = spec;
    let links = match symlinks {
        Symlinks::Keep | Symlinks::Skip => String::new(),
        seen => format!("\n{seen}"),
    };
    Digest::of(format!("{select}\n{ignore_files:?}\n{ignore_markers:?}{links}").as_bytes())
}
