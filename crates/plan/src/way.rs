use syncplan_model::Capability;
use syncplan_model::plan::{Op, Side};
use syncplan_model::spec::{Direction, Mode};

use crate::input::{SideInput, TaskInput};
use crate::sides::Sides;

/// A task as seen by someone who reads the source and writes the target.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    pub(crate) task: &'a TaskInput<'a>,
    pub(crate) source: &'a SideInput<'a>,
    pub(crate) target: &'a SideInput<'a>,
    /// Where the target is.
    pub(crate) side: Side,
}

impl<'a> Way<'a> {
    /// Of a one-way task: the way that its direction says. Of a two-way task: towards the remote side.
    pub(crate) fn of(task: &'a TaskInput<'a>) -> Self {
        match task.spec.direction {
            Direction::Fetch if task.spec.mode != Mode::TwoWay => Self::towards(task, Side::Local),
            _ => Self::towards(task, Side::Remote),
        }
    }

    pub(crate) fn towards(task: &'a TaskInput<'a>, side: Side) -> Self {
        match side {
            Side::Remote => Self { task, source: &task.local, target: &task.remote, side },
            Side::Local => Self { task, source: &task.remote, target: &task.local, side },
        }
    }

    /// Both ways, by where they lead.
    pub(crate) fn both(task: &'a TaskInput<'a>) -> Sides<Self> {
        Sides::new(|side| Self::towards(task, side))
    }

    pub(crate) fn store(&self, side: Side) -> &'a SideInput<'a> {
        if side == self.side { self.target } else { self.source }
    }

    /// What brings content over.
    pub(crate) fn transfer(&self) -> Op {
        match self.side {
            Side::Remote => Op::Upload,
            Side::Local => Op::Download,
        }
    }

    pub(crate) fn target_has(&self, capability: Capability) -> bool {
        self.target.capabilities.has(capability)
    }

    pub(crate) fn both_have(&self, capability: Capability) -> bool {
        self.source.capabilities.has(capability) && self.target_has(capability)
    }

    /// Whether what stands on the target may be replaced or moved at all.
    pub(crate) fn may_change(&self) -> bool {
        !self.target_has(Capability::AppendOnly)
    }

    /// Whether something can get another name there without its content passing through here.
    pub(crate) fn can_move(&self) -> bool {
        let ways = [Capability::AtomicRename, Capability::RenameNoReplace, Capability::ServerCopy];
        self.may_change() && ways.into_iter().any(|way| self.target_has(way))
    }

    /// Whether what is replaced or removed there can be kept under another name.
    pub(crate) fn can_keep(&self) -> bool {
        self.can_move()
    }

    /// Times are compared as the coarser of both stores keeps them, in nanoseconds.
    pub(crate) fn mtime_precision(&self) -> u64 {
        self.source.capabilities.mtime_precision.max(self.target.capabilities.mtime_precision)
    }
}
