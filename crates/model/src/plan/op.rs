use crate::text::text_enum;

text_enum! {
    /// What an action does.
    Op {
        /// Local content goes to the remote side.
        Upload = "upload",
        /// Remote content goes to the local side.
        Download = "download",
        /// Content is copied within one side.
        Copy = "copy",
        /// A file or symbolic link is moved within one side.
        Move = "move",
        /// A file is moved out of the way, to a reserved name, to break a cycle.
        Stage = "stage",
        /// A staged file is moved to where it belongs.
        Install = "install",
        /// A file or symbolic link is removed.
        Delete = "delete",
        /// A directory is created.
        Mkdir = "mkdir",
        /// An empty directory is removed.
        Rmdir = "rmdir",
        /// Time of modification and permission bits are changed.
        SetMetadata = "set-metadata",
        /// Only the base learns something.
        Record = "record",
        /// A database is dumped.
        Dump = "dump",
        /// A database is restored.
        Restore = "restore",
        /// An old dump is removed.
        Prune = "prune",
        /// A program is run.
        Run = "run",
    }
}

impl Op {
    /// Whether it reads a place other than the one it fills, on the same side.
    pub fn has_from(self) -> bool {
        matches!(self, Self::Copy | Self::Move | Self::Stage | Self::Install)
    }

    /// Whether content passes from one side to the other.
    pub fn transfers(self) -> bool {
        matches!(self, Self::Upload | Self::Download)
    }

    /// Whether it removes what stands at its path.
    pub fn removes(self) -> bool {
        matches!(self, Self::Delete | Self::Rmdir)
    }
}

text_enum! {
    /// One of the two sides of a task.
    Side {
        /// The local one.
        Local = "local",
        /// The remote one.
        Remote = "remote",
    }
}

impl Side {
    /// The other side.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Local => Self::Remote,
            Self::Remote => Self::Local,
        }
    }
}

text_enum! {
    /// Why two entries are taken to be the same.
    Evidence {
        /// All of the content was hashed, on both.
        Digest = "digest",
        /// A checksum that the store keeps, such as an ETag that is an MD5, is that of the content.
        Etag = "etag",
        /// Samples of the content were hashed, on both.
        Fingerprint = "fingerprint",
        /// Size and time of modification agree.
        SizeMtime = "size-mtime",
        /// The manifest says so.
        Stated = "stated",
    }
}

impl Evidence {
    /// Whether it takes two files for the same that may yet differ, for one who means to deceive or by bad
    /// luck: before anything rests on it that could cost content, that is read whole.
    pub fn only_nominates(self) -> bool {
        matches!(self, Self::Etag | Self::Fingerprint | Self::Stated)
    }
}

text_enum! {
    /// What could be lost if an action were wrong.
    Risk {
        /// Content at the path is replaced.
        Overwrite = "overwrite",
        /// Content at the path is removed.
        Delete = "delete",
        /// No other copy of the content is known.
        LastCopy = "last-copy",
        /// The action rests on a sampled match that nothing confirms.
        SampledMatch = "sampled-match",
        /// The store cannot hold the precondition firmly.
        WeakPrecondition = "weak-precondition",
        /// A live database is replaced.
        Restore = "restore",
        /// Nothing brings it back.
        Irreversible = "irreversible",
    }
}

text_enum! {
    /// How firmly the store can hold an action's precondition.
    Enforce {
        /// In one step with the effect.
        Atomic = "atomic",
        /// Looked at right before the effect.
        Checked = "checked",
        /// By size and time only.
        Weak = "weak",
    }
}

text_enum! {
    /// What a side says of the base archive that was made with it.
    Mark {
        /// It is the side that the base knows.
        Current = "current",
        /// It does not know the base: another one stands in its place.
        Missing = "missing",
        /// It is behind the base: it was put back to what it was before.
        Older = "older",
    }
}

text_enum! {
    /// How much a finding matters.
    Level {
        /// The plan cannot be applied.
        Hard = "hard",
        /// The plan needs an override with a reason.
        Soft = "soft",
        /// For the reader to know.
        Advisory = "advisory",
    }
}

text_enum! {
    /// Which part of a task an action belongs to: a part begins when the one before it is done.
    ///
    /// It says in one word what would take an edge to every action of the part before.
    Phase {
        /// Content comes in, and what is in its way goes out.
        Main = "main",
        /// What others refer to follows: `publish-last`.
        Publish = "publish",
        /// What nothing waits for is removed.
        Cleanup = "cleanup",
    }
}

impl Phase {
    /// Whether it is the one that plan.json leaves out.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(super) fn is_main(&self) -> bool {
        *self == Self::Main
    }

    pub(super) fn main() -> Self {
        Self::Main
    }
}
