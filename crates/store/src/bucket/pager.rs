use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use syncplan_model::{Facts, Mtime, RelPath};
use tokio::sync::mpsc;

use super::order::Order;
use super::prefix::Prefix;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Batch, Reserved};
use crate::web::Fault;

/// Pages that wait for whoever takes them, besides the one under way.
const AHEAD: usize = 2;

/// A server may send a page without keys, but not without end.
const EMPTY_PAGES: usize = 100;

/// A page as a service sent it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) objects: Vec<Object>,
    /// How to ask for the page behind it, if there is one.
    pub(crate) next: Option<String>,
    /// Whether the service has an order of its own for these.
    pub(crate) unordered: bool,
}

/// One line of a listing, its key still raw.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) key: Vec<u8>,
    pub(crate) facts: Facts,
    /// When it was written, by the service's clock.
    pub(crate) modified: Option<Mtime>,
    /// Whether the service says that it is a folder's mark.
    pub(crate) folder: bool,
}

/// A service that is listed page by page.
#[async_trait]
pub(crate) trait Pages: Send + Sync + 'static {
    fn bucket(&self) -> &str;

    fn prefix(&self) -> &Prefix;

    fn order(&self) -> Order;

    /// One page of the keys that begin with `prefix`. Where `next` is none it is the first one; it may leave
    /// out keys up to `after`, but does not have to.
    async fn page(&self, prefix: &[u8], after: Option<&[u8]>, next: Option<&str>) -> Result<Page, Fault>;
}

/// Lists everything; the next page is fetched while one is used.
pub(crate) fn list<P: Pages>(
    pages: Arc<P>,
    after: Option<RelPath>,
) -> BoxStream<'static, Result<Batch, StoreError>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let task = tokio::spawn(async move {
        let prefix = pages.prefix().key_of(b"");
        let after = after.map(|after| pages.prefix().key_of(after.as_bytes()));
        let mut pager = Pager::new(Arc::clone(&pages), prefix, after);
        while let Some(page) = pager.next().await {
            let failed = page.is_err();
            let batch = page.map(|objects| pages.prefix().batch(objects));
            if sender.send(batch).await.is_err() || failed {
                return;
            }
        }
    });
    let listed = stream::unfold((receiver, Abort(task)), async |(mut receiver, task)| {
        receiver.recv().await.map(|batch| (batch, (receiver, task)))
    });
    listed.boxed()
}

/// Everything below a reserved folder.
pub(crate) fn reserved<'a, P: Pages>(
    pages: &'a Arc<P>,
    folder: &str,
) -> BoxStream<'a, Result<Reserved, StoreError>> {
    let folder = pages.prefix().key_of(format!("{folder}/").as_bytes());
    let pager = Pager::new(Arc::clone(pages), folder, None);
    stream::unfold(pager, async |mut pager| Some((pager.next().await?, pager)))
        .map(|page| match page {
            Ok(objects) => objects.into_iter().filter_map(|it| pages.prefix().reserved(it)).map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })
        .flat_map(stream::iter)
        .boxed()
}

/// Ends the task when nobody listens any more, even in the middle of a request.
struct Abort(tokio::task::JoinHandle<()>);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Walks the pages, and trusts the server with nothing: neither order, nor progress, nor an end.
struct Pager<P> {
    pages: Arc<P>,
    /// What all the keys begin with.
    prefix: Vec<u8>,
    after: Option<Vec<u8>>,
    order: Order,
    last_key: Vec<u8>,
    next: Option<String>,
    empty_pages: usize,
    done: bool,
}

impl<P: Pages> Pager<P> {
    fn new(pages: Arc<P>, prefix: Vec<u8>, after: Option<Vec<u8>>) -> Self {
        let order = pages.order();
        let last_key = Vec::new();
        Self { pages, prefix, after, order, last_key, next: None, empty_pages: 0, done: false }
    }

    /// The next page; there is none after an error.
    async fn next(&mut self) -> Option<Result<Vec<Object>, StoreError>> {
        if self.done {
            return None;
        }
        let page = self.pages.page(&self.prefix, self.after.as_deref(), self.next.as_deref()).await;
        let page = page.and_then(|page| self.take(page).map_err(Fault::Disorder));
        self.done |= page.is_err();
        Some(page.map_err(|fault| self.failure(fault)))
    }

    fn failure(&self, fault: Fault) -> StoreError {
        let bucket = self.pages.bucket();
        // Whatever is wrong with one page, it is not the keys' fault: name where it stopped.
        let place = if self.last_key.is_empty() { bucket.as_bytes() } else { &self.last_key };
        match fault.kind() {
            StoreErrorKind::NotFound => fault.of("list", bucket.as_bytes(), bucket),
            _ => fault.of("list", place, bucket),
        }
    }

    fn take(&mut self, page: Page) -> Result<Vec<Object>, &'static str> {
        self.empty_pages = if page.objects.is_empty() { self.empty_pages + 1 } else { 0 };
        if self.empty_pages > EMPTY_PAGES {
            return Err("the listing goes on without listing anything");
        }
        if page.next.is_some() && page.next == self.next {
            return Err("the listing repeats itself");
        }
        self.done = page.next.is_none();
        self.next = page.next;
        let objects = self.order.take(page.objects, page.unordered);
        let mut objects = objects.ok_or("the listing repeats itself")?;
        if self.done {
            objects.extend(self.order.end());
        }
        for object in &objects {
            // Equal is as bad: a page that comes again.
            if object.key <= self.last_key {
                return Err("the listing is not in order, or repeats itself");
            }
            self.last_key.clone_from(&object.key);
        }
        if let Some(after) = &self.after {
            objects.retain(|object| object.key > *after);
        }
        Ok(objects)
    }
}
