//! The suite on the stores that need no server.

use std::sync::Arc;

use syncplan_store::conformance::conformance;
use syncplan_store::{LinksAsFiles, LocalStore, MemoryStore, Store};

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

#[tokio::test]
async fn local_with_links_as_files() {
    let folder = tempfile::tempdir().unwrap();
    let open = || LocalStore::open(folder.path(), "local".to_owned()).unwrap();
    check(&LinksAsFiles::new(Arc::new(open())), &LinksAsFiles::new(Arc::new(open()))).await;
}
