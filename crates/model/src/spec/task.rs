use super::Place;
use crate::filter::{ActionFilter, EntryFilter};
use crate::name::{DatabaseName, TaskName};
use crate::path::RelPath;
use crate::quantity::{ByteSize, Period, Rate};
use crate::sample::SampleSpec;
use crate::text::text_enum;

/// One thing to keep in sync.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its name in the manifest.
    pub name: TaskName,
    /// The tasks that have to be done before it; never a cycle.
    pub after: Vec<TaskName>,
    /// What it keeps in sync.
    pub kind: TaskKind,
}

/// What a task keeps in sync.
#[derive(Debug, Clone)]
pub enum TaskKind {
    /// `kind=files`: two folders.
    Files(Box<FilesTask>),
    /// `kind=database`: a database and its dumps.
    Database(DatabaseTask),
    /// `kind=command`: what a program prints or writes.
    Command(CommandTask),
}

/// Two folders that are kept in sync.
#[derive(Debug, Clone)]
pub struct FilesTask {
    /// The local side.
    pub local: Place,
    /// The remote side; never the same as the local one, nor inside it, nor around it.
    pub remote: Place,
    /// How differences are resolved.
    pub mode: Mode,
    /// Which side is the source. Without meaning when the mode is two-way.
    pub direction: Direction,
    /// Which entries take part.
    pub select: EntryFilter,
    /// Names of files in gitignore syntax, obeyed in any folder.
    pub ignore_files: Vec<String>,
    /// Names of files that leave out the whole folder holding them.
    pub ignore_markers: Vec<String>,
    /// How entries are compared.
    pub compare: Compare,
    /// How large files are sampled.
    pub sample: SampleSpec,
    /// What a sampled match needs before it is trusted.
    pub confirm: Confirm,
    /// What may be deleted.
    pub delete: Delete,
    /// What no action may touch.
    pub protect: Vec<ActionFilter>,
    /// What becomes of content that is overwritten or deleted.
    pub trash: Option<Trash>,
    /// What happens when both sides changed.
    pub conflict: ConflictPolicy,
    /// How fast it may transfer.
    pub bandwidth: Option<Rate>,
    /// Holds the remote place against other machines while it is written to; whoever says nothing for so
    /// long has let go.
    pub lease: Option<Period>,
    /// Renames that the planner may take for granted.
    pub moved: Vec<Moved>,
    /// Uploads that wait for all others of the task.
    pub publish_last: Option<EntryFilter>,
    /// What becomes of symbolic links.
    pub symlinks: Symlinks,
}

/// A database whose dumps are kept in a store.
#[derive(Debug, Clone)]
pub struct DatabaseTask {
    /// The database, defined in the same spec.
    pub database: DatabaseName,
    /// Where the dumps are.
    pub remote: Place,
    /// Push dumps, fetch restores.
    pub direction: Direction,
    /// Which dumps are kept.
    pub retain: Option<Retain>,
    /// Globs of tables that are left out.
    pub exclude_tables: Vec<String>,
    /// How long a replaced database is kept.
    pub trash: Option<Trash>,
    /// How fast it may transfer.
    pub bandwidth: Option<Rate>,
}

/// A program whose output is kept in a store.
#[derive(Debug, Clone)]
pub struct CommandTask {
    /// The program and its arguments; no shell reads them.
    pub run: Vec<String>,
    /// The files it writes; without any, what it prints is taken.
    pub outputs: Vec<String>,
    /// Where the output goes.
    pub remote: Place,
    /// How fast it may transfer.
    pub bandwidth: Option<Rate>,
}

text_enum! {
    /// How differences between the sides of a task are resolved.
    Mode {
        /// New and changed files are brought over; nothing is deleted.
        Update = "update",
        /// The target becomes a replica of the source.
        Mirror = "mirror",
        /// Both sides are reconciled.
        TwoWay = "two-way",
    }
}

text_enum! {
    /// Which side is the source.
    Direction {
        /// From local to remote.
        Push = "push",
        /// From remote to local.
        Fetch = "fetch",
    }
}

text_enum! {
    /// What may be deleted on the target because the source lacks it.
    DeletePolicy {
        /// Nothing.
        Never = "never",
        /// Only what an earlier sync put there and nobody touched since.
        Synced = "synced",
        /// All that the source lacks.
        Extra = "extra",
    }
}

text_enum! {
    /// What becomes of symbolic links.
    Symlinks {
        /// They are links on both sides; where one side has none they are left out and reported.
        Keep = "keep",
        /// They are left out.
        Skip = "skip",
        /// What they lead to inside the source is taken for what stands there.
        Follow = "follow",
        /// Where a side has none they are small files that hold their text, as rclone keeps them.
        RcloneLink = "rclonelink",
    }
}

text_enum! {
    /// How two entries are compared when their tokens do not tell.
    Compare {
        /// By size and time of modification.
        Quick = "quick",
        /// By a fingerprint.
        Sampled = "sampled",
        /// By a digest of all content.
        Full = "full",
    }
}

text_enum! {
    /// What a sampled match needs before it is trusted.
    Confirm {
        /// A digest of all content.
        Full = "full",
        /// Nothing more.
        Sampled = "sampled",
    }
}

/// What happens when both sides changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ConflictPolicy {
    /// Nothing changes on either side; the plan lists it.
    Hold,
    /// The loser is kept beside the winner.
    KeepBoth,
    /// The local side wins.
    Local,
    /// The remote side wins.
    Remote,
    /// The newer side wins.
    Newer,
    /// The larger side wins.
    Larger,
    /// A program decides, given three files: base, local and remote.
    Merge(Vec<String>),
}

/// What may be deleted, and how much before a guard objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delete {
    /// What may be deleted.
    pub policy: DeletePolicy,
    /// Beyond so many entries a guard objects.
    pub max_count: Option<u64>,
    /// Beyond this part of the entries, in percent, a guard objects.
    pub max_percent: Option<u8>,
    /// Beyond so many bytes a guard objects.
    pub max_bytes: Option<ByteSize>,
}

/// What becomes of content that is overwritten or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trash {
    /// How long it is kept.
    pub keep: Period,
}

/// Which dumps are kept: the newest of each of the last so many days, weeks, months.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retain {
    /// So many of the newest.
    pub last: u32,
    /// So many days.
    pub daily: u32,
    /// So many weeks.
    pub weekly: u32,
    /// So many months.
    pub monthly: u32,
}

/// A rename that the manifest states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Where the file or folder was, below the task's roots.
    pub from: RelPath,
    /// Where it is now.
    pub to: RelPath,
}

impl Task {
    /// The task as one of files, if it is.
    pub fn as_files(&self) -> Option<&FilesTask> {
        match &self.kind {
            TaskKind::Files(files) => Some(files),
            TaskKind::Database(_) | TaskKind::Command(_) => None,
        }
    }
}

impl FilesTask {
    /// A task with every setting at its default.
    pub fn new(local: Place, remote: Place) -> Self {
        Self {
            local,
            remote,
            mode: Mode::Update,
            direction: Direction::Push,
            select: EntryFilter::all(),
            ignore_files: Vec::new(),
            ignore_markers: Vec::new(),
            compare: Compare::Quick,
            sample: SampleSpec::default(),
            confirm: Confirm::Full,
            delete: Delete::of(Mode::Update),
            protect: Vec::new(),
            trash: None,
            conflict: ConflictPolicy::Hold,
            bandwidth: None,
            lease: None,
            moved: Vec::new(),
            publish_last: None,
            symlinks: Symlinks::Keep,
        }
    }

    /// Where the task reads, and where it writes; `None` when it does both on both sides.
    pub fn source_and_target(&self) -> Option<(&Place, &Place)> {
        match (self.mode, self.direction) {
            (Mode::TwoWay, _) => None,
            (_, Direction::Push) => Some((&self.local, &self.remote)),
            (_, Direction::Fetch) => Some((&self.remote, &self.local)),
        }
    }

    /// The places that the task writes to.
    pub fn targets(&self) -> Vec<&Place> {
        match self.source_and_target() {
            Some((_, target)) => vec![target],
            None => vec![&self.local, &self.remote],
        }
    }
}

impl Task {
    /// The places that the task writes to (a database that is restored is not a place).
    pub fn targets(&self) -> Vec<&Place> {
        match &self.kind {
            TaskKind::Files(files) => files.targets(),
            TaskKind::Database(task) if task.direction == Direction::Fetch => Vec::new(),
            TaskKind::Database(task) => vec![&task.remote],
            TaskKind::Command(task) => vec![&task.remote],
        }
    }

    /// All places of the task.
    pub fn places(&self) -> Vec<&Place> {
        match &self.kind {
            TaskKind::Files(files) => vec![&files.local, &files.remote],
            TaskKind::Database(task) => vec![&task.remote],
            TaskKind::Command(task) => vec![&task.remote],
        }
    }
}

impl Delete {
    /// What a mode deletes unless the manifest says otherwise.
    pub fn of(mode: Mode) -> Self {
        let policy = match mode {
            Mode::Update => DeletePolicy::Never,
            Mode::Mirror => DeletePolicy::Extra,
            Mode::TwoWay => DeletePolicy::Synced,
        };
        Self { policy, max_count: None, max_percent: None, max_bytes: None }
    }
}

impl ConflictPolicy {
    /// The words of all policies.
    pub const WORDS: &[&str] = &["hold", "keep-both", "local", "remote", "newer", "larger", "merge"];

    /// The word that the manifest uses.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::KeepBoth => "keep-both",
            Self::Local => "local",
            Self::Remote => "remote",
            Self::Newer => "newer",
            Self::Larger => "larger",
            Self::Merge(_) => "merge",
        }
    }
}
