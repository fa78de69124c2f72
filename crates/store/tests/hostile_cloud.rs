//! Servers for Azure and Google Cloud Storage that send whatever they like.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "the other buckets' tests use the rest")]
mod fake;

use std::sync::Mutex;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use syncplan_model::{Digest, Mtime, RelPath, Token};
use syncplan_store::{
    AzureCredentials, AzureSettings, AzureStore, Batch, GcsSettings, GcsStore, Listing, Metadata,
    MoveOptions, Precondition, Reach, Store, StoreError, StoreErrorKind, WriteOptions,
};

use self::fake::{Fake, reply};

/// Keys that no store may take for paths, and keys that only look bad; all of them UTF-8.
const HOSTILE: &[&str] = &[
    "..",
    "x/..",
    "../m",
    "data/../../../.bashrc",
    "a/../../b",
    "/etc/x",
    "//x",
    "a//b",
    ".",
    "./x",
    "nul\0byte",
    "marker-with-content/x/",
];
const HARMLESS: &[&str] = &[
    "C:x",
    "NUL",
    "aux.c",
    "x:ads",
    "%2e%2e/x",
    "．．/x",
    "dir",
    "\u{202e}gpj",
    ";id",
    "$(id)",
    "-rf",
    "--host=evil",
];
/// Names that Azure would take for others, and has not.
const MISTAKEN: &[&str] = &[r"a\..\b", r"\\srv\s", "x.", "\u{1b}]0;x\u{7}", "\u{1b}[2K\r"];
/// What is not listed at all.
const OURS: &[&str] = &[".syncplan/state", "a/.syncplan-tmp-1-1", "dir/"];

fn reach() -> Reach {
    Reach { retries: 2, timeout: Duration::from_secs(5), ..Reach::default() }
}

fn azure(fake: &Fake) -> AzureStore {
    let settings = AzureSettings {
        endpoint: Some(fake.url.clone()),
        credentials: Some(AzureCredentials::SasToken("?sv=1&sp=rwdl&sig=canary%2Bsecret".into())),
        reach: reach(),
        ..AzureSettings::new("acc", "box")
    };
    AzureStore::open(&settings, "container".to_owned()).unwrap()
}

fn gcs(fake: &Fake) -> GcsStore {
    let settings =
        GcsSettings { endpoint: Some(fake.url.clone()), reach: reach(), ..GcsSettings::new("bkt") };
    GcsStore::open(&settings, "bucket".to_owned()).unwrap()
}

fn azure_page(names: &[&str], next: &str) -> String {
    let mut xml = String::from("<?xml version=\"1.0\"?><EnumerationResults><Blobs>");
    for name in names {
        let size = usize::from(!name.ends_with('/') || name.contains("content"));
        let name: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        xml += &format!(
            "<Blob><Name Encoded=\"true\">{name}</Name><Properties><Etag>0x1</Etag>\
             <Content-Length>{size}</Content-Length></Properties></Blob>"
        );
    }
    reply("200 OK", "", &format!("{xml}</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>"))
}

fn gcs_page(names: &[&str], next: &str) -> String {
    let object = |name: &&str| {
        let size = usize::from(!name.ends_with('/') || name.contains("content"));
        let name: String = name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        format!(r#"{{"name":"{name}","size":"{size}","generation":"1","metageneration":"1"}}"#)
    };
    let items: Vec<_> = names.iter().map(object).collect();
    let next = if next.is_empty() { String::new() } else { format!(r#","nextPageToken":"{next}""#) };
    reply("200 OK", "", &format!(r#"{{"kind":"storage#objects","items":[{}]{next}}}"#, items.join(",")))
}

async fn list(store: &dyn Store) -> Result<Batch, StoreError> {
    let Listing::Flat(listing) = store.listing() else { panic!("it is flat") };
    let batches: Vec<Batch> = listing.list(None).try_collect().await?;
    let mut all = Batch::default();
    for batch in batches {
        all.entries.extend(batch.entries);
        all.rejected.extend(batch.rejected);
    }
    Ok(all)
}

fn sorted(lists: &[&[&'static str]]) -> Vec<&'static str> {
    let mut all = lists.concat();
    all.sort_unstable();
    all
}

async fn assert_sorted_out(store: &dyn Store, harmless: &[&str], hostile: &[&str]) {
    let found = list(store).await.unwrap();
    let listed: Vec<_> = found.entries.iter().map(|entry| entry.path.as_str().unwrap()).collect();
    assert_eq!(listed, harmless);
    let mut rejected: Vec<_> =
        found.rejected.iter().map(|rejected| std::str::from_utf8(&rejected.name).unwrap()).collect();
    rejected.sort_unstable();
    assert_eq!(rejected, hostile);
}

#[tokio::test]
async fn hostile_keys_are_reported_and_the_others_listed() {
    let all = sorted(&[HOSTILE, HARMLESS, MISTAKEN, OURS]);
    let keys = all.clone();
    let fake = Fake::start(move |_, _| azure_page(&keys, "")).await;
    assert_sorted_out(&azure(&fake), &sorted(&[HARMLESS]), &sorted(&[HOSTILE, MISTAKEN])).await;

    let fake = Fake::start(move |_, _| gcs_page(&all, "")).await;
    // One of them has a line break.
    let (fine, broken) = MISTAKEN.split_at(4);
    assert_sorted_out(&gcs(&fake), &sorted(&[HARMLESS, fine]), &sorted(&[HOSTILE, broken])).await;
}

#[tokio::test]
async fn listings_without_end_or_order_end_with_an_error() {
    for page in [azure_page as fn(&[&str], &str) -> String, gcs_page] {
        let endless = Fake::start(move |_, number| page(&[], &format!("token{number}"))).await;
        let repeating = Fake::start(move |_, _| page(&["a"], "again")).await;
        let again = Fake::start(move |_, number| page(&["a"], &format!("token{number}"))).await;
        let unsorted = Fake::start(move |_, _| page(&["b", "a"], "")).await;
        let whole = page(&["a", "b"], "");
        let body = whole.split_once("\r\n\r\n").unwrap().1.to_owned();
        let half = Fake::start(move |_, _| reply("200 OK", "", &body[..body.len() - 5])).await;
        let html = Fake::start(|_, _| reply("200 OK", "", "<html>log in first</html>")).await;
        for fake in [&endless, &repeating, &again, &unsorted, &half, &html] {
            let stores: [Box<dyn Store>; 2] = [Box::new(azure(fake)), Box::new(gcs(fake))];
            for store in stores {
                let error = list(store.as_ref()).await.unwrap_err();
                let kinds = [StoreErrorKind::Other, StoreErrorKind::Disordered];
                assert!(kinds.contains(&error.kind), "{error}");
            }
            assert!(fake.requests() < 400, "{} requests", fake.requests());
        }
    }
}

#[tokio::test]
async fn redirects_are_not_followed_and_nothing_shows_a_secret() {
    let elsewhere = Fake::start(|_, _| azure_page(&[], "")).await;
    let target = elsewhere.url.clone();
    let fake =
        Fake::start(move |_, _| reply("307 Temporary Redirect", &format!("location: {target}/x\r\n"), ""))
            .await;
    let gone = Fake { url: "http://127.0.0.1:9".to_owned(), heads: Mutex::default().into() };
    let broken = Fake::start(|_, _| String::new()).await;
    for fake in [&fake, &gone, &broken] {
        let store = azure(fake);
        let path = RelPath::new("x").unwrap();
        for error in [store.check().await.unwrap_err(), store.stat(&path).await.unwrap_err()] {
            let mut text = format!("{error:?} {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                text += &format!(" {error} {error:?}");
                cause = error.source();
            }
            assert!(!text.contains("canary") && !text.contains("sig="), "{text}");
        }
        let gcs = gcs(fake);
        assert!(gcs.check().await.is_err());
    }
    assert_eq!(elsewhere.requests(), 0);
    assert!(fake.heads.lock().unwrap()[0].contains("sig=canary%2Bsecret"), "it has to prove who asks");
}

#[tokio::test]
async fn errors_say_what_kind_they_are() {
    for (status, code, kind, requests) in [
        ("404 Not Found", "ContainerNotFound", StoreErrorKind::NoStore, 1),
        ("403 Forbidden", "AuthenticationFailed", StoreErrorKind::Denied, 1),
        ("412 Precondition Failed", "LeaseIdMissing", StoreErrorKind::Denied, 1),
        ("412 Precondition Failed", "ConditionNotMet", StoreErrorKind::Precondition, 1),
        ("503 Server Busy", "ServerBusy", StoreErrorKind::Throttled, 2),
        ("500 Internal Server Error", "OperationTimedOut", StoreErrorKind::Transient, 3),
        ("400 Bad Request", "Md5Mismatch", StoreErrorKind::Transient, 3),
    ] {
        // A HEAD would have it only there.
        let header = format!("x-ms-error-code: {code}\r\n");
        let body = "<Error><Code>x</Code><Message>m\u{1b}[2K</Message><AuthenticationErrorDetail>canary\
                    </AuthenticationErrorDetail></Error>";
        let fake = Fake::start(move |_, _| reply(status, &header, body)).await;
        let error = azure(&fake).read(&RelPath::new("x").unwrap(), None, None).await.map(|_| ()).unwrap_err();
        assert_eq!((error.kind, fake.requests()), (kind, requests), "{code}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(!cause.contains('\u{1b}') && !cause.contains("canary") && cause.contains(code), "{cause}");
    }
    for (status, body, kind, requests) in [
        ("404 Not Found", "The specified bucket does not exist.", StoreErrorKind::NoStore, 1),
        ("404 Not Found", "No such object: bkt/x", StoreErrorKind::NotFound, 1),
        (
            "403 Forbidden",
            r#"{"error":{"errors":[{"reason":"forbidden"}],"message":"m"}}"#,
            StoreErrorKind::Denied,
            1,
        ),
        (
            "403 Forbidden",
            r#"{"error":{"errors":[{"reason":"rateLimitExceeded"}],"message":"m"}}"#,
            StoreErrorKind::Throttled,
            2,
        ),
        ("429 Too Many Requests", "", StoreErrorKind::Throttled, 2),
        ("503 Service Unavailable", "", StoreErrorKind::Throttled, 2),
        ("412 Precondition Failed", "", StoreErrorKind::Precondition, 1),
    ] {
        let fake = Fake::start(move |_, _| reply(status, "", body)).await;
        let error = gcs(&fake).read(&RelPath::new("x").unwrap(), None, None).await.map(|_| ()).unwrap_err();
        assert_eq!((error.kind, fake.requests()), (kind, requests), "{body}");
    }
}

fn options(precondition: Precondition) -> WriteOptions {
    let metadata = Metadata {
        mtime: Some(Mtime { seconds: 1_700_000_000, nanos: 0 }),
        digest: Some(Digest::of(b"x")),
        ..Metadata::default()
    };
    WriteOptions { size: 1, precondition, metadata, temporary: None }
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_no_conflict() {
    let digest = Digest::of(b"x").to_string().replace(':', "-");
    let headers = format!(
        "etag: \"0x1\"\r\nx-ms-meta-mtime: 2023-11-14T22:13:20Z\r\nx-ms-meta-syncplan_b3: {digest}-1\r\n"
    );
    let puts = Mutex::new(0);
    let fake = Fake::start(move |head, _| {
        if head.starts_with("HEAD") {
            return format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n{headers}\r\n");
        }
        let mut puts = puts.lock().unwrap();
        *puts += 1;
        // It is stored, and the connection closes without a word.
        if *puts == 1 {
            String::new()
        } else {
            reply("409 Conflict", "x-ms-error-code: BlobAlreadyExists\r\n", "")
        }
    })
    .await;
    let content = futures::stream::iter([Ok("x".into())]).boxed();
    let path = RelPath::new("x").unwrap();
    let facts = azure(&fake).write(&path, content, options(Precondition::Absent)).await.unwrap();
    assert_eq!((facts.digest, facts.token), (Some(Digest::of(b"x")), Some(Token::new("0x1"))));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_taken_up_again() {
    let fake = Fake::start(|head, number| {
        let headers = "etag: \"0x1\"\r\nx-goog-generation: 7\r\n";
        if number == 1 {
            return format!("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n{headers}\r\n0123");
        }
        let azure = head.contains("x-ms-range: bytes=4-9") && head.contains("if-match: \"0x1\"");
        let gcs = head.contains("range: bytes=4-9") && head.contains("ifGenerationMatch=7");
        // The third is the first of the other store's.
        if number == 3 {
            return format!("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n{headers}\r\n0123");
        }
        assert!(azure || gcs, "{head}");
        reply("206 Partial Content", &format!("{headers}content-range: bytes 4-9/10\r\n"), "456789")
    })
    .await;
    let path = RelPath::new("x").unwrap();
    let stores: [Box<dyn Store>; 2] = [Box::new(azure(&fake)), Box::new(gcs(&fake))];
    for store in stores {
        let chunks: Vec<_> = store.read(&path, None, None).await.unwrap().try_collect().await.unwrap();
        assert_eq!(chunks.concat(), b"0123456789");
    }
    assert_eq!(fake.requests(), 4);
}

/// Azure may put a copy off: until it is done there is nothing there that anybody could read.
#[tokio::test]
async fn a_copy_that_is_put_off_is_waited_for() {
    let glances = Mutex::new(0);
    let fake = Fake::start(move |head, _| {
        let blob =
            |more: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: 4\r\netag: \"0x1\"\r\n{more}\r\n");
        if head.starts_with("PUT") {
            assert!(
                head.contains("x-ms-source-if-match: \"0x1\"") && head.contains("if-none-match: *"),
                "{head}"
            );
            return reply(
                "202 Accepted",
                "etag: \"0x2\"\r\nx-ms-copy-id: c\r\nx-ms-copy-status: pending\r\n",
                "",
            );
        }
        if head.starts_with("HEAD /box/from") {
            return blob("");
        }
        let mut glances = glances.lock().unwrap();
        *glances += 1;
        blob(&format!(
            "x-ms-copy-id: c\r\nx-ms-copy-status: {}\r\n",
            ["", "pending", "success"][(*glances).min(2)]
        ))
    })
    .await;
    let (from, to) = (RelPath::new("from").unwrap(), RelPath::new("to").unwrap());
    let options = MoveOptions { expect: None, precondition: Precondition::Absent, temporary: None };
    let copied = azure(&fake).copy(&from, &to, options).await.unwrap();
    assert_eq!((copied.size, fake.requests()), (4, 4));
}
