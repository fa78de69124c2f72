use syncplan_model::plan::{Expectation, Op};
use syncplan_model::{EntryKind, Facts};
use syncplan_state::Outcome;
use syncplan_store::StoreError;

use crate::check::{Proof, satisfies};
use crate::error::chain;
use crate::known::{Known, Trace};
use crate::merge::NO_PROGRAM;
use crate::place::{Place, View};
use crate::trash;
use crate::worker::{Effect, Performed};

/// What an action would do, going by what stands there and by what earlier actions would leave.
pub(crate) async fn simulate(at: usize, view: &View<'_>, known: &Known) -> Performed {
    let (outcome, message) = match judge(view, known).await {
        Ok(judged) => judged,
        Err(error) => (Outcome::Failed, Some(chain(&error))),
    };
    let effect = if outcome.is_done() { effect(view) } else { Effect::default() };
    Performed { at, outcome, message, effect }
}

async fn judge(view: &View<'_>, known: &Known) -> Result<(Outcome, Option<String>), StoreError> {
    // It asks no store when it is applied either.
    if view.action.op == Op::Record {
        return Ok((Outcome::Applied, None));
    }
    let target = look(view, &view.target, known).await?;
    let source = match &view.source {
        Some(place) => Some((place, look(view, place, known).await?)),
        None => None,
    };
    let at_source = source.as_ref().and_then(|(place, found)| place.mismatch(found.as_ref()));
    let at_target = trash::mismatch(view, target.as_ref()).await?;
    Ok(match at_source.or(at_target) {
        None if view.action.op == Op::Run && view.sides.merge.is_empty() => {
            (Outcome::Failed, Some(NO_PROGRAM.to_owned()))
        }
        None => match trash::obstruction(view, target.as_ref()).await? {
            None => (Outcome::Applied, None),
            Some(difference) => (Outcome::Stale, Some(difference)),
        },
        Some(_) if is_satisfied(view, target.as_ref(), source) => (Outcome::AlreadySatisfied, None),
        Some(difference) => (Outcome::Stale, Some(difference)),
    })
}

async fn look(view: &View<'_>, place: &Place, known: &Known) -> Result<Option<Facts>, StoreError> {
    match known.get(&view.action.task, place.side, &place.path) {
        Some(Trace::Present(facts)) => Ok(Some(facts)),
        Some(Trace::Absent) => Ok(None),
        Some(Trace::Forgotten) | None => place.look().await,
    }
}

fn is_satisfied(view: &View<'_>, found: Option<&Facts>, source: Option<(&Place, Option<Facts>)>) -> bool {
    let op = view.action.op;
    let Some(found) = found else { return op.removes() };
    if op == Op::Mkdir {
        return found.kind == EntryKind::Dir;
    }
    let Some(result) = view.result() else { return false };
    let proof = satisfies(&result, found, view.target.precision());
    let source_holds = source.as_ref().is_some_and(|(place, found)| place.mismatch(found.as_ref()).is_none());
    match op {
        Op::Upload | Op::Download | Op::Copy => {
            proof == Some(Proof::Content) || (proof.is_some() && source_holds)
        }
        Op::Move | Op::Stage | Op::Install => {
            proof.is_some() && source.is_some_and(|(_, found)| found.is_none())
        }
        Op::SetMetadata => proof.is_some(),
        _ => false,
    }
}

/// What would stand where afterwards; tokens are not known beforehand.
fn effect(view: &View<'_>) -> Effect {
    let action = view.action;
    let forget_token = |facts: Facts| Facts { token: None, ..facts };
    let left = match action.op {
        Op::Delete | Op::Rmdir => None,
        Op::Mkdir => Some(Facts::new(EntryKind::Dir)),
        Op::Record => return Effect::default(),
        // What it will be nobody knows; those that read it take it as it is.
        Op::Run => expected(&view.target).map(forget_token),
        _ => view.result().or_else(|| view.source.as_ref().and_then(expected)).map(forget_token),
    };
    let mut effect = Effect::at_target(view, left);
    if let (Op::Move | Op::Stage | Op::Install, Some(source)) = (action.op, &view.source) {
        effect.learned.push((source.side, source.path.clone(), None));
    }
    if action.op.transfers() {
        effect.bytes = action.bytes;
    }
    effect
}

fn expected(place: &Place) -> Option<Facts> {
    Expectation::facts(&place.expected).cloned()
}
