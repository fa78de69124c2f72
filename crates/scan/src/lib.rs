//! Turns a store into a sorted [`Snapshot`](syncplan_model::Snapshot), reading only what changed.
//!
//! [`scan`] lists one side: folders side by side where the store has folders, ignore files and
//! markers obeyed on the way, and facts of the last snapshot carried over wherever the token says
//! that nothing changed. It reads no content. [`inquire`] then looks closer at the few files that a
//! planner asks about: their samples, all of them, or what the store keeps beside them. [`vouch`] tells by
//! checksums that a store keeps of what others wrote whether two places have the same.
//!
//! ```
//! use std::sync::Arc;
//! use syncplan_scan::{ScanRequest, scan};
//! use syncplan_store::LocalStore;
//!
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
//! let folder = tempfile::tempdir().unwrap();
//! std::fs::write(folder.path().join("a"), "1").unwrap();
//! let store = Arc::new(LocalStore::open(folder.path(), "here".to_owned()).unwrap());
//! let found = scan(store, ScanRequest::default()).await.unwrap();
//! assert_eq!((found.snapshot.entries(), found.snapshot.bytes()), (1, 1));
//! # });
//! ```

mod assemble;
mod error;
mod flat;
mod hash;
mod hasty;
mod ignore_rules;
mod inquiry;
mod request;
mod summing;
mod vouching;
mod walk;

pub use assemble::believe;
pub use error::ScanError;
pub use hasty::without_hasty;
pub use ignore_rules::{IgnoreRule, IgnoreRules};
pub use inquiry::{Inquiry, Question, inquire};
pub use request::{Scan, ScanRequest, scan};
pub use vouching::{Seen, vouch};
