use syncplan_model::Capability;
use syncplan_model::plan::{Op, Side};
use syncplan_model::spec::{DeletePolicy, Direction, Mode};

use crate::input::{SideInput, TaskInput};

/// A task as seen by someone who reads the source and writes the target.
#[derive(Clone, Copy)]
pub(crate) struct OneWay<'a> {
    pub(crate) task: &'a TaskInput<'a>,
    pub(crate) source: &'a SideInput<'a>,
    pub(crate) target: &'a SideInput<'a>,
    /// Where the target is.
    pub(crate) side: Side,
}

impl<'a> OneWay<'a> {
    pub(crate) fn of(task: &'a TaskInput<'a>) -> Self {
        match task.spec.direction {
            Direction::Push => Self { task, source: &task.local, target: &task.remote, side: Side::Remote },
            Direction::Fetch => Self { task, source: &task.remote, target: &task.local, side: Side::Local },
        }
    }

    pub(crate) fn mirrors(&self) -> bool {
        self.task.spec.mode == Mode::Mirror
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

    /// Whether what the source lacks may be deleted. Without a base nothing is known to have been
    /// synced, so that `delete synced` deletes nothing.
    pub(crate) fn deletes_extra(&self) -> bool {
        self.task.spec.delete.policy == DeletePolicy::Extra && self.may_change()
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

    /// Times are compared as the coarser of both stores keeps them, in nanoseconds.
    pub(crate) fn mtime_precision(&self) -> u64 {
        self.source.capabilities.mtime_precision.max(self.target.capabilities.mtime_precision)
    }
}
