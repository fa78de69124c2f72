//! Whole plans against real stores, with and without faults.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod addresses;
mod collecting;
mod concurrency;
mod connections;
mod crashes;
mod dry_runs;
mod events;
mod everyday;
mod leases;
mod lost_answers;
mod merges;
mod order;
mod parts;
mod returns;
mod stale;
mod support;
mod trash;
mod two_way;
