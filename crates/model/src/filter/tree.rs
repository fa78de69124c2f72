use std::sync::Arc;

use super::term::Term;
use crate::name::FilterName;

/// How deep a filter may nest, references included.
pub const MAX_FILTER_DEPTH: usize = 64;

/// How many terms a filter may have once its references are followed; a chain of filters that each
/// use the one before twice would otherwise double with every link.
pub const MAX_FILTER_TERMS: usize = 10_000;

/// An expression over terms. Printing and parsing it gives the same tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// `all()`
    All,
    /// `none()`
    None,
    /// `not …`
    Not(Box<Self>),
    /// `… and …`, two or more.
    And(Vec<Self>),
    /// `… or …`, two or more.
    Or(Vec<Self>),
    /// One term.
    Term(Term),
    /// A filter by its name.
    Named(Arc<NamedFilter>),
}

/// A filter with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFilter {
    name: FilterName,
    filter: Filter,
    depth: usize,
    terms: usize,
    needs_plan: bool,
}

impl NamedFilter {
    /// Gives a name to a filter.
    pub fn new(name: FilterName, filter: Filter) -> Self {
        let (depth, terms, needs_plan) = (filter.depth(), filter.terms(), filter.needs_plan());
        Self { name, filter, depth, terms, needs_plan }
    }

    /// Its name in the manifest.
    pub fn name(&self) -> &FilterName {
        &self.name
    }

    /// What stands behind the name.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }
}

impl Filter {
    /// How deep the expression nests; a term alone has depth 1. References count what they name.
    pub fn depth(&self) -> usize {
        1 + match self {
            Self::All | Self::None | Self::Term(_) => 0,
            Self::Not(inner) => inner.depth(),
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::depth).max().unwrap_or(0),
            Self::Named(named) => named.depth,
        }
    }

    /// How many terms there are, references followed.
    pub fn terms(&self) -> usize {
        match self {
            Self::All | Self::None | Self::Term(_) => 1,
            Self::Not(inner) => inner.terms(),
            Self::And(parts) | Self::Or(parts) => {
                parts.iter().map(Self::terms).fold(0, usize::saturating_add)
            }
            Self::Named(named) => named.terms,
        }
    }

    /// Whether a term in it judges actions, so that a scan cannot use it.
    pub fn needs_plan(&self) -> bool {
        match self {
            Self::Named(named) => named.needs_plan,
            _ => self.any_part(&Self::needs_plan, &Term::needs_plan),
        }
    }

    /// Whether paths alone decide.
    pub fn is_path_only(&self) -> bool {
        let other = |term: &Term| !term.is_path_only();
        !self.any_part(&|part| !part.is_path_only(), &other)
    }

    fn any_part(&self, part: &dyn Fn(&Self) -> bool, term: &dyn Fn(&Term) -> bool) -> bool {
        match self {
            Self::All | Self::None => false,
            Self::Not(inner) => part(inner),
            Self::And(parts) | Self::Or(parts) => parts.iter().any(part),
            Self::Term(own) => term(own),
            Self::Named(named) => part(&named.filter),
        }
    }

    /// Evaluates with an answer for each term.
    pub(super) fn evaluate(&self, term: &impl Fn(&Term) -> bool) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Not(inner) => !inner.evaluate(term),
            Self::And(parts) => parts.iter().all(|part| part.evaluate(term)),
            Self::Or(parts) => parts.iter().any(|part| part.evaluate(term)),
            Self::Term(own) => term(own),
            Self::Named(named) => named.filter.evaluate(term),
        }
    }
}
