//! What the base learns, and that it learns nothing which is not so (I3).

use std::sync::Arc;
use syncplan_model::{Facts, RelPath};

use syncplan_model::plan::{Action, Expectation, Op, Reason, Side};

use super::world::agrees;
use super::{Thing, World};

impl World {
    pub(super) fn learn(&mut self, action: &Action) -> Result<(), String> {
        if action.op == Op::Record {
            return self.record(action);
        }
        if action.op.transfers() && action.from.is_none() {
            self.agree(&action.path)?;
        }
        let Some(base) = &action.base else { return Ok(()) };
        if action.reason == Reason::UNDONE {
            let from = action.from.as_ref().zip(base.from.as_ref());
            let places = from.into_iter().chain(base.path.as_ref().map(|there| (&action.path, there)));
            return places.into_iter().try_for_each(|(path, there)| self.go_back(action.side, path, there));
        }
        if let Some(counterpart) = &base.path {
            self.check_counterpart(action.side.other(), &action.path, counterpart)?;
            self.agree(&action.path)?;
        }
        if let Some(counterpart) = &base.from {
            let from = action.from.as_ref().ok_or("`base.from` without a `from`")?;
            self.check_counterpart(action.side.other(), from, counterpart)?;
            self.agree(from)?;
        }
        Ok(())
    }

    /// What the base learns when something is taken back: what stands there on this side now, as it was when
    /// both had it, whatever the other side has; or it lets go of the path.
    fn go_back(&mut self, side: Side, path: &RelPath, counterpart: &Expectation) -> Result<(), String> {
        let Some(facts) = counterpart.facts() else {
            self.forget(path);
            return Ok(());
        };
        let own = self.listed(side, path).cloned().ok_or("the base learns of something that is not there")?;
        // What was moved back may get its time only with a later action.
        agrees(&Facts { mtime: None, ..facts.without_token() }, &own)?;
        self.base_local.put(path, own.clone());
        self.base_remote.put(path, own);
        Ok(())
    }

    fn record(&mut self, action: &Action) -> Result<(), String> {
        let counterpart = action.base.as_ref().and_then(|base| base.path.as_ref());
        let counterpart = counterpart.ok_or("a record without `base.path`")?;
        if action.result.is_none() && counterpart.facts().is_none() {
            // To let go of a path is right whatever stands there: what is not in the base is kept.
            self.forget(&action.path);
            return Ok(());
        }
        let result = action.result.as_deref().ok_or("a record of something that is nowhere on its side")?;
        let own =
            self.stock(action.side).get(&action.path).ok_or("a record of something that is not there")?;
        agrees(result, own)?;
        self.check_counterpart(action.side.other(), &action.path, counterpart)?;
        self.agree(&action.path)
    }

    /// The base learns what stands at a path on both sides; it has to be the same.
    fn agree(&mut self, path: &RelPath) -> Result<(), String> {
        match (self.listed(Side::Local, path).cloned(), self.listed(Side::Remote, path).cloned()) {
            (None, None) => self.forget(path),
            (Some(ours), Some(theirs)) if ours.is_like(&theirs) => {
                self.base_local.put(path, ours);
                self.base_remote.put(path, theirs);
            }
            (ours, theirs) => {
                return Err(format!("I3: the base learns {path}, where there is {ours:?} and {theirs:?}"));
            }
        }
        Ok(())
    }

    /// What the base may have: directories only where both stores have them.
    fn listed(&self, side: Side, path: &RelPath) -> Option<&Arc<Thing>> {
        let found = self.stock(side).get_spelled(path)?;
        (self.both_have_dirs() || !found.is_dir()).then_some(found)
    }

    fn forget(&mut self, path: &RelPath) {
        self.base_local.take(path);
        self.base_remote.take(path);
    }

    /// What the planner saw on the other side still stands there, under the same spelling.
    fn check_counterpart(&self, side: Side, path: &RelPath, seen: &Expectation) -> Result<(), String> {
        judge(path, seen, self.listed(side, path))
    }

    pub(super) fn check(&self, side: Side, path: &RelPath, expected: &Expectation) -> Result<(), String> {
        judge(path, expected, self.find(side, path))
    }
}

fn judge(path: &RelPath, expected: &Expectation, found: Option<&Arc<Thing>>) -> Result<(), String> {
    match (expected.facts(), found) {
        (None, None) => Ok(()),
        (None, Some(thing)) => Err(format!("I9: {path} should be absent and is {:?}", thing.node)),
        (Some(_), None) => Err(format!("I9: {path} should be there and is not")),
        (Some(facts), Some(thing)) => agrees(facts, thing).map_err(|why| format!("I9: {path}: {why}")),
    }
}
