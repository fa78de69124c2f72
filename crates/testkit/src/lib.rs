//! Helpers for tests: trees as literals, and tasks around them.
//!
//! ```
//! use syncplan_testkit::tree;
//!
//! let tree = tree("a1 d/b2 e/ l->a x~ y?");
//! assert_eq!(tree.to_string(), "a1 d/ d/b2 e/ l->a x~ y?");
//! assert_eq!(tree.snapshot().entries(), 7);
//! ```

mod fixture;
mod large_bucket;
pub mod simulator;
mod tree;

pub use fixture::Fixture;
pub use large_bucket::{Contents, LargeBucket};
pub use tree::{Known, Node, Tree, facts, tree};
