use std::cmp::Ordering;

use syncplan_model::{Facts, RelPath, Snapshot};

use crate::ancestry::Ancestry;
use crate::one_way::OneWay;

/// Visits every path of either side once, in byte order, with what stands there on both.
pub(crate) fn walk<'a>(
    source: &'a Snapshot,
    target: &'a Snapshot,
    mut visit: impl FnMut(&RelPath, Option<&Facts>, Option<&Facts>),
) {
    let (mut ours, mut theirs) = (source.cursor(), target.cursor());
    loop {
        let order = match (ours.current(), theirs.current()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(our), Some(their)) => our.path.cmp(&their.path),
        };
        let our = ours.current().filter(|_| order.is_le());
        let their = theirs.current().filter(|_| order.is_ge());
        if let Some(entry) = our.or(their) {
            visit(&entry.path, our.map(|it| &it.facts), their.map(|it| &it.facts));
        }
        if order.is_le() {
            ours.advance();
        }
        if order.is_ge() {
            theirs.advance();
        }
    }
}

impl OneWay<'_> {
    /// Visits what neither is nor stands below anything opaque on either side.
    pub(crate) fn walk_uncovered(&self, mut visit: impl FnMut(&RelPath, Option<&Facts>, Option<&Facts>)) {
        let mut opaque = Ancestry::default();
        walk(self.source.snapshot, self.target.snapshot, |path, source, target| {
            opaque.enter(path.as_bytes());
            if [source, target].into_iter().flatten().any(|facts| facts.kind.is_opaque()) {
                opaque.push(());
            } else if opaque.above().next().is_none() {
                visit(path, source, target);
            }
        });
    }
}
