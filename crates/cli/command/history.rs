use crate::args::{self, Global};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project::Project;
use crate::render;

/// Lists runs, the latest first.
pub(crate) async fn run(global: &Global, args: &args::History) -> Result<Exit, Failure> {
    let state = Project::open(global)?.open_state().await?;
    let mut runs = Vec::new();
    for summary in state.history(args.last).await? {
        let outcomes = state.outcomes(summary.run).await?;
        runs.push((summary, outcomes));
    }
    render::stdout(&match args.json {
        true => render::history::machine(&runs),
        false => render::history::human(&runs),
    });
    Ok(Exit::Done)
}
