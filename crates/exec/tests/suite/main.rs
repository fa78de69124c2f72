//! Whole plans against real stores, with and without faults.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod concurrency;
mod crashes;
mod dry_runs;
mod everyday;
mod lost_answers;
mod merges;
mod order;
mod stale;
mod support;
mod trash;
mod two_way;
