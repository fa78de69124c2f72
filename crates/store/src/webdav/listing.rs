use async_trait::async_trait;
use syncplan_model::{Entry, EntryKind, RelPath};

use super::WebdavStore;

use super::root::LONGEST_PATH;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Batch, Rejected, TreeListing};
use crate::web::Named;

#[async_trait]
impl TreeListing for WebdavStore {
    async fn read_dir(&self, dir: Option<&RelPath>) -> Result<Batch, StoreError> {
        let mut batch = self.find(dir).await?;
        batch.entries.retain(|entry| !entry.path.is_reserved());
        Ok(batch)
    }
}

impl WebdavStore {
    /// What stands in a folder, what is ours as well.
    pub(super) async fn find(&self, dir: Option<&RelPath>) -> Result<Batch, StoreError> {
        let root = &self.root;
        let name = dir.map_or(root.store.as_bytes(), RelPath::as_bytes);
        let (itself, below) = match root.ask_folder(dir).await {
            Err(fault) if dir.is_none() && fault.kind() == StoreErrorKind::NotFound => {
                return match root.check().await {
                    Ok(false) => Ok(Batch::default()),
                    // It is there, and what is in it was not told: that is not an empty folder.
                    Ok(true) => Err(fault.of("list", name, &root.store)),
                    Err(fault) => Err(fault.of("list", name, &root.store)),
                };
            }
            found => found.map_err(|fault| fault.of("list", name, &root.store))?,
        };
        if itself.facts().kind != EntryKind::Dir {
            return Err(StoreError::new(StoreErrorKind::NotDirectory, "list", name));
        }
        let mut batch = Batch::default();
        for (named, resource) in below {
            let rejected = |name: &[u8], reason: String| Rejected { name: whole(dir, name), reason };
            match named {
                Named::Itself => {}
                Named::Child(name) => match path(dir, &name) {
                    Ok(path) => batch.entries.push(Entry { path, facts: resource.facts() }),
                    Err(reason) => batch.rejected.push(rejected(&name, reason)),
                },
                Named::Elsewhere(reason) => {
                    batch.rejected.push(rejected(resource.href.as_bytes(), reason.to_owned()));
                }
            }
        }
        Ok(batch)
    }
}

fn whole(dir: Option<&RelPath>, name: &[u8]) -> Vec<u8> {
    dir.map_or_else(|| name.to_vec(), |dir| [dir.as_bytes(), b"/", name].concat())
}

/// The path of a name in a folder; the error says why it is none.
fn path(dir: Option<&RelPath>, name: &[u8]) -> Result<RelPath, String> {
    let path = match dir {
        Some(dir) => dir.join(name),
        None => RelPath::new(name),
    };
    let path = path.map_err(|error| error.to_string())?;
    if path.as_str().is_none() {
        return Err("the name is not UTF-8".to_owned());
    }
    if path.as_bytes().len() > LONGEST_PATH {
        return Err("the path is longer than 2048 bytes".to_owned());
    }
    Ok(path)
}
