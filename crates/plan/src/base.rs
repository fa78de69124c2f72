use syncplan_model::Facts;
use syncplan_model::plan::Side;

use crate::input::{BaseInput, TaskInput};

/// What the base has at one path, as it stood on each side.
#[derive(Clone, Copy)]
pub(crate) struct Based<'a> {
    pub(crate) local: &'a Facts,
    pub(crate) remote: &'a Facts,
}

impl<'a> Based<'a> {
    pub(crate) fn on(&self, side: Side) -> &'a Facts {
        match side {
            Side::Local => self.local,
            Side::Remote => self.remote,
        }
    }
}

impl Based<'_> {
    /// Whether both places still are what the base was made from: then they agree as they did.
    pub(crate) fn is_current(&self, local: &Facts, remote: &Facts) -> bool {
        is_same(local, self.local) && is_same(remote, self.remote)
    }

    /// Whether neither place is what the base was made from.
    pub(crate) fn is_past(&self, local: &Facts, remote: &Facts) -> bool {
        !is_same(local, self.local) && !is_same(remote, self.remote)
    }
}

fn is_same(now: &Facts, base: &Facts) -> bool {
    now.token.is_some() && now.token == base.token
}

impl<'a> TaskInput<'a> {
    /// The base, if it says something about these two sides.
    ///
    /// A side that does not know the base is another one: what it lacks was never deleted there. And
    /// before a run was based on it, nothing that went since can be told from what was never meant to be
    /// there.
    pub(crate) fn usable_base(&self) -> Option<&BaseInput<'a>> {
        self.base.as_ref().filter(|base| !base.header.is_foreign() && base.header.serial > 0)
    }
}
