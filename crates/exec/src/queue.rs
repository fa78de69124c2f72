use std::cmp::Reverse;
use std::collections::BinaryHeap;

use syncplan_model::plan::Action;

/// Content from this size on is large: it keeps a job busy for a while.
const LARGE: u64 = 4 << 20;

/// Actions that may begin, in the order in which they should.
///
/// The largest transfers begin first, so that none is left alone at the end; small ones run beside
/// them, in the plan's order, so that neighbours stay neighbours; what removes comes last.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    large: BinaryHeap<(u64, Reverse<u32>)>,
    small: BinaryHeap<Reverse<u32>>,
    removals: BinaryHeap<Reverse<u32>>,
}

impl Queue {
    pub(crate) fn push(&mut self, at: u32, action: &Action) {
        if action.op.removes() {
            self.removals.push(Reverse(at));
        } else if is_large(action) {
            self.large.push((action.bytes, Reverse(at)));
        } else {
            self.small.push(Reverse(at));
        }
    }

    /// The next one; `large_welcome` says whether there is room for another large one.
    pub(crate) fn pop(&mut self, large_welcome: bool) -> Option<u32> {
        if large_welcome && let Some((_, Reverse(at))) = self.large.pop() {
            return Some(at);
        }
        let small = self.small.pop().map(|Reverse(at)| at);
        small
            .or_else(|| self.large.pop().map(|(_, Reverse(at))| at))
            .or_else(|| self.removals.pop().map(|Reverse(at)| at))
    }

    pub(crate) fn len(&self) -> usize {
        self.large.len() + self.small.len() + self.removals.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether nothing is left but removals.
    pub(crate) fn only_removals(&self) -> bool {
        self.large.is_empty() && self.small.is_empty()
    }

    /// Takes everything out.
    pub(crate) fn drain(&mut self) -> Vec<u32> {
        std::iter::from_fn(|| self.pop(true)).collect()
    }
}

/// Whether an action keeps a job busy for a while.
pub(crate) fn is_large(action: &Action) -> bool {
    action.op.transfers() && action.bytes >= LARGE
}
