//! The grammar of filter expressions, `filter.pest`.
#![expect(missing_docs, reason = "pest's derive emits undocumented items")]

/// The parser that pest makes of `filter.pest`.
#[derive(pest_derive::Parser)]
#[grammar = "filter.pest"]
pub struct FilterParser;

/// What people call what a rule matches, for "expected …"; `None` where naming it would not help.
pub fn name_of(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::or => "`or`",
        Rule::and => "`and`",
        Rule::not => "`not`",
        Rule::open_paren => "`(`",
        Rule::close_paren => "`)`",
        Rule::comma => "`,`",
        Rule::comparator => "one of `<` `<=` `=` `>=` `>`",
        Rule::argument | Rule::string => "text in single quotes",
        Rule::value => "a value",
        Rule::negation
        | Rule::conjunction
        | Rule::expression
        | Rule::group
        | Rule::call
        | Rule::comparison => "a term such as `name('*.tmp')`",
        Rule::reference | Rule::word => "a term such as `name('*.tmp')`",
        Rule::EOI => "the end",
        _ => return None,
    })
}
