//! Printing a filter and parsing the text gives the same filter.

use std::sync::Arc;

use proptest::prelude::*;
use syncplan_model::filter::{Comparison, Extension, Filter, Glob, NamedFilter, PathRegex, Term};
use syncplan_model::plan::{Op, Risk, Side};
use syncplan_model::{ByteSize, Date, EntryKind, FilterName, Period, RelPath, TaskName};

use super::{FilterScope, parse};

fn junk() -> Arc<NamedFilter> {
    Arc::new(NamedFilter::new(FilterName::new("junk").unwrap(), Filter::Term(Term::Hidden)))
}

fn glob() -> impl Strategy<Value = Glob> {
    "[a-zA-Zäß '\"(),&|.*?/]{1,12}".prop_filter_map("a glob", |text| Glob::new(&text).ok())
}

fn comparison() -> impl Strategy<Value = Comparison> {
    proptest::sample::select(Comparison::ALL.to_vec())
}

fn term() -> impl Strategy<Value = Term> {
    prop_oneof![
        glob().prop_map(Term::Glob),
        glob().prop_map(Term::Name),
        prop::collection::vec(
            "[a-z0-9 '.é]{1,6}".prop_filter_map("an extension", |e| Extension::new(&e)),
            1..3
        )
        .prop_map(Term::Ext),
        "[a-z ']{1,5}(/[a-zé]{1,5}){0,2}"
            .prop_filter_map("a path", |p| RelPath::new(p).ok())
            .prop_map(Term::Under),
        "[a-z'. ]{1,9}".prop_filter_map("a regex", |r| PathRegex::new(&r).ok()).prop_map(Term::Regex),
        (comparison(), any::<u64>()).prop_map(|(c, n)| Term::Size(c, ByteSize(n))),
        (comparison(), any::<u32>()).prop_map(|(c, n)| Term::Age(c, Period::from_millis(n.into()))),
        (comparison(), 1..12_i8).prop_map(|(c, m)| Term::Mtime(c, Date::new(2026, m, 28).unwrap())),
        Just(Term::Kind(EntryKind::Symlink)),
        Just(Term::Hidden),
        Just(Term::Empty),
        Just(Term::Op(vec![Op::Delete, Op::SetMetadata])),
        Just(Term::Task(vec![TaskName::new("a.b-c").unwrap()])),
        Just(Term::Side(Side::Remote)),
        Just(Term::Risk(vec![Risk::ALL[0]])),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![
        8 => term().prop_map(Filter::Term),
        1 => Just(Filter::All),
        1 => Just(Filter::None),
        1 => Just(Filter::Named(junk())),
    ];
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|filter| Filter::Not(Box::new(filter))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
            prop::collection::vec(inner, 2..4).prop_map(Filter::Or),
        ]
    })
}

proptest! {
    #[test]
    fn printing_and_parsing_round_trips(filter in filter()) {
        let mut scope = FilterScope::empty();
        scope.define("junk", Some(junk()));
        let text = filter.to_string();
        match parse(&text, &scope) {
            Ok(parsed) => prop_assert_eq!(parsed.filter, filter),
            Err(mistakes) => prop_assert!(false, "{}: {:?}", text, mistakes),
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[a-z'\"()<>=!&|~,.* \n0-9é-]{0,80}") {
        let _ = parse(&text, &FilterScope::empty());
    }
}
