use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::encode::encode;
use super::fault::Fault;
use crate::error::StoreErrorKind;

/// How long to go on trying when nobody answers at all.
const UNREACHABLE_AFTER: Duration = Duration::from_secs(7);

/// One request to a service.
pub(crate) struct Request {
    pub(super) method: Method,
    /// What stands behind the service's own URL, encoded: empty, or beginning with a slash.
    path: String,
    query: Vec<(&'static str, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) whole: bool,
    pub(super) patience: Patience,
}

/// How often what failed is tried again here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Never: whoever asks this asks again.
    Once,
    /// Never, but its answer is waited for: what it does may be wrong by the time it would be sent again.
    Single,
    /// As often as the settings say; but whoever moves content has to know soon that it is too much at once.
    Usual,
    /// As often as the settings say: there is nobody above who tries again.
    Most,
}

impl Request {
    /// A request for what stands at `path` behind the service's URL: empty, or a slash and what is encoded
    /// already.
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            whole: false,
            patience: Patience::Usual,
        }
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Adds a header; a value that no header can hold is left out.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    pub(crate) fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    pub(crate) fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    /// What is sent, so that it can be summed up.
    pub(crate) fn content(&self) -> &[u8] {
        &self.body
    }

    /// Nobody above tries this again.
    pub(crate) fn patient(mut self) -> Self {
        self.patience = Patience::Most;
        self
    }

    /// An answer that does not come at once is no answer.
    pub(crate) fn once(mut self) -> Self {
        self.patience = Patience::Once;
        self
    }

    /// It is sent once: whoever asks this looks again before it is sent another time.
    pub(crate) fn single(mut self) -> Self {
        self.patience = Patience::Single;
        self
    }

    /// The answer is read whole before it counts: some errors come as 200 and say so only there.
    pub(crate) fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    /// Its URL, at a service whose own URL is this.
    pub(super) fn url(&self, service: &str) -> String {
        let mut url = format!("{service}{}", self.path);
        for (at, (name, value)) in self.query.iter().enumerate() {
            let separator = if at == 0 { '?' } else { '&' };
            url.push_str(&format!("{separator}{name}={}", encode(value.as_bytes(), b"")));
        }
        url
    }
}

impl Patience {
    /// Whether it is tried again after a fault, so many tries and so long a time.
    pub(super) fn bears(self, fault: &Fault, tries: u32, waited: Duration) -> bool {
        match fault.kind() {
            _ if matches!(self, Self::Once | Self::Single) => false,
            StoreErrorKind::Transient => true,
            StoreErrorKind::Unreachable => waited <= UNREACHABLE_AFTER,
            // One that names a time wants everybody to wait, not only this request.
            StoreErrorKind::Throttled if self == Self::Usual => tries == 1 && fault.retry_after().is_none(),
            StoreErrorKind::Throttled => true,
            _ => false,
        }
    }
}
