use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, StatusCode};
use syncplan_model::{EntryKind, Facts, RelPath, Token};

use super::multistatus::{PROPERTIES, Resource, resources};
use super::settings::WebdavSettings;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::Precondition;
use crate::web::{Address, Failed, Fault, Named, Place, Plain, READ_ALONG, Request, Wire, encode, text_of};

/// The longest path below the root, in bytes: encoded it may be three times as long, and URLs end somewhere.
pub(super) const LONGEST_PATH: usize = 2048;

/// The longest answer about one folder: some hundred thousand names.
const LONGEST_ANSWER: usize = 256 * 1024 * 1024;

/// The folder that a store is, and the way to it.
pub(super) struct Root {
    pub(super) wire: Arc<Wire>,
    pub(super) store: Arc<str>,
    pub(super) retries: u32,
    pub(super) may_be_missing: bool,
    host: String,
    /// The parts of the path of the URL.
    segments: Vec<Vec<u8>>,
    /// The folder below it that is the root.
    folder: Option<RelPath>,
    /// Folders that are there, as far as is known.
    known: Mutex<HashSet<String>>,
}

impl Root {
    pub(super) fn new(settings: &WebdavSettings) -> Result<Self, StoreError> {
        let fail = |reason: &str| {
            StoreError::new(StoreErrorKind::Unsupported, "open", "the WebDAV folder")
                .because(reason.to_owned())
        };
        let Address { url, host, segments, is_private } =
            Address::new(&settings.url).map_err(|reason| fail(&reason))?;
        let dialect = match &settings.credentials {
            Some(_) if !is_private => return Err(fail(READ_ALONG)),
            Some(it) => Plain::basic(&it.user, &it.password).ok_or_else(|| {
                fail("the user's name has a colon in it, or characters that no request can carry")
            })?,
            None => Plain::anonymous(),
        };
        let wire =
            Wire::new(url, &settings.reach, Box::new(dialect)).map_err(|error| fail(&text_of(&error)))?;
        Ok(Self {
            store: wire.url().into(),
            wire: Arc::new(wire),
            retries: settings.reach.retries,
            may_be_missing: settings.may_be_missing && settings.folder.is_some(),
            host,
            segments,
            folder: settings.folder.clone(),
            known: Mutex::default(),
        })
    }

    /// A path below the root as one below the URL, encoded; the root itself without a path.
    pub(super) fn place(&self, path: Option<&RelPath>) -> String {
        [self.folder.as_ref(), path]
            .into_iter()
            .flatten()
            .map(|part| format!("/{}", encode(part.as_bytes(), b"/")))
            .collect()
    }

    /// The place of a file, if the server can hold it.
    pub(super) fn file(&self, operation: &'static str, path: &RelPath) -> Result<String, StoreError> {
        let refuse = |reason| StoreError::new(StoreErrorKind::Unsupported, operation, path).because(reason);
        if path.as_str().is_none() {
            return Err(refuse("names are UTF-8 in WebDAV, and this one is not"));
        }
        if path.as_bytes().len() > LONGEST_PATH {
            return Err(refuse("the path is longer than 2048 bytes, and no URL holds it"));
        }
        Ok(self.place(Some(path)))
    }

    /// The whole URL of a place, as a server wants to know it that is to move something there.
    pub(super) fn url(&self, place: &str) -> String {
        format!("{}{place}", self.wire.url())
    }

    /// Where an answer about a path should be about.
    fn asked(&self, path: Option<&RelPath>) -> Place {
        let below = [self.folder.as_ref(), path];
        let below = below.into_iter().flatten().flat_map(RelPath::components).map(<[u8]>::to_vec);
        Place::new(&self.host, self.segments.iter().cloned().chain(below).collect())
    }

    /// What a folder holds, and itself; or only what stands at a place.
    async fn ask(&self, place: &str, depth: &'static str, once: bool) -> Result<Vec<Resource>, Fault> {
        let request = Request::new(method("PROPFIND"), place)
            .header("depth", depth)
            .header("content-type", "application/xml; charset=utf-8")
            .body(PROPERTIES.into());
        let request = if once { request.once() } else { request.patient() };
        let reply = self.wire.send(&request).await.map_err(|failed| failed.fault)?;
        if reply.status != StatusCode::MULTI_STATUS {
            return Err(Fault::Malformed("it should be a multistatus: is this a WebDAV server?"));
        }
        let document = reply.read_all(LONGEST_ANSWER).await?;
        let found = resources(&document);
        found.ok_or(Fault::Malformed("the multistatus is none, or it is not whole"))
    }

    /// Asks for a folder; answers itself, and what stands in it under which name.
    pub(super) async fn ask_folder(
        &self,
        dir: Option<&RelPath>,
    ) -> Result<(Resource, Vec<(Named, Resource)>), Fault> {
        // The slash says that it is a folder, and spares a redirect.
        let found = self.ask(&format!("{}/", self.place(dir)), "1", false).await?;
        let asked = self.asked(dir);
        let mut itself = None;
        let mut below = Vec::with_capacity(found.len());
        for resource in found {
            match asked.named(&resource.href) {
                // So some servers say that they left something out, and may speak of it again.
                Named::Itself if resource.status.is_some_and(|status| status != 200) => {
                    return Err(Fault::Malformed("the list of the folder is not whole"));
                }
                Named::Itself => itself = Some(resource),
                named => below.push((named, resource)),
            }
        }
        // One that speaks of something else might leave out anything.
        let itself = itself.ok_or(Fault::Malformed("it is not about the folder that was asked for"))?;
        Ok((itself, below))
    }

    pub(super) async fn ask_one(&self, path: Option<&RelPath>, once: bool) -> Result<Option<Facts>, Fault> {
        let place = self.place(path);
        let mut found = match path {
            Some(_) => self.ask(&place, "0", once).await,
            None => self.ask(&format!("{place}/"), "0", once).await,
        };
        // A folder, where the server insists on its slash; where it points to does not matter.
        if found.as_ref().is_err_and(|fault| fault.status().is_some_and(|it| it.is_redirection())) {
            found = self.ask(&format!("{place}/"), "0", once).await;
        }
        let found = match found {
            Err(fault) if fault.kind() == StoreErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        let asked = self.asked(path);
        let itself = found.into_iter().find(|it| asked.named(&it.href) == Named::Itself);
        match itself {
            Some(Resource { status: Some(404 | 410), .. }) => Ok(None),
            Some(itself) => Ok(Some(itself.facts())),
            None => Err(Fault::Malformed("it is not about what was asked for")),
        }
    }

    /// What stands at a path, for an operation on it.
    pub(super) async fn look(
        &self,
        operation: &'static str,
        path: &RelPath,
    ) -> Result<Option<Facts>, StoreError> {
        self.file(operation, path)?;
        self.ask_one(Some(path), false).await.map_err(|fault| self.failure(fault, operation, path))
    }

    /// What stands at `path`, if it is a file, and the one that is expected.
    pub(super) async fn expected(
        &self,
        operation: &'static str,
        path: &RelPath,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        as_expected(operation, path, expect, self.look(operation, path).await?)
    }

    /// Looks at the target: a server that moves something over a folder removes all that is in there.
    pub(super) async fn check_target(
        &self,
        operation: &'static str,
        path: &RelPath,
        precondition: &Precondition,
    ) -> Result<Option<Facts>, StoreError> {
        let found = self.look(operation, path).await?;
        let is_file = found.as_ref().is_none_or(|found| found.kind == EntryKind::File);
        if is_file && precondition.holds(found.as_ref()) {
            return Ok(found);
        }
        Err(StoreError::new(StoreErrorKind::Precondition, operation, path))
    }

    /// Whether the root is there; one that may be missing may be made where its URL is.
    pub(super) async fn check(&self) -> Result<bool, Fault> {
        let once = true;
        if self.ask_one(None, once).await?.is_some_and(|found| found.kind == EntryKind::Dir) {
            return Ok(true);
        }
        if !self.may_be_missing {
            return Err(Fault::NoStore("there is no such folder"));
        }
        match self.ask("/", "0", once).await {
            Ok(_) => Ok(false),
            Err(fault) if fault.kind() == StoreErrorKind::NotFound => {
                Err(Fault::NoStore("there is no such folder"))
            }
            Err(fault) => Err(fault),
        }
    }

    /// Has a folder be there, and all around it, up to what the URL names.
    pub(super) async fn ensure_folder(
        &self,
        operation: &'static str,
        path: &RelPath,
        dir: Option<&RelPath>,
    ) -> Result<(), StoreError> {
        let whole = match (&self.folder, dir) {
            (Some(folder), Some(dir)) => folder.join(dir).ok(),
            (folder, dir) => folder.clone().or_else(|| dir.cloned()),
        };
        let Some(whole) = whole else { return Ok(()) };
        let inner = std::iter::once(whole.as_bytes()).chain(whole.ancestors());
        let inner: Vec<_> = inner.map(|folder| format!("/{}", encode(folder, b"/"))).collect();
        let failure = |fault: Fault| self.failure(fault, operation, path);
        // From the innermost outwards until one is there, and back.
        let mut missing = Vec::new();
        for place in &inner {
            if self.is_known(place) || self.make(place).await.map_err(failure)? {
                break;
            }
            missing.push(place);
        }
        for place in missing.into_iter().rev() {
            if !self.make(place).await.map_err(failure)? {
                return Err(StoreError::new(StoreErrorKind::NotDirectory, operation, path));
            }
        }
        Ok(())
    }

    /// Makes a folder, or finds it; `false` if what should be around it is not there, or no folder.
    async fn make(&self, place: &str) -> Result<bool, Fault> {
        match self.wire.send(&Request::new(method("MKCOL"), format!("{place}/")).patient()).await {
            Ok(_) => {}
            Err(Failed { fault, .. }) => match fault.kind() {
                StoreErrorKind::NotFound => return Ok(false),
                // Something is there, and some servers may not even say so.
                StoreErrorKind::Unsupported | StoreErrorKind::Denied | StoreErrorKind::Other => {
                    let found = self.ask(place, "0", false).await;
                    let found = match found {
                        Err(fault) if fault.status().is_some_and(|it| it.is_redirection()) => {
                            self.ask(&format!("{place}/"), "0", false).await
                        }
                        found => found,
                    };
                    match found {
                        Ok(found) if found.first().is_some_and(|it| it.facts().kind == EntryKind::Dir) => {}
                        Ok(_) => return Ok(false),
                        Err(lost) if lost.kind() == StoreErrorKind::NotFound => {
                            return if fault.kind() == StoreErrorKind::Denied {
                                Err(fault)
                            } else {
                                Ok(false)
                            };
                        }
                        Err(_) => return Err(fault),
                    }
                }
                _ => return Err(fault),
            },
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(place.to_owned());
        Ok(true)
    }

    fn is_known(&self, place: &str) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(place)
    }

    /// Somebody else may have removed what is known to be there.
    pub(super) fn forget_folders(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn failure(&self, fault: Fault, operation: &'static str, path: &RelPath) -> StoreError {
        fault.of(operation, path, &self.store)
    }
}

/// What was found at `path`, if it is a file, and the one that is expected.
pub(super) fn as_expected(
    operation: &'static str,
    path: &RelPath,
    expect: Option<&Token>,
    found: Option<Facts>,
) -> Result<Facts, StoreError> {
    let found = found.ok_or_else(|| StoreError::new(StoreErrorKind::NotFound, operation, path))?;
    let is_expected = expect.is_none_or(|token| found.token.as_ref() == Some(token));
    if found.kind == EntryKind::File && is_expected {
        return Ok(found);
    }
    Err(StoreError::new(StoreErrorKind::Precondition, operation, path))
}

/// A method of WebDAV.
pub(super) fn method(name: &'static str) -> Method {
    Method::from_bytes(name.as_bytes()).unwrap_or_default()
}
