use http::Method;
use syncplan_model::{Facts, RelPath, Token};

use super::S3Store;
use super::encode::encode;
use super::multipart::too_long;
use super::object::quoted;
use super::wire::{Request, read_all};
use super::xml;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::MoveOptions;

/// The longest object that one request copies.
const LONGEST_COPY: u64 = 5 << 30;

/// The longest answer to a copy.
const LONGEST_ANSWER: usize = 64 * 1024;

impl S3Store {
    /// Copies within the bucket, metadata and all; the content does not pass through here.
    pub(super) async fn copy_object(
        &self,
        operation: &'static str,
        from: &RelPath,
        to: &RelPath,
        options: &MoveOptions,
    ) -> Result<(Facts, Facts), StoreError> {
        let (source, target) = (self.root.key(operation, from)?, self.root.key(operation, to)?);
        let found = self.expected(operation, from, options.expect.as_ref()).await?;
        if found.size > LONGEST_COPY {
            return Err(too_long(operation, from));
        }
        self.check_target(operation, to, &options.precondition).await?;
        let bucket = &self.root.wire.bucket;
        let mut request = Request::new(Method::PUT, &target)
            .header("x-amz-copy-source", &format!("/{bucket}/{}", encode(&source, b"/")))
            .whole();
        if let Some(token) = &found.token {
            request = request.header("x-amz-copy-source-if-match", &quoted(token));
        }
        let failure = |fault| self.root.failure(fault, operation, from);
        let reply = self.root.wire.send(&request).await.map_err(|failed| failure(failed.fault))?;
        let [etag] = xml::texts(&read_all(reply.body, LONGEST_ANSWER).await.map_err(failure)?, ["ETag"]);
        let etag = (!etag.is_empty()).then(|| Token::new(etag.trim_matches('"')));
        // What stands there has to be this copy, and not what somebody else wrote meanwhile.
        let is_copy = |copied: &Facts| {
            copied.size == found.size && (etag.is_none() || copied.token.is_none() || copied.token == etag)
        };
        let copied = self.root.look(operation, to).await?.filter(is_copy);
        let copied = copied.ok_or_else(|| StoreError::new(StoreErrorKind::Changed, operation, to))?;
        Ok((found, copied))
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
        let mut request = Request::new(Method::DELETE, &key);
        // Known only after a write; a delete alone is not worth a probe.
        let conditional = self.honoured.get().is_some_and(|honoured| honoured.delete);
        if let (true, Some(token)) = (conditional, &found.token) {
            request = request.header("if-match", &quoted(token));
        }
        match self.root.wire.send(&request).await {
            Ok(_) => Ok(()),
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
