//! What syncplan remembers between runs, in SQLite or PostgreSQL.
//!
//! [`State`] holds the last snapshot of each side of each task, what actions taught about them
//! since, the [base](Base) that both sides agreed on, what the [trash](TrashEntry) holds, and the journal:
//! which actions of which plan were intended, how far large [transfers](Transfer) came, and what became of
//! it all. Losing it costs reading, the certainty of how far a run came, and with the base every delete
//! until both sides agree again; never content.
//!
//! A run holds its tasks by [leases](Lease): one run at a time applies a plan to a task, and runs about
//! different tasks go on at once. A holder is known by its process, so that one that is provably gone is
//! taken over at once, and of one on another machine nothing is assumed, however long it was silent: that
//! takes a person ([`State::unlock`]). A run whose task was taken from it finds out with its next record
//! ([`StateError::LeaseLost`]), since every record renews the leases in its own transaction.
//!
//! ```
//! use syncplan_model::plan::Side;
//! use syncplan_model::{Digest, Entry, Facts, RelPath, SnapshotBuilder, TaskName};
//! use syncplan_state::State;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let folder = tempfile::tempdir().unwrap();
//! let state = State::open(&folder.path().join("state.db")).await.unwrap();
//! let task = TaskName::new("photos").unwrap();
//! let source = Digest::of(b"photos/, no filter");
//!
//! let mut builder = SnapshotBuilder::new();
//! builder.push(&Entry { path: RelPath::new("1.png").unwrap(), facts: Facts::file(7) }).unwrap();
//! state.save_snapshot(&task, Side::Local, &source, &builder.finish()).await.unwrap();
//!
//! let known = state.load_snapshot(&task, Side::Local, &source).await.unwrap().unwrap();
//! assert_eq!(known.entries(), 1);
//! let elsewhere = Digest::of(b"other/, no filter");
//! assert!(state.load_snapshot(&task, Side::Local, &elsewhere).await.unwrap().is_none());
//! # });
//! ```

mod address;
mod archive;
mod base;
mod begin;
mod cell;
mod clock;
mod database;
mod error;
mod index;
mod journal;
mod lease;
mod log;
mod outcome;
mod overlay;
mod process;
mod rows;
mod run;
mod runs;
mod shared;
mod snapshots;
mod state;
mod transaction;
mod transfer;
mod trash;

pub use base::{Base, BaseHead, Marked};
pub use error::StateError;
pub use journal::Journal;
pub use lease::{Holder, Lease};
pub use log::LogEntry;
pub use outcome::{Agreed, Conclusion, Ending, Intent, Learned, Outcome};
pub use process::Process;
pub use run::{Begun, NewRun, Progress, RunId, RunSummary, Unresolved};
pub use shared::SharedIndex;
pub use state::State;
pub use transfer::{OpenTransfer, Transfer};
pub use trash::{TrashEntry, Trashed};
