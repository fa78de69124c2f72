use http::Method;
use serde_json::{Map, Value, json};
use syncplan_model::{Facts, RelPath};

use super::GcsStore;
use super::object::metadata_of;
use super::partial::{folder, part_name};
use super::root::{answer, conditional, facts_of};
use crate::bucket::Source as _;
use crate::content_type::content_type;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Precondition, WriteOptions, WrittenPart};
use crate::web::Failed;

/// As many objects are put together in one step.
const AT_MOST: usize = 32;

/// An object that another is made of.
struct Piece {
    name: String,
    generation: String,
}

impl GcsStore {
    /// Puts parts together, in as many rounds as it takes; the last one makes the object, if what stands there
    /// still is what was expected.
    pub(super) async fn compose_all(
        &self,
        path: &RelPath,
        draft: &str,
        parts: &[WrittenPart],
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        let mut pieces: Vec<_> = parts
            .iter()
            .map(|part| Piece { name: part_name(draft, part.number), generation: part.tag.clone() })
            .collect();
        for round in 1.. {
            if pieces.len() <= AT_MOST {
                break;
            }
            let mut joined = Vec::new();
            for (number, pieces) in pieces.chunks(AT_MOST).enumerate() {
                joined
                    .push(self.join(path, format!("{}/{round}-{number:010}", folder(draft)), pieces).await?);
            }
            pieces = joined;
        }
        let key = self.root.key("write", path)?;
        if !self.honoured().await? {
            self.check_target("write", path, &options.precondition).await?;
        }
        syncplan_failpoint::hit("gcs/before-compose");
        let metadata = metadata_of(&options.metadata, options.size);
        match self.compose(&key, content_type(path), &pieces, &metadata, &options.precondition).await {
            Ok(composed) => {
                syncplan_failpoint::hit("gcs/after-compose");
                self.written(path, facts_of(&composed), options)
            }
            // Everything else there was looked at a moment ago.
            Err(failed)
                if failed.fault.kind() == StoreErrorKind::NotFound
                    && !matches!(options.precondition, Precondition::Token(_)) =>
            {
                Err(StoreError::new(StoreErrorKind::Changed, "write", path).because(failed.fault))
            }
            Err(failed) => self.settle(path, &key, failed, options).await,
        }
    }

    async fn join(&self, path: &RelPath, name: String, pieces: &[Piece]) -> Result<Piece, StoreError> {
        let failure = |fault| self.root.failure(fault, "write", path);
        let key = self.root.prefix.key_of(name.as_bytes());
        let joined =
            self.compose(&key, "application/octet-stream", pieces, &Map::new(), &Precondition::Any).await;
        let joined = match joined {
            Err(failed)
                if matches!(failed.fault.kind(), StoreErrorKind::Precondition | StoreErrorKind::NotFound) =>
            {
                return Err(StoreError::new(StoreErrorKind::Changed, "write", path).because(failed.fault));
            }
            joined => joined.map_err(|failed| failure(failed.fault))?,
        };
        let token = facts_of(&joined).map_err(failure)?.token;
        let generation = token.map(|token| token.as_str().to_owned()).unwrap_or_default();
        Ok(Piece { name, generation })
    }

    async fn compose(
        &self,
        target: &[u8],
        content_type: &str,
        pieces: &[Piece],
        metadata: &Map<String, Value>,
        precondition: &Precondition,
    ) -> Result<Value, Failed> {
        let sources: Vec<_> = pieces
            .iter()
            .map(|piece| {
                let name =
                    String::from_utf8_lossy(&self.root.prefix.key_of(piece.name.as_bytes())).into_owned();
                json!({ "name": name, "objectPreconditions": { "ifGenerationMatch": piece.generation } })
            })
            .collect();
        let destination = json!({ "contentType": content_type, "metadata": metadata });
        let body = json!({ "sourceObjects": sources, "destination": destination });
        let request = self
            .root
            .object(Method::POST, target, "/compose")
            .header("content-type", "application/json")
            .body(body.to_string().into())
            .whole();
        let reply = self.root.wire.send(&conditional(request, precondition)).await?;
        answer(reply).await.map_err(|fault| Failed { fault, tries: 1 })
    }
}
