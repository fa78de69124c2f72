use crate::args::{self, Global};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project::Project;
use crate::{render, runs};

/// Says what a run did.
pub(crate) async fn run(global: &Global, args: &args::Log) -> Result<Exit, Failure> {
    let state = Project::open(global)?.open_state().await?;
    let recorded = runs::find(&state, args.run).await?;
    let entries = state.log(recorded.summary.run).await?;
    render::stdout(&match args.json {
        true => render::log::machine(&recorded, &entries),
        false => render::log::human(&recorded, &entries),
    });
    Ok(Exit::Done)
}
