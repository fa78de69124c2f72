use http::Method;
use syncplan_model::{Facts, RelPath, Token};

use super::AzureStore;
use super::object::quoted;
use super::root::object_at;
use crate::bucket::Source as _;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::MoveOptions;

impl AzureStore {
    /// Copies, and only then deletes what was copied.
    pub(super) async fn rename_blob(
        &self,
        from: &RelPath,
        to: &RelPath,
        options: &MoveOptions,
    ) -> Result<Facts, StoreError> {
        let (found, moved) = self.copy_blob("rename", from, to, options).await?;
        self.delete_blob("rename", from, found.token.as_ref()).await?;
        Ok(moved)
    }

    /// Snapshots of a blob are not ours to remove: one that has any stays, and the service says why.
    pub(super) async fn delete_blob(
        &self,
        operation: &'static str,
        path: &RelPath,
        expect: Option<&Token>,
    ) -> Result<(), StoreError> {
        let key = self.root.key(operation, path)?;
        let mut request = object_at(Method::DELETE, &key, path);
        if let Some(token) = expect {
            request = request.header("if-match", &quoted(token));
        }
        match self.root.wire.send(&request).await {
            Ok(_) => {
                syncplan_failpoint::hit("azure/deleted");
                Ok(())
            }
            // Sent again because the answer was lost: it is gone, which is what was wanted.
            Err(failed) if failed.tries > 1 && failed.fault.kind() == StoreErrorKind::NotFound => Ok(()),
            // Some servers look at the condition before they look at the blob.
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
