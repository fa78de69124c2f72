use std::error::Error;

use syncplan_model::Escaped;

use crate::error::{StoreError, StoreErrorKind};

/// Why a request, or the way to the server, failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The server says no.
    #[error("the server answered: {}", said(*code, message))]
    Status { code: u32, message: Vec<u8> },
    /// The answer makes no sense.
    #[error("the server's answer cannot be used: {0}")]
    Malformed(&'static str),
    /// There is no connection.
    #[error("there is no connection to {place}")]
    Unreachable { place: String, source: Box<dyn Error + Send + Sync> },
    /// The connection broke.
    #[error("the connection broke")]
    Broken,
    /// The server does not answer.
    #[error("the server did not answer in time")]
    Silence,
    /// The server did not prove who it is.
    #[error("{0}")]
    Untrusted(String),
    /// The server does not let us in.
    #[error("{0}")]
    Login(String),
    /// The two sides have no common language.
    #[error("the SSH connection cannot be made")]
    Ssh(#[source] russh::Error),
    /// The folder that is the store's root is not there.
    #[error("the folder `{}` does not exist on the server", Escaped(.0))]
    NoRoot(Vec<u8>),
    /// Something in the way is no folder.
    #[error("`{}` is no folder", Escaped(.0))]
    NoFolder(Vec<u8>),
    /// The file is another one than it was, or shorter.
    #[error("it is not what it was")]
    Changed,
    /// The server has no room left.
    #[error("there is no room left on the server")]
    Full,
    /// The server cannot do it.
    #[error("{0}")]
    Unable(&'static str),
}

/// The numbers of the answers that are told apart.
pub(super) mod status {
    pub(in crate::sftp) const OK: u32 = 0;
    pub(in crate::sftp) const EOF: u32 = 1;
    pub(in crate::sftp) const NO_SUCH_FILE: u32 = 2;
    pub(in crate::sftp) const PERMISSION_DENIED: u32 = 3;
    pub(in crate::sftp) const FAILURE: u32 = 4;
    pub(in crate::sftp) const BAD_MESSAGE: u32 = 5;
    pub(in crate::sftp) const NO_CONNECTION: u32 = 6;
    pub(in crate::sftp) const CONNECTION_LOST: u32 = 7;
    pub(in crate::sftp) const OP_UNSUPPORTED: u32 = 8;
}

/// The server's words, which may be anything; servers that say nothing are given some.
fn said(code: u32, message: &[u8]) -> String {
    let usual = match code {
        status::EOF => "end of file",
        status::NO_SUCH_FILE => "no such file",
        status::PERMISSION_DENIED => "permission denied",
        status::FAILURE => "failure",
        status::BAD_MESSAGE => "bad message",
        status::OP_UNSUPPORTED => "operation unsupported",
        _ => "an unknown error",
    };
    match message {
        [] => usual.to_owned(),
        message => Escaped(&message[..message.len().min(300)]).to_string(),
    }
}

impl Fault {
    pub(super) fn status(code: u32) -> Self {
        Self::Status { code, message: Vec::new() }
    }

    /// Whether the server answered with this number.
    pub(super) fn is(&self, wanted: u32) -> bool {
        matches!(self, Self::Status { code, .. } if *code == wanted)
    }

    /// Whether what was asked for may have been done, and nobody heard of it.
    pub(super) fn is_doubtful(&self) -> bool {
        matches!(self, Self::Broken | Self::Silence)
    }

    pub(super) fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Status { code, .. } => match *code {
                status::NO_SUCH_FILE => StoreErrorKind::NotFound,
                status::PERMISSION_DENIED => StoreErrorKind::Denied,
                status::OP_UNSUPPORTED => StoreErrorKind::Unsupported,
                // A name that is too long, where OpenSSH answers.
                status::BAD_MESSAGE => StoreErrorKind::Unsupported,
                status::NO_CONNECTION | status::CONNECTION_LOST => StoreErrorKind::Transient,
                _ => StoreErrorKind::Other,
            },
            Self::Malformed(_) | Self::Ssh(_) => StoreErrorKind::Other,
            Self::Unreachable { .. } => StoreErrorKind::Unreachable,
            Self::Broken | Self::Silence => StoreErrorKind::Transient,
            Self::Untrusted(_) => StoreErrorKind::Untrusted,
            Self::Login(_) => StoreErrorKind::Denied,
            Self::NoRoot(_) => StoreErrorKind::NoStore,
            Self::NoFolder(_) => StoreErrorKind::NotDirectory,
            Self::Changed => StoreErrorKind::Changed,
            Self::Full => StoreErrorKind::Full,
            Self::Unable(_) => StoreErrorKind::Unsupported,
        }
    }

    /// The same as an error of the store.
    pub(super) fn at(self, operation: &'static str, object: impl AsRef<[u8]>) -> StoreError {
        StoreError::new(self.kind(), operation, object).because(self)
    }
}

impl From<russh::Error> for Fault {
    fn from(error: russh::Error) -> Self {
        use russh::Error as Ssh;
        match error {
            Ssh::HUP | Ssh::Disconnect | Ssh::SendError | Ssh::RecvError | Ssh::IO(_) => Self::Broken,
            Ssh::ConnectionTimeout | Ssh::KeepaliveTimeout | Ssh::InactivityTimeout | Ssh::Elapsed(_) => {
                Self::Silence
            }
            other => Self::Ssh(other),
        }
    }
}
