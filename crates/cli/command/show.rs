use crate::args::{Format, Show};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{document, render};

pub(crate) fn run(args: &Show) -> Result<Exit, Failure> {
    let document = document::read(&args.plan)?;
    match args.format {
        Format::Human => render::stdout(&render::plan::whole(&document.plan, Some(&document))),
        Format::Json => document.write_to_stdout()?,
    }
    Ok(Exit::Done)
}
