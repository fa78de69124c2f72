//! Servers of the web that lie, break off, and send elsewhere.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "what it does for buckets is not needed here")]
mod fake;

use std::error::Error as _;

use bytes::Bytes;
use fake::{Fake, reply};
use futures::{StreamExt as _, TryStreamExt as _};
use syncplan_model::{EntryKind, RelPath};
use syncplan_store::{
    Batch, HttpSettings, HttpStore, Listing, Metadata, Precondition, Reach, Store, StoreError,
    StoreErrorKind, WebdavCredentials, WebdavSettings, WebdavStore, WriteOptions,
};

fn webdav(url: &str) -> WebdavStore {
    let settings = WebdavSettings {
        credentials: Some(WebdavCredentials {
            user: "canary-user".to_owned(),
            password: "canary-password".into(),
        }),
        reach: Reach { retries: 2, ..Reach::default() },
        ..WebdavSettings::new(format!("{url}/dav"))
    };
    WebdavStore::open(&settings, "folder".to_owned()).unwrap()
}

fn site(url: &str) -> HttpStore {
    let settings = HttpSettings {
        bearer_token: Some("canary-token".into()),
        reach: Reach { retries: 2, ..Reach::default() },
        ..HttpSettings::new(format!("{url}/files"))
    };
    HttpStore::open(&settings, "site".to_owned()).unwrap()
}

async fn read_root(store: &dyn Store) -> Result<Batch, StoreError> {
    let Listing::Tree(listing) = store.listing() else { panic!("it is listed folder by folder") };
    listing.read_dir(None).await
}

fn chain(error: &StoreError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn multistatus(hrefs: &[&str]) -> String {
    let response = |href: &&str| {
        let kind = if href.ends_with("/dav/") { "<collection/>" } else { "" };
        format!(
            "<response><href>{href}</href><propstat><prop><resourcetype>{kind}</resourcetype>\
             <getcontentlength>3</getcontentlength><getetag>\"e\"</getetag></prop>\
             <status>HTTP/1.1 200 OK</status></propstat></response>"
        )
    };
    let all: String = hrefs.iter().map(response).collect();
    reply("207 Multi-Status", "", &format!("<multistatus xmlns=\"DAV:\">{all}</multistatus>"))
}

const HOSTILE: &[&str] = &[
    "/dav/..",
    "/dav/%2e%2e",
    "/dav/x/..",
    "/dav/../m",
    "/dav/data/../../../.bashrc",
    "/etc/x",
    "//x",
    "/dav//x",
    "/dav/.",
    "/dav/a%2f..%2fb",
    "/dav/n%00l",
    "/dav/%ff",
    "/dav/%zz",
    "https://evil.example/dav/a",
    "/",
    "/other/a",
    "/dav/a?b",
    "/dav/a/b",
];

#[tokio::test]
async fn strange_names_spoil_nothing() {
    let fake = Fake::start(|_, _| {
        let mut hrefs = vec!["/dav/", "/dav/good", "/dav/.syncplan", "/dav/.syncplan-tmp-1"];
        hrefs.extend(HOSTILE);
        hrefs.extend(["/dav/a%5C..%5Cb", "/dav/NUL", "/dav/%25%32%65"]);
        multistatus(&hrefs)
    })
    .await;
    let batch = read_root(&webdav(&fake.url)).await.unwrap();
    let mut names: Vec<_> = batch.entries.iter().map(|entry| entry.path.to_string()).collect();
    names.sort();
    assert_eq!(names, ["%2e", "NUL", "a\\..\\b", "good"]);
    assert_eq!(batch.rejected.len(), HOSTILE.len(), "{:?}", batch.rejected);
}

#[tokio::test]
async fn an_answer_that_is_not_whole_is_an_error() {
    let whole = multistatus(&["/dav/", "/dav/a"]);
    let body = whole.split_once("\r\n\r\n").unwrap().1.to_owned();
    for broken in [
        reply("207 Multi-Status", "", &body[..body.len() - 5]),
        reply("200 OK", "", "<html></html>"),
        reply("207 Multi-Status", "", "<html></html>"),
        // It is about something else, and might leave out anything.
        multistatus(&["/proxied/dav/", "/proxied/dav/a"]),
        multistatus(&[]),
        // A part of it, as some servers say.
        reply(
            "207 Multi-Status",
            "",
            "<multistatus xmlns=\"DAV:\"><response><href>/dav/</href><status>HTTP/1.1 507 full</status></response>\
             </multistatus>",
        ),
    ] {
        let fake = Fake::start(move |_, _| broken.clone()).await;
        assert!(read_root(&webdav(&fake.url)).await.is_err());
    }
}

#[tokio::test]
async fn credentials_are_not_sent_elsewhere() {
    let thief = Fake::start(|_, _| multistatus(&["/dav/"])).await;
    let target = thief.url.clone();
    let fake = Fake::start(move |_, _| {
        reply("307 Temporary Redirect", &format!("location: {target}/dav/?sig=canary-signature\r\n"), "")
    })
    .await;
    for store in [&webdav(&fake.url) as &dyn Store, &site(&fake.url)] {
        let errors = [
            read_root(store).await.map(drop).unwrap_err(),
            store.check().await.unwrap_err(),
            store.stat(&RelPath::new("a").unwrap()).await.map(drop).unwrap_err(),
            store.read(&RelPath::new("a").unwrap(), None, None).await.map(drop).unwrap_err(),
        ];
        for error in errors {
            let said = chain(&error);
            assert!(said.contains(&thief.url), "it does not say where it points to: {said}");
            assert!(!said.contains("canary"), "{said}");
        }
    }
    assert_eq!(thief.requests(), 0);
}

#[tokio::test]
async fn digest_authentication_is_named() {
    let fake = Fake::start(|_, _| {
        reply("401 Unauthorized", "www-authenticate: Digest realm=\"x\", nonce=\"y\"\r\n", "")
    })
    .await;
    let error = webdav(&fake.url).check().await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Denied);
    assert!(chain(&error).contains("Digest"), "{}", chain(&error));
}

#[tokio::test]
async fn credentials_need_https() {
    let credentials =
        WebdavCredentials { user: "canary-user".to_owned(), password: "canary-password".into() };
    let settings =
        WebdavSettings { credentials: Some(credentials), ..WebdavSettings::new("http://cloud.example/dav") };
    let error = WebdavStore::open(&settings, "folder".to_owned()).err().unwrap();
    assert!(chain(&error).contains("https://") && !chain(&error).contains("canary"), "{}", chain(&error));
    let settings = HttpSettings {
        bearer_token: Some("canary-token".into()),
        ..HttpSettings::new("http://mirror.example")
    };
    let error = HttpStore::open(&settings, "site".to_owned()).err().unwrap();
    assert!(chain(&error).contains("https://") && !chain(&error).contains("canary"), "{}", chain(&error));
}

/// A server that knows one file, and loses the answer to its move.
#[tokio::test]
async fn a_move_whose_answer_was_lost_is_recognised() {
    let moves = std::sync::atomic::AtomicUsize::new(0);
    let fake = Fake::start(move |head, _| {
        let moved = moves.load(std::sync::atomic::Ordering::SeqCst) > 0;
        let is_temporary = head.contains(".syncplan-tmp");
        let first = head.lines().next().unwrap();
        if head.contains("/.syncplan/") {
            return match first.split(' ').next().unwrap() {
                "PROPFIND" => multistatus(&[first.split(' ').nth(1).unwrap()]),
                _ => reply("201 Created", "", ""),
            };
        }
        match first.split(' ').next().unwrap() {
            "PUT" | "MKCOL" | "DELETE" => reply("201 Created", "", ""),
            "MOVE" if moved => reply("404 Not Found", "", ""),
            "MOVE" => {
                moves.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                // Nothing is said at all.
                String::new()
            }
            "PROPFIND" if is_temporary == moved => reply("404 Not Found", "", ""),
            "PROPFIND" => multistatus(&[first.split(' ').nth(1).unwrap()]),
            _ => reply("500 no", "", ""),
        }
    })
    .await;
    let store = webdav(&fake.url);
    let content = futures::stream::iter([Ok(Bytes::from_static(b"abc"))]).boxed();
    let (precondition, metadata) = (Precondition::Absent, Metadata::default());
    let options = WriteOptions { size: 3, precondition, metadata, temporary: None };
    let written = store.write(&RelPath::new("file").unwrap(), content, options).await;
    assert_eq!(written.unwrap().size, 3);
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on() {
    let fake = Fake::start(|head, number| match number {
        1 => "HTTP/1.1 200 OK\r\ncontent-length: 10\r\netag: \"e\"\r\nconnection: close\r\n\r\n01234"
            .to_owned(),
        _ if head.contains("range: bytes=5-9") => {
            reply("206 Partial Content", "etag: \"e\"\r\ncontent-range: bytes 5-9/10\r\n", "56789")
        }
        _ => reply("500 no", "", ""),
    })
    .await;
    let content = site(&fake.url).read(&RelPath::new("a").unwrap(), None, None).await.unwrap();
    assert_eq!(content.try_collect::<Vec<_>>().await.unwrap().concat(), b"0123456789");

    let fake = Fake::start(|_, number| match number {
        1 => "HTTP/1.1 200 OK\r\ncontent-length: 10\r\netag: \"e\"\r\nconnection: close\r\n\r\n01234"
            .to_owned(),
        _ => reply("206 Partial Content", "etag: \"other\"\r\ncontent-range: bytes 5-9/10\r\n", "56789"),
    })
    .await;
    let content = site(&fake.url).read(&RelPath::new("a").unwrap(), None, None).await.unwrap();
    let error = content.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Changed);
}

#[tokio::test]
async fn a_page_that_is_no_index_is_no_empty_folder() {
    for page in ["<html><title>Welcome</title><a href=\"a\">a</a></html>", "", "{}", "[{\"x\":1}]"] {
        let fake = Fake::start(move |_, _| reply("200 OK", "", page)).await;
        assert!(read_root(&site(&fake.url)).await.is_err(), "{page}");
    }
}

#[tokio::test]
async fn hostile_links_name_nothing() {
    let fake = Fake::start(|head, _| {
        if head.starts_with("HEAD") {
            return "HTTP/1.1 200 OK\r\ncontent-length: 3\r\netag: \"e\"\r\nconnection: close\r\n\r\n"
                .to_owned();
        }
        let links = [
            "?C=M;O=A",
            "../",
            "/",
            "/files/",
            "/files/good",
            "%2e%2e",
            "..",
            "a%2fb",
            "n%00l",
            "x/../y",
            "//evil/x",
            "https://evil.example/files/x",
            "javascript:alert(1)/x",
            "./dotted",
            "%zz",
        ];
        let links: String = links.iter().map(|link| format!("<a href=\"{link}\">x</a>")).collect();
        reply("200 OK", "", &format!("<html><title>Index of /files</title>{links}</html>"))
    })
    .await;
    let batch = read_root(&site(&fake.url)).await.unwrap();
    let mut rejected: Vec<_> =
        batch.rejected.iter().map(|rejected| String::from_utf8_lossy(&rejected.name).into_owned()).collect();
    rejected.sort();
    assert_eq!(rejected, ["%zz", "a%2fb", "n\0l", "x/../y"]);
    let mut names: Vec<_> = batch.entries.iter().map(|entry| entry.path.to_string()).collect();
    names.sort();
    assert_eq!(names, ["dotted", "good"]);
    assert!(batch.entries.iter().all(|entry| entry.facts.kind == EntryKind::File));
}

#[tokio::test]
async fn an_index_that_may_not_be_whole_is_an_error() {
    let page = "<title>Index of /files</title><a href=\"a\">a</a>";
    let whole = format!("{page}</body></html>");
    for broken in [
        reply("200 OK", "", page),
        // It ends with its connection.
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{whole}"),
        reply("200 OK", "", &whole.replace("\"a\"", "\"\u{fffd}\"")),
    ] {
        let fake = Fake::start(move |_, _| broken.clone()).await;
        assert!(read_root(&site(&fake.url)).await.is_err());
    }
    let fake = Fake::start(move |_, _| reply("200 OK", "", &whole)).await;
    assert_eq!(read_root(&site(&fake.url)).await.unwrap().entries.len(), 1);
}

/// A site whose files are named by a list.
fn listed(url: &str) -> HttpStore {
    let settings = HttpSettings {
        index: Some(RelPath::new("list").unwrap()),
        reach: Reach { retries: 2, ..Reach::default() },
        ..HttpSettings::new(format!("{url}/files"))
    };
    HttpStore::open(&settings, "site".to_owned()).unwrap()
}

#[tokio::test]
async fn a_list_of_something_else_is_an_error() {
    let answer = |gone: &'static [&'static str], kind: &'static str| {
        move |head: &str, _| match head {
            head if head.starts_with("GET /files/list ") => reply("200 OK", kind, "a\nb\n"),
            head if gone.iter().any(|name| head.contains(name)) => reply("404 Not Found", "", ""),
            _ => reply("200 OK", "", ""),
        }
    };
    let fake = Fake::start(answer(&["/files/a "], "")).await;
    assert_eq!(read_root(&listed(&fake.url)).await.unwrap().entries.len(), 2);
    for (gone, kind) in
        [(["/files/a ", "/files/b "].as_slice(), ""), (&[], "content-type: text/html; charset=utf-8\r\n")]
    {
        let fake = Fake::start(answer(gone, kind)).await;
        assert!(read_root(&listed(&fake.url)).await.is_err(), "{gone:?}");
    }
}

#[tokio::test]
async fn a_page_to_log_in_is_no_file() {
    let fake = Fake::start(|head, _| match head {
        head if head.contains(" /login?") => reply("200 OK", "", "log in\n"),
        head if head.contains(" /other/moved ") => reply("200 OK", "", "abc"),
        head if head.contains(" /files/moved ") => reply("302 Found", "location: /other/moved\r\n", ""),
        _ => reply("302 Found", "location: /login?to=/files/a\r\n", ""),
    })
    .await;
    let path = RelPath::new("a").unwrap();
    let site = site(&fake.url);
    assert_eq!(site.stat(&path).await.unwrap().unwrap().kind, EntryKind::Unreadable);
    assert!(site.read(&path, None, None).await.is_err());
    let error = read_root(&listed(&fake.url)).await.map(drop).unwrap_err();
    assert!(chain(&error).contains("/login"), "{}", chain(&error));
    let moved = RelPath::new("moved").unwrap();
    let content = site.read(&moved, None, None).await.unwrap();
    assert_eq!(content.try_collect::<Vec<_>>().await.unwrap().concat(), b"abc");
}
