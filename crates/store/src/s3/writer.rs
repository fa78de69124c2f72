use http::Method;
use syncplan_model::spec::ConditionalWrites;
use syncplan_model::{Facts, RelPath, Token};

use super::S3Store;
use super::object::{headers_of, quoted, token_of};
use super::probe::Honoured;
use super::removals::Moment;
use super::request::{checked_by, object_at};
use crate::attributes::Attributes;
use crate::bucket::collect;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{ContentStream, Precondition, Store as _, WriteOptions};
use crate::web::{Failed, Fault, Request};

/// Longer content goes up in parts.
pub(super) const WHOLE: u64 = 16 * 1024 * 1024;

impl S3Store {
    pub(super) async fn write_content(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        if options.size > WHOLE {
            return self.write_parts(path, content, options).await;
        }
        let key = self.root.key("write", path)?;
        let honoured = self.honoured_by_writes(path).await?;
        let attributes = self.attributes(path, options, honoured.holds(&options.precondition)).await?;
        let body = collect(path, content, options.size).await?;
        let request = object_at(Method::PUT, &key, path)
            .headers(headers_of(&options.metadata, &attributes, options.size))
            .body(body);
        let request = checked_by(request, self.traits.checksum);
        let begun = self.removals.now();
        let token = match self.root.wire.send(&honoured.condition(request, &options.precondition)).await {
            Ok(reply) => {
                syncplan_failpoint::hit("s3/put");
                token_of(&reply.headers)
            }
            Err(failed) => return self.settle(path, &key, failed, options).await,
        };
        self.written(path, begun, token, options).await
    }

    /// What can be relied on for a write, as the settings want it.
    pub(super) async fn honoured_by_writes(&self, path: &RelPath) -> Result<Honoured, StoreError> {
        if self.conditional_writes == ConditionalWrites::Off {
            return Ok(Honoured::default());
        }
        let honoured = self.honoured().await?;
        let missing = honoured.create.is_none() || !honoured.replace;
        if self.conditional_writes == ConditionalWrites::Require && missing {
            let error = StoreError::new(StoreErrorKind::Unsupported, "write", path);
            return Err(
                error.because("conditional writes are required, and the service does not honour them")
            );
        }
        Ok(honoured)
    }

    /// What is kept for others with a write, which may be what is kept there now; whoever has to look at the
    /// target looks at its precondition as well, unless the server is `held` to that.
    pub(super) async fn attributes(
        &self,
        path: &RelPath,
        options: &WriteOptions,
        held: bool,
    ) -> Result<Attributes, StoreError> {
        let (precondition, brought) = (&options.precondition, options.metadata.attributes.as_ref());
        let replaces = *precondition != Precondition::Absent && brought.is_none() && !path.is_reserved();
        if !replaces {
            if !held {
                self.check_target("write", path, precondition).await?;
            }
            return Ok(Attributes::of_write(path, brought, None));
        }
        let found = self.describe(path).await?;
        if !held && !precondition.holds(found.as_ref().map(|found| &found.facts)) {
            return Err(StoreError::new(StoreErrorKind::Precondition, "write", path));
        }
        Ok(Attributes::of_write(path, None, found.and_then(|found| found.attributes).as_ref()))
    }

    /// Looks at the target, where the server cannot be relied on to.
    pub(super) async fn check_target(
        &self,
        operation: &'static str,
        path: &RelPath,
        precondition: &Precondition,
    ) -> Result<(), StoreError> {
        if *precondition == Precondition::Any {
            return Ok(());
        }
        let found = self.root.look(operation, path).await?;
        if precondition.holds(found.as_ref()) {
            Ok(())
        } else {
            Err(StoreError::new(StoreErrorKind::Precondition, operation, path))
        }
    }

    /// What stands there now, after a write that began at this moment.
    pub(super) async fn written(
        &self,
        path: &RelPath,
        begun: Moment,
        token: Option<Token>,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        if token.is_some() {
            if self.may_be_lost(begun).await {
                self.look_after(begun, "write", path).await?;
            }
            let metadata = &options.metadata;
            return Ok(Facts {
                token,
                mtime: metadata.mtime,
                digest: metadata.digest,
                ..Facts::file(options.size)
            });
        }
        let found = self.look_after(begun, "write", path).await?;
        if found.size == options.size {
            Ok(found)
        } else {
            Err(StoreError::new(StoreErrorKind::Changed, "write", path))
        }
    }

    /// A put that was sent twice may fail because of itself: its first answer was lost.
    pub(super) async fn settle(
        &self,
        path: &RelPath,
        key: &[u8],
        failed: Failed,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        let digest = options.metadata.digest;
        let doubtful = failed.tries > 1 && failed.fault.kind() == StoreErrorKind::Precondition;
        if doubtful
            && let Ok(Some(found)) = self.root.head(key).await
            && (digest.is_some() && found.digest == digest && found.mtime == options.metadata.mtime)
        {
            return Ok(found);
        }
        Err(self.lost(failed.fault, path, &options.precondition))
    }

    /// A condition on what is not there is answered with 404: to a write that is no different.
    pub(super) fn lost(&self, fault: Fault, path: &RelPath, precondition: &Precondition) -> StoreError {
        match (fault.kind(), precondition) {
            (StoreErrorKind::NotFound, Precondition::Token(_)) => {
                StoreError::new(StoreErrorKind::Precondition, "write", path).because(fault)
            }
            // Nothing has to be there for a write: whatever the server misses, it is not the object.
            (StoreErrorKind::NotFound, _) => {
                StoreError::new(StoreErrorKind::Other, "write", path).because(fault)
            }
            _ => self.root.failure(fault, "write", path),
        }
    }
}

impl Honoured {
    /// Whether the server holds the precondition by itself.
    pub(super) fn holds(self, precondition: &Precondition) -> bool {
        match precondition {
            Precondition::Absent => self.create.is_some(),
            Precondition::Token(_) => self.replace,
            Precondition::Any => true,
        }
    }

    /// The request with what the server honours of its precondition.
    pub(super) fn condition(self, request: Request, precondition: &Precondition) -> Request {
        match (precondition, self.create) {
            (Precondition::Absent, Some(create)) => create.add_to(request),
            (Precondition::Token(token), _) if self.replace => request.header("if-match", &quoted(token)),
            _ => request,
        }
    }
}
