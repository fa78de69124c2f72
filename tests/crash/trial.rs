//! What must hold after a run was killed, and in the end.

use std::collections::{BTreeMap, BTreeSet};

use super::output::Output;
use super::parallel::Tried;
use super::picture::{Content, Picture, Thing};
use super::scene::Scene;
use super::situation::Situation;
use super::tracer::{self, Strike, Traced};

/// How a plan is applied.
pub(crate) const APPLY: &[&str] = &["apply", "plan.json"];

/// What comes of a situation if nothing disturbs it.
pub(crate) struct Reference {
    pub(crate) situation: Situation,
    before: [Picture; 2],
    after: [Picture; 2],
    exit: Option<i32>,
    /// The system calls of a run.
    pub(crate) calls: Vec<String>,
}

impl Reference {
    /// Applies the plan of a situation without disturbing it; nothing where its server is not there.
    pub(crate) fn of(situation: Situation) -> Option<Self> {
        let scene = Scene::of(&situation)?;
        let (synced, before) = (scene.synced.contents(), scene.pictures());
        let Traced { output, calls, .. } = tracer::run(&scene.env, APPLY, Strike::NEVER);
        let exit = output.code;
        assert!(matches!(exit, Some(0 | 5)), "{situation} does not even work undisturbed:\n{output}");
        let reference = Self { situation, before, after: scene.pictures(), exit, calls };
        let mut problems = reference.judge_end(&scene);
        let destroyed = reference.destroyed();
        problems.extend(
            destroyed.difference(&synced).map(|content| format!("never synced, and destroyed: {content:?}")),
        );
        assert!(problems.is_empty(), "{situation}, undisturbed: {problems:#?}\n{output}");
        Some(reference)
    }

    /// What does not hold although a run may be killed at any time.
    pub(crate) fn judge_instant(&self, scene: &Scene) -> Vec<String> {
        let now = scene.pictures();
        let mut problems = Vec::new();
        for (number, side) in ["local", "remote"].into_iter().enumerate() {
            let (before, after) = (&self.before[number].things, &self.after[number].things);
            for (path, thing) in &now[number].things {
                let is_known =
                    [before, after].into_iter().any(|then| then.get(path).is_some_and(|it| it.is_as(thing)));
                if !is_known {
                    problems.push(format!("{side} {path} is neither old nor new: {thing:?}"));
                }
            }
        }
        problems.extend(self.lost(&now));
        problems
    }

    /// Contents that were there, and will be there, and are not there.
    fn lost(&self, now: &[Picture; 2]) -> Vec<String> {
        let (before, after, now) = (contents(&self.before), contents(&self.after), contents(now));
        let lost = before.intersection(&after).filter(|content| !now.contains(content));
        lost.map(|content| {
            format!("lost: {content:?}, {}", self.place_of(|thing| thing.content() == Some(*content)))
        })
        .collect()
    }

    /// Contents that the plan itself does away with.
    fn destroyed(&self) -> BTreeSet<Content> {
        &contents(&self.before) - &contents(&self.after)
    }

    fn place_of(&self, is_it: impl Fn(&Thing) -> bool) -> String {
        let of =
            |side: &Picture| side.things.iter().find(|(_, thing)| is_it(thing)).map(|(path, _)| path.clone());
        self.before.iter().find_map(of).unwrap_or_default()
    }

    /// What is not as it would be if nothing had disturbed the run, which by now is finished.
    pub(crate) fn judge_end(&self, scene: &Scene) -> Vec<String> {
        let mut problems = scene.leftovers();
        for (number, (side, now)) in ["local", "remote"].into_iter().zip(scene.pictures()).enumerate() {
            let after = &self.after[number];
            differences(side, &now.things, &after.things, &mut problems);
            differences(&format!("{side} trash"), &now.trash, &after.trash, &mut problems);
            differences(&format!("{side} .syncplan"), &now.own, &after.own, &mut problems);
        }
        problems.extend(plans_something(scene));
        problems
    }

    /// What is wrong about how a run ended that nothing stopped.
    pub(crate) fn judge_exit(&self, output: &Output) -> Option<String> {
        (output.code != self.exit).then(|| format!("expected exit {:?}\n{output}", self.exit))
    }

    /// Does it once more, judges what came of it, and keeps the place if something is wrong.
    pub(crate) fn finish(&self, scene: &mut Scene, args: &[&str], tried: &mut Tried) {
        let last = scene.env.run(args);
        tried.problems.extend(self.judge_exit(&last));
        tried.problems.extend(self.judge_end(scene));
        if !tried.problems.is_empty() {
            tried.problems.push(format!("{last}see {}", scene.keep().display()));
        }
    }
}

fn contents(sides: &[Picture; 2]) -> BTreeSet<Content> {
    &sides[0].contents() | &sides[1].contents()
}

fn differences(
    side: &str,
    now: &BTreeMap<String, Thing>,
    then: &BTreeMap<String, Thing>,
    problems: &mut Vec<String>,
) {
    for path in now.keys().chain(then.keys().filter(|path| !now.contains_key(*path))) {
        let (now, then) = (now.get(path), then.get(path));
        if now != then {
            problems.push(format!("{side} {path} is {now:?} instead of {then:?}"));
        }
    }
}

/// A second plan has nothing to do.
fn plans_something(scene: &Scene) -> Option<String> {
    let output = scene.env.run(&["plan", "-o", "again.json"]);
    let Ok(text) = std::fs::read(scene.env.path("again.json")) else {
        return Some(format!("it cannot plan again:\n{output}"));
    };
    let plan: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let actions = plan["actions"].as_array().unwrap();
    (!actions.is_empty()).then(|| format!("a second plan has {} actions: {}", actions.len(), actions[0]))
}
