use syncplan_model::plan::{Action, Expectation, Op, Side};
use syncplan_model::{Facts, RelPath};
use syncplan_state::Agreed;

use crate::known::Known;
use crate::place::View;
use crate::worker::Effect;

/// At which places both sides agree once an action is done, and what stands there on each.
///
/// A transfer proves it by itself: what it read and what it wrote agree. Of all other actions the plan
/// says so, and what stands on the other side; what they left on their own is known from their effect.
pub(crate) fn agreements(view: &View<'_>, effect: &Effect, known: &Known) -> Vec<Agreed> {
    let action = view.action;
    if action.op.transfers() {
        return transferred(view, effect).into_iter().collect();
    }
    let Some(base) = &action.base else { return Vec::new() };
    let from = action.from.as_ref().zip(base.from.as_ref());
    let path = base.path.as_ref().map(|there| (&action.path, there));
    let places = from.into_iter().chain(path);
    places.filter_map(|(path, there)| stated(action, path, there, effect, known)).collect()
}

/// Content that came from another path agrees with nothing at its own.
fn transferred(view: &View<'_>, effect: &Effect) -> Option<Agreed> {
    let (source, target) = (view.source.as_ref()?, &view.target);
    if source.path != target.path {
        return None;
    }
    let written = effect.left(target.side, &target.path)??.clone();
    // What passed is known on both sides. What was found there already is known as far as it was looked at.
    let read = match &effect.read {
        Some(read) => Facts { digest: read.digest.or(written.digest), ..read.clone() },
        None => source.expected.facts()?.clone(),
    };
    Some(agreed(view.action, &target.path, target.side, Some(written), Some(read)))
}

fn stated(
    action: &Action,
    path: &RelPath,
    there: &Expectation,
    effect: &Effect,
    known: &Known,
) -> Option<Agreed> {
    let here = match action.op {
        Op::Record => action.result.as_deref(),
        _ => effect.left(action.side, path)?,
    };
    let there = known.adjust(&action.task, action.side.other(), path, there);
    Some(agreed(action, path, action.side, here.cloned(), there.facts().cloned()))
}

fn agreed(action: &Action, path: &RelPath, side: Side, here: Option<Facts>, there: Option<Facts>) -> Agreed {
    let (local, remote) = match side {
        Side::Local => (here, there),
        Side::Remote => (there, here),
    };
    Agreed { task: action.task.clone(), path: path.clone(), local, remote }
}
