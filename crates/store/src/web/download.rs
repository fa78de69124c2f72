use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use http::{HeaderMap, Method, StatusCode};
use syncplan_model::{RelPath, Token};

use super::fault::Fault;
use super::redirect::send_following;
use super::reply::Reply;
use super::request::Request;
use super::version::described;
use super::wire::Wire;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::ContentStream;

/// Where content is read from.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) wire: Arc<Wire>,
    /// What stands behind the service's URL, encoded.
    pub(crate) place: String,
    /// The path as the user knows it.
    pub(crate) path: RelPath,
    /// The store as the user knows it.
    pub(crate) store: Arc<str>,
    /// How often a download that breaks off goes on.
    pub(crate) retries: u32,
    /// Whether redirects within the same service are followed.
    pub(crate) follows: bool,
}

impl Origin {
    fn failure(&self, fault: Fault) -> StoreError {
        fault.of("read", &self.path, &self.store)
    }

    fn changed(&self) -> StoreError {
        StoreError::new(StoreErrorKind::Changed, "read", &self.path)
    }

    /// Reads content, or a range of it. The answer's own token is compared: not every server honours a
    /// condition on a read, and an ETag that is weak for a moment would fail one that is honoured.
    pub(crate) async fn read(
        mut self,
        range: Option<Range<u64>>,
        expect: Option<&Token>,
    ) -> Result<ContentStream, StoreError> {
        if range.as_ref().is_some_and(|range| range.start >= range.end) {
            return Ok(futures::stream::empty().boxed());
        }
        let mut place = self.place.clone();
        let asked = |place: &str| get(place, range.as_ref());
        let sent = match self.follows {
            true => send_following(&self.wire, &mut place, asked).await,
            false => self.wire.send(&asked(&place)).await,
        };
        self.place = place;
        let reply = match sent {
            Ok(reply) => reply,
            // A range behind the end holds nothing.
            Err(failed) if failed.fault.status() == Some(StatusCode::RANGE_NOT_SATISFIABLE) => {
                return Ok(futures::stream::empty().boxed());
            }
            Err(failed) => return Err(self.failure(failed.fault)),
        };
        let (token, _, _) = described(&reply.headers);
        if expect.is_some() && token.as_ref() != expect {
            return Err(StoreError::new(StoreErrorKind::Precondition, "read", &self.path));
        }
        let (skip, range) = placed(&reply, range).map_err(|fault| self.failure(fault))?;
        let resumes = self.retries;
        let download = Download { origin: self, token, body: reply.chunks(), skip, range, resumes };
        Ok(futures::stream::unfold(Some(download), async |download| download?.next().await).boxed())
    }
}

fn get(place: &str, range: Option<&Range<u64>>) -> Request {
    // Compressed on the way, neither ranges nor lengths would be those of the content.
    let request = Request::new(Method::GET, place).header("accept-encoding", "identity");
    match range {
        Some(range) => request.header("range", &format!("bytes={}-{}", range.start, range.end - 1)),
        None => request,
    }
}

/// A download under way: when the connection breaks it goes on where it was, if the content is still the same.
struct Download {
    origin: Origin,
    token: Option<Token>,
    body: BoxStream<'static, Result<Bytes, Fault>>,
    /// Bytes to drop before the first: a server without ranges sends everything.
    skip: u64,
    /// What is still to come; without an end where the server does not say how much there is.
    range: Range<u64>,
    resumes: u32,
}

/// How much of an answer to skip, and which bytes of the content come then.
fn placed(reply: &Reply, asked: Option<Range<u64>>) -> Result<(u64, Range<u64>), Fault> {
    let length = length(&reply.headers)?;
    let start = match reply.headers.get(http::header::CONTENT_RANGE) {
        Some(range) => first_byte(range).ok_or(Fault::Malformed("it is unclear which part it is"))?,
        None if reply.status == StatusCode::PARTIAL_CONTENT => {
            return Err(Fault::Malformed("it is unclear which part it is"));
        }
        None => 0,
    };
    let end = start.saturating_add(length);
    let asked = asked.unwrap_or(0..end);
    if start > asked.start {
        return Err(Fault::Malformed("another part was sent than was asked for"));
    }
    Ok((asked.start - start, asked.start.min(end)..asked.end.min(end)))
}

/// Content whose length nobody knows might end anywhere.
fn length(headers: &HeaderMap) -> Result<u64, Fault> {
    let unknown = Fault::Malformed("it does not say how long it is");
    if headers.get(http::header::CONTENT_ENCODING).is_some_and(|it| it != "identity") {
        return Err(Fault::Malformed("it is compressed, and nobody asked for that"));
    }
    let length =
        headers.get(http::header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.trim().parse().ok());
    length.ok_or(unknown)
}

/// `7` of `bytes 7-9/20`.
fn first_byte(range: &http::HeaderValue) -> Option<u64> {
    range.to_str().ok()?.trim().strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

impl Download {
    async fn next(mut self) -> Option<(Result<Bytes, StoreError>, Option<Self>)> {
        while self.range.start < self.range.end {
            match self.body.next().await {
                Some(Ok(chunk)) => {
                    let chunk = self.take(chunk);
                    if !chunk.is_empty() {
                        return Some((Ok(chunk), Some(self)));
                    }
                }
                broken => {
                    let early = Fault::Malformed("the content ends early");
                    let fault = broken.and_then(Result::err).unwrap_or(early);
                    if let Err(error) = self.resume(fault).await {
                        return Some((Err(error), None));
                    }
                }
            }
        }
        None
    }

    /// The part of a chunk that is asked for.
    fn take(&mut self, mut chunk: Bytes) -> Bytes {
        let skip = self.skip.min(chunk.len() as u64);
        self.skip -= skip;
        let left = self.range.end - self.range.start;
        let chunk = chunk.split_off(usize::try_from(skip).unwrap_or(usize::MAX));
        let chunk = chunk.slice(..usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len()));
        self.range.start += chunk.len() as u64;
        chunk
    }

    async fn resume(&mut self, fault: Fault) -> Result<(), StoreError> {
        let Some(token) = self.token.clone().filter(|_| self.resumes > 0) else {
            return Err(self.origin.failure(fault));
        };
        self.resumes -= 1;
        let reply = self.origin.wire.send(&get(&self.origin.place, Some(&self.range))).await;
        let reply = reply.map_err(|failed| match failed.fault.kind() {
            StoreErrorKind::Precondition | StoreErrorKind::NotFound => self.origin.changed(),
            _ => self.origin.failure(failed.fault),
        })?;
        if described(&reply.headers).0 != Some(token) {
            return Err(self.origin.changed());
        }
        let placed = placed(&reply, Some(self.range.clone()));
        let (skip, range) = placed.map_err(|fault| self.origin.failure(fault))?;
        if range != self.range {
            return Err(self.origin.changed());
        }
        self.skip = skip;
        self.body = reply.chunks();
        Ok(())
    }
}
