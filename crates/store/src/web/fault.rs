use std::error::Error;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use object_store::client::{HttpError, HttpErrorKind};
use syncplan_model::Escaped;

use super::time::retry_after;
use crate::error::{StoreError, StoreErrorKind};

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The server says no.
    #[error("{0}")]
    Answer(Answer),
    /// There is no connection.
    #[error("there is no connection to {url}")]
    Unreachable { url: String, source: HttpError },
    /// Nobody who is trusted says that the server is who it claims to be.
    #[error(
        "the certificate of {url} is not accepted ({reason}): if it comes from an authority of your own, name that \
         with `ca-certificate`; one that is expired or made out to another host has to be replaced there"
    )]
    Certificate { url: String, reason: String, source: HttpError },
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] HttpError),
    /// The server does not answer.
    #[error("the server did not answer in time")]
    Silence,
    /// The answer makes no sense.
    #[error("the server's answer cannot be used: {0}")]
    Malformed(&'static str),
    /// The answer makes sense, and the order in which it comes does not.
    #[error("the server cannot be relied on: {0}")]
    Disorder(&'static str),
    /// The server took the request for another one.
    #[error("the server does not know how to {0}")]
    Unknown(&'static str),
    /// What the store is, is not there.
    #[error("{0}")]
    NoStore(&'static str),
    /// The request could not even be made.
    #[error("the request cannot be made")]
    Invalid(#[source] Box<dyn Error + Send + Sync>),
}

/// A request that failed, and how often it was sent.
pub(crate) struct Failed {
    pub(crate) fault: Fault,
    /// With more than one, an earlier try may have worked and its answer been lost.
    pub(crate) tries: u32,
}

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// What it means here.
    pub(crate) kind: StoreErrorKind,
    /// The service's own word for it, if it has one.
    pub(crate) code: String,
    /// What the service says about it, if it does.
    pub(crate) message: String,
    /// Where a redirect points to.
    location: Option<Location>,
    retry_after: Option<Duration>,
}

/// Where a redirect points to; never shown whole, since a signature may stand in it.
struct Location(String);

impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl Answer {
    /// As much of an error is read.
    pub(super) const LONGEST: usize = 64 * 1024;

    /// What the status alone says.
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap) -> Self {
        Self {
            status,
            kind: kind_of(status),
            code: String::new(),
            message: String::new(),
            location: headers
                .get(http::header::LOCATION)
                .and_then(|location| location.to_str().ok())
                .map(|location| Location(location.to_owned())),
            retry_after: retry_after(headers),
        }
    }

    /// The same answer with the service's own words.
    pub(crate) fn saying(mut self, code: String, message: String) -> Self {
        (self.code, self.message) = (code, message);
        self
    }
}

fn kind_of(status: StatusCode) -> StoreErrorKind {
    match status.as_u16() {
        401 | 403 => StoreErrorKind::Denied,
        404 | 410 => StoreErrorKind::NotFound,
        405 | 501 => StoreErrorKind::Unsupported,
        408 | 500 | 502 | 504 => StoreErrorKind::Transient,
        412 => StoreErrorKind::Precondition,
        429 | 503 | 509 => StoreErrorKind::Throttled,
        507 => StoreErrorKind::Full,
        _ => StoreErrorKind::Other,
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the server answered {}", self.status)?;
        for text in [&self.code, &self.message] {
            if !text.is_empty() {
                let text = text.as_bytes();
                write!(f, ", {}", Escaped(&text[..text.len().min(300)]))?;
            }
        }
        if self.status.is_redirection() {
            f.write_str(", and redirects are not followed")?;
        }
        Ok(())
    }
}

impl Fault {
    /// An error on the way to a server.
    pub(super) fn of_connection(source: HttpError, url: &str) -> Self {
        if let Some(reason) = refused_certificate(&source) {
            return Self::Certificate { url: url.to_owned(), reason, source };
        }
        match source.kind() {
            // Nothing but the connection itself has a time limit there: it did not come about, or nobody
            // acknowledges what was sent.
            HttpErrorKind::Connect | HttpErrorKind::Timeout => {
                Self::Unreachable { url: url.to_owned(), source }
            }
            _ => Self::Broken(source),
        }
    }

    pub(crate) fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Answer(answer) => answer.kind,
            Self::Unreachable { .. } => StoreErrorKind::Unreachable,
            Self::Broken(_) | Self::Silence => StoreErrorKind::Transient,
            Self::Unknown(_) => StoreErrorKind::Unsupported,
            Self::Disorder(_) => StoreErrorKind::Disordered,
            Self::NoStore(_) => StoreErrorKind::NoStore,
            Self::Certificate { .. } => StoreErrorKind::Untrusted,
            Self::Malformed(_) | Self::Invalid(_) => StoreErrorKind::Other,
        }
    }

    pub(crate) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Answer(answer) => Some(answer.status),
            _ => None,
        }
    }

    /// The service's own word for what is wrong.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Answer(answer) => &answer.code,
            _ => "",
        }
    }

    /// Where the server sends whoever asks.
    pub(crate) fn location(&self) -> Option<&str> {
        match self {
            Self::Answer(answer) if answer.status.is_redirection() => {
                answer.location.as_ref().map(|location| location.0.as_str())
            }
            _ => None,
        }
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answer(answer) => answer.retry_after,
            _ => None,
        }
    }

    /// As an error of the store; one of the whole `store` (a bucket, a share) names that.
    pub(crate) fn of(self, operation: &'static str, object: impl AsRef<[u8]>, store: &str) -> StoreError {
        let kind = self.kind();
        let object = if kind == StoreErrorKind::NoStore { store.as_bytes() } else { object.as_ref() };
        let pause = self.retry_after();
        StoreError::new(kind, operation, object).because(self).retry_after(pause)
    }
}

/// What is wrong with the server's certificate, if that is what is wrong. No type of it gets here.
fn refused_certificate(error: &HttpError) -> Option<String> {
    const WORDS: &str = "invalid peer certificate: ";
    let mut cause: Option<&dyn Error> = Some(error);
    let mut reason = None;
    while let Some(error) = cause {
        let text = error.to_string();
        reason = text.split_once(WORDS).map(|(_, reason)| reason.to_owned()).or(reason);
        cause = error.source();
    }
    reason
}
