use std::error::Error;
use std::fmt;
use std::time::Duration;

use syncplan_model::Escaped;

/// An operation on a store that did not work: what was tried, on what, and how it failed.
///
/// The cause is in [`Error::source`] and is not repeated in the message.
#[derive(Debug)]
pub struct StoreError {
    /// How it failed, as far as a caller can act on it.
    pub kind: StoreErrorKind,
    operation: &'static str,
    object: Vec<u8>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The ways to fail that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// The object is not there.
    NotFound,
    /// The bucket, the root or the container is not there.
    NoStore,
    /// What stands there is not what was expected; nothing was done.
    Precondition,
    /// The credentials are missing, wrong, or may not do this.
    Denied,
    /// What answers there did not prove that it is the store: a key or certificate is not to be trusted.
    Untrusted,
    /// The store cannot be reached.
    Unreachable,
    /// The store is full.
    Full,
    /// A directory still has content.
    NotEmpty,
    /// The path goes through a symbolic link or something else that is not a directory.
    NotDirectory,
    /// The content changed, or was shorter or longer than announced, while it was read.
    Changed,
    /// The store cannot do that.
    Unsupported,
    /// It lists things out of order, twice or without end: nothing that it lists can be relied on.
    Disordered,
    /// It may work if tried again.
    Transient,
    /// Too much is asked of the store at once: it may work later, and with less beside it.
    Throttled,
    /// Anything else.
    Other,
}

impl StoreError {
    /// An error of `operation` (a verb: `read`) on `object` (a path as the user knows it).
    pub fn new(kind: StoreErrorKind, operation: &'static str, object: impl AsRef<[u8]>) -> Self {
        Self { kind, operation, object: object.as_ref().to_vec(), retry_after: None, source: None }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error, with how long the store asks to be left alone.
    #[must_use]
    pub fn retry_after(mut self, pause: Option<Duration>) -> Self {
        self.retry_after = pause;
        self
    }

    /// How long the store asks to be left alone, if it does.
    pub fn pause(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What was tried, as a verb.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// What it was tried on.
    pub fn object(&self) -> &[u8] {
        &self.object
    }

    /// What a person can do about it.
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self.kind {
            StoreErrorKind::NoStore => "create it first, or correct its name in the manifest",
            StoreErrorKind::Denied => "check the credentials and what they are allowed to do",
            StoreErrorKind::Untrusted => {
                "find out from whoever runs the server which key it has, before you trust another one"
            }
            StoreErrorKind::Unreachable => {
                "check the endpoint and the network; what was done stays done, and a second run goes on"
            }
            StoreErrorKind::Full => "make room there and run it again: it goes on where it stopped",
            StoreErrorKind::Precondition | StoreErrorKind::Changed => {
                "plan again: it changed since the plan was made"
            }
            _ => return None,
        })
    }
}

impl StoreErrorKind {
    /// Whether it may work if tried again.
    pub fn is_momentary(self) -> bool {
        matches!(self, Self::Transient | Self::Throttled | Self::Unreachable)
    }

    /// The kind as a clause.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "it does not exist",
            Self::NoStore => "the store does not exist",
            Self::Precondition => "something else stands there than was expected",
            Self::Denied => "permission denied",
            Self::Untrusted => "the server did not prove who it is",
            Self::Unreachable => "the store cannot be reached",
            Self::Full => "the store is full",
            Self::NotEmpty => "the directory is not empty",
            Self::NotDirectory => "a part of the path is not a directory",
            Self::Changed => "its content changed meanwhile",
            Self::Unsupported => "the store cannot do that",
            Self::Disordered => "the listing is not in order",
            Self::Transient => "the store failed for the moment",
            Self::Throttled => "the store is asked for too much at once",
            Self::Other => "it failed",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} `{}`: {}", self.operation, Escaped(&self.object), self.kind.as_str())
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
