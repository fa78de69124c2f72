//! The suite on servers that speak the JSON API of Google Cloud Storage; `tests/run` starts them and says where
//! they are. One is an emulator that others made; the other one is a model of our own, for what that lacks.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use syncplan_model::RelPath;
use syncplan_store::conformance::conformance;
use syncplan_store::{
    Enforcement, GcsSettings, GcsStore, Guarded, Metadata, Precondition, Reach, Store, StoreErrorKind,
    WriteOptions,
};

/// The service itself has no line breaks in names: they are refused here.
const REFUSED: &str = "names_with_control_characters";

#[tokio::test(flavor = "multi_thread")]
async fn emulator() {
    check("SYNCPLAN_TEST_GCS_EMULATOR", Enforcement::Checked, &[REFUSED]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn model() {
    check("SYNCPLAN_TEST_GCS_MODEL", Enforcement::Atomic, &[REFUSED]).await;
}

async fn check(variable: &str, enforcement: Enforcement, failures: &[&str]) {
    let Some(endpoint) = endpoint(variable) else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let prefix = RelPath::new(format!("run {now:x}/é+&")).unwrap();
    let settings = GcsSettings { prefix: Some(prefix), ..settings(&endpoint) };
    let open = |settings: &GcsSettings| GcsStore::open(settings, "bucket".to_owned()).unwrap();
    let store = open(&settings);
    store.probe().await.unwrap();
    for operation in [Guarded::Create, Guarded::Replace, Guarded::Copy, Guarded::Rename, Guarded::Delete] {
        assert_eq!(store.enforcement(operation), enforcement);
    }
    let report = conformance(&store, &open(&settings), "conformance").await;
    assert_eq!(report.failures(), failures, "{report}");
    composes_in_rounds(&store).await;
    let left: Vec<_> = store.housekeeping().unwrap().reserved().try_collect().await.unwrap();
    assert_eq!(left, [], "something is left");

    let missing = open(&GcsSettings { bucket: "no-such-bucket".to_owned(), ..settings });
    let error = missing.check().await.unwrap_err();
    assert_eq!((error.kind, error.object()), (StoreErrorKind::NoStore, b"no-such-bucket".as_slice()));
}

/// More parts than can be put together at once.
async fn composes_in_rounds(store: &GcsStore) {
    let content = Bytes::from((0..(33 * 8) << 20).map(|at: u32| (at >> 12) as u8).collect::<Vec<_>>());
    let path = RelPath::new("long").unwrap();
    let options = WriteOptions {
        size: content.len() as u64,
        precondition: Precondition::Absent,
        metadata: Metadata::default(),
        temporary: None,
    };
    let chunks = futures::stream::iter([Ok(content.clone())]).boxed();
    store.write(&path, chunks, options).await.unwrap();
    let read: Vec<_> = store.read(&path, None, None).await.unwrap().try_collect().await.unwrap();
    assert!(read.concat() == content);
}

fn settings(endpoint: &str) -> GcsSettings {
    GcsSettings {
        endpoint: Some(endpoint.to_owned()),
        reach: Reach { timeout: Duration::from_secs(20), ..Reach::default() },
        ..GcsSettings::new("bkt")
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
