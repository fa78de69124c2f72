use std::error::Error;
use std::time::Duration;

use http::StatusCode;
use object_store::client::{HttpError, HttpErrorKind};
use syncplan_model::Escaped;

use super::xml;
use crate::error::{StoreError, StoreErrorKind};

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The server says no.
    #[error("{0}")]
    Answer(Answer),
    /// There is no connection.
    #[error("there is no connection to {url}")]
    Unreachable { url: String, source: HttpError },
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] HttpError),
    /// The server does not answer.
    #[error("the server did not answer in time")]
    Silence,
    /// The answer makes no sense.
    #[error("the server's answer cannot be used: {0}")]
    Malformed(&'static str),
    /// The server took the request for another one.
    #[error("the server does not know how to {0}")]
    Unknown(&'static str),
    /// The request could not even be made.
    #[error("the request cannot be made")]
    Invalid(#[source] Box<dyn Error + Send + Sync>),
}

/// An answer that is an error.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    code: String,
    message: String,
    retry_after: Option<Duration>,
}

impl Answer {
    /// As much of an error is read.
    pub(super) const LONGEST: usize = 64 * 1024;

    pub(super) fn new(status: StatusCode, body: &[u8], retry_after: Option<Duration>) -> Self {
        // Only these two: signature errors go on with what was signed.
        let [code, message] = xml::texts(body, ["Code", "Message"]);
        Self { status, code, message, retry_after }
    }

    /// Whether an answer that claims to be none is an error after all.
    pub(super) fn is_error(body: &[u8]) -> bool {
        let start = &body[..body.len().min(256)];
        start.windows(6).any(|window| window == b"<Error")
    }

    fn kind(&self) -> StoreErrorKind {
        match (self.status.as_u16(), self.code.as_str()) {
            (_, "NoSuchBucket") => StoreErrorKind::NoStore,
            (_, "QuotaExceeded" | "XMinioStorageFull" | "XAmzStorageFull" | "InsufficientCapacity")
            | (507, _) => StoreErrorKind::Full,
            (
                _,
                "InternalError" | "RequestTimeout" | "ConditionalRequestConflict" | "OperationAborted"
                // What arrived is not what was sent.
                | "BadDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch",
            ) => StoreErrorKind::Transient,
            (_, "SlowDown" | "SlowDownRead" | "SlowDownWrite" | "TooManyRequests" | "RequestLimitExceeded")
            | (429 | 503 | 509, _) => StoreErrorKind::Throttled,
            (_, "NoSuchUpload") => StoreErrorKind::NotFound,
            (_, "InvalidPart" | "InvalidPartOrder" | "EntityTooSmall") => StoreErrorKind::Changed,
            (_, "ExpiredToken" | "InvalidToken" | "AuthorizationHeaderMalformed") | (401 | 403, _) => {
                StoreErrorKind::Denied
            }
            (_, "FileAlreadyExists" | "ObjectAlreadyExists" | "PreconditionFailed") | (412, _) => {
                StoreErrorKind::Precondition
            }
            (_, "KeyTooLongError" | "EntityTooLarge" | "NotImplemented") | (405 | 501, _) => {
                StoreErrorKind::Unsupported
            }
            (404, _) => StoreErrorKind::NotFound,
            (408 | 500 | 502 | 504, _) => StoreErrorKind::Transient,
            _ => StoreErrorKind::Other,
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the server answered {}", self.status)?;
        if self.status.is_redirection() {
            return f.write_str(": the bucket is in another region, or behind another endpoint");
        }
        for text in [&self.code, &self.message] {
            if !text.is_empty() {
                let text = text.as_bytes();
                write!(f, ", {}", Escaped(&text[..text.len().min(300)]))?;
            }
        }
        Ok(())
    }
}

impl Fault {
    /// An error on the way to a bucket.
    pub(super) fn of_connection(source: HttpError, url: &str) -> Self {
        match source.kind() {
            // Nothing but the connection itself has a time limit there: it did not come about, or nobody
            // acknowledges what was sent.
            HttpErrorKind::Connect | HttpErrorKind::Timeout => {
                Self::Unreachable { url: url.to_owned(), source }
            }
            _ => Self::Broken(source),
        }
    }

    pub(super) fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Answer(answer) => answer.kind(),
            Self::Unreachable { .. } => StoreErrorKind::Unreachable,
            Self::Broken(_) | Self::Silence => StoreErrorKind::Transient,
            Self::Unknown(_) => StoreErrorKind::Unsupported,
            Self::Malformed(_) | Self::Invalid(_) => StoreErrorKind::Other,
        }
    }

    pub(super) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Answer(answer) => Some(answer.status),
            _ => None,
        }
    }

    /// Whether it is about an upload of parts that is not, or no longer, there.
    pub(super) fn is_no_upload(&self) -> bool {
        matches!(self, Self::Answer(answer) if answer.code == "NoSuchUpload")
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answer(answer) => answer.retry_after,
            _ => None,
        }
    }

    /// As an error of the store; one of the bucket names the bucket.
    pub(super) fn of(self, operation: &'static str, object: impl AsRef<[u8]>, bucket: &str) -> StoreError {
        let kind = self.kind();
        let object = if kind == StoreErrorKind::NoStore { bucket.as_bytes() } else { object.as_ref() };
        let pause = self.retry_after();
        StoreError::new(kind, operation, object).because(self).retry_after(pause)
    }
}
