//! A simulator: it carries out plans on two trees in memory, in any order that they allow, and
//! checks every precondition, every postcondition and what must hold at every instant on the way.

mod base;
mod course;
mod dice;
mod stock;
mod text;
mod world;

pub use course::{Course, Order};
pub use dice::Dice;
pub use stock::{Stock, Thing};
pub use text::{contents, line, lines};
pub use world::World;
