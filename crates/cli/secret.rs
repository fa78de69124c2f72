//! Secrets are resolved when a store opens, and live no longer than it does.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use secrecy::SecretString;
use syncplan_model::spec::SecretRef;

use crate::failure::Failure;

/// The longest secret that is taken, in bytes.
const MAX_SECRET: u64 = 64 << 10;

/// What a reference stands for; files are relative to `folder`.
pub(crate) fn resolve(reference: &SecretRef, folder: &Path) -> Result<SecretString, Failure> {
    resolve_as(reference, folder, first_line)
}

/// The same for a secret of many lines, such as a private key: all that is there.
pub(crate) fn resolve_whole(reference: &SecretRef, folder: &Path) -> Result<SecretString, Failure> {
    resolve_as(reference, folder, whole)
}

/// What of a text is the secret.
type Take = fn(&mut dyn Read) -> Option<String>;

fn resolve_as(reference: &SecretRef, folder: &Path, take: Take) -> Result<SecretString, Failure> {
    let secret = match reference {
        SecretRef::Env(name) => from_environment(name)?,
        SecretRef::File(path) => from_file(&folder.join(in_home(path)), path, take)?,
        SecretRef::Command(argv) => from_command(argv, folder, take)?,
        SecretRef::Keyring(name) => {
            return Err(secret_failure(format!(
                "the secret `keyring={name}` cannot be read: keyrings are not supported yet"
            ))
            .help("use `env=`, `file=` or `command=`"));
        }
    };
    Ok(SecretString::from(secret))
}

fn from_environment(name: &str) -> Result<String, Failure> {
    match std::env::var(name) {
        Ok(secret) if !secret.is_empty() => Ok(secret),
        Ok(_) => Err(secret_failure(format!("the environment variable `{name}` is empty"))),
        Err(std::env::VarError::NotPresent) => {
            Err(secret_failure(format!("the environment variable `{name}` is not set"))
                .help(format!("set it before you run syncplan: export {name}=…")))
        }
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(secret_failure(format!("the environment variable `{name}` is not UTF-8")))
        }
    }
}

/// `~/` is the user's home, as in a shell.
pub(crate) fn in_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(below), Some(home)) => PathBuf::from(home).join(below),
        _ => PathBuf::from(path),
    }
}

fn from_file(path: &Path, shown: &str, take: Take) -> Result<String, Failure> {
    let mut file = std::fs::File::open(path).map_err(|error| {
        secret_failure(format!("the secret file `{shown}` cannot be read")).because(error)
    })?;
    take(&mut file).ok_or_else(|| secret_failure(format!("the secret file `{shown}` has no first line")))
}

fn from_command(argv: &[String], folder: &Path, take: Take) -> Result<String, Failure> {
    let (program, arguments) =
        argv.split_first().ok_or_else(|| secret_failure("a secret's command is empty"))?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped());
    let output = command.output().map_err(|error| {
        secret_failure(format!("the secret's command `{program}` cannot be run")).because(error)
    })?;
    if !output.status.success() {
        return Err(secret_failure(format!("the secret's command `{program}` failed: {}", output.status)));
    }
    take(&mut output.stdout.as_slice())
        .ok_or_else(|| secret_failure(format!("the secret's command `{program}` printed no first line")))
}

fn first_line(input: &mut dyn Read) -> Option<String> {
    let mut line = String::new();
    BufReader::new(input.take(MAX_SECRET)).read_line(&mut line).ok()?;
    let secret = line.trim_end_matches(['\r', '\n']);
    (!secret.is_empty()).then(|| secret.to_owned())
}

fn whole(input: &mut dyn Read) -> Option<String> {
    let mut secret = String::new();
    input.take(MAX_SECRET).read_to_string(&mut secret).ok()?;
    (!secret.trim().is_empty()).then_some(secret)
}

fn secret_failure(message: impl Into<String>) -> Failure {
    Failure::new("syncplan::secret::unresolved", message)
}
