use std::ops::Range;
use std::sync::Arc;

use pest::Parser as _;
use pest::iterators::Pair;
use syncplan_grammar::filter::{FilterParser, Rule, name_of};
use syncplan_model::filter::{Filter, MAX_FILTER_DEPTH, MAX_FILTER_TERMS, Term};

use super::scope::FilterScope;
use super::term;
use crate::code;
use crate::problem::Mistake;
use crate::suggest::{list, nearest};

/// The longest expression, in bytes.
const MAX_EXPRESSION_BYTES: usize = 64 << 10;

/// An expression without mistakes, and where in it terms stand that need a plan.
pub(crate) struct Parsed {
    pub(crate) filter: Filter,
    pub(crate) plan_terms: Vec<(Range<usize>, String)>,
}

/// Reads an expression, or tells all that is wrong with it.
pub(crate) fn parse(text: &str, scope: &FilterScope) -> Result<Parsed, Vec<Mistake>> {
    check_size(text).map_err(|mistake| vec![mistake])?;
    let program = FilterParser::parse(Rule::program, text);
    let mut pairs = program.map_err(|error| vec![unparsable(text, &error)])?;
    let mut reader = Reader { text, scope, mistakes: Vec::new(), plan_terms: Vec::new() };
    let expression = pairs.next().and_then(|program| program.into_inner().next());
    let filter = expression.and_then(|expression| reader.expression(expression));
    if let Some(mistake) = filter.as_ref().and_then(|filter| too_large(filter, text)) {
        reader.mistakes.push(mistake);
    }
    match filter {
        Some(filter) if reader.mistakes.is_empty() => Ok(Parsed { filter, plan_terms: reader.plan_terms }),
        _ => Err(reader.mistakes),
    }
}

/// The names of filters that an expression uses, whether they exist or not.
pub(crate) fn references(text: &str) -> Vec<(String, Range<usize>)> {
    if check_size(text).is_err() {
        return Vec::new();
    }
    let Ok(pairs) = FilterParser::parse(Rule::program, text) else { return Vec::new() };
    let references = pairs.flatten().filter(|pair| pair.as_rule() == Rule::reference);
    references.map(|pair| (pair.as_str().trim_end().to_owned(), range_of(&pair))).collect()
}

/// The grammar recurses into parentheses, so they are counted first.
fn check_size(text: &str) -> Result<(), Mistake> {
    if text.trim().is_empty() {
        return Err(Mistake::new(
            code::FILTER_SYNTAX,
            0..text.len(),
            "the filter is empty",
            "expected a term",
        )
        .help("write `all()` for everything, `none()` for nothing"));
    }
    if text.len() > MAX_EXPRESSION_BYTES {
        return Err(Mistake::new(
            code::FILTER_TOO_LARGE,
            0..0,
            "the filter has more than 64 KiB",
            "begins here",
        ));
    }
    let (mut depth, mut quoted) = (0_usize, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\'' => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_FILTER_DEPTH {
            return Err(too_deep(at..at + 1));
        }
    }
    Ok(())
}

fn too_deep(range: Range<usize>) -> Mistake {
    let message = format!("the filter nests more than {MAX_FILTER_DEPTH} deep");
    Mistake::new(code::FILTER_TOO_LARGE, range, message, "one too many")
        .help("give a part of it a name of its own")
}

fn too_large(filter: &Filter, text: &str) -> Option<Mistake> {
    if filter.depth() > MAX_FILTER_DEPTH {
        return Some(too_deep(0..text.len()));
    }
    (filter.terms() > MAX_FILTER_TERMS).then(|| {
        let message =
            format!("the filter has more than {MAX_FILTER_TERMS} terms, with those of the filters it names");
        Mistake::new(code::FILTER_TOO_LARGE, 0..text.len(), message, "too large")
    })
}

fn unparsable(text: &str, error: &pest::error::Error<Rule>) -> Mistake {
    let at = match error.location {
        pest::error::InputLocation::Pos(at) | pest::error::InputLocation::Span((at, _)) => at.min(text.len()),
    };
    let expected = match &error.variant {
        pest::error::ErrorVariant::ParsingError { positives, .. } => expectations(positives),
        pest::error::ErrorVariant::CustomError { message } => message.clone(),
    };
    let rest = &text[at..];
    let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
    if length == 0 {
        let at = text.trim_end().len();
        let start = text[..at].rfind(char::is_whitespace).map_or(0, |space| space + 1);
        return Mistake::new(
            code::FILTER_SYNTAX,
            start..at,
            "the filter ends too early",
            "something is missing after this",
        )
        .help(format!("expected {expected}"));
    }
    if rest.starts_with(')') {
        let before = text[..at].trim_end();
        if before.ends_with('(') || !before.ends_with(|c: char| c.is_alphanumeric() || c == ')' || c == '\'')
        {
            return Mistake::new(
                code::FILTER_SYNTAX,
                at..at + 1,
                "a term is missing",
                "before this parenthesis",
            )
            .help(format!("expected {expected}"));
        }
        return Mistake::new(
            code::FILTER_UNCLOSED,
            at..at + 1,
            "a parenthesis is closed that was never opened",
            "no `(` belongs to this",
        )
        .help("remove it");
    }
    Mistake::new(
        code::FILTER_SYNTAX,
        at..at + length,
        "the filter cannot be read from here on",
        format!("expected {expected}"),
    )
    .help("terms are joined by `and` and `or`: `name('*.tmp') or under('cache')`")
}

fn expectations(rules: &[Rule]) -> String {
    let mut names: Vec<&str> = rules.iter().filter_map(|rule| name_of(*rule)).collect();
    names.sort_unstable();
    names.dedup();
    match names.split_last() {
        None => "a term such as `name('*.tmp')`".to_owned(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// The range of a pair, without the blanks that pest leaves behind the last token of some rules.
pub(super) fn range_of(pair: &Pair<'_, Rule>) -> Range<usize> {
    let span = pair.as_span();
    span.start()..span.start() + span.as_str().trim_end().len()
}

pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) scope: &'a FilterScope,
    pub(super) mistakes: Vec<Mistake>,
    pub(super) plan_terms: Vec<(Range<usize>, String)>,
}

/// `None` means that a mistake was told; reading goes on to find the others.
impl Reader<'_> {
    fn expression(&mut self, pair: Pair<'_, Rule>) -> Option<Filter> {
        self.list(pair, Rule::conjunction, Self::conjunction, Filter::Or)
    }

    fn conjunction(&mut self, pair: Pair<'_, Rule>) -> Option<Filter> {
        self.list(pair, Rule::negation, Self::negation, Filter::And)
    }

    fn list(
        &mut self,
        pair: Pair<'_, Rule>,
        part: Rule,
        read: fn(&mut Self, Pair<'_, Rule>) -> Option<Filter>,
        join: fn(Vec<Filter>) -> Filter,
    ) -> Option<Filter> {
        let mut parts = Vec::new();
        for inner in pair.into_inner() {
            if inner.as_rule() == part {
                parts.push(read(self, inner));
            } else {
                self.operator(inner);
            }
        }
        let mut parts: Vec<Filter> = parts.into_iter().collect::<Option<_>>()?;
        if parts.len() == 1 { parts.pop() } else { Some(join(parts)) }
    }

    fn negation(&mut self, pair: Pair<'_, Rule>) -> Option<Filter> {
        let mut negations = 0;
        let mut inner = None;
        for part in pair.into_inner() {
            if part.as_rule() == Rule::not {
                negations += 1;
                if negations > MAX_FILTER_DEPTH {
                    self.mistakes.push(too_deep(range_of(&part)));
                    return None;
                }
                self.operator(part);
            } else {
                inner = Some(self.primary(part));
            }
        }
        let filter = inner.flatten()?;
        Some((0..negations).fold(filter, |filter, _| Filter::Not(Box::new(filter))))
    }

    /// Tells when an operator is one of another language, or is missing.
    fn operator(&mut self, pair: Pair<'_, Rule>) {
        if pair.as_rule() == Rule::missing_operator {
            let at = pair.as_span().start();
            let rest = &self.text[at..];
            let end = at + rest.find(|c: char| c.is_whitespace() || c == '(').unwrap_or(rest.len()).max(1);
            self.mistakes.push(
                Mistake::new(
                    code::FILTER_OPERATOR,
                    at..end,
                    "two terms stand side by side",
                    "`and` or `or` is missing before this",
                )
                .help(format!(
                    "write `and {}`, or `or {}`",
                    &self.text[at..end],
                    &self.text[at..end]
                )),
            );
            return;
        }
        let written = range_of(&pair);
        let Some(inner) = pair.into_inner().next() else { return };
        let meant = match inner.as_rule() {
            Rule::wrong_or => "or",
            Rule::wrong_and => "and",
            Rule::wrong_not => "not",
            _ => return,
        };
        self.wrong_operator(written, meant);
    }

    pub(super) fn wrong_operator(&mut self, range: Range<usize>, meant: &str) {
        let message = format!("`{}` is no operator of filters", &self.text[range.clone()]);
        self.mistakes.push(
            Mistake::new(code::FILTER_OPERATOR, range, message, "unknown operator")
                .help(format!("did you mean `{meant}`?")),
        );
    }

    fn primary(&mut self, pair: Pair<'_, Rule>) -> Option<Filter> {
        match pair.as_rule() {
            Rule::group => self.group(pair),
            Rule::call => term::call(self, pair),
            Rule::comparison => term::comparison(self, pair),
            Rule::reference => self.reference(&pair),
            _ => self.stray(&pair),
        }
    }

    fn group(&mut self, pair: Pair<'_, Rule>) -> Option<Filter> {
        let range = range_of(&pair);
        let mut filter = None;
        let mut empty = true;
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::expression => {
                    empty = false;
                    filter = self.expression(inner);
                }
                Rule::unclosed => self.unclosed(range.start),
                _ => {}
            }
        }
        if empty {
            self.mistakes.push(
                Mistake::new(
                    code::FILTER_SYNTAX,
                    range,
                    "a term is missing",
                    "nothing between the parentheses",
                )
                .help("expected a term such as `name('*.tmp')`"),
            );
        }
        filter
    }

    pub(super) fn unclosed(&mut self, at: usize) {
        self.mistakes.push(
            Mistake::new(
                code::FILTER_UNCLOSED,
                at..at + 1,
                "this parenthesis is never closed",
                "opened here",
            )
            .help("add a `)`"),
        );
    }

    fn reference(&mut self, pair: &Pair<'_, Rule>) -> Option<Filter> {
        let (range, name) = (range_of(pair), pair.as_str().trim_end());
        match self.scope.filter(name) {
            Some(Some(named)) => {
                let filter = Filter::Named(Arc::clone(named));
                if filter.needs_plan() {
                    self.plan_terms.push((range, format!("the filter `{name}`")));
                }
                Some(filter)
            }
            // Defined, and wrong in itself: that was told where it is defined.
            Some(None) => Some(Filter::All),
            None => {
                self.mistakes.push(self.unknown_name(name, range));
                None
            }
        }
    }

    fn unknown_name(&self, name: &str, range: Range<usize>) -> Mistake {
        if Term::NAMES.contains(&name) {
            return Mistake::new(
                code::FILTER_SYNTAX,
                range,
                format!("`{name}` is a term, and stands alone here"),
                "incomplete",
            )
            .help(format!("write it like `{}`", term::example(name)));
        }
        let names: Vec<&str> = self.scope.filter_names().take(500).collect();
        let help = match nearest(name, names.iter().copied().chain(Term::NAMES.iter().copied())) {
            Some(meant) if Term::NAMES.contains(&meant) => {
                format!("did you mean the term `{}`?", term::example(meant))
            }
            Some(meant) => format!("did you mean `{meant}`?"),
            None if names.is_empty() => format!("define it: `filter {name} \"…\"`"),
            None => format!("filters that exist: {}", list(&names)),
        };
        Mistake::new(code::FILTER_UNKNOWN_NAME, range, format!("there is no filter `{name}`"), "not defined")
            .help(help)
    }

    /// Text where a term should stand: most often a pattern without its term.
    fn stray(&mut self, pair: &Pair<'_, Rule>) -> Option<Filter> {
        let range = range_of(pair);
        let text = self.text[range.clone()].trim_matches(['\'', '"']);
        if self.text[range.clone()].starts_with(['\'', '"'])
            && pair.clone().into_inner().any(|p| p.as_rule() == Rule::unclosed_string)
        {
            self.mistakes.push(
                Mistake::new(
                    code::FILTER_UNCLOSED,
                    range.start..range.start + 1,
                    "this quote is never closed",
                    "opened here",
                )
                .help("close it with the same quote"),
            );
            return None;
        }
        let term = if text.contains('/') { "glob" } else { "name" };
        self.mistakes.push(
            Mistake::new(
                code::FILTER_SYNTAX,
                range,
                "a pattern needs a term that says what it matches",
                "expected a term",
            )
            .help(format!("write `{term}('{text}')`")),
        );
        None
    }
}
