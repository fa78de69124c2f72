//! Filter expressions: text → [`Filter`], with every mistake of an expression in one pass.

mod parse;
mod scope;
mod term;

#[cfg(test)]
mod round_trip;

use syncplan_model::{ActionFilter, EntryFilter, Filter};

use crate::code;
use crate::diagnostics::{Diagnostics, standalone};
use crate::problem::Mistake;

pub(crate) use parse::{Parsed, parse, references};
pub use scope::FilterScope;

/// Reads a filter for what a scan finds; `name` is what the text is called in diagnostics.
pub fn parse_entry_filter(text: &str, name: &str, scope: &FilterScope) -> Result<EntryFilter, Diagnostics> {
    entry_filter(text, scope).map_err(|mistakes| standalone(text, name, mistakes))
}

/// Reads a filter for actions, as of `--only` and `--exclude`.
pub fn parse_action_filter(text: &str, name: &str, scope: &FilterScope) -> Result<ActionFilter, Diagnostics> {
    action_filter(text, scope).map_err(|mistakes| standalone(text, name, mistakes))
}

pub(crate) fn action_filter(text: &str, scope: &FilterScope) -> Result<ActionFilter, Vec<Mistake>> {
    parse(text, scope).map(|parsed| ActionFilter::new(parsed.filter))
}

pub(crate) fn entry_filter(text: &str, scope: &FilterScope) -> Result<EntryFilter, Vec<Mistake>> {
    let Parsed { filter, plan_terms } = parse(text, scope)?;
    let filter = EntryFilter::new(filter);
    filter.map_err(|_| plan_terms.into_iter().map(|(range, what)| misplaced(range, &what)).collect())
}

fn misplaced(range: std::ops::Range<usize>, what: &str) -> Mistake {
    Mistake::new(
        code::FILTER_PLAN_TERM,
        range,
        format!("{what} judges actions, and a scan knows none"),
        "not here",
    )
    .help("`op`, `task`, `side` and `risk` stand in `protect`, `--only` and `--exclude`")
}

/// The warning for a filter that cannot match.
pub(crate) fn void(filter: &Filter, length: usize) -> Option<Mistake> {
    (filter.can_match_nothing() && *filter != Filter::None).then(|| {
        Mistake::new(code::FILTER_VOID, 0..length, "nothing can ever match this filter", "contradicts itself")
            .help("write `none()` if that is meant")
    })
}
