//! The table of two-way, and the text on directories below it.

use super::{At, Kept, Oracle, Three};
use crate::shape::{Folder, Shape, same};

impl Oracle<'_> {
    pub(super) fn two_way(&mut self, path: &[u8], at: At<'_>) -> (Three, Option<Kept>) {
        let three = match (at.local, at.remote) {
            // "First compare local with remote: where they are equal, only the base is updated."
            (None, None) => Three::default(),
            (Some(Shape::Leaf(ours)), Some(Shape::Leaf(theirs))) if ours.is_like(theirs) => {
                Three { base: at.local.cloned(), ..at.stays() }
            }
            // "Two directories merge by recursion."
            (Some(Shape::Dir(ours)), Some(Shape::Dir(theirs))) => {
                let base = at.base.and_then(Shape::folder);
                let (local, remote, base) = self.inside(path, base, Some(ours), Some(theirs));
                Three {
                    local: Some(Shape::dir(local)),
                    remote: Some(Shape::dir(remote)),
                    base: Some(Shape::dir(base)),
                }
            }
            // The row and the column "unchanged".
            _ if same(at.local, at.base) => Three::agreed(at.remote),
            _ if same(at.remote, at.base) => Three::agreed(at.local),
            // "deleted" against "modified" and "type-changed".
            (None, Some(stays)) | (Some(stays), None) => Three::agreed(survivors(at.base, stays).as_ref()),
            (Some(ours), Some(theirs)) => return self.both_changed(path, at, ours, theirs),
        };
        (three, None)
    }

    fn both_changed(
        &mut self,
        path: &[u8],
        at: At<'_>,
        ours: &Shape,
        theirs: &Shape,
    ) -> (Three, Option<Kept>) {
        match (ours, theirs, at.base) {
            // The directory is as it was but for what was deleted in it: nothing speaks against the file.
            (Shape::Leaf(_), Shape::Dir(inside), Some(Shape::Dir(base))) if !has_news(base, inside) => {
                (Three::agreed(at.local), None)
            }
            (Shape::Dir(inside), Shape::Leaf(_), Some(Shape::Dir(base))) if !has_news(base, inside) => {
                (Three::agreed(at.remote), None)
            }
            _ => self.decide(path, at, ours, theirs),
        }
    }
}

/// What is left where one side deleted and the other did not: "exactly the new and edited files and
/// their parents".
fn survivors(base: Option<&Shape>, stays: &Shape) -> Option<Shape> {
    let (Some(Shape::Dir(base)), Shape::Dir(inside)) = (base, stays) else {
        return if same(base, Some(stays)) { None } else { Some(stays.clone()) };
    };
    let left: Folder = inside
        .iter()
        .filter_map(|(name, shape)| Some((name.clone(), survivors(base.get(name), shape)?)))
        .collect();
    (!left.is_empty()).then(|| Shape::dir(left))
}

/// Whether something in a directory is new or edited.
pub(super) fn has_news(base: &Folder, inside: &Folder) -> bool {
    inside.iter().any(|(name, shape)| match (base.get(name), shape) {
        (Some(Shape::Dir(base)), Shape::Dir(inside)) => has_news(base, inside),
        (base, shape) => !same(base, Some(shape)),
    })
}
