//! Can a filter match anything at all? Answered from the terms alone, so "no" is certain.

use super::term::{Comparison, Extension, Term, is_under};
use super::tree::Filter;
use crate::entry::EntryKind;

/// Conjunctions beyond this many terms are not looked into: every pair is compared.
const MAX_PAIRED: usize = 64;

/// A term, or its negation.
#[derive(Clone, Copy)]
struct Literal<'a> {
    term: &'a Term,
    positive: bool,
}

impl Filter {
    /// Whether it is certain that nothing ever matches, as in `size > 5GiB and size < 1MiB`.
    pub fn can_match_nothing(&self) -> bool {
        self.is_void(true)
    }

    /// Whether the filter, or its negation, is void. A negated `or` is an `and` of negations.
    fn is_void(&self, positive: bool) -> bool {
        match (self, positive) {
            (Self::None, true) | (Self::All, false) => true,
            (Self::All, true) | (Self::None, false) => false,
            (Self::Not(inner), _) => inner.is_void(!positive),
            (Self::Named(named), _) => named.filter().is_void(positive),
            (Self::Term(term), true) => term.is_void(),
            (Self::Term(_), false) => false,
            (Self::Or(parts), true) | (Self::And(parts), false) => {
                parts.iter().all(|part| part.is_void(positive))
            }
            (Self::And(parts), true) | (Self::Or(parts), false) => {
                parts.iter().any(|part| part.is_void(positive)) || contradict(parts, positive)
            }
        }
    }

    /// The terms that must all hold (or, negated, all fail) for the filter to match.
    fn required<'a>(&'a self, positive: bool, found: &mut Vec<Literal<'a>>) {
        if found.len() > MAX_PAIRED {
            return;
        }
        match (self, positive) {
            (Self::Not(inner), _) => inner.required(!positive, found),
            (Self::Named(named), _) => named.filter().required(positive, found),
            (Self::Term(term), _) => found.push(Literal { term, positive }),
            (Self::And(parts), true) | (Self::Or(parts), false) => {
                parts.iter().for_each(|part| part.required(positive, found));
            }
            _ => {}
        }
    }
}

fn contradict(parts: &[Filter], positive: bool) -> bool {
    let mut literals = Vec::new();
    parts.iter().for_each(|part| part.required(positive, &mut literals));
    literals.truncate(MAX_PAIRED);
    let pairs = literals.iter().enumerate().flat_map(|(i, a)| literals[i + 1..].iter().map(move |b| (a, b)));
    pairs.into_iter().any(|(a, b)| match (a.positive, b.positive) {
        (true, true) => a.term.excludes(b.term),
        (true, false) => a.term.implies(b.term),
        (false, true) => b.term.implies(a.term),
        (false, false) => false,
    })
}

impl Term {
    fn is_void(&self) -> bool {
        match self {
            // Paths have no leading slash, and names have none at all.
            Self::Glob(glob) => glob.as_str().starts_with('/'),
            Self::Name(glob) => glob.as_str().contains('/') && !glob.as_str().contains(['[', '{']),
            _ => self.range().is_some_and(|(_, range)| range.is_empty()),
        }
    }

    fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Kind(a), Self::Kind(b)) => a != b,
            (Self::Kind(kind), Self::Size(..) | Self::Empty)
            | (Self::Size(..) | Self::Empty, Self::Kind(kind)) => *kind != EntryKind::File,
            (Self::Ext(a), Self::Ext(b)) => !a.iter().any(|a| b.iter().any(|b| can_both_end(a, b))),
            (Self::Under(a), Self::Under(b)) => !is_under(a.as_bytes(), b) && !is_under(b.as_bytes(), a),
            (Self::Op(a), Self::Op(b)) => !a.iter().any(|op| b.contains(op)),
            (Self::Task(a), Self::Task(b)) => !a.iter().any(|task| b.contains(task)),
            (Self::Side(a), Self::Side(b)) => a != b,
            _ => self.ranges_with(other).is_some_and(|(a, b)| a.intersection(b).is_empty()),
        }
    }

    fn implies(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ext(a), Self::Ext(b)) => a.iter().all(|a| b.iter().any(|b| ends_with(a, b))),
            (Self::Under(a), Self::Under(b)) => is_under(a.as_bytes(), b),
            (Self::Op(a), Self::Op(b)) => a.iter().all(|op| b.contains(op)),
            (Self::Task(a), Self::Task(b)) => a.iter().all(|task| b.contains(task)),
            (Self::Risk(a), Self::Risk(b)) => a.iter().all(|risk| b.contains(risk)),
            (Self::Size(..) | Self::Empty, Self::Kind(EntryKind::File)) => true,
            _ => self == other || self.ranges_with(other).is_some_and(|(a, b)| b.covers(a)),
        }
    }

    fn ranges_with(&self, other: &Self) -> Option<(Range, Range)> {
        let ((a, a_range), (b, b_range)) = (self.range()?, other.range()?);
        (a == b).then_some((a_range, b_range))
    }

    /// What the term measures, and the values it accepts.
    fn range(&self) -> Option<(Measure, Range)> {
        match self {
            Self::Size(comparison, size) => {
                Some((Measure::Size, Range::of(*comparison, size.bytes().into()).from(0)))
            }
            Self::Empty => Some((Measure::Size, Range { least: 0, most: 0 })),
            // Files may come from the future: an age may be negative.
            Self::Age(comparison, period) => {
                Some((Measure::Age, Range::of(*comparison, period.as_millis().into())))
            }
            Self::Mtime(comparison, date) => {
                Some((Measure::Mtime, Range::of(*comparison, (date.start() / 86_400).into())))
            }
            _ => None,
        }
    }
}

#[derive(PartialEq)]
enum Measure {
    Size,
    Age,
    Mtime,
}

/// From the least to the most, both included.
#[derive(Clone, Copy)]
struct Range {
    least: i128,
    most: i128,
}

impl Range {
    fn of(comparison: Comparison, figure: i128) -> Self {
        let (least, most) = match comparison {
            Comparison::Less => (i128::MIN, figure - 1),
            Comparison::LessOrEqual => (i128::MIN, figure),
            Comparison::Equal => (figure, figure),
            Comparison::GreaterOrEqual => (figure, i128::MAX),
            Comparison::Greater => (figure + 1, i128::MAX),
        };
        Self { least, most }
    }

    fn from(self, least: i128) -> Self {
        Self { least: self.least.max(least), ..self }
    }

    fn is_empty(self) -> bool {
        self.least > self.most
    }

    fn intersection(self, other: Self) -> Self {
        Self { least: self.least.max(other.least), most: self.most.min(other.most) }
    }

    fn covers(self, other: Self) -> bool {
        self.least <= other.least && other.most <= self.most
    }
}

fn can_both_end(a: &Extension, b: &Extension) -> bool {
    ends_with(a, b) || ends_with(b, a)
}

fn ends_with(long: &Extension, short: &Extension) -> bool {
    let rest = long.as_str().strip_suffix(short.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
