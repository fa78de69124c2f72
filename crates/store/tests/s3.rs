//! The suite on real servers that speak S3; `tests/run` starts them and says where they are.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use syncplan_model::RelPath;
use syncplan_model::spec::{Addressing, Provider};
use syncplan_store::conformance::conformance;
use syncplan_store::{
    Enforcement, Guarded, Metadata, Precondition, Reach, S3Credentials, S3Settings, S3Store, Store,
    StoreErrorKind, WriteOptions,
};

/// A server, and what is known to be different there.
struct Server {
    variable: &'static str,
    provider: Provider,
    /// How firmly it holds a write into a gap, a replacement, and a delete, as the probe must find out.
    enforcement: [Enforcement; 3],
    /// Checks that fail there, for a reason that is written beside them.
    failures: &'static [&'static str],
}

const MOTO: Server = Server {
    variable: "SYNCPLAN_TEST_S3_MOTO",
    provider: Provider::Minio,
    enforcement: [Enforcement::Atomic, Enforcement::Atomic, Enforcement::Atomic],
    // Its router knows no newline in a path, and a part of an upload that is gone is answered with 500.
    failures: &["names_with_control_characters", "a_draft_that_is_gone_is_not_found"],
};

/// Ignores every condition on a put.
const RCLONE: Server = Server {
    variable: "SYNCPLAN_TEST_S3_RCLONE",
    provider: Provider::Minio,
    enforcement: [Enforcement::Checked, Enforcement::Checked, Enforcement::Checked],
    // It takes composed and decomposed letters for one, and a part once and not again with other content.
    failures: &["names_that_look_alike", "a_part_that_is_put_again_replaces_the_first"],
};

#[tokio::test(flavor = "multi_thread")]
async fn moto() {
    check(&MOTO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rclone() {
    check(&RCLONE).await;
}

/// The same, where folders are kept as empty objects; what has folders by itself takes none of these.
async fn with_markers(settings: &S3Settings, failures: &[&str]) {
    let settings = S3Settings { directory_markers: true, ..settings.clone() };
    let open = || S3Store::open(&settings, "bucket".to_owned()).unwrap();
    let report = conformance(&open(), &open(), "markers").await;
    // moto looks and writes in two steps, and more requests before each write make its race come out.
    let failed: Vec<_> =
        report.failures().into_iter().filter(|name| *name != "a_gap_is_filled_once").collect();
    assert_eq!(failed, failures, "{report}");
}

async fn check(server: &Server) {
    let Some(endpoint) = endpoint(server.variable) else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let prefix = RelPath::new(format!("run {now:x}/é+&")).unwrap();
    let settings = S3Settings { prefix: Some(prefix), ..settings(server.provider, &endpoint) };
    let store = S3Store::open(&settings, "bucket".to_owned()).unwrap();
    store.probe().await.unwrap();
    let found =
        [Guarded::Create, Guarded::Replace, Guarded::Delete].map(|operation| store.enforcement(operation));
    assert_eq!(found, server.enforcement);
    let again = S3Store::open(&settings, "bucket".to_owned()).unwrap();
    let report = conformance(&store, &again, "conformance").await;
    assert_eq!(report.failures(), server.failures, "{report}");

    if server.variable == MOTO.variable {
        with_markers(&settings, server.failures).await;
    }
    for provider in [Provider::Qiniu, Provider::Other] {
        let addressing = Some(Addressing::PathStyle);
        let settings =
            S3Settings { addressing, prefix: settings.prefix.clone(), ..self::settings(provider, &endpoint) };
        accepts_content(&S3Store::open(&settings, "bucket".to_owned()).unwrap()).await;
    }

    let missing = S3Settings { bucket: "no-such-bucket".to_owned(), ..settings.clone() };
    let missing = S3Store::open(&missing, "bucket".to_owned()).unwrap();
    let error = missing.check().await.unwrap_err();
    assert_eq!((error.kind, error.object()), (StoreErrorKind::NoStore, b"no-such-bucket".as_slice()));
}

/// Whole and in parts, with the checksums of the store's provider.
async fn accepts_content(store: &S3Store) {
    for size in [5, 17 << 20] {
        let content = Bytes::from(vec![7; size]);
        let chunks = futures::stream::iter([Ok(content.clone())]).boxed();
        let (size, precondition, metadata) = (size as u64, Precondition::Any, Metadata::default());
        let options = WriteOptions { size, precondition, metadata, temporary: None };
        let path = RelPath::new("checked").unwrap();
        store.write(&path, chunks, options).await.unwrap();
        let read: Vec<_> = store.read(&path, None, None).await.unwrap().try_collect().await.unwrap();
        assert!(read.concat() == content);
    }
}

fn settings(provider: Provider, endpoint: &str) -> S3Settings {
    S3Settings {
        endpoint: Some(endpoint.to_owned()),
        credentials: Some(S3Credentials {
            access_key_id: "testkey".to_owned(),
            secret_access_key: "testsecret".into(),
            session_token: None,
        }),
        reach: Reach { timeout: Duration::from_secs(10), ..Reach::default() },
        ..S3Settings::new(provider, "bkt")
    }
}

/// Where the server is. In CI one that is missing is a failure, elsewhere it is said.
#[expect(clippy::print_stderr, reason = "a test that was not run must say so")]
fn endpoint(variable: &str) -> Option<String> {
    let endpoint = std::env::var(variable).ok();
    if endpoint.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{variable} is not set: start this through tests/run");
        eprintln!("not run: {variable} is not set; tests/run starts the server");
    }
    endpoint
}
