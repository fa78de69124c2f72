use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use http::{HeaderMap, Method};
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

/// An answer that is read whole.
struct Page {
    text: Bytes,
    /// Whether the server says that it is one for people.
    is_html: bool,
    /// Where it came from.
    place: String,
}

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
            None => {
                let listed = self.names_of_folder(dir).await;
                let (names, rejected) = listed.map_err(|fault| self.unlisted(fault, "list", dir))?;
                batch.rejected = rejected;
                names
            }
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
        let (mut missing, listed) = (0, files.len());
        let looks = stream::iter(files).map(|path| async move {
            let found = self.look(&path).await;
            (path, found)
        });
        let mut looks = looks.buffer_unordered(SIDE_BY_SIDE);
        while let Some((path, found)) = looks.next().await {
            let facts = match found {
                Ok(Some(facts)) => facts,
                // It is listed, and nobody can say what it is: what is known of it elsewhere is left alone.
                Ok(None) => {
                    missing += 1;
                    Facts::new(EntryKind::Unreadable)
                }
                Err(fault) if matches!(fault, Fault::Answer(_)) && !fault.kind().is_momentary() => {
                    Facts::new(EntryKind::Unreadable)
                }
                Err(fault) => return Err(self.failure(fault, "look at", &path)),
            };
            batch.entries.push(Entry { path, facts });
        }
        // One may be gone since the list was made; with all of them it is a list of something else.
        if self.index.is_some() && listed > 0 && missing == listed {
            let folder = dir.map_or(self.store.as_bytes(), RelPath::as_bytes);
            return Err(StoreError::new(StoreErrorKind::Other, "list", folder)
                .because("the list names files that are not there"));
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
        let page = self.get(place).await.map_err(|fault| self.unlisted(fault, "list", None))?;
        let Page { text, is_html, .. } = page;
        if is_html {
            return Err(StoreError::new(StoreErrorKind::Other, "list", self.store.as_bytes())
                .because("the list of files is a page, and no list"));
        }
        let index = Index::read(&text).map_err(|reason| {
            StoreError::new(StoreErrorKind::Other, "list", self.store.as_bytes()).because(reason)
        })?;
        let index = Arc::new(index);
        *self.listed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&index));
        Ok(index)
    }

    async fn get(&self, place: &str) -> Result<Page, Fault> {
        let mut place = place.to_owned();
        let get = |place: &str| {
            Request::new(Method::GET, place)
                .header("accept", "application/json, text/html;q=0.9, */*;q=0.1")
                .header("accept-encoding", "identity")
                .patient()
        };
        let reply = send_following(&self.wire, &mut place, get).await.map_err(|failed| failed.fault)?;
        // One that ends with its connection might have ended anywhere.
        if !tells_its_end(&reply.headers) {
            return Err(Fault::Malformed("it does not say how long it is"));
        }
        let kind =
            reply.headers.get(http::header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase());
        let is_html = kind.is_some_and(|kind| kind.trim_ascii_start().starts_with(b"text/html"));
        Ok(Page { text: reply.read_all(LONGEST).await?, is_html, place })
    }

    /// What the server's own index of a folder lists.
    async fn names_of_folder(&self, dir: Option<&RelPath>) -> Result<(Names, Vec<Rejected>), Fault> {
        let below = dir.map(|dir| format!("/{}", encode(dir.as_bytes(), b"/"))).unwrap_or_default();
        let asked = format!("{}{below}/", self.base);
        let Page { text: page, place, .. } = self.get(&asked).await?;
        if place != asked {
            return Err(Fault::Malformed("the index of the folder is elsewhere"));
        }
        if page.trim_ascii_start().starts_with(b"[") {
            let names = names_of_json(&page).ok_or(Fault::Malformed("it is no index of a folder"))?;
            return Ok((names, Vec::new()));
        }
        let page = String::from_utf8_lossy(&page);
        let links = links(&page).map_err(Fault::Malformed)?;
        let segments = dir.into_iter().flat_map(RelPath::components).map(<[u8]>::to_vec);
        let here = Place::new(&self.host, self.segments.iter().cloned().chain(segments).collect());
        let (mut names, mut rejected) = (Names::new(), Vec::new());
        for link in links {
            // Which bytes stood there nobody knows any more: it may be the name of a file.
            if link.contains(char::REPLACEMENT_CHARACTER) {
                return Err(Fault::Malformed("the index of the folder has a link that is no UTF-8"));
            }
            match here.named(link.strip_prefix("./").unwrap_or(&link)) {
                Named::Child(name) if name != b".." => drop(names.insert(name, link.ends_with('/'))),
                Named::Elsewhere(reason) if !leads_away(&link) => {
                    let folder = dir.map(|dir| [dir.as_bytes(), b"/"].concat()).unwrap_or_default();
                    let name = [&folder, link.as_bytes()].concat();
                    rejected.push(Rejected { name, reason: reason.to_owned() });
                }
                Named::Child(_) | Named::Itself | Named::Elsewhere(_) => {}
            }
        }
        Ok((names, rejected))
    }
}

/// Whether a link is one to another place, to the folder above, or to another order of the same: it is no file.
fn leads_away(link: &str) -> bool {
    let scheme = link.split_once(':').map_or("", |(scheme, _)| scheme);
    let has_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    has_scheme || link.contains(['?', '#']) || link.starts_with('/') || link.starts_with("..")
}

/// Whether an answer that breaks off can be told from one that is whole.
fn tells_its_end(headers: &HeaderMap) -> bool {
    let is_chunked = headers
        .get_all(http::header::TRANSFER_ENCODING)
        .iter()
        .any(|coding| coding.as_bytes().to_ascii_lowercase().ends_with(b"chunked"));
    is_chunked || headers.contains_key(http::header::CONTENT_LENGTH)
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
