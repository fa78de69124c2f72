//! How a bucket is treated that says of an object that it is there, and shows it to nobody for a while.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fake;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use syncplan_model::{Digest, Facts, RelPath};
use syncplan_store::{
    Metadata, MoveOptions, PartialWrites as _, Precondition, S3Store, Store, StoreError, StoreErrorKind,
    WriteOptions,
};

use self::fake::{Fake, reply};

fn path(path: &str) -> RelPath {
    RelPath::new(path).unwrap()
}

fn absent() -> MoveOptions {
    MoveOptions { expect: None, precondition: Precondition::Absent, temporary: None }
}

fn options() -> WriteOptions {
    let (precondition, metadata) = (Precondition::Absent, Metadata::default());
    WriteOptions { size: 0, precondition, metadata, temporary: None }
}

async fn write(store: &dyn Store, to: &str, content: &'static str) -> Result<Facts, StoreError> {
    let options = WriteOptions { size: content.len() as u64, ..options() };
    store.write(&path(to), futures::stream::iter([Ok(Bytes::from(content))]).boxed(), options).await
}

/// A server with objects that it shows, and others.
#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, String>,
    hidden: BTreeSet<String>,
    /// Whether it holds conditions.
    honours: bool,
    /// What somebody else puts in the place of the next object.
    replacement: Option<&'static str>,
    /// Whether the next object is hidden when it is put there.
    forgets: bool,
}

type Shared = Arc<Mutex<Bucket>>;

impl Bucket {
    fn answer(&mut self, head: &str, body: &[u8]) -> String {
        let mut words = head.split(' ');
        let (method, key) = (words.next().unwrap(), words.next().unwrap().to_owned());
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let is_other =
            |content: &String| header("if-match").is_some_and(|it| it.trim_matches('"') != etag(content));
        let is_refused =
            self.objects.get(&key).is_some_and(|it| is_other(it) || header("if-none-match").is_some());
        if self.honours && is_refused {
            return reply("412 Precondition Failed", "", "");
        }
        match method {
            "PUT" => {
                let source = header("x-amz-copy-source").map(|source| self.objects[source].clone());
                let content = source.unwrap_or_else(|| String::from_utf8(body.to_vec()).unwrap());
                let etag = etag(&content);
                self.hidden.remove(&key);
                if std::mem::take(&mut self.forgets) {
                    self.hidden.insert(key.clone());
                }
                self.objects.insert(key, self.replacement.take().map_or(content, str::to_owned));
                let copied = format!("<CopyObjectResult><ETag>{etag}</ETag></CopyObjectResult>");
                reply("200 OK", &format!("etag: \"{etag}\"\r\n"), &copied)
            }
            "DELETE" => {
                self.objects.remove(&key);
                reply("204 No Content", "", "")
            }
            _ => match self.objects.get(&key).filter(|_| !self.hidden.contains(&key)) {
                Some(content) => format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\netag: \"{}\"\r\n\r\n",
                    content.len(),
                    etag(content)
                ),
                None => reply("404 Not Found", "", ""),
            },
        }
    }
}

fn etag(content: &str) -> String {
    Digest::of(content.as_bytes()).to_string().replace(':', "")
}

async fn server(bucket: Bucket) -> (Fake, Shared) {
    let bucket = Arc::new(Mutex::new(bucket));
    let shown = Arc::clone(&bucket);
    (Fake::start_reading(move |head, body, _| shown.lock().unwrap().answer(head, body)).await, bucket)
}

fn with_a() -> BTreeMap<String, String> {
    BTreeMap::from([("/bkt/a".to_owned(), "content".to_owned())])
}

/// Puts `a` somewhere else without reading it.
type Copy = fn(&S3Store) -> BoxFuture<'_, Result<Facts, StoreError>>;

const COPIES: [Copy; 3] = [
    |store| Box::pin(async { store.copy(&path("a"), &path("b"), absent()).await }),
    |store| Box::pin(async { store.rename(&path("a"), &path("b"), absent()).await }),
    |store| Box::pin(async { store.preserve(&path("a"), &path("b"), None).await }),
];

#[tokio::test]
async fn a_copy_that_is_not_there_is_made_once_more() {
    for copy in COPIES {
        let (fake, bucket) = server(Bucket { objects: with_a(), forgets: true, ..Bucket::default() }).await;
        let store = fake.store();
        let error = copy(&store).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Transient, "{error}");
        // What was to be moved or replaced is not touched on the word of such a server.
        assert!(bucket.lock().unwrap().objects.contains_key("/bkt/a"));
        copy(&store).await.unwrap();
        assert_eq!(bucket.lock().unwrap().objects["/bkt/b"], "content");
    }
}

#[tokio::test]
async fn what_somebody_else_put_there_is_no_copy() {
    for (copy, other) in COPIES.into_iter().zip(["another", "longer content", ""]) {
        let bucket = Bucket { objects: with_a(), replacement: Some(other), ..Bucket::default() };
        let (fake, bucket) = server(bucket).await;
        assert_eq!(copy(&fake.store()).await.unwrap_err().kind, StoreErrorKind::Changed, "{other}");
        let bucket = bucket.lock().unwrap();
        assert_eq!((&*bucket.objects["/bkt/a"], &*bucket.objects["/bkt/b"]), ("content", other));
    }
}

#[tokio::test]
async fn a_write_that_is_not_there_is_done_once_more() {
    let fake = Fake::start(|head, _| match head.split(' ').next() {
        Some("HEAD") => reply("404 Not Found", "", ""),
        // No token comes back: what stands there is asked for.
        _ => reply("200 OK", "", "<R><UploadId>u</UploadId></R>"),
    })
    .await;
    let store = fake.store();
    assert_eq!(write(&store, "a", "content").await.unwrap_err().kind, StoreErrorKind::Transient);
    let options = WriteOptions { size: 20 << 20, ..options() };
    let tags = ["\"e\"", "\"e\"", "\"e\""].map(str::to_owned);
    let finished = store.finish(&path("large"), "u", &tags, &options).await;
    assert_eq!(finished.unwrap_err().kind, StoreErrorKind::Transient);
}

/// It removes the folder of the last object, and with it what is put there at that moment.
async fn server_that_removes_folders(honours: bool) -> (Fake, Shared) {
    let objects = BTreeMap::from([("/bkt/d/old".to_owned(), "old".to_owned())]);
    let bucket = Arc::new(Mutex::new(Bucket { objects, honours, ..Bucket::default() }));
    let shown = Arc::clone(&bucket);
    let fake = Fake::start_reading(move |head, body, _| {
        let new = "/bkt/d/new";
        let deletes = head.starts_with("DELETE /bkt/d/old ");
        while deletes && !shown.lock().unwrap().objects.contains_key(new) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut bucket = shown.lock().unwrap();
        bucket.hidden.extend(deletes.then(|| new.to_owned()));
        bucket.answer(head, body)
    });
    (fake.await, bucket)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_put_beside_a_deletion_is_looked_at_after_it() {
    for honours in [false, true] {
        let (fake, bucket) = server_that_removes_folders(honours).await;
        let store = fake.store();
        store.probe().await.unwrap();
        let heads = Arc::clone(&fake.heads);
        let sent = move |start: &str| heads.lock().unwrap().iter().filter(|it| it.starts_with(start)).count();
        let put = async {
            while sent("DELETE /bkt/d/old ") == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            write(&store, "d/new", "content").await
        };
        let (deleted, written) = tokio::join!(async { store.delete(&path("d/old"), None).await }, put);
        deleted.unwrap();
        if honours {
            // It costs nothing where a server was seen to keep its word.
            written.unwrap();
            assert_eq!(sent("HEAD /bkt/d/new "), 0);
            continue;
        }
        assert_eq!(written.unwrap_err().kind, StoreErrorKind::Transient);
        bucket.lock().unwrap().objects.remove("/bkt/d/new");
        let (before, looks) = (fake.requests(), sent("HEAD /bkt/d/new "));
        write(&store, "d/new", "content").await.unwrap();
        // Nothing was deleted meanwhile: it is looked at before, as ever, and not after.
        assert_eq!((fake.requests() - before, sent("HEAD /bkt/d/new ") - looks), (2, 1));
        assert_eq!(bucket.lock().unwrap().objects["/bkt/d/new"], "content");
    }
}
