//! What must come of base, local and remote: semantics.md, said without any of the planner's means.

mod conflict;
mod one_way;
mod two_way;

use std::sync::Arc;

use syncplan_model::RelPath;
use syncplan_model::plan::Side;
use syncplan_model::spec::{ConflictPolicy, DeletePolicy, Direction, Mode};

use crate::shape::{Folder, Shape};

/// What decides.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) mode: Mode,
    pub(crate) direction: Direction,
    pub(crate) delete: DeletePolicy,
    pub(crate) conflict: ConflictPolicy,
    /// Whether all that goes is kept.
    pub(crate) trash: bool,
}

/// What must come of it.
#[derive(Default, Debug)]
pub(crate) struct Outcome {
    pub(crate) local: Folder,
    pub(crate) remote: Folder,
    pub(crate) base: Folder,
    /// Where nothing changes on either side, in the order of components.
    pub(crate) held: Vec<RelPath>,
}

/// What stands at one path afterwards.
#[derive(Default)]
struct Three {
    local: Option<Shape>,
    remote: Option<Shape>,
    base: Option<Shape>,
}

/// What stands there before.
#[derive(Clone, Copy)]
struct At<'a> {
    base: Option<&'a Shape>,
    local: Option<&'a Shape>,
    remote: Option<&'a Shape>,
}

/// What must come of all of it.
pub(crate) fn outcome(rules: &Rules, base: &Folder, local: &Folder, remote: &Folder) -> Outcome {
    let mut oracle = Oracle { rules, held: Vec::new() };
    let (local, remote, base) = oracle.inside(&[], Some(base), Some(local), Some(remote));
    Outcome { local, remote, base, held: oracle.held }
}

struct Oracle<'a> {
    rules: &'a Rules,
    held: Vec<RelPath>,
}

impl Oracle<'_> {
    /// Each name in a folder by itself.
    fn inside(
        &mut self,
        above: &[u8],
        base: Option<&Folder>,
        local: Option<&Folder>,
        remote: Option<&Folder>,
    ) -> (Folder, Folder, Folder) {
        let folders = [base, local, remote];
        let mut names: Vec<&Arc<[u8]>> =
            folders.into_iter().flatten().flat_map(|folder| folder.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let (mut locals, mut remotes, mut bases) = (Folder::new(), Folder::new(), Folder::new());
        for name in names {
            let path = if above.is_empty() { name.to_vec() } else { [above, b"/", &**name].concat() };
            let [base, local, remote] = folders.map(|folder| folder.and_then(|folder| folder.get(name)));
            let at = At { base, local, remote };
            let (three, kept) = match self.rules.mode {
                Mode::TwoWay => self.two_way(&path, at),
                Mode::Update | Mode::Mirror => self.one_way(&path, at),
            };
            for (folder, shape) in
                [(&mut locals, three.local), (&mut remotes, three.remote), (&mut bases, three.base)]
            {
                folder.extend(shape.map(|shape| (name.clone(), shape)));
            }
            if let Some(kept) = kept {
                for (side, folder) in
                    [(Some(Side::Local), &mut locals), (Some(Side::Remote), &mut remotes), (None, &mut bases)]
                {
                    if kept.is_in(side) {
                        folder.insert(kept.name.clone(), kept.shape.clone());
                    }
                }
            }
        }
        (locals, remotes, bases)
    }

    fn hold(&mut self, path: &[u8], at: At<'_>) -> Three {
        self.held.push(RelPath::new(path).unwrap());
        at.stays()
    }
}

impl At<'_> {
    fn stays(self) -> Three {
        Three { local: self.local.cloned(), remote: self.remote.cloned(), base: self.base.cloned() }
    }
}

impl Three {
    /// Both sides and the base have it.
    fn agreed(shape: Option<&Shape>) -> Self {
        Self { local: shape.cloned(), remote: shape.cloned(), base: shape.cloned() }
    }
}

/// A conflict copy.
struct Kept {
    name: Arc<[u8]>,
    shape: Shape,
    /// Where alone it stands; `None` is both sides and the base.
    only: Option<Side>,
}

impl Kept {
    fn is_in(&self, side: Option<Side>) -> bool {
        self.only.is_none() || self.only == side
    }
}
