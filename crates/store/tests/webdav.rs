//! The suite on real WebDAV servers; `tests/run` starts them and says where they are.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use syncplan_model::{Capability, RelPath};
use syncplan_store::conformance::conformance;
use syncplan_store::{
    Enforcement, Guarded, Reach, Store, StoreErrorKind, WebdavCredentials, WebdavSettings, WebdavStore,
};

/// A server, and what is known to be different there.
struct Server {
    variable: &'static str,
    /// How firmly it holds anything, as the probe must find out.
    enforcement: Enforcement,
    keeps_times: bool,
    takes_parts: bool,
    /// Checks that fail there, for a reason that is written beside them.
    failures: &'static [&'static str],
}

const APACHE: Server = Server {
    variable: "SYNCPLAN_TEST_WEBDAV_APACHE",
    enforcement: Enforcement::Checked,
    keeps_times: false,
    takes_parts: true,
    failures: &[],
};

const RCLONE: Server = Server {
    variable: "SYNCPLAN_TEST_WEBDAV_RCLONE",
    // Its ETags are made of time and size.
    enforcement: Enforcement::Weak,
    keeps_times: true,
    takes_parts: false,
    // It takes composed and decomposed letters for one.
    failures: &["names_that_look_alike"],
};

#[tokio::test(flavor = "multi_thread")]
async fn apache() {
    check(&APACHE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rclone() {
    check(&RCLONE).await;
}

async fn check(server: &Server) {
    let Some(url) = url(server.variable) else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let folder = Some(RelPath::new(format!("run {now:x}/é+&")).unwrap());
    let settings = WebdavSettings { folder, may_be_missing: true, ..settings(&url) };
    let open = |settings: &WebdavSettings| WebdavStore::open(settings, "folder".to_owned()).unwrap();
    let store = open(&settings);
    store.check().await.unwrap();
    store.probe().await.unwrap();
    assert_eq!(store.enforcement(Guarded::Replace), server.enforcement);
    assert_eq!(store.capabilities().has(Capability::SetMtime), server.keeps_times);
    assert_eq!(store.partial_writes().is_some(), server.takes_parts);
    let again = open(&settings);
    again.probe().await.unwrap();
    let report = conformance(&store, &again, "conformance").await;
    assert_eq!(report.failures(), server.failures, "{report}");

    let missing = WebdavSettings { url: format!("{url}/no-such-folder"), ..settings.clone() };
    let error = open(&missing).check().await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::NoStore, "{error:?}");
    let missing = WebdavSettings { folder: None, ..missing };
    assert_eq!(open(&missing).check().await.unwrap_err().kind, StoreErrorKind::NoStore);
    let credentials = WebdavCredentials { user: "testuser".to_owned(), password: "wrong".into() };
    let wrong = WebdavSettings { credentials: Some(credentials), ..settings.clone() };
    for refused in [wrong, WebdavSettings { credentials: None, ..settings }] {
        assert_eq!(open(&refused).check().await.unwrap_err().kind, StoreErrorKind::Denied);
    }
}

fn settings(url: &str) -> WebdavSettings {
    WebdavSettings {
        credentials: Some(WebdavCredentials { user: "testuser".to_owned(), password: "testsecret".into() }),
        reach: Reach { timeout: Duration::from_secs(10), ..Reach::default() },
        ..WebdavSettings::new(url)
    }
}

/// Where the server is. In CI one that is missing is a failure, elsewhere it is said.
#[expect(clippy::print_stderr, reason = "a test that was not run must say so")]
fn url(variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok();
    if url.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{variable} is not set: start this through tests/run");
        eprintln!("not run: {variable} is not set; tests/run starts the server");
    }
    url
}
