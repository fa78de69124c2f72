use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpResponseBody};
use syncplan_model::RelPath;

use super::checksum::Checksum;
use super::encode::encode;
use super::fault::{Answer, Fault};
use super::time::retry_after;
use crate::error::StoreErrorKind;
use crate::retry::Retry;

/// How long to go on trying when nobody answers at all.
const UNREACHABLE_AFTER: Duration = Duration::from_secs(7);

/// The pauses between two tries; the longest is so long, whatever the server asks for.
const PAUSES: Retry =
    Retry { times: u32::MAX, base: Duration::from_millis(200), cap: Duration::from_secs(20) };

/// How long a server may take to answer who only wants to know whether it is there.
const GLANCE: Duration = Duration::from_secs(5);

/// Uploads slower than this many bytes a second count as stuck.
const SLOWEST: u64 = 32 * 1024;

/// The longest answer that is taken whole: a page of a listing with room to spare.
const LONGEST_ANSWER: usize = 32 * 1024 * 1024;

/// Signs requests to one bucket, sends them, and tries again what may work the next time.
pub(super) struct Wire {
    pub(super) client: HttpClient,
    pub(super) bucket: String,
    /// With the bucket in it, without a slash at the end.
    pub(super) url: String,
    pub(super) region: String,
    pub(super) credential: Option<AwsCredential>,
    pub(super) retries: u32,
    pub(super) timeout: Duration,
}

/// One request to the bucket, or to an object in it.
pub(super) struct Request {
    method: Method,
    key: Vec<u8>,
    query: Vec<(&'static str, String)>,
    headers: HeaderMap,
    body: Bytes,
    whole: bool,
    patience: Patience,
}

/// How often what failed is tried again here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// Never: whoever asks this asks again.
    Once,
    /// As often as the settings say; but whoever moves content has to know soon that it is too much at once.
    Usual,
    /// As often as the settings say: there is nobody above who tries again.
    Most,
}

/// An answer that is no error.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: HttpResponseBody,
    /// How long the server may keep silent in the middle of it.
    silence: Duration,
}

/// A request that failed, and how often it was sent.
pub(super) struct Failed {
    pub(super) fault: Fault,
    /// With more than one, an earlier try may have worked and its answer been lost.
    pub(super) tries: u32,
}

impl Request {
    pub(super) fn new(method: Method, key: &[u8]) -> Self {
        Self {
            method,
            key: key.to_vec(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            whole: false,
            patience: Patience::Usual,
        }
    }

    /// What is done to an object at `path`. Those of our own (marks, leases) are nobody's transfer: whoever
    /// needs one waits for it.
    pub(super) fn of(method: Method, key: &[u8], path: &RelPath) -> Self {
        let request = Self::new(method, key);
        if path.is_reserved() { request.patient() } else { request }
    }

    pub(super) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Adds a header; a value that no header can hold is left out.
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    pub(super) fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    pub(super) fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    /// What the server is to compare the body with; it has to be there already.
    pub(super) fn checked_by(self, checksum: Checksum) -> Self {
        match checksum.of(&self.body) {
            Some((header, value)) => self.header(header, &value),
            None => self,
        }
    }

    /// Nobody above tries this again.
    pub(super) fn patient(mut self) -> Self {
        self.patience = Patience::Most;
        self
    }

    /// An answer that does not come at once is no answer.
    pub(super) fn once(mut self) -> Self {
        self.patience = Patience::Once;
        self
    }

    /// The answer is read whole before it counts: some errors come as 200 and say so only there.
    pub(super) fn whole(mut self) -> Self {
        self.whole = true;
        self
    }
}

impl Wire {
    pub(super) async fn send(&self, request: &Request) -> Result<Reply, Failed> {
        let start = Instant::now();
        let mut tries = 1;
        loop {
            let fault = match self.try_once(request).await {
                Ok(reply) => return Ok(reply),
                Err(fault) => fault,
            };
            if tries > self.retries || !request.patience.bears(&fault, tries, start.elapsed()) {
                return Err(Failed { fault, tries });
            }
            tracing::debug!(bucket = self.bucket, tries, %fault, "a request will be repeated");
            tokio::time::sleep(pause(tries, &fault)).await;
            tries += 1;
        }
    }

    async fn try_once(&self, request: &Request) -> Result<Reply, Fault> {
        let signed = self.sign(request)?;
        let answered = tokio::time::timeout(self.longest(request), self.client.execute(signed)).await;
        let answered = answered.map_err(|_| Fault::Silence)?;
        let (parts, body) = answered.map_err(|error| Fault::of_connection(error, &self.url))?.into_parts();
        let reply =
            Reply { status: parts.status, headers: parts.headers, body, silence: self.longest(request) };
        if !reply.status.is_success() {
            let (status, pause) = (reply.status, retry_after(&reply.headers));
            let text = reply.read_all(Answer::LONGEST).await.unwrap_or_default();
            return Err(Fault::Answer(Answer::new(status, &text, pause)));
        }
        if request.whole { reply.whole().await } else { Ok(reply) }
    }

    /// How long an answer may take.
    fn longest(&self, request: &Request) -> Duration {
        match request.patience {
            Patience::Once => self.timeout.min(GLANCE),
            Patience::Usual | Patience::Most => {
                self.timeout + Duration::from_secs(request.body.len() as u64 / SLOWEST)
            }
        }
    }

    fn sign(&self, request: &Request) -> Result<HttpRequest, Fault> {
        let mut signed = http::Request::builder().method(&request.method).uri(self.url_of(request));
        if let Some(headers) = signed.headers_mut() {
            headers.extend(request.headers.clone());
            if matches!(request.method, Method::PUT | Method::POST) {
                // Without it some servers refuse a body that is empty.
                headers.insert(http::header::CONTENT_LENGTH, request.body.len().into());
            }
        }
        let mut signed =
            signed.body(request.body.clone().into()).map_err(|error| Fault::Invalid(Box::new(error)))?;
        if let Some(credential) = &self.credential {
            AwsAuthorizer::new(credential, "s3", &self.region)
                .try_authorize(&mut signed, None)
                .map_err(|error| Fault::Invalid(Box::new(error)))?;
        }
        Ok(signed)
    }

    fn url_of(&self, request: &Request) -> String {
        let mut url = self.url.clone();
        // The root of a bucket is `/bucket` in path style and `/` in its own host.
        if !request.key.is_empty() || !url.ends_with(&format!("/{}", self.bucket)) {
            url.push('/');
        }
        url.push_str(&encode(&request.key, b"/"));
        for (at, (name, value)) in request.query.iter().enumerate() {
            let separator = if at == 0 { '?' } else { '&' };
            url.push_str(&format!("{separator}{name}={}", encode(value.as_bytes(), b"")));
        }
        url
    }
}

impl Patience {
    /// Whether it is tried again after a fault, so many tries and so long a time.
    fn bears(self, fault: &Fault, tries: u32, waited: Duration) -> bool {
        match fault.kind() {
            _ if self == Self::Once => false,
            StoreErrorKind::Transient => true,
            StoreErrorKind::Unreachable => waited <= UNREACHABLE_AFTER,
            // One that names a time wants everybody to wait, not only this request.
            StoreErrorKind::Throttled if self == Self::Usual => tries == 1 && fault.retry_after().is_none(),
            StoreErrorKind::Throttled => true,
            _ => false,
        }
    }
}

impl Reply {
    /// What is left of it as it comes.
    pub(super) fn chunks(self) -> BoxStream<'static, Result<Bytes, Fault>> {
        let silence = self.silence;
        let next = move |mut chunks: BoxStream<'static, Result<Bytes, HttpError>>| async move {
            let chunk = match tokio::time::timeout(silence, chunks.next()).await {
                Ok(chunk) => chunk?.map_err(Fault::Broken),
                Err(_) => Err(Fault::Silence),
            };
            Some((chunk, chunks))
        };
        futures::stream::unfold(self.body.bytes_stream(), next).boxed()
    }

    /// Everything that is left of it, up to a limit: servers may be endless.
    pub(super) async fn read_all(self, limit: usize) -> Result<Bytes, Fault> {
        let mut chunks = self.chunks();
        let mut all = bytes::BytesMut::new();
        while let Some(chunk) = chunks.next().await {
            all.extend_from_slice(&chunk?);
            if all.len() > limit {
                return Err(Fault::Malformed("the answer is too long"));
            }
        }
        Ok(all.freeze())
    }

    /// The same answer once all of it is there, unless it says that it is an error after all.
    async fn whole(self) -> Result<Self, Fault> {
        let (status, headers, silence) = (self.status, self.headers.clone(), self.silence);
        let text = self.read_all(LONGEST_ANSWER).await?;
        if Answer::is_error(&text) {
            return Err(Fault::Answer(Answer::new(StatusCode::INTERNAL_SERVER_ERROR, &text, None)));
        }
        Ok(Self { status, headers, body: text.into(), silence })
    }
}

/// A server that names a time is obeyed.
fn pause(tries: u32, fault: &Fault) -> Duration {
    match fault.retry_after() {
        Some(asked) => asked.min(PAUSES.cap),
        None => PAUSES.wait(tries),
    }
}
