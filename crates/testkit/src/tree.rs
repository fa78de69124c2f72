use std::collections::BTreeMap;
use std::fmt;

use syncplan_model::snapshot::{Problem, ProblemKind};
use syncplan_model::{
    ContentHasher, Entry, EntryKind, Facts, LinkTarget, Mtime, RelPath, SampleSpec, Snapshot,
    SnapshotBuilder, Token, Vouched,
};

/// A tree of files in memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree(pub BTreeMap<RelPath, Node>);

/// What stands at one path of a [`Tree`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A file with its content and its time in seconds.
    File {
        /// All of it.
        content: Vec<u8>,
        /// Seconds since 1970.
        mtime: i64,
    },
    /// A directory.
    Dir,
    /// A symbolic link.
    Link(Vec<u8>),
    /// Something of which only the name is known.
    Opaque(EntryKind),
}

/// How much a snapshot of a [`Tree`] knows of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Sizes and times.
    Metadata,
    /// Samples of what is longer than so many bytes, digests of the rest.
    Samples(SampleSpec),
    /// Digests.
    Digests,
    /// What checksums that a store keeps vouch for.
    Vouched,
}

/// A tree from a literal: words, each a path and what stands there.
///
/// | word | is |
/// |---|---|
/// | `d/b2` | a file `d/b` with the content `2` (its last character), modified at second 1 |
/// | `b2@7` | modified at second 7 |
/// | `d/` | a directory |
/// | `l->x` | a symbolic link to `x` |
/// | `x~` | something ignored |
/// | `x?` | something that could not be read |
/// | `x!` | a FIFO, a socket or a device |
///
/// Directories above are added. It panics on anything else: it is for tests.
pub fn tree(literal: &str) -> Tree {
    literal.split_whitespace().fold(Tree::default(), |tree, word| tree.with_word(word))
}

impl Tree {
    /// The same tree with one more word of [`tree`]'s language.
    #[must_use]
    pub fn with_word(self, word: &str) -> Self {
        let (word, mtime) = match word.split_once('@') {
            Some((word, mtime)) => {
                (word, mtime.parse().unwrap_or_else(|_| panic!("`{mtime}` are no seconds")))
            }
            None => (word, 1),
        };
        if let Some((path, target)) = word.split_once("->") {
            return self.with(path, Node::Link(target.into()));
        }
        let last = word.chars().next_back().unwrap_or_else(|| panic!("`{word}` names nothing"));
        let path = &word[..word.len() - last.len_utf8()];
        let node = match last {
            '/' => Node::Dir,
            '~' => Node::Opaque(EntryKind::Ignored),
            '?' => Node::Opaque(EntryKind::Unreadable),
            '!' => Node::Opaque(EntryKind::Special),
            content => Node::File { content: content.to_string().into(), mtime },
        };
        self.with(path, node)
    }

    /// The same tree with something more in it, and the directories above.
    #[must_use]
    pub fn with(mut self, path: impl AsRef<[u8]>, node: Node) -> Self {
        let bytes = path.as_ref();
        let path = RelPath::new(bytes).unwrap_or_else(|error| panic!("`{}`: {error}", bytes.escape_ascii()));
        for above in path.ancestors() {
            let above = RelPath::new(above).unwrap_or_else(|error| panic!("{error}"));
            self.0.entry(above).or_insert(Node::Dir);
        }
        self.0.insert(path, node);
        self
    }

    /// Without its directories, as a store without directories has it.
    #[must_use]
    pub fn flat(mut self) -> Self {
        self.0.retain(|_, node| *node != Node::Dir);
        self
    }

    /// A snapshot that knows digests.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot_knowing(Known::Digests)
    }

    /// A snapshot that knows so much of content.
    pub fn snapshot_knowing(&self, known: Known) -> Snapshot {
        let mut builder = SnapshotBuilder::new();
        for (path, node) in &self.0 {
            let entry = Entry { path: path.clone(), facts: facts(node, known) };
            builder.push(&entry).unwrap_or_else(|error| panic!("{error}"));
            if *node == Node::Opaque(EntryKind::Unreadable) {
                let (name, kind) = (path.as_bytes().to_vec(), ProblemKind::Unreadable);
                builder.report(Problem { name, until: None, kind, message: "permission denied".to_owned() });
            }
        }
        builder.finish()
    }
}

/// What a scan knows of a node. The token of a file follows from its content and its time.
pub fn facts(node: &Node, known: Known) -> Facts {
    match node {
        Node::Dir => Facts::new(EntryKind::Dir),
        Node::Opaque(kind) => Facts::new(*kind),
        Node::Link(target) => {
            Facts { target: Some(LinkTarget::new(target.as_slice())), ..Facts::new(EntryKind::Symlink) }
        }
        Node::File { content, mtime } => {
            let spec = if let Known::Samples(spec) = known { spec } else { SampleSpec::default() };
            let mut hasher = ContentHasher::new(content.len() as u64, &spec);
            hasher.update(content);
            let hashes = hasher.finish();
            let (digest, fingerprint) = match known {
                Known::Metadata | Known::Vouched => (None, None),
                Known::Samples(_) if hashes.fingerprint.is_some() => (None, hashes.fingerprint),
                Known::Samples(_) | Known::Digests => (Some(hashes.digest), None),
            };
            Facts {
                token: Some(Token::new(format!("{mtime}-{}", &hashes.digest.to_string()[3..11]))),
                mtime: Some(Mtime { seconds: *mtime, nanos: 0 }),
                digest,
                fingerprint,
                vouched: (known == Known::Vouched).then_some(Vouched::Content(hashes.digest)),
                ..Facts::file(content.len() as u64)
            }
        }
    }
}

/// As a literal, where contents are one character.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (path, node)) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            match node {
                Node::File { content, mtime: 1 } => write!(f, "{path}{}", content.escape_ascii())?,
                Node::File { content, mtime } => write!(f, "{path}{}@{mtime}", content.escape_ascii())?,
                Node::Dir => write!(f, "{path}/")?,
                Node::Link(target) => write!(f, "{path}->{}", target.escape_ascii())?,
                Node::Opaque(EntryKind::Ignored) => write!(f, "{path}~")?,
                Node::Opaque(EntryKind::Unreadable) => write!(f, "{path}?")?,
                Node::Opaque(_) => write!(f, "{path}!")?,
            }
        }
        Ok(())
    }
}
