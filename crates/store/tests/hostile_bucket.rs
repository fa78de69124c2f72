//! A server that sends whatever it likes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fake;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _};
use syncplan_model::RelPath;
use syncplan_model::spec::{Addressing, ConditionalWrites, Provider};
use syncplan_store::{
    Batch, Listing, Metadata, Precondition, S3Store, Store, StoreError, StoreErrorKind, WriteOptions,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use self::fake::{Fake, reply};

fn page(keys: &[String], next: Option<&str>) -> String {
    let mut xml = String::from("<ListBucketResult><EncodingType>url</EncodingType>");
    if let Some(next) = next {
        xml +=
            &format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{next}</NextContinuationToken>");
    }
    for key in keys {
        let size = usize::from(!key.ends_with('/'));
        xml += &format!("<Contents><Key>{key}</Key><Size>{size}</Size><ETag>&quot;e&quot;</ETag></Contents>");
    }
    reply("200 OK", "", &(xml + "</ListBucketResult>"))
}

fn encode(key: &[u8]) -> String {
    key.iter().map(|byte| format!("%{byte:02X}")).collect()
}

async fn list(store: &S3Store) -> Result<Batch, StoreError> {
    let Listing::Flat(listing) = store.listing() else { panic!("it is flat") };
    let batches: Vec<Batch> = listing.list(None).try_collect().await?;
    let mut all = Batch::default();
    for batch in batches {
        all.entries.extend(batch.entries);
        all.rejected.extend(batch.rejected);
    }
    Ok(all)
}

#[tokio::test]
async fn hostile_keys_are_reported_and_the_others_listed() {
    let long = vec![b'k'; 5000];
    // 1024 bytes, in names of 255 bytes at most.
    let longest = [[b'n'; 255].as_slice(); 4].join(&b'/');
    let hostile: &[&[u8]] = &[
        b"..",
        b"x/..",
        b"../m",
        b"data/../../../.bashrc",
        b"a/../../b",
        b"/etc/x",
        b"//x",
        b"a//b",
        b".",
        b"./x",
        b"a/../m",
        b"//srv/s",
        b"a/./b",
        b"nul\0byte",
        b"\0",
        b"not-utf8-\xff",
        b"marker-with-content/x/",
        &long,
    ];
    let harmless: &[&[u8]] = &[
        br"a\..\b",
        b"C:x",
        br"\\srv\s",
        b"NUL",
        b"aux.c",
        b"x.",
        b"x:ads",
        b"%2e%2e/x",
        b"..%2fx",
        b"%2e%2e%2fx",
        "．．/x".as_bytes(),
        "․․/x".as_bytes(),
        b"~",
        b"com1",
        b"...",
        "\u{85}\u{9b}".as_bytes(),
        "‘quoted’".as_bytes(),
        &longest,
        b"dir",
        b"\x1b]0;x\x07",
        b"\x1b[2K\r",
        "\u{202e}gpj".as_bytes(),
        b";id",
        b"$(id)",
        b"-rf",
        b"--host=evil",
        b"new\nline",
    ];
    let ours: &[&[u8]] = &[b".syncplan/state", b"a/.syncplan-tmp-1-1", b"dir/"];
    let mut keys: Vec<&[u8]> = [hostile, harmless, ours].concat();
    keys.sort_unstable();
    let keys: Vec<String> =
        keys.into_iter().map(|key| if key == b"dir/" { "dir/".to_owned() } else { encode(key) }).collect();
    let fake = Fake::start(move |_, _| page(&keys, None)).await;
    let found = list(&fake.store()).await.unwrap();
    let mut rejected: Vec<_> = found.rejected.iter().map(|rejected| rejected.name.as_slice()).collect();
    let mut wanted = hostile.to_vec();
    rejected.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(rejected, wanted);
    let listed: Vec<_> = found.entries.iter().map(|entry| entry.path.as_bytes()).collect();
    let mut wanted = harmless.to_vec();
    wanted.sort_unstable();
    assert_eq!(listed, wanted);
}

#[tokio::test]
async fn listings_without_end_or_order_end_with_an_error() {
    let endless = Fake::start(|_, number| page(&[], Some(&format!("token{number}")))).await;
    let repeating = Fake::start(|_, _| page(&["a".to_owned()], Some("again"))).await;
    let unsorted = Fake::start(|_, _| page(&["b".to_owned(), "a".to_owned()], None)).await;
    let outside = Fake::start(|_, _| page(&["other/a".to_owned()], None)).await;
    let truncated = Fake::start(|_, _| reply("200 OK", "", "<ListBucketResult><Contents><Key>a</Key>")).await;
    let html = Fake::start(|_, _| reply("200 OK", "", "<html>log in first</html>")).await;
    let disordered = [&endless, &repeating, &unsorted].map(|fake| (fake, StoreErrorKind::Disordered));
    let broken = [&truncated, &html].map(|fake| (fake, StoreErrorKind::Other));
    for (fake, kind) in disordered.into_iter().chain(broken) {
        let error = list(&fake.store()).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(fake.requests() < 200, "{} requests", fake.requests());
    }
    let below = outside.store_with(|settings| settings.prefix = Some(RelPath::new("mine").unwrap()));
    assert!(list(&below).await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn redirects_are_not_followed_and_nothing_shows_a_secret() {
    let elsewhere = Fake::start(|_, _| page(&[], None)).await;
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let target = elsewhere.url.clone();
        let fake = Fake::start(move |_, _| reply(status, &format!("location: {target}/bkt\r\n"), "")).await;
        let (store, path) = (
            fake.store_with(|it| it.conditional_writes = ConditionalWrites::Off),
            RelPath::new("x").unwrap(),
        );
        let content = || futures::stream::iter([Ok("x".into())]).boxed();
        let options = WriteOptions {
            size: 1,
            precondition: Precondition::Absent,
            metadata: Metadata::default(),
            temporary: None,
        };
        for error in [
            store.check().await.unwrap_err(),
            list(&store).await.unwrap_err(),
            store.stat(&path).await.unwrap_err(),
            store.read(&path, None, None).await.map(|_| ()).unwrap_err(),
            store.write(&path, content(), options).await.unwrap_err(),
            store.delete(&path, None).await.unwrap_err(),
        ] {
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("redirects are not followed"), "{status}: {error} {source}");
            let text = format!("{error:?} {error} {source}");
            assert!(!text.contains("canary"), "{text}");
        }
        assert!(!fake.heads.lock().unwrap().concat().contains("canary-secret"));
    }
    assert_eq!(elsewhere.requests(), 0);
}

/// A server that never comes to an end: of the headers, or of what follows them.
async fn endless(start: &'static str, more: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(start.as_bytes()).await;
            while stream.write_all(more.as_bytes()).await.is_ok() {}
        }
    });
    url
}

#[tokio::test]
async fn answers_without_end_end_with_an_error() {
    let (ok, chunked) = ("HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    let any = Fake::start(|_, _| String::new()).await;
    let keys = "<Contents><Key>k</Key></Contents>".repeat(0x8000 / 33);
    for (start, more) in [
        (ok, "x-more: and more\r\n".repeat(1000)),
        (ok, "x".repeat(10_000)),
        (chunked, format!("{:x}\r\n{keys}\r\n", keys.len())),
    ] {
        let url = endless(start, more).await;
        let store = any.store_with(|it| (it.endpoint, it.reach.retries) = (Some(url), 0));
        let begun = Instant::now();
        assert!(list(&store).await.is_err());
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn older_listings_go_on_from_the_last_key() {
    let fake = Fake::start(|head, _| {
        assert!(!head.contains("list-type"), "{head}");
        let truncated = |keys: &[&str], more| {
            let keys: String = keys
                .iter()
                .map(|key| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>"))
                .collect();
            reply(
                "200 OK",
                "",
                &format!("<ListBucketResult><IsTruncated>{more}</IsTruncated>{keys}</ListBucketResult>"),
            )
        };
        match head.contains("marker=b&") || head.contains("marker=b ") {
            true => truncated(&["c"], false),
            false => truncated(&["a", "b"], true),
        }
    })
    .await;
    for (provider, encoded) in [(Provider::Tencent, true), (Provider::Huawei, false)] {
        let before = fake.requests();
        let store = fake.store_with(|settings| {
            (settings.provider, settings.addressing) = (provider, Some(Addressing::PathStyle));
        });
        let found = list(&store).await.unwrap();
        assert_eq!(found.entries.iter().map(|it| it.path.to_string()).collect::<Vec<_>>(), ["a", "b", "c"]);
        for head in &fake.heads.lock().unwrap()[before..] {
            assert_eq!(head.contains("encoding-type=url"), encoded, "{head}");
        }
    }
}

#[tokio::test]
async fn errors_say_what_kind_they_are() {
    for (status, code, kind, requests) in [
        ("404 Not Found", "NoSuchBucket", StoreErrorKind::NoStore, 1),
        ("403 Forbidden", "SignatureDoesNotMatch", StoreErrorKind::Denied, 1),
        ("403 Forbidden", "InvalidAccessKeyId", StoreErrorKind::Denied, 1),
        ("400 Bad Request", "ExpiredToken", StoreErrorKind::Denied, 1),
        ("503 Slow Down", "SlowDown", StoreErrorKind::Throttled, 2),
        ("500 Internal Server Error", "InternalError", StoreErrorKind::Transient, 3),
        ("429 Too Many Requests", "", StoreErrorKind::Throttled, 2),
        ("409 Conflict", "ConditionalRequestConflict", StoreErrorKind::Transient, 3),
        ("409 Conflict", "OperationAborted", StoreErrorKind::Transient, 3),
        ("400 Bad Request", "BadDigest", StoreErrorKind::Transient, 3),
        ("501 Not Implemented", "NotImplemented", StoreErrorKind::Unsupported, 1),
    ] {
        let body = format!(
            "<Error><Code>{code}</Code><Message>m\u{1b}[2K</Message><StringToSign>x</StringToSign></Error>"
        );
        let fake = Fake::start(move |_, _| reply(status, "", &body)).await;
        let read = fake.store().read(&RelPath::new("x").unwrap(), None, None).await;
        let error = read.map(|_| ()).unwrap_err();
        assert_eq!((error.kind, fake.requests()), (kind, requests), "{code}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(!cause.contains('\u{1b}') && !cause.contains("StringToSign"), "{cause}");
    }
}

#[tokio::test]
async fn nobody_there_is_known_soon() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let fake = Fake::start(|_, _| String::new()).await;
    let start = Instant::now();
    let store = fake.store_with(|settings| (settings.endpoint, settings.reach.retries) = (Some(closed), 5));
    assert_eq!(store.check().await.unwrap_err().kind, StoreErrorKind::Unreachable);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_body_that_breaks_off_is_taken_up_again() {
    let fake = Fake::start(|head, number| {
        let whole = "0123456789";
        if number == 1 {
            let broken = &whole[..4];
            return format!("HTTP/1.1 200 OK\r\ncontent-length: 10\r\netag: \"e\"\r\n\r\n{broken}");
        }
        assert!(head.contains("range: bytes=4-9") && head.contains("if-match: \"e\""), "{head}");
        reply("206 Partial Content", "etag: \"e\"\r\ncontent-range: bytes 4-9/10\r\n", &whole[4..])
    })
    .await;
    let store = fake.store();
    let content = store.read(&RelPath::new("x").unwrap(), None, None).await.unwrap();
    let chunks: Vec<_> = content.try_collect().await.unwrap();
    assert_eq!(chunks.concat(), b"0123456789");
}

#[tokio::test]
async fn a_body_that_changed_before_it_was_taken_up_again_is_an_error() {
    let fake = Fake::start(|_, number| match number {
        1 => "HTTP/1.1 200 OK\r\ncontent-length: 10\r\netag: \"e\"\r\n\r\n0123".to_owned(),
        _ => reply("206 Partial Content", "etag: \"f\"\r\ncontent-range: bytes 4-9/10\r\n", "abcdef"),
    })
    .await;
    let content = fake.store().read(&RelPath::new("x").unwrap(), None, None).await.unwrap();
    let error = content.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Changed);
}

#[tokio::test]
async fn a_store_that_must_honour_conditions_and_does_not_is_not_written() {
    let fake = Fake::start(|_, _| reply("200 OK", "etag: \"e\"\r\n", "")).await;
    let store = fake.store_with(|settings| settings.conditional_writes = ConditionalWrites::Require);
    let options = WriteOptions {
        size: 1,
        precondition: Precondition::Any,
        metadata: Metadata::default(),
        temporary: None,
    };
    let content = futures::stream::iter([Ok("x".into())]).boxed();
    let error = store.write(&RelPath::new("x").unwrap(), content, options).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unsupported);
    assert!(fake.heads.lock().unwrap().iter().all(|head| head.contains("/bkt/.syncplan/probe-")));
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_no_conflict() {
    let digest = syncplan_model::Digest::of(b"x");
    let metadata =
        format!("x-amz-meta-syncplan-b3: {}-1\r\netag: \"e\"\r\n", digest.to_string().replace(':', "-"));
    let puts = Mutex::new(0);
    let fake = Fake::start(move |head, _| {
        let refused = || reply("412 Precondition Failed", "", "");
        if head.contains("probe-") {
            return if head.contains("if-") { refused() } else { reply("200 OK", "etag: \"p\"\r\n", "") };
        }
        if head.starts_with("HEAD") {
            return format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n{metadata}\r\n");
        }
        let mut puts = puts.lock().unwrap();
        *puts += 1;
        // It is stored, and the connection closes without a word.
        if *puts == 1 { String::new() } else { refused() }
    })
    .await;
    let options = WriteOptions {
        size: 1,
        precondition: Precondition::Absent,
        metadata: Metadata { digest: Some(digest), ..Metadata::default() },
        temporary: None,
    };
    let content = futures::stream::iter([Ok("x".into())]).boxed();
    let facts = fake.store().write(&RelPath::new("x").unwrap(), content, options).await.unwrap();
    assert_eq!(facts.digest, Some(digest));
}
