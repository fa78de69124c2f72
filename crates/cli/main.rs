//! The command line of syncplan: it puts the parts together, and decides nothing itself.

mod args;
mod ask;
mod base;
mod command;
mod document;
mod durable;
mod events;
mod execution;
mod exit;
mod failure;
mod interrupt;
mod judgement;
mod logging;
mod looker;
mod prepare;
mod project;
mod render;
mod runs;
mod secret;
mod shared;
mod snapshot_file;
mod stores;
mod survey;

use clap::Parser as _;

use crate::args::Arguments;
use crate::exit::Exit;

/// A plan is many small allocations; this one makes them a quarter faster than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap writes help to stdout and mistakes to stderr; a closed pipe is nobody's problem.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done }.into();
        }
    };
    render::colour::set(arguments.global.color);
    match command::run(arguments) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report().into(),
    }
}
