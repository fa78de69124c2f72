//! What waits for a whole part of a task, and for whole tasks.

use syncplan_model::TaskName;
use syncplan_model::filter::{EntryFilter, Filter, Glob, Term};
use syncplan_model::plan::{Gates, Phase, Plan, Selection};
use syncplan_model::spec::MaxDelete;
use syncplan_plan::{PlanInput, TaskInput, compile};

use crate::case::{Case, NOW};
use crate::world::line;

fn phases(plan: &Plan) -> Vec<String> {
    plan.actions().iter().map(|action| format!("{}: {}", line(action), action.phase)).collect()
}

#[test]
fn removals_come_last_unless_something_needs_their_place() {
    let plan = Case::mirror("a1 d/x2", "b3 d4 e/f5").converge(5).0;
    assert_eq!(
        phases(&plan),
        [
            "upload a: main",
            "delete b: cleanup",
            "delete d: main",
            "mkdir d: main",
            "upload d/x: main",
            "rmdir e: cleanup",
            "delete e/f: cleanup",
        ]
    );
    let early = Case::mirror("e1", "e/d/f2").converge(5).0;
    assert!(phases(&early).iter().all(|it| it.ends_with("main")), "{:?}", phases(&early));
}

#[test]
fn what_is_published_last_comes_behind_all_else_that_is_brought() {
    let mut case = Case::mirror("a.htm1 b2 d/c.htm3 new.htm5", "z4 old5");
    let filter = Filter::Term(Term::Name(Glob::new("*.htm").unwrap()));
    case.fixture.spec.publish_last = Some(EntryFilter::new(filter).unwrap());
    let plan = case.converge(5).0;
    assert_eq!(
        phases(&plan),
        [
            "upload a.htm: publish",
            "upload b: main",
            "mkdir d: main",
            "upload d/c.htm: publish",
            "move old -> new.htm: publish",
            "delete z: cleanup",
        ]
    );
}

#[test]
fn what_waits_for_something_published_is_published_too() {
    let mut case = Case::mirror("b.htm1 a2", "a1");
    let filter = Filter::Term(Term::Name(Glob::new("*.htm").unwrap()));
    case.fixture.spec.publish_last = Some(EntryFilter::new(filter).unwrap());
    let plan = case.converge(5).0;
    assert_eq!(phases(&plan), ["upload a: publish", "move a -> b.htm: publish"]);
}

/// Two tasks, the second of which comes after the first.
fn two_tasks(first: &Case, second: &Case) -> Plan {
    let names = ["first", "second"].map(|name| TaskName::new(name).unwrap());
    let after = [names[0].clone(), TaskName::new("not-planned").unwrap()];
    let one = TaskInput { name: &names[0], ..first.task() };
    let other = TaskInput { name: &names[1], after: &after, ..second.task() };
    let input = PlanInput {
        manifest: first.fixture.manifest(),
        selection: Selection::default(),
        tasks: vec![one, other],
        only: None,
        exclude: None,
        now: NOW,
    };
    compile(&input).unwrap()
}

#[test]
fn a_task_waits_for_another_without_an_edge_between_their_actions() {
    let plan = two_tasks(&Case::mirror("b1", "c2"), &Case::mirror("a1", ""));
    assert_eq!(plan.header().tasks[1].after, [TaskName::new("first").unwrap()]);
    // By task, not by path.
    assert_eq!(phases(&plan), ["upload b: main", "delete c: cleanup", "upload a: main"]);
    let gates = Gates::of(plan.header(), plan.actions());
    let last_of_first = gates.of_action(1);
    assert_eq!(gates.gates()[gates.of_action(2)].after, [last_of_first]);
    assert_eq!(gates.gates()[last_of_first].actions, 1);
    assert_eq!(gates.gates().len(), 2 * Phase::ALL.len());
    assert!(plan.actions().iter().all(|action| action.after.is_empty()));
}

#[test]
fn limits_hold_for_all_tasks_together() {
    let limited = |source, target| {
        let mut case = Case::mirror(source, target);
        case.fixture.guard.max_delete = MaxDelete { count: Some(1), ..MaxDelete::default() };
        case
    };
    let plan = two_tasks(&limited("a1", "a1 b2"), &limited("a1", "a1 c2"));
    assert_eq!(plan.findings().len(), 1);
    assert_eq!(plan.findings()[0].task, None);
    assert_eq!(
        plan.findings()[0].message,
        "2 of 4 entries would be deleted by all tasks together: the limit is 1; if that is meant, apply with \
         `--override max-delete --reason TEXT`"
    );
}
