use std::collections::BTreeMap;

use syncplan_model::plan::{ManifestInfo, SideHeader};
use syncplan_model::spec::{Delete, Direction, FilesTask, Guard, Mode, Place};
use syncplan_model::{Capabilities, Capability, Digest, Snapshot, StoreName, TaskName};

use crate::Tree;

/// A task and what was found on its sides, with every setting open to change.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// The task's name: `t`.
    pub name: TaskName,
    /// What it keeps in sync.
    pub spec: FilesTask,
    /// The general limits; none at first.
    pub guard: Guard,
    /// What the local store can do: all that a local folder can.
    pub local: Capabilities,
    /// What the remote store can do: the same.
    pub remote: Capabilities,
    /// What was found on the local side.
    pub local_snapshot: Snapshot,
    /// What was found on the remote side.
    pub remote_snapshot: Snapshot,
}

impl Fixture {
    /// A push from one tree to another, all content being known.
    pub fn push(mode: Mode, local: &Tree, remote: &Tree) -> Self {
        Self::new(mode, Direction::Push, local, remote)
    }

    /// A task between two trees, all content being known.
    pub fn new(mode: Mode, direction: Direction, local: &Tree, remote: &Tree) -> Self {
        let place = |store| Place { store: store_name(store), path: None };
        let mut spec = FilesTask::new(place("laptop"), place("bucket"));
        (spec.mode, spec.direction, spec.delete) = (mode, direction, Delete::of(mode));
        let guard = Guard { max_delete: syncplan_model::spec::MaxDelete::default(), ..Guard::default() };
        Self {
            name: TaskName::new("t").unwrap_or_else(|error| panic!("{error}")),
            spec,
            guard,
            local: folder(),
            remote: folder(),
            local_snapshot: local.snapshot(),
            remote_snapshot: remote.snapshot(),
        }
    }

    /// How a plan names a side in a store of that name.
    pub fn header(&self, store: &str) -> SideHeader {
        let (kind, location) = ("memory".to_owned(), store.to_owned());
        SideHeader { store: store_name(store), kind, location, service: None, capabilities: Vec::new() }
    }

    /// A manifest of no files.
    pub fn manifest(&self) -> ManifestInfo {
        let (files, variables) = (Vec::new(), BTreeMap::new());
        ManifestInfo { digest: Digest::of(b""), files, profile: None, variables }
    }
}

/// What a local folder can do.
fn folder() -> Capabilities {
    Capabilities::new([
        Capability::AtomicRename,
        Capability::RenameNoReplace,
        Capability::ServerCopy,
        Capability::SetMtime,
        Capability::SetMetadata,
        Capability::Modes,
        Capability::Symlinks,
        Capability::Directories,
        Capability::ByteNames,
        Capability::CheapReads,
    ])
}

fn store_name(name: &str) -> StoreName {
    StoreName::new(name).unwrap_or_else(|error| panic!("{error}"))
}
