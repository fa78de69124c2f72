use std::io::Write as _;

use syncplan_manifest::{Sources as _, format};

use crate::args::{Fmt, Global};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project::{Files, locate};
use crate::{durable, render};

pub(crate) fn run(global: &Global, args: &Fmt) -> Result<Exit, Failure> {
    let (folder, name) = locate(global)?;
    let path = folder.join(&name);
    let cannot_read =
        |error| Failure::usage(format!("the manifest `{}` cannot be read", path.display())).because(error);
    let text = Files(folder.clone()).read(&name).map_err(cannot_read)?;
    let text = String::from_utf8(text).map_err(|error| {
        Failure::usage(format!("the manifest `{}` is not UTF-8", path.display())).because(error)
    })?;
    let formatted = format(&text).map_err(Failure::diagnostic)?;
    if formatted == text {
        return Ok(Exit::Done);
    }
    if args.check {
        render::stdout(&format!("{name} is not in its canonical form: run `syncplan fmt`"));
        return Ok(Exit::Error);
    }
    durable::write(&path, |out| out.write_all(formatted.as_bytes())).map_err(|error| {
        Failure::new("syncplan::cli::write", format!("`{}` cannot be written", path.display())).because(error)
    })?;
    render::stdout(&format!("{name} was rewritten"));
    Ok(Exit::Done)
}
