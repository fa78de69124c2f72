//! What takes a run back, and what stays: by what happened since.

use std::collections::HashSet;

use syncplan_model::plan::{Action, Plan, Side};
use syncplan_model::spec::{Direction, Mode, Trash};
use syncplan_model::{Period, RelPath};
use syncplan_plan::{Kept, Undo, UndoInput, UndoTask, undo};
use syncplan_testkit::{Tree, tree};

use crate::case::{Case, NOW};
use crate::world::{Dice, World, line};

/// A run of a mirror, and all that is known of it since.
struct Ran {
    case: Case,
    plan: Plan,
    world: World,
    done: HashSet<syncplan_model::plan::ActionId>,
    changed: HashSet<(Side, RelPath)>,
}

/// A mirror from source to target, whose target was as it had been synced; with a trash, or without.
fn ran(source: &str, target: &str, keeps: bool) -> Ran {
    let mut case = Case::mirror(source, target).based_on([tree(target), tree(target)]);
    case.fixture.spec.trash = keeps.then(|| Trash { keep: Period::from_secs(60) });
    Ran::of(case)
}

impl Ran {
    fn of(case: Case) -> Self {
        let (plan, mut world) = (case.compile(), case.world());
        world.apply(&plan, &mut Dice::new(1)).unwrap();
        let done = plan.actions().iter().map(|action| action.id).collect();
        Self { case, plan, world, done, changed: HashSet::new() }
    }

    /// The target is this by now.
    fn since(mut self, target: &str) -> Self {
        self.case.target = tree(target);
        self
    }

    /// Nobody changed anything.
    fn unchanged(mut self) -> Self {
        self.case.target = self.target();
        self
    }

    fn target(&self) -> Tree {
        let mut tree = self.world.tree(Side::Remote);
        tree.0.retain(|path, _| !path.is_reserved());
        tree
    }

    fn undo(&self) -> Undo {
        let kept = self.world.trash().map(|((side, path), thing)| Kept {
            side: *side,
            path: path.clone(),
            facts: thing.facts.clone(),
        });
        let kept: Vec<Kept> = kept.collect();
        let base = [self.world.base_local.tree(), self.world.base_remote.tree()];
        let case = self.case.clone().based_on(base).with_target(self.case.target.clone());
        let task = UndoTask { task: case.task(), kept: &kept, changed: &self.changed };
        let (plan, done, manifest) = (&self.plan, &self.done, case.fixture.manifest());
        undo(&UndoInput { run: 7, plan, done, manifest, tasks: vec![task], now: NOW }).unwrap()
    }

    /// Compares with what is planned, in short, and what stays and why.
    #[track_caller]
    fn check(&self, actions: &[&str], left: &[(&str, &str)]) {
        let undo = self.undo();
        let found: Vec<_> = undo.plan.actions().iter().map(short).collect();
        assert_eq!(found, actions);
        let stays = |it: &syncplan_plan::NotUndone| (it.path.to_string(), it.reason.clone());
        let expected = left.iter().map(|(path, reason)| ((*path).to_owned(), (*reason).to_owned()));
        assert_eq!(undo.left.iter().map(stays).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
}

/// `move T -> a` is what comes back from the trash, `+trash` what is kept.
fn short(action: &Action) -> String {
    let line = line(action);
    let kept = if action.trash.is_some() { " +trash" } else { "" };
    match (&action.from, line.split_once(" -> ")) {
        (Some(from), Some((_, to))) if from.is_reserved() && line.starts_with("move") => {
            format!("move T -> {to}{kept}")
        }
        _ => format!("{line}{kept}"),
    }
}

#[test]
fn each_kind_of_action_has_its_reverse() {
    for (source, target, expected) in [
        ("a2", "a1", &["move T -> a +trash"][..]),
        ("", "a1 l->x", &["move T -> a", "move T -> l"]),
        ("a1 n2", "a1", &["delete n +trash"]),
        ("b1", "a1", &["move b -> a"]),
        ("b1", "a1 b2", &["move b -> a", "move T -> b"]),
        ("a2 b1", "a1 b2", &["stage b -> *", "move a -> b", "install * -> a"]),
        ("a1 c1", "a1", &["delete c +trash"]),
        ("", "d/x1", &["mkdir d", "move T -> d/x"]),
        ("d/x1", "", &["rmdir d", "delete d/x +trash"]),
        ("d1", "d/x2", &["delete d +trash", "mkdir d", "move T -> d/x"]),
        ("d/x1", "d2", &["move T -> d", "rmdir d", "delete d/x +trash"]),
        ("a1@2", "a1@1", &["set-metadata a"]),
        ("a1", "a1", &[]),
    ] {
        let mut found: Vec<_> =
            ran(source, target, true).unchanged().undo().plan.actions().iter().map(short).collect();
        let mut expected = expected.to_vec();
        found.sort();
        expected.sort_unstable();
        assert_eq!(found, expected, "{source} | {target}");
    }
}

#[test]
fn what_changed_since_stays() {
    const CHANGED: &str = "it has changed since";
    let push = || ran("a2 n3", "a1 b4", true);
    push().since("a9 n3").check(&["move T -> b", "delete n +trash"], &[("a", CHANGED)]);
    push().since("a2 b5").check(
        &["move T -> a +trash"],
        &[("b", "something else has come there since"), ("n", "it is gone since")],
    );
    // Another time of the same content is no change.
    push().since("a2@5 n3").check(&["move T -> a +trash", "move T -> b", "delete n +trash"], &[]);
    // A folder has taken the place.
    push().since("a/x1 n3").check(&["move T -> b", "delete n +trash"], &[("a", CHANGED)]);
}

#[test]
fn what_was_moved_is_taken_back_together_or_not_at_all() {
    let together = "it was moved together with `b`, which stays as it is";
    ran("b1", "a1", true).since("b9").check(&[], &[("a", together), ("b", "it has changed since")]);
    let came = "something else has come there since";
    let with_a = "it was moved together with `a`, which stays as it is";
    ran("b1", "a1", true).since("a9 b1").check(&[], &[("a", came), ("b", with_a)]);
}

#[test]
fn folders_go_only_if_nothing_is_left_in_them() {
    let full = "it is not empty any more";
    ran("d/e/x1", "", true).since("d/e/x1 d/y9").check(&["rmdir d/e", "delete d/e/x +trash"], &[("d", full)]);
    ran("d/e/x1", "", true)
        .since("d/e/x1 d/e/y9")
        .check(&["delete d/e/x +trash"], &[("d", full), ("d/e", full)]);
    // What may not be seen is something too.
    ran("d/x1", "", true).since("d/x1 d/y~").check(&["delete d/x +trash"], &[("d", full)]);
}

#[test]
fn what_comes_back_needs_its_folder() {
    // It is made again where it is gone.
    ran("d/y2", "d/x1 d/y2", true).since("").check(&["mkdir d", "move T -> d/x"], &[]);
    ran("d/y2", "d/x1 d/y2", true).since("d9").check(&[], &[("d/x", "`d` is no folder any more")]);
    let hidden = "it cannot be looked at: it is left out, or cannot be read";
    ran("d/y2", "d/x1 d/y2", true).since("d~").check(&[], &[("d/x", hidden)]);
}

#[test]
fn what_was_not_kept_stays_as_it_is() {
    const LOST: &str = "what stood there was not kept";
    // What the run brought is kept.
    ran("a2 c3", "a1 b4", false).unchanged().check(&["delete c +trash"], &[("a", LOST), ("b", LOST)]);
    // Unless it is the last copy.
    let mut ran = ran("c3", "", false).unchanged();
    ran.case.fixture.local_snapshot = tree("").snapshot();
    ran.case.source = tree("");
    ran.check(&["delete c +trash"], &[]);
}

#[test]
fn what_is_gone_from_the_trash_is_told() {
    let mut ran = ran("", "a1 b2", true).unchanged();
    let undone = ran.undo();
    let back = undone.plan.actions().iter().find(|it| it.path.to_string() == "a").unwrap();
    ran.world.act(back).unwrap();
    ran.case.target = tree("");
    ran.check(&["move T -> b"], &[("a", "what stood there is not in the trash any more")]);
}

#[test]
fn only_what_was_done_is_taken_back() {
    let mut ran = ran("a2 n3", "a1 b4", true).since("a1 b4 n3");
    let created = ran.plan.actions().iter().find(|it| it.path.to_string() == "n").unwrap().id;
    ran.done = HashSet::from([created]);
    ran.check(&["delete n +trash"], &[]);
}

#[test]
fn what_a_later_run_did_is_told_apart_where_content_does_not_say() {
    let mut ran = ran("a2", "a1", true).unchanged();
    // The plan did not know what it brought.
    let actions = ran.plan.actions().iter().cloned().map(|action| {
        let result = action
            .result
            .clone()
            .map(|facts| Box::new(syncplan_model::Facts { digest: None, mtime: None, ..*facts }));
        Action { result, ..action }
    });
    let actions: Vec<_> = actions.collect();
    ran.plan = Plan::new(ran.plan.header().clone(), Vec::new(), Vec::new(), actions).unwrap();
    ran.check(&["move T -> a +trash"], &[]);
    ran.changed.insert((Side::Remote, RelPath::new("a").unwrap()));
    ran.check(&[], &[("a", "it has changed since")]);
}

#[test]
fn a_plan_that_goes_back_says_so_and_is_judged() {
    let mut ran = ran("n1 m2", "", true).unchanged();
    ran.case.fixture.spec.delete.max_count = Some(1);
    // An empty source is what is wanted here.
    ran.case.fixture.local_snapshot = tree("").snapshot();
    ran.case.source = tree("");
    let plan = ran.undo().plan;
    assert_eq!(plan.header().selection.undo, Some(7));
    let codes: Vec<_> = plan.findings().iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["max-delete"]);
    assert!(plan.actions().iter().all(|action| action.reason.as_str() == "undone"));
}

#[test]
fn the_base_goes_back_where_it_knew_what_comes_back() {
    let knows = |plan: &Plan, path: &str| {
        let action = plan.actions().iter().find(|it| it.path.to_string() == path).unwrap();
        action.base.clone().unwrap().path.unwrap().facts().is_some()
    };
    let two_way = |local: &str, remote: &str, base: &str, policy| {
        let mut case = Case::new(Mode::TwoWay, Direction::Push, &tree(local), &tree(remote));
        case.fixture.spec.trash = Some(Trash { keep: Period::from_secs(60) });
        case.fixture.spec.conflict = policy;
        Ran::of(case.based_on([tree(base), tree(base)])).unchanged().undo().plan
    };
    use syncplan_model::spec::ConflictPolicy::{Hold, Local};
    assert!(knows(&two_way("a2", "a1", "a1", Hold), "a"));
    // What both sides had changed the base never knew.
    assert!(!knows(&two_way("a2", "a3", "a1", Local), "a"));
    // A mirror does not ask: in doubt it is to be kept once more.
    assert!(!knows(&ran("a2", "a1", true).unchanged().undo().plan, "a"));
}
