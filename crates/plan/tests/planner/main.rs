//! The planner's own suite: plans are carried out on trees in memory, in many orders.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod case;
mod documents;
mod exhaustive;
mod filters;
mod guards;
mod opaque;
mod oracle;
mod phases;
mod questions;
mod random;
mod situations;
mod trash;
mod triples;
mod undo;
mod unsupported;
mod vouched;
mod world;
