use std::ops::{Index, IndexMut};

use syncplan_model::plan::Side;

/// Something for each of the two sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sides<T> {
    pub(crate) local: T,
    pub(crate) remote: T,
}

impl<T> Sides<T> {
    pub(crate) fn new(mut of: impl FnMut(Side) -> T) -> Self {
        Self { local: of(Side::Local), remote: of(Side::Remote) }
    }
}

impl<T> Index<Side> for Sides<T> {
    type Output = T;

    fn index(&self, side: Side) -> &T {
        match side {
            Side::Local => &self.local,
            Side::Remote => &self.remote,
        }
    }
}

impl<T> IndexMut<Side> for Sides<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Local => &mut self.local,
            Side::Remote => &mut self.remote,
        }
    }
}
