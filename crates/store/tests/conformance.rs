//! The suite on the stores that need no server.

use syncplan_store::conformance::conformance;
use syncplan_store::{LocalStore, MemoryStore, Store};

async fn check(store: &dyn Store, again: &dyn Store) {
    let report = conformance(store, again, "conformance").await;
    assert!(report.failed.is_empty(), "{report}");
}

#[tokio::test]
async fn local() {
    let folder = tempfile::tempdir().unwrap();
    let open = || LocalStore::open(folder.path(), "local".to_owned()).unwrap();
    check(&open(), &open()).await;
}

#[tokio::test]
async fn memory() {
    let store = MemoryStore::new("memory");
    check(&store, &store).await;
}
