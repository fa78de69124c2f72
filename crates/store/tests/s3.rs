//! The suite on real servers that speak S3; `tests/run` starts them and says where they are.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use syncplan_model::RelPath;
use syncplan_model::spec::Provider;
use syncplan_store::conformance::conformance;
use syncplan_store::{Enforcement, Guarded, S3Credentials, S3Settings, S3Store, Store, StoreErrorKind};

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
    provider: Provider::Other,
    enforcement: [Enforcement::Atomic, Enforcement::Atomic, Enforcement::Atomic],
    // Its router knows no newline in a path.
    failures: &["names_with_control_characters"],
};

/// Ignores every condition on a put.
const RCLONE: Server = Server {
    variable: "SYNCPLAN_TEST_S3_RCLONE",
    provider: Provider::Other,
    enforcement: [Enforcement::Checked, Enforcement::Checked, Enforcement::Checked],
    // It takes composed and decomposed letters for one.
    failures: &["names_that_look_alike"],
};

#[tokio::test(flavor = "multi_thread")]
async fn moto() {
    check(&MOTO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rclone() {
    check(&RCLONE).await;
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
    let report = conformance(&store, "conformance").await;
    assert_eq!(report.failures(), server.failures, "{report}");

    let missing = S3Settings { bucket: "no-such-bucket".to_owned(), ..settings.clone() };
    let missing = S3Store::open(&missing, "bucket".to_owned()).unwrap();
    let error = missing.check().await.unwrap_err();
    assert_eq!((error.kind, error.object()), (StoreErrorKind::NoStore, b"no-such-bucket".as_slice()));
}

fn settings(provider: Provider, endpoint: &str) -> S3Settings {
    S3Settings {
        endpoint: Some(endpoint.to_owned()),
        credentials: Some(S3Credentials {
            access_key_id: "testkey".to_owned(),
            secret_access_key: "testsecret".into(),
            session_token: None,
        }),
        timeout: Duration::from_secs(10),
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
