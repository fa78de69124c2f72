use crate::text::text_enum;

text_enum! {
    /// Something that a store may be able to do or to keep.
    Capability {
        /// A rename replaces its target in one step.
        AtomicRename = "atomic-rename",
        /// A rename can be told not to replace anything.
        RenameNoReplace = "rename-no-replace",
        /// A write can be bound to what stands there, in one step with it.
        ConditionalPut = "conditional-put",
        /// A copy can be bound to what stands at its target.
        ConditionalCopy = "conditional-copy",
        /// A delete can be bound to what stands there.
        ConditionalDelete = "conditional-delete",
        /// Content can be copied within the store without passing through here.
        ServerCopy = "server-copy",
        /// The time of modification can be set with a write.
        SetMtime = "set-mtime",
        /// Metadata can be changed without writing the content again.
        SetMetadata = "set-metadata",
        /// Permission bits are kept.
        Modes = "modes",
        /// Symbolic links are kept.
        Symlinks = "symlinks",
        /// Directories exist by themselves, empty ones too.
        Directories = "directories",
        /// Names may be any bytes; without it they are UTF-8.
        ByteNames = "byte-names",
        /// Reading content costs about as much as hashing it.
        CheapReads = "cheap-reads",
        /// Names that differ only in case are one name there.
        FoldsCase = "folds-case",
        /// Names that differ only in how characters are composed are one name there.
        FoldsUnicode = "folds-unicode",
        /// Nothing that was written may be changed or removed.
        AppendOnly = "append-only",
        /// Nothing may be written.
        ReadOnly = "read-only",
    }
}

/// What a store can do, as data: planner and executor ask here and never for a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    set: u32,
    /// Times of modification are multiples of this many nanoseconds there.
    pub mtime_precision: u64,
    /// The longest path below the root, in bytes.
    pub max_path: usize,
    /// The longest name between two slashes, in bytes.
    pub max_name: usize,
}

impl Capabilities {
    /// A store with these capabilities, nanosecond times, and names as long as Linux allows.
    pub fn new(all: impl IntoIterator<Item = Capability>) -> Self {
        let set = all.into_iter().fold(0, |set, one| set | bit(one));
        Self { set, mtime_precision: 1, max_path: crate::path::MAX_PATH_BYTES, max_name: 255 }
    }

    /// Whether the store has it.
    pub fn has(&self, capability: Capability) -> bool {
        self.set & bit(capability) != 0
    }

    /// The same store with one more capability.
    #[must_use]
    pub fn with(mut self, capability: Capability) -> Self {
        self.set |= bit(capability);
        self
    }

    /// The same store with one capability less.
    #[must_use]
    pub fn without(mut self, capability: Capability) -> Self {
        self.set &= !bit(capability);
        self
    }

    /// Everything the store has, in the order of [`Capability::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = Capability> {
        Capability::ALL.iter().copied().filter(|&capability| self.has(capability))
    }
}

fn bit(capability: Capability) -> u32 {
    1 << capability as u32
}
