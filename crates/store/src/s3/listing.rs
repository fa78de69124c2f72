use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use syncplan_model::{Entry, EntryKind, Facts, RelPath};
use tokio::sync::mpsc;

use super::object::etag_token;
use super::provider::Pages;
use super::root::Root;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Batch, Rejected, Reserved};
use crate::web::xml::{Token, Tokens};
use crate::web::{Fault, decode, moment};

/// Pages that wait for whoever takes them, besides the one under way.
const AHEAD: usize = 2;

/// More of a page is not read.
const LONGEST_PAGE: usize = 32 * 1024 * 1024;

/// A server may send a page without keys, but not without end.
const EMPTY_PAGES: usize = 100;

/// A page as the server sent it, its keys still raw.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    objects: Vec<Object>,
    truncated: bool,
    next: Option<String>,
}

/// One line of a listing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Object {
    key: Vec<u8>,
    size: u64,
    etag: String,
    modified: String,
}

/// Lists what is below the root behind one path and up to another; the next page is fetched while one is used.
pub(super) fn list(
    root: Arc<Root>,
    after: Option<RelPath>,
    until: Option<RelPath>,
) -> BoxStream<'static, Result<Batch, StoreError>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let task = tokio::spawn(async move {
        let prefix = root.prefix.clone();
        let end = until.as_ref().map(|until| root.key_bytes(until.as_bytes()));
        let mut pager = Pager::new(Arc::clone(&root), prefix, after.as_ref());
        while let Some(page) = pager.next().await {
            let mut ended = page.is_err() || end.as_ref().is_some_and(|end| pager.last_key >= *end);
            let batch = page.map(|objects| {
                let mut batch = root.batch(objects);
                ended |= until.as_ref().is_some_and(|until| !batch.end_at(until));
                batch
            });
            if sender.send(batch).await.is_err() || ended {
                return;
            }
        }
    });
    let listed = futures::stream::unfold((receiver, Abort(task)), async |(mut receiver, task)| {
        receiver.recv().await.map(|batch| (batch, (receiver, task)))
    });
    listed.boxed()
}

/// Ends the task when nobody listens any more, even in the middle of a request.
struct Abort(tokio::task::JoinHandle<()>);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Walks the pages, and trusts the server with nothing: neither order, nor progress, nor an end.
pub(super) struct Pager {
    root: Arc<Root>,
    /// What all the keys begin with.
    prefix: Vec<u8>,
    last_key: Vec<u8>,
    token: Option<String>,
    empty_pages: usize,
    done: bool,
}

impl Pager {
    pub(super) fn new(root: Arc<Root>, prefix: Vec<u8>, after: Option<&RelPath>) -> Self {
        let last_key = after.map(|after| root.key_bytes(after.as_bytes())).unwrap_or_default();
        Self { root, prefix, last_key, token: None, empty_pages: 0, done: false }
    }

    /// The next page; there is none after an error.
    pub(super) async fn next(&mut self) -> Option<Result<Vec<Object>, StoreError>> {
        if self.done {
            return None;
        }
        let page = match self.fetch().await {
            Ok(page) => self.take(page).map_err(Fault::Disorder),
            Err(fault) => Err(fault),
        };
        self.done |= page.is_err();
        Some(page.map_err(|fault| self.failure(fault)))
    }

    fn failure(&self, fault: Fault) -> StoreError {
        // Whatever is wrong with one page, it is not the keys' fault: name where it stopped.
        let place = if self.last_key.is_empty() { self.root.bucket.as_bytes() } else { &self.last_key };
        match fault.kind() {
            StoreErrorKind::NotFound => fault.of("list", self.root.bucket.as_bytes(), &self.root.bucket),
            _ => fault.of("list", place, &self.root.bucket),
        }
    }

    async fn fetch(&self) -> Result<Page, Fault> {
        let mut request = self.root.listing(String::from_utf8_lossy(&self.prefix));
        if self.root.encodes_keys {
            request = request.query("encoding-type", "url");
        }
        if self.root.pages == Pages::Marker && std::str::from_utf8(&self.last_key).is_err() {
            return Err(Fault::Disorder("the listing cannot go on behind a key that is not UTF-8"));
        }
        let last_key = String::from_utf8_lossy(&self.last_key);
        request = match (self.root.pages, &self.token) {
            (Pages::Marker, _) => request.query("marker", last_key),
            (Pages::Token, Some(token)) => request.query("continuation-token", token.as_str()),
            (Pages::Token, None) if last_key.is_empty() => request,
            (Pages::Token, None) => request.query("start-after", last_key),
        };
        let reply = self.root.wire.send(&request.whole().patient()).await.map_err(|failed| failed.fault)?;
        let document = reply.read_all(LONGEST_PAGE).await?;
        parse(&document).ok_or(Fault::Malformed("the page of the listing is not what S3 sends"))
    }

    fn take(&mut self, page: Page) -> Result<Vec<Object>, &'static str> {
        self.empty_pages = if page.objects.is_empty() { self.empty_pages + 1 } else { 0 };
        if self.empty_pages > EMPTY_PAGES {
            return Err("the listing goes on without listing anything");
        }
        if page.truncated && page.next.is_some() && page.next == self.token && page.objects.is_empty() {
            return Err("the listing repeats itself");
        }
        for object in &page.objects {
            // Equal is as bad: a page that comes again.
            if object.key <= self.last_key {
                return Err("the listing is not in order, or repeats itself");
            }
            self.last_key.clone_from(&object.key);
        }
        self.done = !page.truncated;
        self.token = page.next;
        Ok(page.objects)
    }
}

impl Object {
    fn facts(&self) -> Facts {
        Facts { token: etag_token(&self.etag), ..Facts::file(self.size) }
    }
}

impl Root {
    fn batch(&self, objects: Vec<Object>) -> Batch {
        let mut batch = Batch::default();
        objects.iter().for_each(|object| self.sort_in(object, &mut batch));
        batch
    }

    /// One of the objects below the reserved prefix.
    pub(super) fn reserved(&self, object: Object) -> Option<Reserved> {
        let below = object.key.strip_prefix(self.prefix.as_slice())?;
        let path = self.path(below).ok().filter(RelPath::is_reserved)?;
        Some(Reserved { path, facts: object.facts(), since: moment(&object.modified) })
    }

    /// Puts one object where it belongs in a batch, or nowhere.
    fn sort_in(&self, object: &Object, batch: &mut Batch) {
        // A server that lists more than it was asked for lists nothing of ours.
        let Some(below) = object.key.strip_prefix(self.prefix.as_slice()) else { return };
        // Other tools mark folders with empty objects.
        if (below.is_empty() || below.ends_with(b"/")) && object.size == 0 {
            if let Some(folder) = below.strip_suffix(b"/").filter(|_| self.has_markers) {
                self.sort_in_folder(folder, below, batch);
            }
            return;
        }
        match self.path(below) {
            Ok(path) if path.is_reserved() => {}
            Ok(path) => batch.entries.push(Entry { path, facts: object.facts() }),
            Err(reason) => batch.rejected.push(Rejected { name: below.to_vec(), reason }),
        }
    }

    /// A folder stands where its key does, behind names that a folder itself would come before.
    fn sort_in_folder(&self, folder: &[u8], key: &[u8], batch: &mut Batch) {
        match self.path(folder) {
            Ok(path) if path.is_reserved() => {}
            Ok(path) => batch.entries.push(Entry { path, facts: Facts::new(EntryKind::Dir) }),
            Err(reason) => batch.rejected.push(Rejected { name: key.to_vec(), reason }),
        }
    }

    fn path(&self, below: &[u8]) -> Result<RelPath, String> {
        if std::str::from_utf8(below).is_err() {
            return Err("the key is not UTF-8".to_owned());
        }
        RelPath::new(below).map_err(|error| error.to_string())
    }
}

/// Reads one page; `None` if it is not one.
fn parse(document: &[u8]) -> Option<Page> {
    let mut page = Page::default();
    let mut path: Vec<Vec<u8>> = Vec::new();
    let mut text = String::new();
    let mut encoded = false;
    let mut whole = false;
    for token in Tokens::new(document) {
        match token? {
            Token::Open(name) => {
                if path.len() == 1 && name == b"Contents" {
                    page.objects.push(Object::default());
                }
                path.push(name);
                text.clear();
            }
            Token::Text(more) => text.push_str(&more),
            Token::Close(name) => {
                path.pop();
                match (path.len(), path.last().map(Vec::as_slice), name.as_slice()) {
                    (2, Some(b"Contents"), field) => page.objects.last_mut()?.set(field, &text)?,
                    (1, _, b"EncodingType") => encoded = text == "url",
                    (1, _, b"IsTruncated") => page.truncated |= truth(&text)?,
                    // Whoever says where to go on is not at the end.
                    (1, _, b"NextContinuationToken") if !text.is_empty() => {
                        page.truncated = true;
                        page.next = Some(text.clone());
                    }
                    (0, _, root) => whole = root == b"ListBucketResult",
                    _ => {}
                }
                text.clear();
            }
        }
    }
    // Half a page looks like a short one, and a short one like the end.
    if !whole || !path.is_empty() {
        return None;
    }
    if encoded {
        for object in &mut page.objects {
            // A key that is not encoded after all is taken as it is.
            object.key = decode(&object.key).unwrap_or(std::mem::take(&mut object.key));
        }
    }
    Some(page)
}

fn truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

impl Object {
    pub(super) fn key(self) -> Vec<u8> {
        self.key
    }

    fn set(&mut self, field: &[u8], text: &str) -> Option<()> {
        match field {
            b"Key" => self.key = text.as_bytes().to_vec(),
            b"Size" => self.size = text.trim().parse().ok()?,
            b"ETag" => self.etag = text.trim().to_owned(),
            b"LastModified" => self.modified = text.trim().to_owned(),
            _ => {}
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(inner: &str) -> Option<Page> {
        parse(
            format!("<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\">{inner}</ListBucketResult>")
                .as_bytes(),
        )
    }

    #[test]
    fn keys_come_as_they_are() {
        let encoded = page(
            "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
             <NextContinuationToken>a&amp;b</NextContinuationToken>\
             <Contents><Key>a%0Ab+c%2B</Key><Size>7</Size><LastModified>T</LastModified><ETag>&quot;x&quot;</ETag><Owner><ID>1</ID></Owner></Contents>",
        );
        let encoded = encoded.unwrap();
        let (etag, modified) = ("\"x\"".to_owned(), "T".to_owned());
        assert_eq!(encoded.objects, [Object { key: b"a\nb c+".to_vec(), size: 7, etag, modified }]);
        assert_eq!((encoded.truncated, encoded.next.as_deref()), (true, Some("a&b")));

        let plain = page("<Contents><Key>a%0A+ &#233;&lt;</Key><Size>0</Size></Contents>").unwrap();
        assert_eq!(plain.objects[0].key, "a%0A+ é<".as_bytes());
        assert!(!plain.truncated);
    }

    #[test]
    fn whoever_says_where_to_go_on_is_not_at_the_end() {
        let next = "<NextContinuationToken>n</NextContinuationToken>";
        for inner in
            ["<IsTruncated>True</IsTruncated>", next, &format!("<IsTruncated>false</IsTruncated>{next}")]
        {
            assert!(page(inner).unwrap().truncated, "{inner}");
        }
        assert!(!page("<IsTruncated>false</IsTruncated>").unwrap().truncated);
        assert_eq!(page("<IsTruncated>perhaps</IsTruncated>"), None);
    }

    #[test]
    fn half_a_page_is_no_page() {
        for broken in ["", "<html>", "<html></html>", "<ListBucketResult><Contents><Key>a</Key>", "garbage"] {
            assert_eq!(parse(broken.as_bytes()), None, "{broken}");
        }
        assert_eq!(page("<Contents><Key>a</Key><Size>many</Size></Contents>"), None);
    }
}
