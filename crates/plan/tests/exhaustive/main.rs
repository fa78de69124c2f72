//! The proof of the planner: every triple of base, local and remote over 144 small trees, in every
//! mode, and random large ones. What must come of them says an oracle that knows nothing of the
//! planner; that nothing is lost on the way says a simulator.
//!
//! ```text
//! cargo test --release -p syncplan-plan --test exhaustive -- --nocapture
//! ```
//!
//! Without optimisation an evenly spread sample is tried.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod desk;
mod failures;
mod figures;
mod growth;
mod oracle;
mod random;
mod shape;
mod stops;
mod symmetry;
mod trial;
mod triples;
mod undone;
mod universe;

/// Millions of small plans are mostly made of allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
