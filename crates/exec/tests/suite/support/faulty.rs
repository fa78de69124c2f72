use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use syncplan_model::{Capabilities, Facts, LinkTarget, RelPath, Token};
use syncplan_store::{
    BlockingRead, Checksum, ContentStream, Described, Enforcement, Guarded, Housekeeping, Listing, Metadata,
    MoveOptions, Part, PartialWrites, Precondition, Store, StoreError, StoreErrorKind, WriteOptions,
    WrittenPart,
};
use tokio::sync::Notify;

/// What goes wrong at one of a store's effects, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Never,
    /// Everything stops before it.
    StopBefore(usize),
    /// Everything stops after it, before anybody hears of it.
    StopAfter(usize),
    /// It happens, but is said to have failed for the moment.
    LoseAnswer(usize),
    /// It is refused in this way.
    Refuse(usize, StoreErrorKind),
    /// Nothing can be made durable.
    NoSync,
    /// It cannot be reached, until somebody asked so often whether it can.
    Offline {
        from: usize,
        probes: usize,
    },
    /// It says that these are too many at once.
    Throttle {
        from: usize,
        to: usize,
    },
}

type Watcher = Box<dyn Fn(&'static str, &RelPath) -> BoxFuture<'static, ()> + Send + Sync>;

/// A store with one fault.
pub(crate) struct Faulty {
    inner: Arc<dyn Store>,
    fault: Fault,
    effects: Arc<AtomicUsize>,
    probes: Arc<AtomicUsize>,
    /// How often each effect happened, by store and path.
    pub(crate) happened: Arc<Mutex<HashMap<(&'static str, String), usize>>>,
    pub(crate) stopped: Arc<Notify>,
    watcher: Option<Watcher>,
}

impl Faulty {
    pub(crate) fn new(inner: &Arc<dyn Store>, fault: Fault) -> Arc<Self> {
        Arc::new(Self::watched(inner, fault, None))
    }

    /// Calls `watcher` before every effect.
    pub(crate) fn watched(inner: &Arc<dyn Store>, fault: Fault, watcher: Option<Watcher>) -> Self {
        Self {
            inner: Arc::clone(inner),
            fault,
            effects: Arc::default(),
            probes: Arc::default(),
            happened: Arc::default(),
            stopped: Arc::default(),
            watcher,
        }
    }

    /// Another store with the same fault: the effects of both are counted together.
    pub(crate) fn beside(&self, inner: &Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            fault: self.fault,
            effects: Arc::clone(&self.effects),
            probes: Arc::clone(&self.probes),
            happened: Arc::clone(&self.happened),
            stopped: Arc::clone(&self.stopped),
            watcher: None,
        })
    }

    /// How many effects were asked for.
    pub(crate) fn effects(&self) -> usize {
        self.effects.load(Ordering::SeqCst)
    }

    fn parts(&self) -> &dyn PartialWrites {
        self.inner.partial_writes().unwrap()
    }

    fn is_back(&self, probes: usize) -> bool {
        self.probes.load(Ordering::SeqCst) > probes
    }

    async fn stop(&self) -> ! {
        self.stopped.notify_one();
        std::future::pending().await
    }

    async fn effect<T>(
        &self,
        name: &'static str,
        path: &RelPath,
        effect: BoxFuture<'_, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let number = self.effects.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(watcher) = &self.watcher {
            watcher(name, path).await;
        }
        match self.fault {
            Fault::StopBefore(at) if number >= at => self.stop().await,
            Fault::StopAfter(at) if number > at => std::future::pending().await,
            Fault::Offline { from, probes } if number >= from && !self.is_back(probes) => {
                return Err(StoreError::new(StoreErrorKind::Unreachable, name, path));
            }
            Fault::Throttle { from, to } if (from..to).contains(&number) => {
                return Err(StoreError::new(StoreErrorKind::Throttled, name, path));
            }
            Fault::Refuse(at, kind) if number >= at => return Err(StoreError::new(kind, name, path)),
            _ => {}
        }
        let result = effect.await;
        if result.is_ok() {
            *self
                .happened
                .lock()
                .unwrap()
                .entry((name, format!("{}: {path}", self.location())))
                .or_default() += 1;
        }
        match self.fault {
            Fault::StopAfter(at) if number == at => self.stop().await,
            Fault::LoseAnswer(at) if number == at => {
                result?;
                Err(StoreError::new(StoreErrorKind::Transient, name, path))
            }
            _ => result,
        }
    }
}

#[async_trait]
impl Store for Faulty {
    fn location(&self) -> &str {
        self.inner.location()
    }

    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn listing(&self) -> Listing<'_> {
        self.inner.listing()
    }

    fn blocking_reader(&self) -> Option<&dyn BlockingRead> {
        self.inner.blocking_reader()
    }

    fn partial_writes(&self) -> Option<&dyn PartialWrites> {
        self.inner.partial_writes().map(|_| self as &dyn PartialWrites)
    }

    fn housekeeping(&self) -> Option<&dyn Housekeeping> {
        self.inner.housekeeping()
    }

    async fn stat(&self, path: &RelPath) -> Result<Option<Facts>, StoreError> {
        self.inner.stat(path).await
    }

    async fn describe(&self, path: &RelPath) -> Result<Option<Described>, StoreError> {
        self.inner.describe(path).await
    }

    fn keeps_attributes(&self) -> bool {
        self.inner.keeps_attributes()
    }

    async fn read(
        &self,
        path: &RelPath,
        range: Option<Range<u64>>,
        expect: Option<&Token>,
    ) -> Result<ContentStream, StoreError> {
        self.inner.read(path, range, expect).await
    }

    async fn write(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: WriteOptions,
    ) -> Result<Facts, StoreError> {
        self.effect("write", path, self.inner.write(path, content, options)).await
    }

    async fn copy(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError> {
        self.effect("copy", to, self.inner.copy(from, to, options)).await
    }

    async fn rename(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError> {
        self.effect("rename", to, self.inner.rename(from, to, options)).await
    }

    async fn preserve(
        &self,
        from: &RelPath,
        to: &RelPath,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        self.effect("preserve", to, self.inner.preserve(from, to, expect)).await
    }

    async fn delete(&self, path: &RelPath, expect: Option<&Token>) -> Result<(), StoreError> {
        // Temporaries are cleared away before anything is done, and whether they are there or not.
        if path.is_reserved() {
            return self.inner.delete(path, expect).await;
        }
        self.effect("delete", path, self.inner.delete(path, expect)).await
    }

    async fn create_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.effect("create_dir", path, self.inner.create_dir(path)).await
    }

    async fn remove_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        if path.is_reserved() {
            return self.inner.remove_dir(path).await;
        }
        self.effect("remove_dir", path, self.inner.remove_dir(path)).await
    }

    async fn create_symlink(
        &self,
        path: &RelPath,
        target: &LinkTarget,
        precondition: Precondition,
    ) -> Result<Facts, StoreError> {
        self.effect("create_symlink", path, self.inner.create_symlink(path, target, precondition)).await
    }

    async fn set_metadata(
        &self,
        path: &RelPath,
        metadata: &Metadata,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        self.effect("set_metadata", path, self.inner.set_metadata(path, metadata, expect)).await
    }

    async fn sync(&self) -> Result<(), StoreError> {
        match self.fault {
            Fault::StopBefore(at) | Fault::StopAfter(at) if self.effects() >= at => self.stop().await,
            Fault::NoSync => Err(StoreError::new(StoreErrorKind::Other, "sync", "the disk")),
            _ => self.inner.sync().await,
        }
    }

    async fn checksum(&self, path: &RelPath, facts: &Facts) -> Result<Option<Checksum>, StoreError> {
        self.inner.checksum(path, facts).await
    }

    fn enforcement(&self, operation: Guarded) -> Enforcement {
        self.inner.enforcement(operation)
    }

    async fn check(&self) -> Result<(), StoreError> {
        if let Fault::Offline { probes, .. } = self.fault {
            self.probes.fetch_add(1, Ordering::SeqCst);
            if !self.is_back(probes) {
                return Err(StoreError::new(StoreErrorKind::Unreachable, "reach", self.location()));
            }
        }
        self.inner.check().await
    }
}

#[async_trait]
impl PartialWrites for Faulty {
    fn threshold(&self) -> u64 {
        self.parts().threshold()
    }

    fn part_size(&self, size: u64) -> u64 {
        self.parts().part_size(size)
    }

    fn reads_back(&self) -> bool {
        self.parts().reads_back()
    }

    async fn begin(&self, path: &RelPath, options: &WriteOptions) -> Result<String, StoreError> {
        self.effect("begin", path, self.parts().begin(path, options)).await
    }

    async fn put(
        &self,
        path: &RelPath,
        draft: &str,
        part: Part,
        content: Bytes,
    ) -> Result<String, StoreError> {
        let name = RelPath::new(format!("{path}/{}", part.number)).unwrap();
        self.effect("put", &name, self.parts().put(path, draft, part, content)).await
    }

    async fn parts(&self, path: &RelPath, draft: &str) -> Result<Option<Vec<WrittenPart>>, StoreError> {
        self.parts().parts(path, draft).await
    }

    async fn read_back(
        &self,
        path: &RelPath,
        draft: &str,
        range: Range<u64>,
    ) -> Result<ContentStream, StoreError> {
        self.parts().read_back(path, draft, range).await
    }

    async fn finish(
        &self,
        path: &RelPath,
        draft: &str,
        tags: &[String],
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        self.effect("finish", path, self.parts().finish(path, draft, tags, options)).await
    }

    async fn abandon(&self, path: &RelPath, draft: &str) -> Result<(), StoreError> {
        self.parts().abandon(path, draft).await
    }
}
