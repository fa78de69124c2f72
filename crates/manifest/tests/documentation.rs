//! What the language has stands in its documentation.

use syncplan_model::filter::Term;
use syncplan_model::plan::{Op, Risk, Side};

const FILTERS: &str = include_str!("../../../docs/filters.md");
const MANIFEST: &str = include_str!("../../../docs/manifest.md");

#[test]
fn every_term_is_documented() {
    let rows: Vec<&str> = FILTERS.lines().filter(|line| line.starts_with("| `")).collect();
    for term in Term::NAMES {
        let written = [format!("`{term}("), format!("`{term} ")];
        let found = rows.iter().any(|row| written.iter().any(|start| row.contains(start.as_str())));
        assert!(found, "docs/filters.md has no row for `{term}`");
    }
    let words = Op::ALL.iter().map(|op| op.as_str()).chain(Risk::ALL.iter().map(|risk| risk.as_str()));
    for word in words.chain(Side::ALL.iter().map(|side| side.as_str())) {
        assert!(FILTERS.contains(&format!("`{word}`")), "docs/filters.md does not name `{word}`");
    }
}

#[test]
fn every_setting_is_documented() {
    for name in syncplan_manifest::setting_names() {
        let found =
            [format!("`{name}`"), format!("`{name} ")].iter().any(|text| MANIFEST.contains(text.as_str()));
        assert!(found, "docs/manifest.md does not name `{name}`");
    }
}

#[test]
fn what_is_not_carried_out_yet_is_told() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manifest.md")).unwrap();
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for what in syncplan_manifest::not_supported_yet() {
        assert!(page.contains(what), "docs/manifest.md does not say that this version lacks {what}");
    }
}
