use http::Method;
use serde_json::Value;
use syncplan_model::{Facts, RelPath, Token};

use super::GcsStore;
use super::object::generations;
use super::root::{answer, conditional, facts_of, matching};
use crate::bucket::Source as _;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{MoveOptions, Precondition};
use crate::web::{Failed, Fault, Request, encode};

/// A copy goes on in steps, but not without end: 5 TiB at the least that one step may do.
const MOST_STEPS: usize = 100_000;

impl GcsStore {
    /// Copies within the bucket, metadata and all; the content does not pass through here.
    ///
    /// Answers what was copied and what stands at the target.
    pub(super) async fn copy_object(
        &self,
        operation: &'static str,
        from: &RelPath,
        to: &RelPath,
        options: &MoveOptions,
    ) -> Result<(Facts, Facts), StoreError> {
        let (source, target) = (self.root.key(operation, from)?, self.root.key(operation, to)?);
        let found = self.expected(operation, from, options.expect.as_ref()).await?;
        let honoured = self.honoured().await?;
        if !honoured {
            self.check_target(operation, to, &options.precondition).await?;
        }
        let rewrite =
            |next: Option<&str>| self.rewrite(&source, &target, &found, &options.precondition, next);
        let copied = match self.rewrite_all(rewrite).await {
            Ok(copied) => copied,
            Err(failed) => self.settle_copy(operation, to, failed, &found, options).await?,
        };
        syncplan_failpoint::hit("gcs/copied");
        if !honoured {
            self.expected(operation, from, found.token.as_ref())
                .await
                .map_err(|error| StoreError::new(StoreErrorKind::Changed, operation, from).because(error))?;
        }
        match copied.size == found.size {
            true => Ok((found, copied)),
            false => Err(StoreError::new(StoreErrorKind::Changed, operation, to)),
        }
    }

    /// One step of a copy.
    fn rewrite(
        &self,
        source: &[u8],
        target: &[u8],
        found: &Facts,
        precondition: &Precondition,
        next: Option<&str>,
    ) -> Request {
        let to = format!("/rewriteTo/b/{}/o/{}", self.root.bucket, encode(target, b""));
        let mut request = self.root.object(Method::POST, source, &to).whole();
        if let Some(token) = &found.token {
            let (generation, metageneration) = generations(token);
            request = request
                .query("ifSourceGenerationMatch", generation)
                .query("ifSourceMetagenerationMatch", metageneration);
        }
        if let Some(next) = next {
            request = request.query("rewriteToken", next);
        }
        conditional(request, precondition)
    }

    async fn rewrite_all(&self, rewrite: impl Fn(Option<&str>) -> Request) -> Result<Facts, Failed> {
        let mut next: Option<String> = None;
        for _ in 0..MOST_STEPS {
            let reply = self.root.wire.send(&rewrite(next.as_deref())).await?;
            let fail = |fault| Failed { fault, tries: 1 };
            let step = answer(reply).await.map_err(fail)?;
            if step["done"] == Value::Bool(true) {
                return facts_of(&step["resource"]).map_err(fail);
            }
            match step["rewriteToken"].as_str() {
                Some(token) => next = Some(token.to_owned()),
                None => return Err(fail(Fault::Malformed("a copy is not done and cannot go on"))),
            }
        }
        Err(Failed { fault: Fault::Malformed("a copy goes on without end"), tries: 1 })
    }

    /// A copy that was sent twice may fail because of itself: its first answer was lost.
    async fn settle_copy(
        &self,
        operation: &'static str,
        to: &RelPath,
        failed: Failed,
        found: &Facts,
        options: &MoveOptions,
    ) -> Result<Facts, StoreError> {
        let kind = failed.fault.kind();
        if failed.tries > 1
            && kind == StoreErrorKind::Precondition
            && let Some(copied) = self.root.look(operation, to).await?
            && found.digest.is_some()
            && (copied.digest, copied.size, copied.mtime) == (found.digest, found.size, found.mtime)
        {
            return Ok(copied);
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

    /// Copies, and only then deletes what was copied.
    pub(super) async fn rename_object(
        &self,
        from: &RelPath,
        to: &RelPath,
        options: &MoveOptions,
    ) -> Result<Facts, StoreError> {
        let (found, moved) = self.copy_object("rename", from, to, options).await?;
        self.delete_object("rename", from, found.token.as_ref()).await?;
        Ok(moved)
    }

    pub(super) async fn delete_object(
        &self,
        operation: &'static str,
        path: &RelPath,
        expect: Option<&Token>,
    ) -> Result<(), StoreError> {
        let key = self.root.key(operation, path)?;
        let mut request = self.root.object_at(Method::DELETE, &key, path);
        if let Some(token) = expect {
            // Known only after a write; a delete alone is not worth a probe.
            if !self.honoured.get().copied().unwrap_or_default() {
                self.expected(operation, path, Some(token)).await?;
            }
            request = matching(request, token);
        }
        match self.root.wire.send(&request).await {
            Ok(_) => {
                syncplan_failpoint::hit("gcs/deleted");
                Ok(())
            }
            // Sent again because the answer was lost: it is gone, which is what was wanted.
            Err(failed) if failed.tries > 1 && failed.fault.kind() == StoreErrorKind::NotFound => Ok(()),
            // The condition may be looked at before the object.
            Err(failed)
                if failed.fault.kind() == StoreErrorKind::Precondition
                    && self.root.look(operation, path).await?.is_none() =>
            {
                if failed.tries > 1 {
                    return Ok(());
                }
                Err(StoreError::new(StoreErrorKind::NotFound, operation, path).because(failed.fault))
            }
            Err(failed) => Err(self.root.failure(failed.fault, operation, path)),
        }
    }

    /// What stands at `path`, if it is what is expected.
    pub(super) async fn expected(
        &self,
        operation: &'static str,
        path: &RelPath,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        let found = self.root.look(operation, path).await?;
        let found = found.ok_or_else(|| StoreError::new(StoreErrorKind::NotFound, operation, path))?;
        match expect {
            Some(token) if found.token.as_ref() != Some(token) => {
                Err(StoreError::new(StoreErrorKind::Precondition, operation, path))
            }
            _ => Ok(found),
        }
    }
}
