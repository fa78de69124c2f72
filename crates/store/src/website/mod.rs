//! A web site, to read from.
//!
//! What there is, is said by a list of files beside them, or by the indexes of folders that servers write; what
//! each of them is, by the server when it is asked for it.

mod html;
mod index;
mod listing;
mod settings;

use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::Method;
use syncplan_model::{Capabilities, Capability, EntryKind, Facts, LinkTarget, RelPath, Token};

use self::index::Index;
pub use self::settings::HttpSettings;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{
    BlockingRead, ContentStream, Enforcement, Guarded, Housekeeping, Listing, Metadata, MoveOptions,
    PartialWrites, Precondition, Store, WriteOptions,
};
use crate::web::{
    Address, Fault, Origin, Plain, READ_ALONG, Request, Wire, described, encode, send_following, text_of,
};

/// A web site as a store that can only be read.
pub struct HttpStore {
    wire: Arc<Wire>,
    store: Arc<str>,
    location: String,
    capabilities: Capabilities,
    host: String,
    /// The parts of the path of the URL, and of the folder below it.
    segments: Vec<Vec<u8>>,
    /// The same, encoded.
    base: String,
    /// Where the list of files is, and the folder below the URL that is the root.
    index: Option<(String, Option<RelPath>)>,
    /// The list, as it was when the root was listed last.
    listed: Mutex<Option<Arc<Index>>>,
    retries: u32,
}

impl HttpStore {
    /// Opens a site without asking for it; `location` is what people and plans call it.
    pub fn open(settings: &HttpSettings, location: String) -> Result<Self, StoreError> {
        let fail = |reason: &str| {
            StoreError::new(StoreErrorKind::Unsupported, "open", "the web site").because(reason.to_owned())
        };
        let address = Address::new(&settings.url).map_err(|reason| fail(&reason))?;
        let Address { url, host, mut segments, is_private } = address;
        let dialect = match &settings.bearer_token {
            Some(_) if !is_private => return Err(fail(READ_ALONG)),
            Some(token) => Plain::bearer(token)
                .ok_or_else(|| fail("the token holds characters that no request can carry"))?,
            None => Plain::anonymous(),
        };
        // Places are whole paths: that is what redirects give.
        let path = url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap_or_default();
        let service = url.strip_suffix(&path).unwrap_or(&url).to_owned();
        let wire =
            Wire::new(service, &settings.reach, Box::new(dialect)).map_err(|error| fail(&text_of(&error)))?;
        let index = settings.index.as_ref();
        let index = index.map(|index| format!("{path}/{}", encode(index.as_bytes(), b"/")));
        let folder = settings.folder.as_ref();
        segments.extend(folder.into_iter().flat_map(RelPath::components).map(<[u8]>::to_vec));
        let below = folder.map(|folder| format!("/{}", encode(folder.as_bytes(), b"/")));
        let mut capabilities = Capabilities::new([Capability::ReadOnly]);
        capabilities.mtime_precision = 1_000_000_000;
        Ok(Self {
            wire: Arc::new(wire),
            store: url.as_str().into(),
            location,
            capabilities,
            host,
            segments,
            base: format!("{path}{}", below.unwrap_or_default()),
            index: index.map(|index| (index, settings.folder.clone())),
            listed: Mutex::default(),
            retries: settings.reach.retries,
        })
    }

    /// The encoded path of what stands below the root.
    fn place(&self, path: &RelPath) -> String {
        format!("{}/{}", self.base, encode(path.as_bytes(), b"/"))
    }

    fn failure(&self, fault: Fault, operation: &'static str, path: &RelPath) -> StoreError {
        fault.of(operation, path, &self.store)
    }

    /// What the server says of a file, or of a folder, which it sends to the same address with a slash.
    async fn look(&self, path: &RelPath) -> Result<Option<Facts>, Fault> {
        let mut place = self.place(path);
        let head =
            |place: &str| Request::new(Method::HEAD, place).header("accept-encoding", "identity").patient();
        let mut folder = format!("{place}/");
        let mut sent = send_following(&self.wire, &mut place, head).await;
        let target = sent.as_ref().err().and_then(|failed| self.wire.target_of(&place, &failed.fault));
        let is_folder = target.as_ref() == Some(&folder);
        if is_folder {
            sent = send_following(&self.wire, &mut folder, head).await;
        } else if target.is_some() {
            // A page to log in, perhaps: what it says is not said of the file.
            return Ok(Some(Facts::new(EntryKind::Unreadable)));
        }
        let reply = match sent {
            Ok(reply) => reply,
            Err(failed) if failed.fault.kind() == StoreErrorKind::NotFound => return Ok(None),
            Err(failed) => return Err(failed.fault),
        };
        if is_folder {
            let stays = target == Some(folder);
            return Ok(Some(Facts::new(if stays { EntryKind::Dir } else { EntryKind::Unreadable })));
        }
        let (token, mtime, size) = described(&reply.headers);
        let Some(size) = size else { return Ok(Some(Facts::new(EntryKind::Unreadable))) };
        Ok(Some(Facts { token, mtime, ..Facts::file(size) }))
    }

    fn unsupported<T>(&self, operation: &'static str, path: &RelPath) -> Result<T, StoreError> {
        let error = StoreError::new(StoreErrorKind::Unsupported, operation, path);
        Err(error.because("a web site can only be read"))
    }
}

#[async_trait]
impl Store for HttpStore {
    fn location(&self) -> &str {
        &self.location
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn listing(&self) -> Listing<'_> {
        Listing::Tree(self)
    }

    fn blocking_reader(&self) -> Option<&dyn BlockingRead> {
        None
    }

    fn partial_writes(&self) -> Option<&dyn PartialWrites> {
        None
    }

    fn housekeeping(&self) -> Option<&dyn Housekeeping> {
        None
    }

    async fn stat(&self, path: &RelPath) -> Result<Option<Facts>, StoreError> {
        self.look(path).await.map_err(|fault| self.failure(fault, "look at", path))
    }

    async fn read(
        &self,
        path: &RelPath,
        range: Option<Range<u64>>,
        expect: Option<&Token>,
    ) -> Result<ContentStream, StoreError> {
        let origin = Origin {
            wire: Arc::clone(&self.wire),
            place: self.place(path),
            path: path.clone(),
            store: Arc::clone(&self.store),
            retries: self.retries,
            follows: true,
        };
        origin.read(range, expect).await
    }

    async fn write(&self, path: &RelPath, _: ContentStream, _: WriteOptions) -> Result<Facts, StoreError> {
        self.unsupported("write", path)
    }

    async fn copy(&self, from: &RelPath, _: &RelPath, _: MoveOptions) -> Result<Facts, StoreError> {
        self.unsupported("copy", from)
    }

    async fn rename(&self, from: &RelPath, _: &RelPath, _: MoveOptions) -> Result<Facts, StoreError> {
        self.unsupported("rename", from)
    }

    async fn preserve(&self, from: &RelPath, _: &RelPath, _: Option<&Token>) -> Result<Facts, StoreError> {
        self.unsupported("keep", from)
    }

    async fn delete(&self, path: &RelPath, _: Option<&Token>) -> Result<(), StoreError> {
        self.unsupported("delete", path)
    }

    async fn create_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.unsupported("create", path)
    }

    async fn remove_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.unsupported("remove", path)
    }

    async fn create_symlink(
        &self,
        path: &RelPath,
        _: &LinkTarget,
        _: Precondition,
    ) -> Result<Facts, StoreError> {
        self.unsupported("create the link", path)
    }

    async fn set_metadata(
        &self,
        path: &RelPath,
        _: &Metadata,
        _: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        self.unsupported("change the metadata of", path)
    }

    async fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn enforcement(&self, _: Guarded) -> Enforcement {
        Enforcement::Checked
    }

    async fn check(&self) -> Result<(), StoreError> {
        let mut place = match &self.index {
            Some((index, _)) => index.clone(),
            None => format!("{}/", self.base),
        };
        let head = |place: &str| Request::new(Method::HEAD, place).once();
        match send_following(&self.wire, &mut place, head).await {
            Ok(_) => Ok(()),
            Err(failed) => Err(self.unlisted(failed.fault, "reach", None)),
        }
    }
}
