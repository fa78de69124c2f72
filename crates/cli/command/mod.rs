//! One module a command.

mod apply;
mod conflicts;
mod diff;
pub(crate) mod doctor;
mod explain;
mod fmt;
mod forget;
mod gc;
mod history;
mod log;
mod offline;
mod one_step;
mod plan;
mod resolve;
mod scan;
mod show;
mod undo;
mod unlock;
mod validate;
mod why;

use syncplan_model::spec::Direction;

use crate::args::{Arguments, Command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{events, logging, project, render};

/// Runs a command to its end.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let Arguments { global, command } = arguments;
    if let Some(directory) = &global.directory {
        project::enter(directory)?;
    }
    logging::start(&global)?;
    if events::take_stdout(&global) {
        render::leave_stdout();
    }
    match command {
        Command::Validate => validate::run(&global),
        Command::Fmt(args) => fmt::run(&global, &args),
        Command::Explain { code } => explain::run(&code),
        Command::Show(args) => show::run(&args),
        Command::Scan(args) => block_on(scan::run(&global, &args)),
        Command::Diff(args) => block_on(diff::run(&global, &args)),
        Command::Plan(args) if args.why.is_some() => block_on(why::run(&global, &args)),
        Command::Plan(args) => block_on(plan::run(&global, &args)),
        Command::Apply(args) => block_on(apply::run(&global, &args)),
        Command::Push(args) => block_on(one_step::run(&global, &args, Some(Direction::Push))),
        Command::Fetch(args) => block_on(one_step::run(&global, &args, Some(Direction::Fetch))),
        Command::Sync(args) => block_on(one_step::run(&global, &args, None)),
        Command::Conflicts(args) => block_on(conflicts::run(&global, &args)),
        Command::Resolve(args) => block_on(resolve::run(&global, &args)),
        Command::History(args) => block_on(history::run(&global, &args)),
        Command::Log(args) => block_on(log::run(&global, &args)),
        Command::Undo(args) => block_on(undo::run(&global, &args)),
        Command::Unlock(args) => block_on(unlock::run(&global, &args)),
        Command::Doctor(args) => block_on(doctor::run(&global, &args)),
        Command::Gc(args) => block_on(gc::run(&global, &args)),
        Command::Forget(args) => block_on(forget::run(&global, &args)),
    }
}

fn block_on(command: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::new("syncplan::cli::runtime", "no thread could be started").because(error)
    })?;
    let exit = runtime.block_on(command);
    // What may still run is reading that nobody waits for.
    runtime.shutdown_background();
    exit
}
