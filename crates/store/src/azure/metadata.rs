use http::{HeaderMap, Method};
use syncplan_model::{Facts, RelPath, Token};

use super::AzureStore;
use super::object::{META, facts_of, headers_of, quoted, token_of};
use super::root::object_at;
use crate::bucket::Source as _;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::Metadata;
use crate::web::Fault;

impl AzureStore {
    /// Changes what is kept with a blob, and leaves its content and what others keep with it.
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
        let headers = self.root.headers(&key).await.map_err(failure)?;
        let headers = headers.ok_or_else(|| error(StoreErrorKind::NotFound))?;
        let found = facts_of(&headers).map_err(failure)?;
        if expect.is_some_and(|token| found.token.as_ref() != Some(token)) {
            return Err(error(StoreErrorKind::Precondition));
        }
        let token = found.token.clone();
        let token = token.ok_or_else(|| failure(Fault::Malformed("a blob has no ETag")))?;
        let (mtime, digest) = (metadata.mtime.or(found.mtime), metadata.digest.or(found.digest));
        // All of it is replaced, so all of it has to be said again.
        let mut kept: HeaderMap = headers
            .into_iter()
            .filter_map(|(name, value)| Some((name?, value)))
            .filter(is_metadata)
            .collect();
        if kept.values().any(|value| value.to_str().is_err()) {
            return Err(error(StoreErrorKind::Unsupported)
                .because("other metadata of the blob is not ASCII, and would be lost"));
        }
        kept.extend(headers_of(&Metadata { mtime, digest, ..Metadata::default() }, found.size));
        let request = object_at(Method::PUT, &key, path)
            .query("comp", "metadata")
            .headers(kept)
            .header("if-match", &quoted(&token));
        let facts = Facts { mtime, digest, ..found };
        match self.root.wire.send(&request).await {
            Ok(reply) => {
                syncplan_failpoint::hit("azure/metadata");
                match token_of(&reply.headers) {
                    Some(token) => Ok(Facts { token: Some(token), ..facts }),
                    None => Err(failure(Fault::Malformed("a blob has no ETag"))),
                }
            }
            // Sent again because the answer was lost.
            Err(failed) if failed.tries > 1 && failed.fault.kind() == StoreErrorKind::Precondition => {
                let now = self.root.head(&key).await.map_err(failure)?;
                let same = |now: &Facts| (now.mtime, now.digest, now.size) == (mtime, digest, facts.size);
                now.filter(same).ok_or_else(|| failure(failed.fault))
            }
            Err(failed) => Err(failure(failed.fault)),
        }
    }
}

fn is_metadata((name, _): &(http::HeaderName, http::HeaderValue)) -> bool {
    name.as_str().starts_with(META)
}
