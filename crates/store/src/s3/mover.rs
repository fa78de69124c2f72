use http::Method;
use syncplan_model::{Facts, RelPath, Token};

use super::S3Store;
use super::object::{etag_token, quoted};
use super::request::{object, object_at};
use crate::error::{StoreError, StoreErrorKind};
use crate::store::MoveOptions;
use crate::web::{Request, encode, xml};

/// The longest object that one request copies.
const LONGEST_COPY: u64 = 5 << 30;

/// The longest answer to a copy.
pub(super) const LONGEST_ANSWER: usize = 64 * 1024;

impl S3Store {
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
        let target = self.root.key(operation, to)?;
        let found = self.expected(operation, from, options.expect.as_ref()).await?;
        self.check_target(operation, to, &options.precondition).await?;
        if found.size > LONGEST_COPY {
            let copied = self.copy_parts(operation, from, to, &found, options).await?;
            syncplan_failpoint::hit("s3/copied");
            return Ok((found, copied));
        }
        let begun = self.removals.now();
        let etag = self.copy_whole(operation, from, &target, &found).await?;
        syncplan_failpoint::hit("s3/copied");
        self.expect_unchanged(operation, from, &found).await?;
        // What stands there has to be this copy, and not what somebody else wrote meanwhile.
        let is_copy = |copied: &Facts| {
            copied.size == found.size && (etag.is_none() || copied.token.is_none() || copied.token == etag)
        };
        let copied = self.look_after(begun, operation, to).await?;
        if is_copy(&copied) {
            Ok((found, copied))
        } else {
            Err(StoreError::new(StoreErrorKind::Changed, operation, to))
        }
    }

    async fn copy_whole(
        &self,
        operation: &'static str,
        from: &RelPath,
        target: &[u8],
        found: &Facts,
    ) -> Result<Option<Token>, StoreError> {
        let source = self.root.key(operation, from)?;
        let request = self.copying(object(Method::PUT, target), &source, found.token.as_ref()).whole();
        let failure = |fault| self.root.failure(fault, operation, from);
        let reply = self.root.wire.send(&request).await.map_err(|failed| failure(failed.fault))?;
        let [etag] = xml::texts(&reply.read_all(LONGEST_ANSWER).await.map_err(failure)?, ["ETag"]);
        Ok(etag_token(&etag))
    }

    /// The request as one that copies `source`, if that still has the token.
    pub(super) fn copying(&self, request: Request, source: &[u8], token: Option<&Token>) -> Request {
        let source = format!("/{}/{}", self.root.bucket, encode(source, b"/"));
        let request = request.header("x-amz-copy-source", &source);
        match token {
            Some(token) => request.header("x-amz-copy-source-if-match", &quoted(token)),
            None => request,
        }
    }

    /// That what was copied still is what was found before, where the server does not see to it.
    pub(super) async fn expect_unchanged(
        &self,
        operation: &'static str,
        from: &RelPath,
        found: &Facts,
    ) -> Result<(), StoreError> {
        if self.honoured.get().is_some_and(|honoured| honoured.copy_source) {
            return Ok(());
        }
        let now = self.root.look(operation, from).await?;
        if now.is_some_and(|now| now.token == found.token && now.size == found.size) {
            Ok(())
        } else {
            Err(StoreError::new(StoreErrorKind::Changed, operation, from))
        }
    }

    /// Copies, looks at the copy, and only then deletes.
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
        let found = self.expected(operation, path, expect).await?;
        let mut request = object_at(Method::DELETE, &key, path);
        // Known only after a write; a delete alone is not worth a probe.
        let conditional = self.honoured.get().is_some_and(|honoured| honoured.delete);
        if let (true, Some(token)) = (conditional, &found.token) {
            request = request.header("if-match", &quoted(token));
        }
        let removal = self.removals.begin().await;
        let sent = self.root.wire.send(&request).await;
        drop(removal);
        match sent {
            Ok(_) => {
                syncplan_failpoint::hit("s3/deleted");
                Ok(())
            }
            // Sent again because the answer was lost: it is gone, which is what was wanted.
            Err(failed) if failed.tries > 1 && failed.fault.kind() == StoreErrorKind::NotFound => Ok(()),
            Err(failed) => Err(self.root.failure(failed.fault, operation, path)),
        }
    }

    /// What stands at `path`, if it is what is expected.
    async fn expected(
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
