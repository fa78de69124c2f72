//! What stands on one side, as exactly as anybody can tell.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What situations are made of was modified before this second; what a program merges, just now.
const LONG_AGO: i64 = 1_750_000_000;

/// A content, by its length and a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Content {
    bytes: u64,
    hash: u64,
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Thing {
    Folder,
    Link(PathBuf),
    File {
        content: Content,
        /// Of a file in a folder.
        mode: Option<u32>,
        /// Unless that is a matter of when the program ran.
        mtime: Option<i64>,
    },
}

/// A side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    /// What users see.
    pub(crate) things: BTreeMap<String, Thing>,
    /// What is in the trash, without the folder that the run gave it.
    pub(crate) trash: BTreeMap<String, Thing>,
    /// What else syncplan keeps for itself, such as what is on its way to another name.
    pub(crate) own: BTreeMap<String, Thing>,
    /// What only a run under way may have.
    pub(crate) temporaries: Vec<String>,
}

impl Picture {
    /// Of a folder of this machine.
    pub(crate) fn of_folder(root: &Path) -> Self {
        let mut picture = Self::default();
        picture.look_into(root, root, true);
        picture
    }

    /// Of a folder into which a bucket was copied: it has no permissions and no folders of its own.
    pub(crate) fn of_bucket(copy: &Path) -> Self {
        let mut picture = Self::default();
        picture.look_into(copy, copy, false);
        picture
    }

    fn look_into(&mut self, root: &Path, folder: &Path, is_folder: bool) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let is_dir = metadata.is_dir();
            if is_folder || !is_dir {
                self.add(&path, root, thing(&path, &metadata, is_folder));
            }
            if is_dir {
                self.look_into(root, &path, is_folder);
            }
        }
    }

    fn add(&mut self, path: &Path, root: &Path, thing: Thing) {
        let name =
            String::from_utf8_lossy(path.strip_prefix(root).unwrap().as_os_str().as_bytes()).into_owned();
        if path.file_name().unwrap().as_bytes().starts_with(b".syncplan-tmp") {
            self.temporaries.push(name);
            return;
        }
        // Of the store's root, or of a task's.
        let Some(own) = name.split_once(".syncplan").map(|(_, own)| own.trim_start_matches('/').to_owned())
        else {
            self.things.insert(name, thing);
            return;
        };
        if let Some(kept) = own.strip_prefix("trash/") {
            if let Some((_, path)) = kept.split_once('/') {
                self.trash.insert(path.to_owned(), thing);
            }
        } else if own.starts_with("probe-") {
            // What is left of asking a server what it can do; the next who asks, an hour later, removes it.
        } else if !own.is_empty()
            // Folders of ours may stay empty until the next run that needs them.
            && !["base", "index", "trash", "stage"].contains(&own.as_str())
            && !own.starts_with("base/")
            // A cache: whoever does not find it reads more.
            && !own.starts_with("index/")
        {
            self.own.insert(own, thing);
        }
    }

    /// Everything that could be got back.
    pub(crate) fn contents(&self) -> BTreeSet<Content> {
        [&self.things, &self.trash, &self.own]
            .into_iter()
            .flat_map(BTreeMap::values)
            .filter_map(Thing::content)
            .collect()
    }
}

impl Thing {
    pub(crate) fn content(&self) -> Option<Content> {
        match self {
            Self::File { content, .. } => Some(*content),
            Self::Folder | Self::Link(_) => None,
        }
    }

    /// Whether both are of one kind and have one content, whatever their times and permissions.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File { content, .. }, Self::File { content: other, .. }) => content == other,
            _ => self == other,
        }
    }
}

fn thing(path: &Path, metadata: &Metadata, is_folder: bool) -> Thing {
    if metadata.is_dir() {
        return Thing::Folder;
    }
    if metadata.is_symlink() {
        return Thing::Link(fs::read_link(path).unwrap());
    }
    let bytes = fs::read(path).unwrap();
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    Thing::File {
        content: Content { bytes: bytes.len() as u64, hash: hasher.finish() },
        mode: is_folder.then_some(metadata.mode() & 0o777),
        mtime: Some(metadata.mtime()).filter(|second| *second < LONG_AGO),
    }
}
