use http::Method;
use serde_json::{Value, json};
use syncplan_model::{Facts, RelPath, Token};

use super::GcsStore;
use super::object::{FIELDS, metadata_of};
use super::root::{answer, facts_of, matching};
use crate::bucket::Source as _;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::Metadata;
use crate::web::Fault;

impl GcsStore {
    /// Changes what is kept with an object, and leaves its content and what others keep with it.
    pub(super) async fn change_metadata(
        &self,
        path: &RelPath,
        metadata: &Metadata,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        let operation = "change the metadata of";
        let failure = |fault| self.root.failure(fault, operation, path);
        let error = |kind| StoreError::new(kind, operation, path);
        let key = self.root.key(operation, path)?;
        let resource = self.root.resource(&key).await.map_err(failure)?;
        let resource = resource.ok_or_else(|| error(StoreErrorKind::NotFound))?;
        let found = facts_of(&resource).map_err(failure)?;
        if expect.is_some_and(|token| found.token.as_ref() != Some(token)) {
            return Err(error(StoreErrorKind::Precondition));
        }
        let token = found.token.ok_or_else(|| failure(Fault::Malformed("an object has no generation")))?;
        let (mtime, digest) = (metadata.mtime.or(found.mtime), metadata.digest.or(found.digest));
        // The service adds to what is kept; others replace it, and get all of it.
        let mut kept = match &resource["metadata"] {
            Value::Object(kept) => kept.clone(),
            _ => serde_json::Map::new(),
        };
        kept.extend(metadata_of(&Metadata { mtime, digest, ..Metadata::default() }, found.size));
        let request = self
            .root
            .object_at(Method::PATCH, &key, path)
            .query("fields", FIELDS)
            .header("content-type", "application/json")
            .body(json!({ "metadata": kept }).to_string().into())
            .whole();
        match self.root.wire.send(&matching(request, &token)).await {
            Ok(reply) => {
                syncplan_failpoint::hit("gcs/metadata");
                answer(reply).await.and_then(|resource| facts_of(&resource)).map_err(failure)
            }
            // Sent again because the answer was lost.
            Err(failed) if failed.tries > 1 && failed.fault.kind() == StoreErrorKind::Precondition => {
                let now = self.root.head(&key).await.map_err(failure)?;
                let same = |now: &Facts| (now.mtime, now.digest, now.size) == (mtime, digest, found.size);
                now.filter(same).ok_or_else(|| failure(failed.fault))
            }
            Err(failed) => Err(failure(failed.fault)),
        }
    }
}
