use std::time::{Duration, Instant};

use http::{HeaderMap, Method};
use secrecy::ExposeSecret as _;
use syncplan_model::{Facts, RelPath, Token};

use super::AzureStore;
use super::object::{facts_of, quoted, text, token_of};
use super::root::object_at;
use super::writer::conditional;
use crate::bucket::Source as _;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{MoveOptions, Precondition};
use crate::web::{Failed, Fault};

/// How long a copy that the service has put off may stand still.
const STANDSTILL: Duration = Duration::from_secs(300);

/// How often it is asked how far it is.
const GLANCES: Duration = Duration::from_millis(500);

impl AzureStore {
    /// Copies within the container, metadata and all; the content does not pass through here.
    ///
    /// Within one account the service takes an account's key, or the signature in the source's URL, for the
    /// source as well. It copies there at once, as a rule, but may put it off: then it is waited for, and
    /// until it is done the blob has no content that anybody could read.
    ///
    /// Answers what was copied and what stands at the target.
    pub(super) async fn copy_blob(
        &self,
        operation: &'static str,
        from: &RelPath,
        to: &RelPath,
        options: &MoveOptions,
    ) -> Result<(Facts, Facts), StoreError> {
        let (source, target) = (self.root.key(operation, from)?, self.root.key(operation, to)?);
        let found = self.expected(operation, from, options.expect.as_ref()).await?;
        let mut request = object_at(Method::PUT, &target, to)
            .header("x-ms-copy-source", self.root.source_url(&source).expose_secret());
        if let Some(token) = &found.token {
            request = request.header("x-ms-source-if-match", &quoted(token));
        }
        let reply = match self.root.wire.send(&conditional(request, &options.precondition)).await {
            Ok(reply) => reply.headers,
            Err(failed) => return self.settle_copy(operation, to, failed, found, options).await,
        };
        syncplan_failpoint::hit("azure/copied");
        let copy = text(&reply, "x-ms-copy-id").map(str::to_owned);
        let token = match text(&reply, "x-ms-copy-status") {
            Some("pending") => None,
            _ => token_of(&reply),
        };
        let copied = self.copied(operation, to, &target, copy.as_deref(), token).await?;
        match copied.size == found.size {
            true => Ok((found, copied)),
            false => Err(StoreError::new(StoreErrorKind::Changed, operation, to)),
        }
    }

    /// What stands at the target, once the copy is done; it has to be this copy, and not what somebody
    /// else wrote meanwhile.
    async fn copied(
        &self,
        operation: &'static str,
        to: &RelPath,
        target: &[u8],
        copy: Option<&str>,
        token: Option<Token>,
    ) -> Result<Facts, StoreError> {
        let failure = |fault| self.root.failure(fault, operation, to);
        let changed = || StoreError::new(StoreErrorKind::Changed, operation, to);
        let mut progress = (String::new(), Instant::now());
        loop {
            let headers = self.root.headers(target).await.map_err(failure)?.ok_or_else(changed)?;
            let is_copy = match &token {
                Some(token) => token_of(&headers).as_ref() == Some(token),
                None => text(&headers, "x-ms-copy-id") == copy,
            };
            if !is_copy {
                return Err(changed());
            }
            match status_of(&headers) {
                "pending" => {}
                "" | "success" => return facts_of(&headers).map_err(failure),
                _ => return Err(failure(Fault::Malformed("the service gave up the copy"))),
            }
            let now = text(&headers, "x-ms-copy-progress").unwrap_or_default();
            if now != progress.0 {
                progress = (now.to_owned(), Instant::now());
            } else if progress.1.elapsed() > STANDSTILL {
                return Err(failure(Fault::Silence));
            }
            tokio::time::sleep(GLANCES).await;
        }
    }

    /// A copy that was sent twice may fail because of itself: its first answer was lost.
    async fn settle_copy(
        &self,
        operation: &'static str,
        to: &RelPath,
        failed: Failed,
        found: Facts,
        options: &MoveOptions,
    ) -> Result<(Facts, Facts), StoreError> {
        let kind = failed.fault.kind();
        if failed.tries > 1
            && kind == StoreErrorKind::Precondition
            && let Some(copied) = self.root.look(operation, to).await?
            && found.digest.is_some()
            && (copied.digest, copied.size, copied.mtime) == (found.digest, found.size, found.mtime)
        {
            return Ok((found, copied));
        }
        // The source was there a moment ago; a target that is missing is a failed precondition.
        if kind == StoreErrorKind::NotFound
            && matches!(options.precondition, Precondition::Token(_))
            && self.root.look(operation, to).await?.is_none()
        {
            return Err(StoreError::new(StoreErrorKind::Precondition, operation, to).because(failed.fault));
        }
        Err(self.root.failure(failed.fault, operation, to))
    }
}

fn status_of(headers: &HeaderMap) -> &str {
    text(headers, "x-ms-copy-status").unwrap_or_default()
}
