//! A small world: two sides, a state, and plans written by hand.

mod faulty;
mod plan;
mod world;

pub(crate) use faulty::{Fault, Faulty};
pub(crate) use plan::{At, Draft, facts, task};
pub(crate) use world::{World, contents, everything, path, put, read};
