//! Which actions may begin when, without a store in sight.

use std::sync::Arc;

use syncplan_exec::{Outcome, RunState};
use syncplan_model::plan::{Op, Phase};
use syncplan_model::{Facts, Plan, TaskName};

use crate::support::Draft;

/// A run that is driven by the names of its actions' paths.
struct Run {
    plan: Arc<Plan>,
    state: RunState,
}

impl Run {
    fn of(plan: Plan) -> Self {
        let plan = Arc::new(plan);
        Self { state: RunState::new(Arc::clone(&plan), |_| false), plan }
    }

    fn names(&self, at: Vec<usize>) -> String {
        let mut names: Vec<String> =
            at.into_iter().map(|at| self.plan.actions()[at].path.to_string()).collect();
        names.sort();
        names.join(" ")
    }

    fn take(&mut self) -> String {
        let taken = self.state.take(99);
        self.names(taken)
    }

    fn at(&self, name: &str) -> usize {
        self.plan.actions().iter().position(|action| action.path.to_string() == name).unwrap()
    }

    fn perform(&mut self, name: &str) -> String {
        let skipped = self.state.performed(self.at(name), Outcome::Applied);
        self.names(skipped)
    }

    fn fail(&mut self, name: &str) -> String {
        let skipped = self.state.performed(self.at(name), Outcome::Failed);
        self.names(skipped)
    }

    fn commit(&mut self, name: &str) -> String {
        let skipped = self.state.committed(self.at(name));
        self.names(skipped)
    }
}

#[test]
fn dependents_begin_when_what_they_need_is_performed() {
    let mut draft = Draft::default();
    let a = draft.mkdir("a", &[]);
    let b = draft.mkdir("a/b", &[a]);
    draft.upload("a/b/c", &Facts::file(1), None, &[a, b]);
    let mut run = Run::of(draft.finish());
    assert_eq!(run.take(), "a");
    assert_eq!(run.take(), "");
    run.perform("a");
    assert_eq!(run.take(), "a/b");
    run.perform("a/b");
    assert_eq!(run.take(), "a/b/c");
    assert_eq!(run.state.unfinished(), 3);
}

#[test]
fn what_destroys_waits_until_what_it_rests_on_is_committed() {
    let mut draft = Draft::default();
    let copied = draft.relocate(Op::Copy, "original", &Facts::file(1), "copy", &[]);
    draft.upload("original", &Facts::file(2), Some(&Facts::file(1)), &[copied]);
    draft.delete("elsewhere", &Facts::file(1), &[copied]);
    draft.upload("beside", &Facts::file(2), None, &[copied]);
    let mut run = Run::of(draft.finish());
    assert_eq!(run.take(), "copy");
    run.perform("copy");
    assert_eq!(run.take(), "beside");
    run.commit("copy");
    assert_eq!(run.take(), "original");
    assert_eq!(run.take(), "elsewhere", "removals come last");
}

#[test]
fn moves_in_a_row_need_no_commits_between_them() {
    let mut draft = Draft::default();
    let third = draft.relocate(Op::Move, "c", &Facts::file(1), "d", &[]);
    let second = draft.relocate(Op::Move, "b", &Facts::file(1), "c", &[third]);
    draft.relocate(Op::Move, "a", &Facts::file(1), "b", &[second]);
    let mut run = Run::of(draft.finish());
    for name in ["d", "c", "b"] {
        assert_eq!(run.take(), name);
        run.perform(name);
    }
}

#[test]
fn what_depends_on_a_failure_is_skipped_once_and_to_the_end() {
    let mut draft = Draft::default();
    let a = draft.mkdir("a", &[]);
    let [b, c] = ["a/b", "a/c"].map(|name| draft.mkdir(name, &[a]));
    let d = draft.mkdir("d", &[b, c]);
    draft.mkdir("d/e", &[d]);
    draft.mkdir("z", &[]);
    let mut run = Run::of(draft.finish());
    assert_eq!(run.take(), "a z");
    assert_eq!(run.fail("a"), "a/b a/c d d/e");
    assert_eq!(run.take(), "");
    run.perform("z");
    run.commit("z");
    assert_eq!(run.state.unfinished(), 0);
}

#[test]
fn a_large_one_comes_first_and_small_ones_beside_it() {
    let mut draft = Draft::default();
    for (name, size) in [("a", 1), ("b", 2), ("c", 50 << 20), ("d", 90 << 20), ("e", 70 << 20), ("f", 3)] {
        draft.upload(name, &Facts::file(size), None, &[]);
    }
    draft.delete("0", &Facts::file(1), &[]);
    let mut run = Run::of(draft.finish());
    for pair in ["a d", "b e", "c f"] {
        let taken = run.state.take(2);
        assert_eq!(run.names(taken), pair);
    }
    assert_eq!(run.take(), "0");
}

fn two_tasks(after: &[&str]) -> Run {
    let mut draft = Draft::default();
    for name in ["x1", "x2", "y1"] {
        draft.upload(name, &Facts::file(1), None, &[]);
    }
    let draft = draft.edit(|action| {
        let first = action.path.to_string().starts_with('x');
        action.task = TaskName::new(if first { "x" } else { "y" }).unwrap();
        action.id = action.identity();
    });
    Run::of(draft.finish_with(&[("y", after), ("x", &[]), ("empty", &["x"])]))
}

#[test]
fn a_task_waits_until_those_before_it_are_settled() {
    assert_eq!(two_tasks(&[]).take(), "x1 x2 y1");
    // Also by way of a task that has nothing to do.
    for after in ["x", "empty"] {
        let mut run = two_tasks(&[after]);
        assert_eq!(run.take(), "x1 x2");
        run.perform("x1");
        run.commit("x1");
        run.perform("x2");
        assert_eq!(run.take(), "");
        run.commit("x2");
        assert_eq!(run.take(), "y1");
    }
    let mut run = two_tasks(&["x"]);
    run.take();
    assert_eq!(run.fail("x1") + &run.fail("x2"), "", "order is no need");
    assert_eq!(run.take(), "y1");
}

fn published_last() -> Run {
    let mut draft = Draft::default();
    draft.upload("asset", &Facts::file(1), None, &[]);
    draft.upload("index.html", &Facts::file(1), None, &[]);
    draft.delete("old", &Facts::file(1), &[]);
    let draft = draft.edit(|action| {
        action.phase = match action.path.as_str() {
            Some("asset") => Phase::Main,
            Some("old") => Phase::Cleanup,
            _ => Phase::Publish,
        }
    });
    Run::of(draft.finish())
}

#[test]
fn what_is_published_last_waits_for_all_else_of_its_task() {
    let mut run = published_last();
    for name in ["asset", "index.html", "old"] {
        assert_eq!(run.take(), name);
        run.perform(name);
        assert_eq!(run.take(), "");
        run.commit(name);
    }
}

#[test]
fn what_is_published_last_is_not_published_over_gaps() {
    let mut run = published_last();
    run.take();
    assert_eq!(run.fail("asset"), "index.html");
    assert_eq!(run.take(), "old");
}

#[test]
fn what_is_done_is_not_done_again() {
    let mut draft = Draft::default();
    let a = draft.mkdir("a", &[]);
    let b = draft.mkdir("a/b", &[a]);
    draft.mkdir("a/b/c", &[b]);
    let plan = Arc::new(draft.finish());
    let mut state = RunState::new(Arc::clone(&plan), |id| [a, b].contains(id));
    assert_eq!(state.unfinished(), 1);
    let taken = state.take(9);
    assert_eq!(plan.actions()[taken[0]].path.to_string(), "a/b/c");
}

/// A thousand random graphs, ended in random order: everything ends once, in order.
#[test]
fn every_action_ends_once_and_after_all_that_it_waits_for() {
    let mut seed = 1_u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for _ in 0..1000 {
        let mut draft = Draft::default();
        let mut ids = Vec::new();
        let mut removals = Vec::new();
        for number in 0..12 {
            let removes = random(4) == 0;
            let mut after: Vec<_> =
                (0..random(3)).filter(|_| number > 0).map(|_| ids[random(number)]).collect();
            // What is cleaned up comes after everything else: nothing else waits for it.
            after.retain(|id| removes || !removals.contains(id));
            let name = format!("f{}", random(99) * 100 + number);
            ids.push(match random(3) {
                _ if removes => draft.delete(&name, &Facts::file(1), &after),
                0 => draft.mkdir(&name, &after),
                _ => draft.upload(&name, &Facts::file(1), None, &after),
            });
            removals.extend(removes.then(|| ids[number]));
        }
        let cleanup = |op| if op == Op::Delete { Phase::Cleanup } else { Phase::Main };
        let plan = Arc::new(draft.edit(|action| action.phase = cleanup(action.op)).finish());
        let mut state = RunState::new(Arc::clone(&plan), |_| false);
        let (mut taken, mut performed, mut ended) =
            (Vec::new(), Vec::new(), std::collections::HashMap::new());
        while state.unfinished() > 0 {
            taken.extend(state.take(1 + random(3)));
            let mut end = |at: usize, outcome| assert_eq!(ended.insert(plan.actions()[at].id, outcome), None);
            if !taken.is_empty() && (performed.is_empty() || random(2) == 0) {
                let at = taken.swap_remove(random(taken.len()));
                let outcome = if random(8) == 0 { Outcome::Stale } else { Outcome::Applied };
                for skipped in state.performed(at, outcome) {
                    end(skipped, Outcome::Skipped);
                }
                end(at, outcome);
                performed.extend(outcome.is_done().then_some(at));
                let waited_for = &plan.actions()[at].after;
                assert!(waited_for.iter().all(|id| ended.get(id).is_some_and(|outcome| outcome.is_done())));
            } else {
                assert!(!performed.is_empty(), "nothing goes on");
                let at = performed.swap_remove(random(performed.len()));
                assert_eq!(state.committed(at), Vec::<usize>::new());
            }
        }
        assert_eq!(ended.len(), plan.actions().len());
    }
}

/// Until a merge is on record, what it read is what a second try goes by.
#[test]
fn what_was_merged_is_sent_once_the_merge_is_committed() {
    let mut draft = Draft::default();
    draft.merge("m", &Facts::file(1), &Facts::file(2));
    let mut run = Run::of(draft.finish());
    let merge = run.state.take(9);
    run.state.performed(merge[0], Outcome::Applied);
    assert_eq!(run.take(), "");
    run.state.committed(merge[0]);
    assert_eq!(run.take(), "m");
}
