use syncplan_model::RelPath;

use super::pager::Object;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Batch, Rejected, Reserved};
use syncplan_model::Entry;

/// The longest key, in bytes.
const LONGEST_KEY: usize = 1024;

/// What all the keys of a store begin with: nothing, or a path and a slash.
#[derive(Debug, Clone)]
pub(crate) struct Prefix {
    bytes: Vec<u8>,
    /// Why the service would take a key for another one, if it would.
    mistaken: fn(&str) -> Option<&'static str>,
}

impl Prefix {
    pub(crate) fn new(prefix: Option<&RelPath>, mistaken: fn(&str) -> Option<&'static str>) -> Self {
        let bytes = prefix.map(|prefix| [prefix.as_bytes(), b"/"].concat()).unwrap_or_default();
        Self { bytes, mistaken }
    }

    /// The longest path below it, in bytes.
    pub(crate) fn longest_path(&self) -> usize {
        LONGEST_KEY.saturating_sub(self.bytes.len())
    }

    /// The whole key of what is `below`.
    pub(crate) fn key_of(&self, below: &[u8]) -> Vec<u8> {
        [&self.bytes, below].concat()
    }

    /// The key of a path, if the service can hold it.
    pub(crate) fn key(&self, operation: &'static str, path: &RelPath) -> Result<Vec<u8>, StoreError> {
        let refuse = |reason: &'static str| {
            StoreError::new(StoreErrorKind::Unsupported, operation, path).because(reason)
        };
        let text = path.as_str().ok_or_else(|| refuse("object keys are UTF-8, and this name is not"))?;
        if let Some(reason) = (self.mistaken)(text) {
            return Err(refuse(reason));
        }
        let key = self.key_of(path.as_bytes());
        if key.len() > LONGEST_KEY {
            return Err(refuse("object keys are at most 1024 bytes long, and this one is longer"));
        }
        Ok(key)
    }

    /// The path of a key below, or why it has none.
    fn path(&self, below: &[u8]) -> Result<RelPath, String> {
        let text = std::str::from_utf8(below).map_err(|_| "the key is not UTF-8".to_owned())?;
        if let Some(reason) = (self.mistaken)(text) {
            return Err(reason.to_owned());
        }
        RelPath::new(below).map_err(|error| error.to_string())
    }

    pub(crate) fn batch(&self, objects: Vec<Object>) -> Batch {
        let mut batch = Batch::default();
        for object in objects {
            self.sort_in(object, &mut batch);
        }
        batch
    }

    /// Puts one object where it belongs in a batch, or nowhere.
    fn sort_in(&self, object: Object, batch: &mut Batch) {
        // A server that lists more than it was asked for lists nothing of ours.
        let Some(below) = object.key.strip_prefix(self.bytes.as_slice()) else { return };
        // Other tools mark folders with empty objects.
        if object.facts.size == 0 && (object.folder || below.is_empty() || below.ends_with(b"/")) {
            return;
        }
        match self.path(below) {
            Ok(path) if path.is_reserved() => {}
            Ok(path) => batch.entries.push(Entry { path, facts: object.facts }),
            Err(reason) => batch.rejected.push(Rejected { name: below.to_vec(), reason }),
        }
    }

    /// One of the objects with a reserved name.
    pub(super) fn reserved(&self, object: Object) -> Option<Reserved> {
        let below = object.key.strip_prefix(self.bytes.as_slice())?;
        let path = self.path(below).ok().filter(RelPath::is_reserved)?;
        Some(Reserved { path, facts: object.facts, since: object.modified })
    }
}
