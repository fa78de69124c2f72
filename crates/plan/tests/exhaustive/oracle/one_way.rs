//! The tables of update and mirror.

use syncplan_model::spec::{DeletePolicy, Direction, Mode};

use super::two_way::has_news;
use super::{At, Kept, Oracle, Three};
use crate::shape::{Folder, Shape, same};

impl Oracle<'_> {
    pub(super) fn one_way(&mut self, path: &[u8], at: At<'_>) -> (Three, Option<Kept>) {
        let (source, target) = match self.rules.direction {
            Direction::Push => (at.local, at.remote),
            Direction::Fetch => (at.remote, at.local),
        };
        // A directory of both by what is in it, whatever the mode.
        if let (Some(Shape::Dir(_)), Some(Shape::Dir(_))) = (source, target) {
            let [base, local, remote] = [at.base, at.local, at.remote].map(|it| it.and_then(Shape::folder));
            let (local, remote, base) = self.inside(path, base, local, remote);
            let dir = |folder| Some(Shape::dir(folder));
            return (Three { local: dir(local), remote: dir(remote), base: dir(base) }, None);
        }
        if self.rules.mode == Mode::Mirror || same(source, target) {
            return (self.three(at, source.cloned(), source.cloned()), None);
        }
        match (source, target) {
            // Absent from the target: new there, or deleted there and restored.
            (Some(_), None) => (self.three(at, source.cloned(), source.cloned()), None),
            (None, Some(target)) => {
                let (stays, base) = self.left(at.base, target);
                (self.three(at, stays, base), None)
            }
            (Some(source), Some(target)) if self.may_replace(at.base, source, target) => {
                (self.three(at, Some(source.clone()), Some(source.clone())), None)
            }
            // `delete` keeps what would have to make room, and nobody changed it: no policy decides that.
            (Some(Shape::Leaf(_)), Some(Shape::Dir(inside)))
                if at.base.and_then(Shape::folder).is_some_and(|base| !has_news(base, inside)) =>
            {
                (self.hold(path, at), None)
            }
            (Some(source), Some(target)) => self.decide_one_way(path, at, source, target),
            (None, None) => (Three::default(), None),
        }
    }

    /// The source stays as it is.
    pub(super) fn three(&self, at: At<'_>, target: Option<Shape>, base: Option<Shape>) -> Three {
        match self.rules.direction {
            Direction::Push => Three { local: at.local.cloned(), remote: target, base },
            Direction::Fetch => Three { remote: at.remote.cloned(), local: target, base },
        }
    }

    /// The source lacks it: what stays on the target, and in the base.
    fn left(&self, base: Option<&Shape>, target: &Shape) -> (Option<Shape>, Option<Shape>) {
        match (self.rules.delete, target) {
            (DeletePolicy::Extra, _) => (None, None),
            (DeletePolicy::Synced, Shape::Leaf(_)) if same(base, Some(target)) => (None, None),
            (_, Shape::Leaf(_)) => {
                (Some(target.clone()), base.filter(|base| same(Some(base), Some(target))).cloned())
            }
            (policy, Shape::Dir(inside)) => {
                let known = base.and_then(Shape::folder);
                let (mut stays, mut knows) = (Folder::new(), Folder::new());
                for (name, shape) in inside.iter() {
                    let (stay, know) = self.left(known.and_then(|base| base.get(name)), shape);
                    stays.extend(stay.map(|shape| (name.clone(), shape)));
                    knows.extend(know.map(|shape| (name.clone(), shape)));
                }
                if policy == DeletePolicy::Synced && known.is_some() && stays.is_empty() {
                    return (None, None);
                }
                (Some(Shape::dir(stays)), known.map(|_| Shape::dir(knows)))
            }
        }
    }

    /// Whether the target's is as in the base.
    fn may_replace(&self, base: Option<&Shape>, source: &Shape, target: &Shape) -> bool {
        match (base, source, target) {
            (Some(Shape::Dir(known)), Shape::Leaf(_), Shape::Dir(inside)) if !has_news(known, inside) => {
                // All that is in it has to go, and goes only if `delete` says so.
                self.left(base, target).0.is_none_or(|left| left.folder().is_some_and(Folder::is_empty))
            }
            (Some(base), _, Shape::Leaf(_)) => same(Some(base), Some(target)),
            _ => false,
        }
    }
}
