//! Filters: expressions that select entries of a snapshot or actions of a plan.
//!
//! A [`Filter`] is a tree of terms with its patterns compiled and its references resolved. There are
//! two places for one: an [`EntryFilter`] judges what a scan finds and knows no plan, an
//! [`ActionFilter`] judges actions and may use all terms. Both evaluate without allocating, and
//! without a clock: the time is handed in.

mod analysis;
mod pattern;
mod print;
mod prune;
mod scope;
mod term;
mod tree;

pub use pattern::{Glob, MAX_PATTERN_BYTES, PathRegex, PatternError};
pub use scope::{ActionFilter, ActionView, EntryFilter, EntryView};
pub use term::{Comparison, Extension, Term};
pub use tree::{Filter, MAX_FILTER_DEPTH, MAX_FILTER_TERMS, NamedFilter};
