use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use http::{Method, StatusCode};
use syncplan_model::{RelPath, Token};

use super::object::{facts_of, quoted, token_of};
use super::request::object_at;
use super::root::Root;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::ContentStream;
use crate::web::{Fault, Reply, Request};

/// A download under way: when the connection breaks it goes on where it was, if the object is
/// still the same.
struct Download {
    root: Arc<Root>,
    path: RelPath,
    key: Vec<u8>,
    token: Option<Token>,
    body: BoxStream<'static, Result<Bytes, Fault>>,
    /// Bytes to drop before the first: a server without ranges sends everything.
    skip: u64,
    /// What is still to come.
    range: Range<u64>,
    resumes: u32,
}

pub(super) async fn read(
    root: &Arc<Root>,
    path: &RelPath,
    range: Option<Range<u64>>,
    expect: Option<&Token>,
) -> Result<ContentStream, StoreError> {
    let key = root.key("read", path)?;
    if range.as_ref().is_some_and(|range| range.start >= range.end) {
        return Ok(futures::stream::empty().boxed());
    }
    let request = get(path, &key, range.as_ref(), expect);
    let reply = match root.wire.send(&request).await {
        Ok(reply) => reply,
        // A range behind the end holds nothing.
        Err(failed) if failed.fault.status() == Some(StatusCode::RANGE_NOT_SATISFIABLE) => {
            return Ok(futures::stream::empty().boxed());
        }
        Err(failed) => return Err(root.failure(failed.fault, "read", path)),
    };
    let token = token_of(&reply.headers);
    // Not every server honours `If-Match` here, but the answer says what it is.
    if expect.is_some() && token.as_ref() != expect {
        return Err(StoreError::new(StoreErrorKind::Precondition, "read", path));
    }
    let (skip, range) = placed(&reply, range).map_err(|fault| root.failure(fault, "read", path))?;
    let download = Download {
        root: Arc::clone(root),
        path: path.clone(),
        key,
        token,
        body: reply.chunks(),
        skip,
        range,
        resumes: root.retries,
    };
    Ok(futures::stream::unfold(Some(download), async |download| download?.next().await).boxed())
}

fn get(path: &RelPath, key: &[u8], range: Option<&Range<u64>>, expect: Option<&Token>) -> Request {
    let mut request = object_at(Method::GET, key, path);
    if let Some(range) = range {
        request = request.header("range", &format!("bytes={}-{}", range.start, range.end - 1));
    }
    match expect {
        Some(token) => request.header("if-match", &quoted(token)),
        None => request,
    }
}

/// How much of an answer to skip, and which bytes of the object come then.
///
/// The status does not tell: some servers send a part as 200, and some send all of it.
fn placed(reply: &Reply, asked: Option<Range<u64>>) -> Result<(u64, Range<u64>), Fault> {
    let length = facts_of(&reply.headers)?.size;
    let Some(asked) = asked else { return Ok((0, 0..length)) };
    let start = match reply.headers.get(http::header::CONTENT_RANGE) {
        Some(range) => first_byte(range).ok_or(Fault::Malformed("it is unclear which part it is"))?,
        None if reply.status == StatusCode::PARTIAL_CONTENT => asked.start,
        None => 0,
    };
    if start > asked.start {
        return Err(Fault::Malformed("another part was sent than was asked for"));
    }
    let end = start.saturating_add(length);
    Ok((asked.start - start, asked.start.min(end)..asked.end.min(end)))
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
            return Err(self.root.failure(fault, "read", &self.path));
        };
        self.resumes -= 1;
        let request = get(&self.path, &self.key, Some(&self.range), Some(&token));
        let reply = self.root.wire.send(&request).await;
        let reply = reply.map_err(|failed| match failed.fault.kind() {
            StoreErrorKind::Precondition | StoreErrorKind::NotFound => self.changed(),
            _ => self.root.failure(failed.fault, "read", &self.path),
        })?;
        if token_of(&reply.headers).as_ref() != Some(&token) {
            return Err(self.changed());
        }
        let (skip, range) = placed(&reply, Some(self.range.clone()))
            .map_err(|fault| self.root.failure(fault, "read", &self.path))?;
        if range != self.range {
            return Err(self.changed());
        }
        self.skip = skip;
        self.body = reply.chunks();
        Ok(())
    }

    fn changed(&self) -> StoreError {
        StoreError::new(StoreErrorKind::Changed, "read", &self.path)
    }
}
