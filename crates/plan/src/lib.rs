//! The planner: a pure function from what was found on both sides to a plan.
//!
//! [`compile`] takes a [`PlanInput`] and answers a [`Plan`](syncplan_model::Plan). It looks at nothing
//! else: no file system, no network, no clock, no randomness, so that the same snapshots give the same
//! bytes of plan.json. What it would like to know better before it decides, [`questions`] says.
//!
//! The way of the data, one module a step:
//!
//! - `diff`: what differs between the sides and from the base, found in one walk over all of them;
//! - `one_way`, `two_way`: what each difference means; `conflict`, `settlement`: what a policy
//!   makes of a conflict;
//! - `reconcile`: decisions become work, where nothing stands in the way;
//! - `identity`, `pairing`: what goes here and comes there is a move, what is there already can be copied;
//! - `draft`: actions with what they expect and leave behind, and what they put at risk;
//! - `graph`: who waits for whom; `cycle`: circles are cut; `choose`: `--only` and `--exclude`;
//! - `phase`: what waits for a whole part of its task;
//! - `undo`: a run taken back, drafted and ordered by the same means.
//!
//! ```
//! use syncplan_model::plan::{Op, Selection};
//! use syncplan_model::spec::Mode;
//! use syncplan_testkit::{Fixture, tree};
//!
//! // A file was renamed: the mirror moves it as well, and nothing is uploaded.
//! let fixture = Fixture::push(Mode::Mirror, &tree("new1 same2"), &tree("old1 same2"));
//! let task = syncplan_plan::TaskInput {
//!     name: &fixture.name,
//!     after: &[],
//!     spec: &fixture.spec,
//!     guard: &fixture.guard,
//!     local: syncplan_plan::SideInput {
//!         header: fixture.header("laptop"),
//!         capabilities: &fixture.local,
//!         enforcement: syncplan_plan::Enforcements::all(syncplan_model::plan::Enforce::Atomic),
//!         snapshot: &fixture.local_snapshot,
//!     },
//!     remote: syncplan_plan::SideInput {
//!         header: fixture.header("bucket"),
//!         capabilities: &fixture.remote,
//!         enforcement: syncplan_plan::Enforcements::all(syncplan_model::plan::Enforce::Atomic),
//!         snapshot: &fixture.remote_snapshot,
//!     },
//!     base: None,
//!     only_side: None,
//!     resolution: None,
//!     protected_before: &[],
//! };
//! let plan = syncplan_plan::compile(&syncplan_plan::PlanInput {
//!     manifest: fixture.manifest(),
//!     selection: Selection::default(),
//!     tasks: vec![task],
//!     only: None,
//!     exclude: None,
//!     now: syncplan_model::Mtime { seconds: 0, nanos: 0 },
//! })
//! .unwrap();
//! assert_eq!(plan.actions().len(), 1);
//! assert_eq!(plan.actions()[0].op, Op::Move);
//! ```

mod agreed;
mod ancestry;
mod base;
mod blind;
mod change;
mod choose;
mod collision;
mod compile;
mod conflict;
mod cycle;
mod decision;
mod diff;
mod difference;
mod draft;
mod equality;
mod error;
mod fold;
mod graph;
mod header;
mod identity;
mod input;

mod one_way;
mod pairing;
mod parents;
mod phase;
mod question;
mod reconcile;
mod settlement;
mod sides;
mod status;
mod suffix;
mod survey;
mod two_way;
mod undo;
mod unsupported;
mod walk;
mod way;
mod why;
mod work;

pub use agreed::agreed;
pub use change::Change;
pub use compile::compile;
pub use error::CompileError;
pub use header::limits;
pub use input::{BaseInput, Enforcements, PlanInput, Resolution, SideInput, Take, TaskInput};
pub use question::{Inquiry, Question, Questions, pairs, questions};
pub use status::{PathStatus, path_statuses};
pub use undo::{Kept, NotUndone, Undo, UndoInput, UndoTask, undo};
pub use why::{LeftOut, Why, why};
