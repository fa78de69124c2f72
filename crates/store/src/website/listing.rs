use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use http::Method;
use serde_json::Value;
use syncplan_model::{Entry, EntryKind, Facts, RelPath};

use super::HttpStore;
use super::html::links;
use super::index::Index;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Batch, Rejected, TreeListing};
use crate::web::{Fault, Named, Place, Request, encode, send_following};

/// The longest index of a folder, or list of files.
const LONGEST: usize = 128 * 1024 * 1024;

/// So many files of a folder are asked for side by side.
const SIDE_BY_SIDE: usize = 16;

/// Names in a folder, and whether they are folders.
type Names = BTreeMap<Vec<u8>, bool>;

#[async_trait]
impl TreeListing for HttpStore {
    async fn read_dir(&self, dir: Option<&RelPath>) -> Result<Batch, StoreError> {
        let mut batch = Batch::default();
        let names = match &self.index {
            Some((place, folder)) => {
                let index = self.index(dir, place).await?;
                if dir.is_none() {
                    batch.rejected.clone_from(&index.rejected);
                }
                names_in(&index, folder.as_ref(), dir)
            }
            None => self.names_of_folder(dir).await.map_err(|fault| self.unlisted(fault, "list", dir))?,
        };
        let mut files = Vec::new();
        for (name, is_folder) in names {
            let path = dir.map_or_else(|| RelPath::new(&name), |dir| dir.join(&name));
            match path {
                Ok(path) if path.is_reserved() => {}
                Ok(path) if is_folder => {
                    batch.entries.push(Entry { path, facts: Facts::new(EntryKind::Dir) });
                }
                Ok(path) => files.push(path),
                Err(error) => {
                    let name = dir.map_or_else(|| name.clone(), |dir| [dir.as_bytes(), b"/", &name].concat());
                    batch.rejected.push(Rejected { name, reason: error.to_string() });
                }
            }
        }
        let looks = stream::iter(files).map(|path| async move {
            let found = self.look(&path).await;
            (path, found)
        });
        let mut looks = looks.buffer_unordered(SIDE_BY_SIDE);
        while let Some((path, found)) = looks.next().await {
            let facts = match found {
                Ok(Some(facts)) => facts,
                // It is listed, and nobody can say what it is: what is known of it elsewhere is left alone.
                Ok(None) => Facts::new(EntryKind::Unreadable),
                Err(fault) if matches!(fault, Fault::Answer(_)) && !fault.kind().is_momentary() => {
                    Facts::new(EntryKind::Unreadable)
                }
                Err(fault) => return Err(self.failure(fault, "look at", &path)),
            };
            batch.entries.push(Entry { path, facts });
        }
        Ok(batch)
    }
}

impl HttpStore {
    /// An error about a folder. A root that is missing is a store that is missing.
    pub(super) fn unlisted(
        &self,
        fault: Fault,
        operation: &'static str,
        dir: Option<&RelPath>,
    ) -> StoreError {
        let missing = dir.is_none() && fault.kind() == StoreErrorKind::NotFound;
        let mut error =
            fault.of(operation, dir.map_or(self.store.as_bytes(), RelPath::as_bytes), &self.store);
        if missing {
            error.kind = StoreErrorKind::NoStore;
        }
        error
    }

    /// The list of files, read anew with the root.
    async fn index(&self, dir: Option<&RelPath>, place: &str) -> Result<Arc<Index>, StoreError> {
        let known = self.listed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|_| dir.is_some()) {
            return Ok(known);
        }
        let (text, _) = self.get(place).await.map_err(|fault| self.unlisted(fault, "list", None))?;
        let index = Index::read(&text).map_err(|reason| {
            StoreError::new(StoreErrorKind::Other, "list", self.store.as_bytes()).because(reason)
        })?;
        let index = Arc::new(index);
        *self.listed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&index));
        Ok(index)
    }

    async fn get(&self, place: &str) -> Result<(Bytes, String), Fault> {
        let mut place = place.to_owned();
        let get = |place: &str| {
            Request::new(Method::GET, place)
                .header("accept", "application/json, text/html;q=0.9, */*;q=0.1")
                .header("accept-encoding", "identity")
                .patient()
        };
        let reply = send_following(&self.wire, &mut place, get).await.map_err(|failed| failed.fault)?;
        Ok((reply.read_all(LONGEST).await?, place))
    }

    /// What the server's own index of a folder lists.
    async fn names_of_folder(&self, dir: Option<&RelPath>) -> Result<Names, Fault> {
        let below = dir.map(|dir| format!("/{}", encode(dir.as_bytes(), b"/"))).unwrap_or_default();
        let asked = format!("{}{below}/", self.base);
        let (page, place) = self.get(&asked).await?;
        if place != asked {
            return Err(Fault::Malformed("the index of the folder is elsewhere"));
        }
        if page.trim_ascii_start().starts_with(b"[") {
            return names_of_json(&page).ok_or(Fault::Malformed("it is no index of a folder"));
        }
        let page = String::from_utf8_lossy(&page);
        let links = links(&page).ok_or(Fault::Malformed(
            "it is no index of a folder as nginx, Apache and others write it: name a list of files with `index`",
        ))?;
        let segments = dir.into_iter().flat_map(RelPath::components).map(<[u8]>::to_vec);
        let here = Place::new(&self.host, self.segments.iter().cloned().chain(segments).collect());
        let mut names = Names::new();
        for link in links {
            // Links to other places, to the folder above and to other orders of the same are no files.
            if let Named::Child(name) = here.named(link.strip_prefix("./").unwrap_or(&link))
                && name != b".."
            {
                names.insert(name, link.ends_with('/'));
            }
        }
        Ok(names)
    }
}

/// What nginx lists with `autoindex_format json`.
fn names_of_json(page: &[u8]) -> Option<Names> {
    let entries: Vec<Value> = serde_json::from_slice(page).ok()?;
    let entry = |entry: Value| {
        let name = entry.get("name")?.as_str()?.as_bytes().to_vec();
        Some((name, entry.get("type")?.as_str()? == "directory"))
    };
    entries.into_iter().map(entry).collect()
}

/// What stands right in a folder by a list of files.
fn names_in(index: &Index, folder: Option<&RelPath>, dir: Option<&RelPath>) -> Names {
    let parts = [folder, dir];
    let inside: Vec<u8> =
        parts.into_iter().flatten().flat_map(|part| [part.as_bytes(), b"/"].concat()).collect();
    let mut names = Names::new();
    for path in &index.files {
        let Some(below) = path.as_bytes().strip_prefix(inside.as_slice()) else { continue };
        match below.iter().position(|&byte| byte == b'/') {
            Some(end) => names.insert(below[..end].to_vec(), true),
            None => names.insert(below.to_vec(), false),
        };
    }
    names
}
