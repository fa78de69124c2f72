//! The suite on a real server that speaks Blob Storage; `tests/run` starts it and says where it is.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use syncplan_model::RelPath;
use syncplan_store::conformance::conformance;
use syncplan_store::{
    AzureCredentials, AzureSettings, AzureStore, Listing, Metadata, Precondition, Reach, Store,
    StoreErrorKind, WriteOptions,
};

/// Azure takes a backslash for a slash, and knows no control characters: such names are refused here.
const REFUSED: [&str; 2] = ["odd_names", "names_with_control_characters"];

#[tokio::test(flavor = "multi_thread")]
async fn azurite() {
    let Some(settings) = settings() else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let prefix = RelPath::new(format!("run {now:x}/é+&")).unwrap();
    let settings = AzureSettings { prefix: Some(prefix), ..settings };
    let store = AzureStore::open(&settings, "container".to_owned()).unwrap();
    let again = AzureStore::open(&settings, "container".to_owned()).unwrap();
    let report = conformance(&store, &again, "conformance").await;
    assert_eq!(report.failures(), REFUSED, "{report}");
    keeps_odd_names(&store).await;

    let missing = AzureSettings { container: "no-such-container".to_owned(), ..settings.clone() };
    let missing = AzureStore::open(&missing, "container".to_owned()).unwrap();
    let error = missing.check().await.unwrap_err();
    assert_eq!((error.kind, error.object()), (StoreErrorKind::NoStore, b"no-such-container".as_slice()));
    let file = RelPath::new("file").unwrap();
    assert_eq!(missing.stat(&file).await.unwrap_err().kind, StoreErrorKind::NoStore);

    let stranger = AzureCredentials::AccessKey("YW5vdGhlciBrZXk=".into());
    let stranger = AzureSettings { credentials: Some(stranger), ..settings };
    let error = AzureStore::open(&stranger, "container".to_owned()).unwrap().check().await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Denied);
}

async fn keeps_odd_names(store: &AzureStore) {
    const NAMES: [&str; 16] = [
        " leading",
        "a\"b",
        "50%",
        "50%25",
        "a+b",
        "a&b=c",
        "#tag",
        "what?",
        "$(id)",
        "~",
        "[a]*{b}",
        "a:b",
        "<a|b>",
        "café",
        "🦀",
        "ﬀ\u{202e}gpj",
    ];
    let place = |name: &str| RelPath::new(format!("odd/{name}")).unwrap();
    for name in NAMES {
        let options = WriteOptions {
            size: name.len() as u64,
            precondition: Precondition::Absent,
            metadata: Metadata::default(),
            temporary: None,
        };
        let content = futures::stream::iter([Ok(Bytes::from_static(name.as_bytes()))]).boxed();
        store.write(&place(name), content, options).await.unwrap();
    }
    for name in NAMES {
        let read: Vec<_> = store.read(&place(name), None, None).await.unwrap().try_collect().await.unwrap();
        assert_eq!(read.concat(), name.as_bytes());
    }
    let Listing::Flat(listing) = store.listing() else { panic!("it is flat") };
    let listed: Vec<_> = listing.list(Some(&place(" "))).try_collect().await.unwrap();
    let listed: Vec<_> = listed.into_iter().flat_map(|batch| batch.entries).map(|entry| entry.path).collect();
    let mut wanted = NAMES.map(place).to_vec();
    wanted.sort();
    assert_eq!(listed, wanted);
    for name in ["back\\slash", "trailing.", "dots./x", "new\nline"] {
        let error = store.stat(&place(name)).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Unsupported, "{name}");
    }
}

/// How the server is reached. In CI one that is missing is a failure, elsewhere it is said.
#[expect(clippy::print_stderr, reason = "a test that was not run must say so")]
fn settings() -> Option<AzureSettings> {
    let variable = "SYNCPLAN_TEST_AZURITE";
    let Ok(endpoint) = std::env::var(variable) else {
        assert!(std::env::var_os("CI").is_none(), "{variable} is not set: start this through tests/run");
        eprintln!("not run: {variable} is not set; tests/run starts the server");
        return None;
    };
    let key = std::env::var("SYNCPLAN_TEST_AZURE_KEY").unwrap();
    Some(AzureSettings {
        endpoint: Some(endpoint),
        credentials: Some(AzureCredentials::AccessKey(key.into())),
        reach: Reach { timeout: Duration::from_secs(10), ..Reach::default() },
        ..AzureSettings::new("testaccount", "bkt")
    })
}
