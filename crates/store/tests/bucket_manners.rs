//! How a bucket is treated that lies, that is slow or asks for less, and what it is asked for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fake;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use syncplan_model::spec::{Addressing, ConditionalWrites, Provider};
use syncplan_model::{Digest, RelPath, Token};
use syncplan_store::{
    Enforcement, Guarded, Housekeeping as _, Listing, Metadata, MoveOptions, Part, PartialWrites as _,
    Precondition, Reach, S3Settings, Store, StoreError, StoreErrorKind, WriteOptions,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use self::fake::{Fake, reply};

fn path(path: &str) -> RelPath {
    RelPath::new(path).unwrap()
}

fn options(size: u64, precondition: Precondition) -> WriteOptions {
    WriteOptions { size, precondition, metadata: Metadata::default(), temporary: None }
}

async fn write(store: &dyn Store, to: &str, content: &str, if_: Precondition) -> Result<(), StoreError> {
    let chunks = futures::stream::iter([Ok(Bytes::copy_from_slice(content.as_bytes()))]).boxed();
    store.write(&path(to), chunks, options(content.len() as u64, if_)).await.map(|_| ())
}

/// What stands under each key of a server that takes every condition and honours none.
type Objects = Arc<Mutex<BTreeMap<String, String>>>;

fn etag(content: &str) -> String {
    Digest::of(content.as_bytes()).to_string().replace(':', "")
}

/// Whatever was asked, it says that it was done, and does it.
fn lie(objects: &Objects, head: &str, body: &[u8]) -> String {
    let mut objects = objects.lock().unwrap();
    let mut words = head.split(' ');
    let (method, key) = (words.next().unwrap(), words.next().unwrap().to_owned());
    let source = head.lines().find_map(|line| line.strip_prefix("x-amz-copy-source: "));
    match (method, source) {
        ("PUT", Some(source)) => {
            let copied = objects.get(source).cloned().unwrap_or_default();
            let etag = etag(&copied);
            // Somebody edits the source at this very moment.
            objects.insert(source.to_owned(), "edited".to_owned());
            objects.insert(key, copied);
            reply("200 OK", "", &format!("<CopyObjectResult><ETag>{etag}</ETag></CopyObjectResult>"))
        }
        ("PUT", None) => {
            let content = String::from_utf8(body.to_vec()).unwrap();
            let etag = etag(&content);
            objects.insert(key, content);
            reply("200 OK", &format!("etag: \"{etag}\"\r\n"), "")
        }
        ("DELETE", _) => {
            objects.remove(&key);
            reply("204 No Content", "", "")
        }
        _ => match objects.get(&key) {
            Some(content) => format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\netag: \"{}\"\r\n\r\n",
                content.len(),
                etag(content)
            ),
            None => reply("404 Not Found", "", ""),
        },
    }
}

#[tokio::test]
async fn a_server_that_lies_about_conditions_is_looked_at_before_each_step() {
    let objects = Objects::default();
    let kept = Arc::clone(&objects);
    let fake = Fake::start_reading(move |head, body, _| lie(&kept, head, body)).await;
    let store = fake.store();
    write(&store, "a", "first", Precondition::Absent).await.unwrap();
    for operation in [Guarded::Create, Guarded::Replace, Guarded::Delete, Guarded::Copy, Guarded::Rename] {
        assert_eq!(store.enforcement(operation), Enforcement::Checked, "{operation:?}");
    }
    let other = Token::new(etag("other"));
    let refused = |result: Result<(), StoreError>, kind| {
        assert_eq!(result.unwrap_err().kind, kind);
        assert_eq!(objects.lock().unwrap().get("/bkt/a").map(String::as_str), Some("first"));
    };
    refused(write(&store, "a", "second", Precondition::Absent).await, StoreErrorKind::Precondition);
    refused(write(&store, "a", "x", Precondition::Token(other.clone())).await, StoreErrorKind::Precondition);
    refused(store.delete(&path("a"), Some(&other)).await, StoreErrorKind::Precondition);
    let to = |expect: &Token| MoveOptions {
        expect: Some(expect.clone()),
        precondition: Precondition::Absent,
        temporary: None,
    };
    refused(store.copy(&path("a"), &path("b"), to(&other)).await.map(|_| ()), StoreErrorKind::Precondition);
    // What was copied is not what stands there a moment later: a move must not remove that.
    let moved = store.rename(&path("a"), &path("b"), to(&Token::new(etag("first")))).await;
    assert_eq!(moved.unwrap_err().kind, StoreErrorKind::Changed);
    assert_eq!(objects.lock().unwrap().get("/bkt/a").map(String::as_str), Some("edited"));
}

#[tokio::test]
async fn a_server_that_asks_for_a_pause_is_not_asked_again() {
    for (header, pause) in [
        ("retry-after: 7\r\n", Some(Duration::from_secs(7))),
        ("retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n", Some(Duration::ZERO)),
    ] {
        let fake = Fake::start(move |_, _| reply("503 Slow Down", header, "")).await;
        let error = fake.store().read(&path("x"), None, None).await.map(|_| ()).unwrap_err();
        assert_eq!((error.kind, error.pause(), fake.requests()), (StoreErrorKind::Throttled, pause, 1));
    }
    // Once, quietly, where it does not.
    let fake = Fake::start(|_, number| match number {
        1 => reply("429 Too Many Requests", "", ""),
        _ => reply("200 OK", "etag: \"e\"\r\n", "content"),
    })
    .await;
    assert!(fake.store().read(&path("x"), None, None).await.is_ok());
}

/// Those who look, and who keep our own objects, have nobody behind them who tries again.
#[tokio::test]
async fn what_is_no_transfer_waits_for_a_busy_server() {
    let busy = async || {
        Fake::start(|_, number| match number {
            1 | 2 => reply("429 Too Many Requests", "retry-after: 0\r\n", ""),
            _ => reply("200 OK", "etag: \"e\"\r\n", "content"),
        })
        .await
    };
    let mark = path(".syncplan/base/x");
    assert!(busy().await.store().stat(&path("x")).await.unwrap().is_some());
    assert!(busy().await.store().read(&mark, None, None).await.is_ok());
    busy().await.store().delete(&mark, None).await.unwrap();
    let off = busy().await;
    let store = off.store_with(|settings| settings.conditional_writes = ConditionalWrites::Off);
    write(&store, ".syncplan/base/x", "1", Precondition::Any).await.unwrap();
    busy().await.store().probe().await.unwrap();
}

#[tokio::test]
async fn a_page_of_a_listing_is_asked_for_until_it_comes() {
    let fake = Fake::start(|_, number| match number {
        1 | 2 => reply("503 Slow Down", "retry-after: 0\r\n", ""),
        _ => reply("200 OK", "", "<ListBucketResult></ListBucketResult>"),
    })
    .await;
    let store = fake.store();
    let Listing::Flat(listing) = store.listing() else { panic!("it is flat") };
    assert!(listing.list(None).try_collect::<Vec<_>>().await.is_ok());
    assert_eq!(fake.requests(), 3);
}

#[tokio::test]
async fn whoever_asks_if_it_is_there_is_answered_at_once() {
    let busy = Fake::start(|_, _| reply("503 Slow Down", "", "")).await;
    assert_eq!(busy.store().check().await.unwrap_err().kind, StoreErrorKind::Throttled);
    assert_eq!(busy.requests(), 1);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (address, kind) in
        [(gone, StoreErrorKind::Unreachable), (silent.local_addr().unwrap(), StoreErrorKind::Transient)]
    {
        let start = Instant::now();
        let store = busy.store_with(|settings| {
            settings.endpoint = Some(format!("http://{address}"));
            settings.reach.timeout = Duration::from_secs(1);
        });
        assert_eq!(store.check().await.unwrap_err().kind, kind);
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    }
}

/// A server that takes an upload in small sips, and takes much longer for it than it may keep silent.
#[tokio::test]
async fn an_upload_may_be_slow_as_long_as_it_goes_on() {
    const SIPS: u32 = 15;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut read, mut sip) = (0, vec![0; 1 << 20]);
        while read < 10 << 20 {
            tokio::time::sleep(Duration::from_secs(3) / SIPS).await;
            read += stream.read(&mut sip).await.unwrap();
        }
        stream.write_all(reply("200 OK", "etag: \"e\"\r\n", "").as_bytes()).await.unwrap();
    });
    let settings = S3Settings {
        endpoint: Some(endpoint),
        reach: Reach { timeout: Duration::from_secs(1), retries: 0, ..Reach::default() },
        conditional_writes: ConditionalWrites::Off,
        ..S3Settings::new(Provider::Other, "bkt")
    };
    let store = syncplan_store::S3Store::open(&settings, "bucket".to_owned()).unwrap();
    // Nobody looks at one of our own before.
    write(&store, ".syncplan/x", &"x".repeat(10 << 20), Precondition::Any).await.unwrap();
}

#[tokio::test]
async fn content_goes_with_the_checksum_that_the_provider_knows() {
    for (provider, wanted, announced) in [
        (Provider::Minio, Some("x-amz-checksum-crc32c: lA8asQ=="), true),
        (Provider::Qiniu, Some("content-md5: gx9U3GSUoXNU1agyF+4wNQ=="), false),
        (Provider::Backblaze, None, false),
    ] {
        let fake = Fake::start(|head, _| match head.split(' ').next() {
            Some("HEAD") => reply("404 Not Found", "", ""),
            Some("POST") => reply("200 OK", "", "<R><UploadId>u</UploadId></R>"),
            _ => reply("200 OK", "etag: \"e\"\r\n", ""),
        })
        .await;
        let store = fake.store_with(|settings| {
            settings.provider = provider;
            settings.addressing = Some(Addressing::PathStyle);
        });
        write(&store, "x", "syncplan", Precondition::Any).await.unwrap();
        let draft = store.begin(&path("x"), &options(20 << 20, Precondition::Any)).await.unwrap();
        let part = Part { number: 0, offset: 0 };
        store.put(&path("x"), &draft, part, Bytes::from_static(b"syncplan")).await.unwrap();
        let heads = fake.heads.lock().unwrap();
        let of_x = heads.iter().filter(|head| head.starts_with("PUT /bkt/x"));
        for head in of_x {
            match wanted {
                Some(wanted) => assert!(head.contains(wanted), "{head}"),
                None => assert!(!head.contains("checksum") && !head.contains("md5"), "{head}"),
            }
        }
        let begun = heads.iter().find(|head| head.starts_with("POST /bkt/x?uploads")).unwrap();
        assert_eq!(begun.contains("x-amz-checksum-algorithm: CRC32C"), announced, "{begun}");
    }
}

const HUGE: u64 = (6 << 30) + 1;

/// A server with one object that is longer than it copies in one step.
///
/// Somebody edits that object once it was asked for `edited_after` times.
async fn server_with_a_huge_object(refused_part: Option<u32>, edited_after: u32) -> Fake {
    let asked = AtomicU32::new(0);
    Fake::start(move |head, _| {
        let request = head.lines().next().unwrap();
        let object = |etag: &str, key: &str| {
            format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {HUGE}\r\netag: \"{etag}\"\r\n\
                 x-amz-meta-mtime: 5\r\nx-amz-meta-colour: {key}\r\ncontent-type: text/odd\r\n\r\n"
            )
        };
        let refused = refused_part.is_some_and(|part| request.contains(&format!("partNumber={part}&")));
        match request.split(' ').next().unwrap() {
            "HEAD" if request.contains("/from") => {
                let edited = asked.fetch_add(1, Ordering::SeqCst) >= edited_after;
                object(if edited { "f" } else { "e" }, "blue")
            }
            "HEAD" => object("copied-49", "blue"),
            "POST" if request.contains("uploads=") => reply("200 OK", "", "<R><UploadId>u</UploadId></R>"),
            "POST" => reply("200 OK", "", "<R><ETag>copied-49</ETag></R>"),
            "PUT" if refused => reply("412 Precondition Failed", "", ""),
            "PUT" => reply("200 OK", "", "<CopyPartResult><ETag>\"p\"</ETag></CopyPartResult>"),
            _ => reply("204 No Content", "", ""),
        }
    })
    .await
}

#[tokio::test]
async fn an_object_of_more_than_5_gib_is_copied_part_by_part() {
    let fake = server_with_a_huge_object(None, u32::MAX).await;
    let any = MoveOptions { expect: None, precondition: Precondition::Any, temporary: None };
    let copied = fake.store().copy(&path("from"), &path("to"), any).await.unwrap();
    assert_eq!((copied.size, copied.token), (HUGE, Some(Token::new("copied-49"))));
    let heads = fake.heads.lock().unwrap();
    let begun = heads.iter().find(|head| head.starts_with("POST /bkt/to?uploads")).unwrap();
    for kept in ["x-amz-meta-mtime: 5", "x-amz-meta-colour: blue", "content-type: text/odd"] {
        assert!(begun.contains(kept), "{begun}");
    }
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for head in heads.iter().filter(|head| head.starts_with("PUT /bkt/to")) {
        assert!(head.contains("x-amz-copy-source: /bkt/from\r\n"), "{head}");
        assert!(head.contains("x-amz-copy-source-if-match: \"e\"\r\n"), "{head}");
        let range =
            head.lines().find_map(|line| line.strip_prefix("x-amz-copy-source-range: bytes=")).unwrap();
        let (start, end) = range.split_once('-').unwrap();
        ranges.push((start.parse().unwrap(), end.parse::<u64>().unwrap() + 1));
    }
    ranges.sort_unstable();
    assert_eq!((ranges.first().unwrap().0, ranges.last().unwrap().1), (0, HUGE));
    assert!(ranges.windows(2).all(|pair| pair[0].1 == pair[1].0), "{ranges:?}");
    assert!(heads.last().unwrap().starts_with("HEAD /bkt/to"));
}

#[tokio::test]
async fn a_server_that_takes_a_copied_part_for_an_empty_one_is_not_believed() {
    let fake = Fake::start(|head, _| match head.split(' ').next() {
        Some("HEAD") => {
            format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {HUGE}\r\netag: \"e\"\r\n\r\n")
        }
        Some("POST") => reply("200 OK", "", "<R><UploadId>u</UploadId></R>"),
        _ => reply("200 OK", "etag: \"empty\"\r\n", ""),
    })
    .await;
    let any = MoveOptions { expect: None, precondition: Precondition::Any, temporary: None };
    let error = fake.store().copy(&path("from"), &path("to"), any).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unsupported);
    assert!(fake.heads.lock().unwrap().iter().all(|head| !head.starts_with("POST /bkt/to?uploadId")));
}

#[tokio::test]
async fn parts_of_two_objects_are_never_copied_into_one() {
    // A server that holds the condition, and one that does not.
    for (fake, kind, aborts) in [
        (server_with_a_huge_object(Some(7), u32::MAX).await, StoreErrorKind::Precondition, 1),
        (server_with_a_huge_object(None, 2).await, StoreErrorKind::Changed, 1),
        (server_with_a_huge_object(None, 1).await, StoreErrorKind::Changed, 0),
    ] {
        let any = MoveOptions { expect: None, precondition: Precondition::Any, temporary: None };
        let error = fake.store().copy(&path("from"), &path("to"), any).await.unwrap_err();
        assert_eq!(error.kind, kind);
        let heads = fake.heads.lock().unwrap();
        let sent = |request: &str| heads.iter().filter(|head| head.starts_with(request)).count();
        assert_eq!(sent("POST /bkt/to?uploadId"), 0, "it was completed");
        assert_eq!(sent("DELETE /bkt/to?uploadId=u "), aborts);
    }
}

#[tokio::test]
async fn a_finished_upload_whose_answer_was_lost_is_settled() {
    let content = vec![b'x'; 20 << 20];
    let digest = Digest::of(&content);
    for arrived in [true, false] {
        let completions = Mutex::new(0);
        let name = if arrived { digest } else { Digest::of(b"another") };
        let hint = format!("{name}-{}", content.len()).replace(':', "-");
        let fake = Fake::start(move |head, _| {
            let mut completions = completions.lock().unwrap();
            if head.starts_with("HEAD") {
                return format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\netag: \"e\"\r\n\
                     x-amz-meta-syncplan-b3: {hint}\r\n\r\n",
                    20 << 20
                );
            }
            if head.starts_with("POST") && head.contains("uploadId=u") {
                *completions += 1;
                // It is completed, and the connection closes without a word.
                return if *completions == 1 {
                    String::new()
                } else {
                    reply("404 Not Found", "", "<Error><Code>NoSuchUpload</Code></Error>")
                };
            }
            reply("200 OK", "etag: \"e\"\r\n", "<R><UploadId>u</UploadId></R>")
        })
        .await;
        let store = fake.store();
        let metadata = Metadata { digest: Some(digest), ..Metadata::default() };
        let options = WriteOptions { metadata, ..options(content.len() as u64, Precondition::Any) };
        let draft = store.begin(&path("x"), &options).await.unwrap();
        let tags = ["\"e\"", "\"e\"", "\"e\""].map(str::to_owned);
        let finished = store.finish(&path("x"), &draft, &tags, &options).await;
        match finished {
            Ok(facts) => assert!(arrived && facts.digest == Some(digest)),
            Err(error) => assert!(!arrived && error.kind == StoreErrorKind::NotFound, "{error}"),
        }
    }
}

#[tokio::test]
async fn long_lists_of_parts_and_uploads_come_in_pages() {
    let fake = Fake::start(|head, _| {
        let request = head.lines().next().unwrap();
        let part =
            |number| format!("<Part><PartNumber>{number}</PartNumber><ETag>e</ETag><Size>9</Size></Part>");
        let upload = |key, id| format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId></Upload>");
        let body = match request {
            _ if request.contains("part-number-marker=2") => {
                format!("<ListPartsResult>{}</ListPartsResult>", part(5))
            }
            _ if request.contains("uploadId") => format!(
                "<ListPartsResult><IsTruncated>true</IsTruncated>{}{}</ListPartsResult>",
                part(1),
                part(2)
            ),
            _ if request.contains("key-marker=mine%2Fa%20b&upload-id-marker=1") => format!(
                "<ListMultipartUploadsResult>{}{}</ListMultipartUploadsResult>",
                upload("mine/c", "2"),
                upload("theirs/d", "3")
            ),
            _ => format!(
                "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>\
                 <NextKeyMarker>mine%2Fa+b</NextKeyMarker><NextUploadIdMarker>1</NextUploadIdMarker>{}\
                 </ListMultipartUploadsResult>",
                upload("mine%2Fa+b", "1")
            ),
        };
        reply("200 OK", "", &body)
    })
    .await;
    let store = fake.store_with(|settings| settings.prefix = Some(path("mine")));
    let parts = store.parts(&path("x"), "u").await.unwrap().unwrap();
    let numbers: Vec<_> = parts.iter().map(|part| (part.number, part.size)).collect();
    assert_eq!(numbers, [(0, 9), (1, 9), (4, 9)]);
    let drafts = store.drafts().await.unwrap();
    let found: Vec<_> = drafts.iter().map(|it| (it.path.to_string(), it.draft.as_str())).collect();
    assert_eq!(found, [("a b".to_owned(), "1"), ("c".to_owned(), "2")]);
}
