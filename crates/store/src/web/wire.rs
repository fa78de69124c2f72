use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use object_store::client::{HttpClient, HttpRequest};

use super::client::{Reach, client};
use super::dialect::Dialect;
use super::fault::{Answer, Failed, Fault};
use super::reply::Reply;
use super::request::{Patience, Request};
use crate::retry::Retry;

/// The pauses between two tries; the longest is so long, whatever the server asks for.
const PAUSES: Retry =
    Retry { times: u32::MAX, base: Duration::from_millis(200), cap: Duration::from_secs(20) };

/// How long a server may take to answer who only wants to know whether it is there.
const GLANCE: Duration = Duration::from_secs(5);

/// What is slower than this many bytes a second counts as stuck.
pub(super) const SLOWEST: u64 = 32 * 1024;

/// Sends requests to one service, and tries again what may work the next time.
pub(crate) struct Wire {
    client: HttpClient,
    /// The same, for content that is not held in memory.
    reqwest: reqwest::Client,
    dialect: Box<dyn Dialect>,
    /// What all requests begin with, without a slash at the end.
    url: String,
    retries: u32,
    timeout: Duration,
}

impl Wire {
    /// Connects nothing yet; `url` has no slash at its end.
    pub(crate) fn new(url: String, reach: &Reach, dialect: Box<dyn Dialect>) -> Result<Self, reqwest::Error> {
        let reqwest = client(reach)?;
        let client = HttpClient::new(reqwest.clone());
        Ok(Self { client, reqwest, dialect, url, retries: reach.retries, timeout: reach.timeout })
    }

    pub(super) fn reqwest(&self) -> &reqwest::Client {
        &self.reqwest
    }

    pub(super) fn dialect(&self) -> &dyn Dialect {
        &*self.dialect
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What all requests begin with.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn send(&self, request: &Request) -> Result<Reply, Failed> {
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
            tracing::debug!(service = self.url, tries, %fault, "a request will be repeated");
            tokio::time::sleep(pause(tries, &fault)).await;
            tries += 1;
        }
    }

    async fn try_once(&self, request: &Request) -> Result<Reply, Fault> {
        let authorized = self.prepare(request).await?;
        let silence = self.longest(request);
        let answered = tokio::time::timeout(silence, self.client.execute(authorized)).await;
        let answered = answered.map_err(|_| Fault::Silence)?;
        let (parts, body) = answered.map_err(|error| Fault::of_connection(error, &self.url))?.into_parts();
        let reply = Reply { status: parts.status, headers: parts.headers, body, silence };
        if !reply.status.is_success() {
            let (status, headers) = (reply.status, reply.headers.clone());
            let text = reply.read_all(Answer::LONGEST).await.unwrap_or_default();
            return Err(Fault::Answer(self.dialect.understand(status, &headers, &text)));
        }
        if request.whole { self.whole(reply).await } else { Ok(reply) }
    }

    async fn whole(&self, reply: Reply) -> Result<Reply, Fault> {
        let (reply, text) = reply.whole().await?;
        if self.dialect.hides_error(&text) {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return Err(Fault::Answer(self.dialect.understand(status, &reply.headers, &text)));
        }
        Ok(reply)
    }

    /// How long an answer may take.
    fn longest(&self, request: &Request) -> Duration {
        match request.patience {
            Patience::Once => self.timeout.min(GLANCE),
            Patience::Single | Patience::Usual | Patience::Most => {
                self.timeout + Duration::from_secs(request.body.len() as u64 / SLOWEST)
            }
        }
    }

    pub(super) async fn prepare(&self, request: &Request) -> Result<HttpRequest, Fault> {
        let mut prepared = http::Request::builder().method(&request.method).uri(request.url(&self.url));
        if let Some(headers) = prepared.headers_mut() {
            headers.extend(request.headers.clone());
            if matches!(request.method, Method::PUT | Method::POST) {
                // Without it some servers refuse a body that is empty.
                headers.insert(http::header::CONTENT_LENGTH, request.body.len().into());
            }
        }
        let prepared = prepared.body(request.body.clone().into());
        let mut prepared = prepared.map_err(|error| Fault::Invalid(Box::new(error)))?;
        self.dialect.authorize(&mut prepared).await?;
        Ok(prepared)
    }
}

/// A server that names a time is obeyed.
fn pause(tries: u32, fault: &Fault) -> Duration {
    match fault.retry_after() {
        Some(asked) => asked.min(PAUSES.cap),
        None => PAUSES.wait(tries),
    }
}
