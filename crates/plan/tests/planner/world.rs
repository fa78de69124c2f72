//! The simulator: see [`syncplan_testkit::simulator`].

pub(crate) use syncplan_testkit::simulator::{Dice, World, contents, line, lines};
