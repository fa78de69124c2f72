//! Applies a plan: preconditions, journal, transfers.
//!
//! [`apply`] executes a plan against the stores of its tasks and records every step in a
//! [`State`](syncplan_state::State), so that it goes on where it stopped, however it stopped.
//! [`dry_run`] says what it would do, through stores that can only read. Neither plans anything:
//! what does not find what the plan expects is left alone.
//!
//! What an action proves both sides to agree on, the base learns together with its outcome. What the
//! plan says is to be kept, is in the trash before it is replaced. [`write_mark`] and [`read_mark`] let
//! a side say which base it was synced with; [`write_index`] and [`read_index`] what machines that share a
//! side know of it.
//!
//! Large files go over in parts that are on record, and are gone on with after a crash. A store that asks
//! for less is asked for less, and one that is out of reach is waited for. Where several machines write to one side, a
//! run holds a [lease](RemoteLease) on it. [`EventLog`] writes what happens as lines of JSON; [`collect()`] removes
//! what was left and nobody needs.
//!
//! ```
//! use std::collections::HashMap;
//! use std::sync::Arc;
//!
//! use syncplan_exec::{Document, Ending, Job, apply};
//! use syncplan_state::State;
//! # use syncplan_model::plan::{Header, ManifestInfo, Plan, Selection};
//! # use syncplan_model::Digest;
//! # let manifest = ManifestInfo { digest: Digest::of(b""), files: vec![], profile: None, variables: Default::default() };
//! # let header = Header { manifest, selection: Selection::default(), tasks: vec![] };
//! # let plan = Plan::new(header, vec![], vec![], vec![]).unwrap();
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let folder = tempfile::tempdir().unwrap();
//! let state = State::open(&folder.path().join("state.db")).await.unwrap();
//! let document = Document { plan_id: plan.id(), instance: "2026-11-20T18:00:00.5Z", bytes: b"{}", tool: "doc", overrides: None };
//! let report = apply(Job::new(Arc::new(plan), HashMap::new()), &state, &document).await.unwrap();
//! assert_eq!(report.ending, Ending::Done);
//! # });
//! ```

mod access;
mod act;
mod agreement;
mod apply;
mod aside;
mod bandwidth;
mod barriers;
mod batch;
mod cancel;
mod check;
mod collect;
mod commit;
mod confirm;
mod draft;
mod driver;
mod dry_run;
mod endpoint;
mod error;
mod event;
mod event_log;
mod expiry;
mod job;
mod known;
mod mark;
mod merge;
mod pace;
mod parts;
mod place;
mod program;
mod queue;
mod record;
mod relocate;
mod remains;
mod remote_lease;
mod report;
mod run_state;
mod scratch;
mod settle;
mod shared_index;
mod simulation;
mod stages;
mod transfer;
mod trash;
mod verified;
mod worker;

pub use access::{Access, Restricted};
pub use apply::apply;
pub use cancel::Cancel;
pub use collect::{Collect, Fate, Found, Litter, Tended, collect};
pub use dry_run::dry_run;
pub use error::ExecError;
pub use event::{Event, Events};
pub use event_log::EventLog;
pub use job::{Document, Job, OnStale, Options, Sides};
pub use mark::{read_mark, write_mark};
pub use remote_lease::{RemoteLease, break_lease, read_lease};
pub use report::{Counts, Problem, Report};
pub use run_state::RunState;
pub use shared_index::{FoundIndex, read_index, write_index};
pub use syncplan_state::{Ending, Outcome, RunId};
pub use syncplan_store::Retry;
