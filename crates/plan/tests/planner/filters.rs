//! `--only` and `--exclude`.

use syncplan_model::ActionFilter;
use syncplan_model::RelPath;
use syncplan_model::filter::{Filter, Term};
use syncplan_model::plan::Op;

use crate::case::Case;
use crate::world::lines;

pub(crate) fn under(folders: &[RelPath]) -> ActionFilter {
    let mut terms: Vec<_> = folders.iter().map(|folder| Filter::Term(Term::Under(folder.clone()))).collect();
    ActionFilter::new(if terms.len() == 1 { terms.remove(0) } else { Filter::Or(terms) })
}

fn folder(name: &str) -> ActionFilter {
    under(&[RelPath::new(name).unwrap()])
}

fn ops(ops: &[Op]) -> ActionFilter {
    ActionFilter::new(Filter::Term(Term::Op(ops.to_vec())))
}

fn only(case: Case, filter: ActionFilter) -> Vec<String> {
    let case = Case { only: Some(filter), ..case };
    let plan = case.compile();
    case.apply(&plan, 1);
    lines(&plan)
}

fn exclude(case: Case, filter: ActionFilter) -> Vec<String> {
    let case = Case { exclude: Some(filter), ..case };
    let plan = case.compile();
    case.apply(&plan, 1);
    lines(&plan)
}

#[test]
fn only_keeps_what_matches_and_the_folders_it_needs() {
    let case = || Case::mirror("a/b/x1 a/y2 c3", "z4");
    assert_eq!(only(case(), folder("a/b")), ["mkdir a", "mkdir a/b", "upload a/b/x"]);
    assert_eq!(
        only(case(), ops(&[Op::Upload])),
        ["mkdir a", "mkdir a/b", "upload a/b/x", "upload a/y", "upload c"]
    );
    assert_eq!(only(case(), ops(&[Op::Delete])), ["delete z"]);
}

#[test]
fn a_move_is_asked_for_whole_or_not_at_all() {
    let case = || Case::mirror("in/x1", "out/x1");
    assert_eq!(only(case(), folder("in")), ["mkdir in"]);
    assert_eq!(exclude(case(), folder("out")), ["mkdir in"]);
    assert_eq!(exclude(case(), folder("in")), [""; 0]);
}

#[test]
fn what_needs_something_left_out_is_left_out_too() {
    // The upload to `a` needs its place, which the move vacates.
    let case = || Case::mirror("a2 b1", "a1");
    assert_eq!(exclude(case(), ops(&[Op::Move])), [""; 0]);
    assert_eq!(only(case(), ops(&[Op::Upload])), [""; 0]);
    assert_eq!(exclude(case(), ops(&[Op::Upload])), ["move a -> b"]);
    // The folder needs its child to go.
    assert_eq!(exclude(Case::mirror("", "d/x1 d/y2"), folder("d/x")), ["delete d/y"]);
    // A swap goes as a whole, and the times after it.
    assert_eq!(exclude(Case::mirror("a2@7 b1@7", "a1@5 b2@5"), folder("a")), [""; 0]);
}

#[test]
fn what_merely_comes_behind_stays() {
    // The new time of `a` comes after the copy that reads it, but needs nothing of it.
    let case = Case::mirror("a1@7 b1@7", "a1@5");
    assert_eq!(exclude(case, ops(&[Op::Copy])), ["set-metadata a"]);
}
