use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use syncplan_model::Escaped;
use tokio::process::{Child, Command};

use crate::cancel::Cancel;

/// The files that a merging program is given.
pub(crate) const BASE: &str = "base";
pub(crate) const LOCAL: &str = "local";
pub(crate) const REMOTE: &str = "remote";

/// Where it may leave what it made, if it does not print it.
const OUTPUT: &str = "output";

const STDOUT: &str = "stdout";
const STDERR: &str = "stderr";

/// So much of what a program complains of is told.
const COMPLAINT: u64 = 2048;
const LINES: usize = 5;

/// Runs a program on the files of a folder; answers the name of the file with what it made, or what
/// went wrong, as a clause.
///
/// What it prints goes into files of the folder, however long it is.
pub(crate) async fn run(
    program: &str,
    arguments: &[String],
    folder: &Path,
    cancel: &Cancel,
) -> Result<&'static str, String> {
    let name = Escaped(program.as_bytes());
    let names_output = arguments.iter().any(|argument| argument.contains("{output}"));
    let arguments = filled_in(arguments, folder)?;
    let child =
        spawn(program, &arguments, folder).map_err(|error| format!("cannot run `{name}`: {error}"))?;
    let status = wait(child, cancel).await.map_err(|error| format!("cannot wait for `{name}`: {error}"))?;
    match status {
        Some(status) if status.success() => Ok(if names_output { OUTPUT } else { STDOUT }),
        Some(status) => Err(format!("`{name}` failed ({status}){}", complaint(folder))),
        None => Err(format!("`{name}` was interrupted")),
    }
}

/// The arguments with the names of files in the places of their placeholders; behind them, where there
/// is no placeholder for what is read.
fn filled_in(arguments: &[String], folder: &Path) -> Result<Vec<String>, String> {
    let folder =
        folder.to_str().ok_or("the system's folder for temporary files has a name that is no text")?;
    let file = |name: &str| format!("{folder}/{name}");
    let placeholder = |name: &str| format!("{{{name}}}");
    let inputs = [BASE, LOCAL, REMOTE];
    let is_used = |name: &&str| arguments.iter().any(|argument| argument.contains(&placeholder(name)));
    let behind = if inputs.iter().any(is_used) { [].as_slice() } else { inputs.as_slice() };
    let fill = |argument: &String| {
        [BASE, LOCAL, REMOTE, OUTPUT]
            .iter()
            .fold(argument.clone(), |filled, name| filled.replace(&placeholder(name), &file(name)))
    };
    Ok(arguments.iter().map(fill).chain(behind.iter().map(|name| file(name))).collect())
}

fn spawn(program: &str, arguments: &[String], folder: &Path) -> io::Result<Child> {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(File::create(folder.join(STDOUT))?)
        .stderr(File::create(folder.join(STDERR))?)
        .kill_on_drop(true)
        .spawn()
}

/// How it ended; nothing if it was killed because the run is to stop.
async fn wait(mut child: Child, cancel: &Cancel) -> io::Result<Option<ExitStatus>> {
    tokio::select! {
        status = child.wait() => status.map(Some),
        () = cancel.cancelled() => child.kill().await.map(|()| None),
    }
}

/// The first lines of what it said went wrong.
fn complaint(folder: &Path) -> String {
    let mut said = Vec::new();
    let read = File::open(folder.join(STDERR)).and_then(|file| file.take(COMPLAINT).read_to_end(&mut said));
    let lines = said.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).take(LINES);
    let lines: Vec<_> = lines.map(|line| Escaped(line).to_string()).collect();
    match read {
        Ok(_) if !lines.is_empty() => format!(": {}", lines.join("; ")),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(arguments: &[&str]) -> String {
        let arguments: Vec<_> = arguments.iter().map(|&it| it.to_owned()).collect();
        filled_in(&arguments, Path::new("/t")).unwrap().join(" ")
    }

    #[test]
    fn files_stand_where_they_are_wanted() {
        assert_eq!(filled(&[]), "/t/base /t/local /t/remote");
        assert_eq!(filled(&["-o", "{output}"]), "-o /t/output /t/base /t/local /t/remote");
        assert_eq!(filled(&["{remote}", "--with={local}", "{x}"]), "/t/remote --with=/t/local {x}");
    }
}
