use std::collections::BTreeMap;

use super::Manifest;
use crate::code;
use crate::decode::Context;
use crate::problem::{Problem, Span};

/// There may be as many cycles as tasks, each as long.
const MAX_CYCLES: usize = 20;

/// Tasks that wait for each other. Every cycle is told once, with every `after` on the way.
pub(super) fn check(context: &mut Context, manifest: &Manifest<'_>) {
    let edges = edges(manifest);
    // 0: not seen, 1: on the way, 2: done. A stack of our own: a chain of tasks may be long.
    let mut state: BTreeMap<&str, u8> = BTreeMap::new();
    let mut told = 0;
    for start in edges.keys().copied() {
        let mut stack = vec![(start, 0)];
        if state.contains_key(start) {
            continue;
        }
        state.insert(start, 1);
        while let Some((task, next)) = stack.last_mut() {
            let Some((to, _)) = edges.get(task).and_then(|outgoing| outgoing.get(*next)) else {
                state.insert(task, 2);
                stack.pop();
                continue;
            };
            *next += 1;
            let to = *to;
            match state.get(to) {
                None => {
                    state.insert(to, 1);
                    stack.push((to, 0));
                }
                Some(1) if told < MAX_CYCLES => {
                    told += 1;
                    let way: Vec<&str> =
                        stack.iter().map(|(task, _)| *task).skip_while(|task| *task != to).collect();
                    context.tell(cycle(&way, &edges));
                }
                Some(_) => {}
            }
        }
    }
}

type Edges<'a> = BTreeMap<&'a str, Vec<(&'a str, Span)>>;

/// For each task those it waits for, with the argument of the `after` that says so.
fn edges<'a>(manifest: &'a Manifest<'_>) -> Edges<'a> {
    let mut edges = Edges::new();
    for task in manifest.nodes.iter().filter(|node| node.name.value == "task") {
        let Some(name) = task.text() else { continue };
        let outgoing = edges.entry(&name.value).or_default();
        let afters = task.children().iter().filter(|child| child.name.value == "after");
        for value in afters.flat_map(|after| &after.arguments) {
            outgoing.extend(value.text().map(|text| (text.value.as_str(), value.span)));
        }
    }
    edges
}

fn cycle(way: &[&str], edges: &Edges<'_>) -> Problem {
    let round: Vec<&str> = way.iter().chain(way.first()).copied().collect();
    let message = match way {
        [only] => format!("the task `{only}` waits for itself"),
        _ => format!("{} tasks wait for each other", way.len()),
    };
    let problem = Problem::new(code::TASK_CYCLE, message);
    let problem = round.windows(2).fold(problem, |problem, pair| {
        let edge = edges.get(pair[0]).and_then(|outgoing| outgoing.iter().find(|(to, _)| *to == pair[1]));
        match edge {
            Some((_, span)) => problem.label(*span, format!("`{}` waits for `{}`", pair[0], pair[1])),
            None => problem,
        }
    });
    problem.help("remove one of these `after`")
}
