use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use http::{HeaderMap, StatusCode};
use object_store::client::{HttpError, HttpResponseBody};

use super::fault::Fault;
use super::wire::SLOWEST;

/// The longest answer that is taken whole: a page of a listing with room to spare.
const LONGEST: usize = 32 * 1024 * 1024;

/// An answer that is no error.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(super) body: HttpResponseBody,
    /// How long the server may keep silent in the middle of it.
    pub(super) silence: Duration,
}

impl Reply {
    /// What is left of it as it comes.
    pub(crate) fn chunks(self) -> BoxStream<'static, Result<Bytes, Fault>> {
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

    /// Everything that is left of it, up to a limit: servers may be endless, and endlessly slow.
    pub(crate) async fn read_all(self, limit: usize) -> Result<Bytes, Fault> {
        let longest = self.silence + Duration::from_secs(limit as u64 / SLOWEST);
        let mut chunks = self.chunks();
        let read = async {
            let mut all = bytes::BytesMut::new();
            while let Some(chunk) = chunks.next().await {
                all.extend_from_slice(&chunk?);
                if all.len() > limit {
                    return Err(Fault::Malformed("the answer is too long"));
                }
            }
            Ok(all.freeze())
        };
        tokio::time::timeout(longest, read).await.unwrap_or(Err(Fault::Silence))
    }

    /// The same answer once all of it is there, and what it says.
    pub(super) async fn whole(self) -> Result<(Self, Bytes), Fault> {
        let (status, headers, silence) = (self.status, self.headers.clone(), self.silence);
        let text = self.read_all(LONGEST).await?;
        Ok((Self { status, headers, body: text.clone().into(), silence }, text))
    }
}
