//! Web sites on real servers; `tests/run` starts them and says where they are.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::time::Duration;

use futures::TryStreamExt as _;
use syncplan_model::{Capability, EntryKind, Facts, RelPath};
use syncplan_store::{HttpSettings, HttpStore, Listing, Reach, Store, StoreErrorKind};

fn open(settings: &HttpSettings) -> HttpStore {
    HttpStore::open(settings, "site".to_owned()).unwrap()
}

fn settings(url: &str) -> HttpSettings {
    HttpSettings {
        reach: Reach { timeout: Duration::from_secs(10), retries: 2, ..Reach::default() },
        ..HttpSettings::new(url)
    }
}

/// Everything that is listed, folders aside.
async fn list(store: &HttpStore) -> BTreeMap<String, Facts> {
    let Listing::Tree(listing) = store.listing() else { panic!("it is listed folder by folder") };
    let mut found = BTreeMap::new();
    let mut folders = vec![None];
    while let Some(folder) = folders.pop() {
        for entry in listing.read_dir(folder.as_ref()).await.unwrap().entries {
            match entry.facts.kind {
                EntryKind::Dir => folders.push(Some(entry.path)),
                _ => drop(found.insert(entry.path.to_string(), entry.facts)),
            }
        }
    }
    found
}

async fn read(store: &HttpStore, path: &str, range: Option<std::ops::Range<u64>>) -> Vec<u8> {
    let content = store.read(&RelPath::new(path).unwrap(), range, None).await.unwrap();
    content.try_collect::<Vec<_>>().await.unwrap().concat()
}

const NAMES: &[&str] = &[
    "plain",
    "two words",
    "50%25",
    "a+b",
    "a&b=c",
    "#tag",
    "what?",
    "semi;colon",
    "it's",
    "a\"b",
    "<a|b>",
    "café",
    "🦀",
    "a:b",
    "deep/er/file",
    "~",
];

async fn check(name: &str, urls: &[(&str, &str)], folder: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let place = tempfile::Builder::new().prefix(name).tempdir_in(folder).unwrap();
    let root = place.path();
    std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o755)).unwrap();
    for name in NAMES {
        std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        std::fs::write(root.join(name), name).unwrap();
    }
    std::fs::create_dir(root.join("empty")).unwrap();
    std::fs::write(root.join(".syncplan-tmp-1-1"), "x").unwrap();
    for (server, below) in urls {
        let url = format!("{server}{below}/{}", root.file_name().unwrap().to_str().unwrap());
        let store = open(&settings(&url));
        store.check().await.unwrap();
        assert!(store.capabilities().has(Capability::ReadOnly));
        let found = list(&store).await;
        let names: Vec<_> = found.keys().map(String::as_str).collect();
        let mut expected = NAMES.to_vec();
        expected.sort_unstable();
        assert_eq!(names, expected, "{url}");
        for (name, facts) in &found {
            assert_eq!(facts.size, name.len() as u64, "{url} {name}");
            assert!(facts.token.is_some() && facts.mtime.is_some(), "{url} {name}");
            let found = store.stat(&RelPath::new(name).unwrap()).await.unwrap();
            assert_eq!(found.as_ref(), Some(facts), "{url} {name}");
            assert_eq!(read(&store, name, None).await, name.as_bytes(), "{url}");
        }
        assert_eq!(read(&store, "two words", Some(4..7)).await, b"wor");
        assert_eq!(read(&store, "two words", Some(100..200)).await, b"");
        let stat = async |name: &str| store.stat(&RelPath::new(name).unwrap()).await.unwrap();
        assert_eq!(stat("nothing").await, None);
        assert_eq!(stat("deep").await.unwrap().kind, EntryKind::Dir);
        let before = stat("plain").await.unwrap().token.unwrap();
        std::fs::write(root.join("plain"), "changed").unwrap();
        let path = RelPath::new("plain").unwrap();
        let error = store.read(&path, None, Some(&before)).await.map(drop).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Precondition);
        std::fs::write(root.join("plain"), "plain").unwrap();
        let missing = open(&settings(&format!("{url}/no-such-folder")));
        assert_eq!(missing.check().await.unwrap_err().kind, StoreErrorKind::NoStore);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn apache() {
    let (Some(url), Some(folder)) =
        (variable("SYNCPLAN_TEST_HTTP_APACHE"), variable("SYNCPLAN_TEST_HTTP_APACHE_FOLDER"))
    else {
        return;
    };
    check("apache", &[(&url, "")], &folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_and_python() {
    let (Some(nginx), Some(python), Some(folder)) = (
        variable("SYNCPLAN_TEST_HTTP_NGINX"),
        variable("SYNCPLAN_TEST_HTTP_PYTHON"),
        variable("SYNCPLAN_TEST_HTTP_FOLDER"),
    ) else {
        return;
    };
    check("both", &[(&nginx, ""), (&nginx, "/json"), (&python, "")], &folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for() {
    let Some(nginx) = variable("SYNCPLAN_TEST_HTTP_NGINX") else { return };
    let url = format!("{nginx}/secret");
    let error = open(&settings(&url)).check().await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Denied);
    let token = HttpSettings { bearer_token: Some("testtoken".into()), ..settings(&url) };
    open(&token).check().await.unwrap();
}

/// Where a server is. In CI one that is missing is a failure, elsewhere it is said.
#[expect(clippy::print_stderr, reason = "a test that was not run must say so")]
fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{name} is not set: start this through tests/run");
        eprintln!("not run: {name} is not set; tests/run starts the server");
    }
    value
}
