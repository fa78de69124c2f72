//! Applies a plan: preconditions, journal, transfers.
//!
//! [`apply`] executes a plan against the stores of its tasks and records every step in a
//! [`State`](syncplan_state::State), so that it goes on where it stopped, however it stopped.
//! [`dry_run`] says what it would do, through stores that can only read. Neither plans anything:
//! what does not find what the plan expects is left alone.
//!
//! What an action proves both sides to agree on, the base learns together with its outcome. What the
//! plan says is to be kept, is in the trash before it is replaced. [`write_mark`] and [`read_mark`] let
//! a side say which base it was synced with.
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

mod act;
mod agreement;
mod append_only;
mod apply;
mod barriers;
mod batch;
mod cancel;
mod check;
mod commit;
mod confirm;
mod driver;
mod dry_run;
mod error;
mod event;
mod job;
mod known;
mod mark;
mod merge;
mod place;
mod program;
mod queue;
mod read_only;
mod relocate;
mod report;
mod retry;
mod run_state;
mod scratch;
mod settle;
mod simulation;
mod stages;
mod transfer;
mod trash;
mod verified;
mod worker;

pub use append_only::AppendOnly;
pub use apply::apply;
pub use cancel::Cancel;
pub use dry_run::dry_run;
pub use error::ExecError;
pub use event::{Event, Events};
pub use job::{Document, Job, OnStale, Options, Sides};
pub use mark::{read_mark, write_mark};
pub use read_only::ReadOnly;
pub use report::{Counts, Problem, Report};
pub use retry::Retry;
pub use run_state::RunState;
pub use syncplan_state::{Ending, Outcome, RunId};
