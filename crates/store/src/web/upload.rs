use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::client::{HttpError, HttpErrorKind};

use super::fault::{Answer, Fault};
use super::reply::Reply;
use super::request::Request;
use super::wire::{SLOWEST, Wire};

/// How often somebody looks whether the server still takes anything.
const GLANCES: Duration = Duration::from_millis(500);

/// Content on its way to a server, chunk by chunk.
pub(crate) type Upload = BoxStream<'static, io::Result<Bytes>>;

impl Wire {
    /// Sends content of a known length that is never held in memory: once, since it is gone afterwards.
    pub(crate) async fn upload(
        &self,
        request: &Request,
        length: u64,
        content: Upload,
    ) -> Result<Reply, Fault> {
        let (parts, _) = self.prepare(request).await?.into_parts();
        let mut headers = parts.headers;
        headers.insert(http::header::CONTENT_LENGTH, length.into());
        let flow = Arc::new(Flow::new());
        let body = reqwest::Body::wrap_stream(flow.clone().watch(content));
        let sent = self.reqwest().request(parts.method, parts.uri.to_string()).headers(headers).body(body);
        // When all is sent, the server may have to sum it up or to move it.
        let silence = self.timeout() + Duration::from_secs(length / SLOWEST);
        let answered = flow.unless_stuck(silence, sent.send()).await?;
        let answered = answered.map_err(|error| Fault::of_connection(converted(error), self.url()))?;
        let (status, headers) = (answered.status(), answered.headers().clone());
        let text = read(answered, silence).await?;
        if status.is_success() {
            return Ok(Reply { status, headers, body: text.into(), silence });
        }
        Err(Fault::Answer(self.dialect().understand(status, &headers, &text)))
    }
}

/// As much of an answer as anybody reads.
async fn read(answered: reqwest::Response, silence: Duration) -> Result<Bytes, Fault> {
    let mut chunks = answered.bytes_stream();
    let mut text = bytes::BytesMut::new();
    while text.len() < Answer::LONGEST {
        match tokio::time::timeout(silence, chunks.next()).await {
            Err(_) => return Err(Fault::Silence),
            Ok(Some(Ok(chunk))) => text.extend_from_slice(&chunk),
            Ok(Some(Err(error))) => return Err(Fault::Broken(converted(error))),
            Ok(None) => break,
        }
    }
    text.truncate(Answer::LONGEST);
    Ok(text.freeze())
}

fn converted(error: reqwest::Error) -> HttpError {
    let kind = match &error {
        error if error.is_connect() => HttpErrorKind::Connect,
        error if error.is_timeout() => HttpErrorKind::Timeout,
        _ => HttpErrorKind::Interrupted,
    };
    // The URL is in the message around it.
    HttpError::new(kind, error.without_url())
}

/// When the server last took something, so that one that is stuck is told from a source that is slow.
struct Flow {
    last: Mutex<Instant>,
    waits_for_source: AtomicBool,
}

impl Flow {
    fn new() -> Self {
        Self { last: Mutex::new(Instant::now()), waits_for_source: AtomicBool::new(false) }
    }

    fn watch(self: Arc<Self>, content: Upload) -> Upload {
        futures::stream::unfold((self, content), async |(flow, mut content)| {
            flow.waits_for_source.store(true, Ordering::Relaxed);
            let chunk = content.next().await;
            *flow.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            flow.waits_for_source.store(false, Ordering::Relaxed);
            Some((chunk?, (flow, content)))
        })
        .boxed()
    }

    async fn unless_stuck<T>(&self, silence: Duration, sending: impl Future<Output = T>) -> Result<T, Fault> {
        let mut sending = std::pin::pin!(sending);
        loop {
            match tokio::time::timeout(GLANCES.min(silence), &mut sending).await {
                Ok(done) => return Ok(done),
                Err(_) if self.is_stuck(silence) => return Err(Fault::Silence),
                Err(_) => {}
            }
        }
    }

    fn is_stuck(&self, silence: Duration) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        !self.waits_for_source.load(Ordering::Relaxed) && last.elapsed() > silence
    }
}
