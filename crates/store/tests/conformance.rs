//! The suite on the stores that need no server.

use syncplan_store::conformance::conformance;
use syncplan_store::{LocalStore, MemoryStore, Store};

async fn check(store: &dyn Store) {
    let report = conformance(store, "conformance").await;
    assert!(report.failed.is_empty(), "{report}");
}

#[tokio::test]
async fn local() {
    let folder = tempfile::tempdir().unwrap();
    check(&LocalStore::open(folder.path(), "local".to_owned()).unwrap()).await;
}

#[tokio::test]
async fn memory() {
    check(&MemoryStore::new("memory")).await;
}
