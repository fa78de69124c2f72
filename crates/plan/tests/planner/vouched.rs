//! What is known by a checksum that a store keeps.

use syncplan_model::plan::{Evidence, Risk};
use syncplan_model::spec::{Compare, Confirm};
use syncplan_plan::pairs;
use syncplan_testkit::Known;

use crate::case::Case;
use crate::world::lines;

/// The source is hashed, and the store on the target keeps checksums.
fn vouched(source: &str, target: &str, compare: Compare) -> Case {
    let mut case = Case::mirror(source, target).knowing(Known::Digests, Known::Vouched);
    case.fixture.spec.compare = compare;
    case
}

fn paired(case: &Case) -> Vec<String> {
    pairs(&case.task()).iter().map(ToString::to_string).collect()
}

#[test]
fn what_nobody_knows_yet_is_compared_by_checksums() {
    // The same time, another time, another length; and what one side has alone.
    let mut case = Case::mirror("a1 b1@5 cé d1", "a1 b2@6 c1 e1").knowing(Known::Metadata, Known::Metadata);
    assert_eq!(paired(&case), ["b"]);
    case.fixture.spec.compare = Compare::Sampled;
    assert_eq!(paired(&case), ["a", "b"]);
    case.fixture.spec.compare = Compare::Full;
    assert_eq!(paired(&case), [""; 0]);
    assert_eq!(paired(&Case::mirror("a1@5", "a2@6")), [""; 0]);
    assert_eq!(paired(&vouched("a1@5", "a2@6", Compare::Quick)), [""; 0]);
}

#[test]
fn a_checksum_says_that_files_are_the_same_and_that_they_are_not() {
    for compare in [Compare::Quick, Compare::Sampled] {
        let case = vouched("a1@5 b3@5", "a1@6 b2@6", compare);
        let plan = case.compile();
        assert!(!lines(&plan).contains(&"upload a".to_owned()), "{:?}", lines(&plan));
        assert!(lines(&plan).contains(&"upload b".to_owned()), "{case}");
        assert_eq!(case.questions().remote, [], "{case}");
    }
}

#[test]
fn a_full_comparison_trusts_no_checksum() {
    let case = vouched("a1", "a1", Compare::Full);
    assert_eq!(lines(&case.compile()), ["upload a"]);
    assert_eq!(case.questions().remote.len(), 1);
}

#[test]
fn moves_by_a_checksum_only_nominate() {
    let mut case = vouched("b1", "a1", Compare::Quick);
    let plan = case.compile();
    assert_eq!(lines(&plan), ["move a -> b"]);
    let action = &plan.actions()[0];
    assert_eq!(action.evidence, Some(Evidence::Etag));
    assert!(!action.risk.contains(&Risk::SampledMatch));
    // What the executor has to find is not what nobody read.
    let expected = action.expect.from.as_ref().unwrap().facts().unwrap();
    assert_eq!((expected.digest, expected.vouched), (None, None));
    case.fixture.spec.confirm = Confirm::Sampled;
    assert!(case.compile().actions()[0].risk.contains(&Risk::SampledMatch));
}

#[test]
fn copies_by_a_checksum_only_nominate() {
    let plan = vouched("a1 b1", "a1", Compare::Quick).compile();
    assert_eq!(lines(&plan), ["copy a -> b"]);
    assert_eq!(plan.actions()[0].evidence, Some(Evidence::Etag));
    // A digest is better.
    let known = Case::mirror("a1 b1", "a1").compile();
    assert_eq!(known.actions()[0].evidence, Some(Evidence::Digest));
}

#[test]
fn what_a_checksum_vouches_for_is_no_other_copy() {
    let removal =
        |case: Case| case.compile().actions().iter().find(|it| it.op.removes()).unwrap().risk.clone();
    let both = "gone1 there1";
    assert!(!removal(Case::mirror("there1", both)).contains(&Risk::LastCopy));
    let vouched = Case::mirror("there1", both).knowing(Known::Metadata, Known::Vouched);
    assert!(removal(vouched).contains(&Risk::LastCopy));
}
