//! Servers whose certificates prove nothing, for every kind of store behind a URL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::error::Error as _;
use std::time::{Duration, Instant};

use syncplan_model::spec::{Addressing, Provider};
use syncplan_store::{
    HttpSettings, HttpStore, Reach, S3Settings, S3Store, Store, StoreError, WebdavSettings, WebdavStore,
};

fn stores(url: &str, authority: Option<&[u8]>) -> Vec<(&'static str, Box<dyn Store>)> {
    let ca_certificate = authority.map(<[u8]>::to_vec);
    let reach = Reach { ca_certificate, timeout: Duration::from_secs(10), ..Reach::default() };
    let s3 = S3Settings {
        endpoint: Some(url.to_owned()),
        addressing: Some(Addressing::PathStyle),
        reach: reach.clone(),
        ..S3Settings::new(Provider::Other, "bkt")
    };
    let webdav = WebdavSettings { reach: reach.clone(), ..WebdavSettings::new(url) };
    let http = HttpSettings { reach, ..HttpSettings::new(url) };
    vec![
        ("s3", Box::new(S3Store::open(&s3, "s3".to_owned()).unwrap())),
        ("webdav", Box::new(WebdavStore::open(&webdav, "webdav".to_owned()).unwrap())),
        ("http", Box::new(HttpStore::open(&http, "http".to_owned()).unwrap())),
    ]
}

fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_fail_closed() {
    let Some(authority) = variable("SYNCPLAN_TEST_TLS_AUTHORITY") else { return };
    let authority = std::fs::read(authority).unwrap();
    for (server, trusted, word) in [
        ("OWN", None, "UnknownIssuer"),
        ("EXPIRED", Some(authority.as_slice()), "expired"),
        ("ELSEWHERE", Some(authority.as_slice()), "not valid for"),
    ] {
        let url = variable(&format!("SYNCPLAN_TEST_TLS_{server}")).unwrap();
        for (kind, store) in stores(&url, trusted) {
            let start = Instant::now();
            let said = chain(&store.check().await.unwrap_err());
            assert!(said.contains(word) && said.contains("ca-certificate"), "{server} {kind}: {said}");
            let path = syncplan_model::RelPath::new("a").unwrap();
            assert!(store.stat(&path).await.is_err(), "{server} {kind}");
            // Nobody hopes that it gets better.
            assert!(start.elapsed() < Duration::from_secs(5), "{server} {kind}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_of_ones_own_is_trusted_where_it_is_named() {
    let Some(authority) = variable("SYNCPLAN_TEST_TLS_AUTHORITY") else { return };
    let authority = std::fs::read(authority).unwrap();
    let url = variable("SYNCPLAN_TEST_TLS_OWN").unwrap();
    for (kind, store) in stores(&url, Some(&authority)) {
        // It is a web site and nothing else, but it was believed.
        let said = store.check().await.map_or_else(|error| chain(&error), |()| String::new());
        assert!(!said.contains("certificate"), "{kind}: {said}");
        assert_eq!(said.is_empty(), kind == "http", "{kind}: {said}");
    }
}

/// What `tests/run` says. In CI a server that is missing is a failure, elsewhere it is said.
#[expect(clippy::print_stderr, reason = "a test that was not run must say so")]
fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{name} is not set: start this through tests/run");
        eprintln!("not run: {name} is not set; tests/run starts the server");
    }
    value
}
