//! Runs of the program that end at a system call of our choice.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use super::environment::TestEnvironment;
use super::output::Output;

/// Where a run is killed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strike {
    /// At which call, counted from 1; 0 is never.
    pub(crate) at: u64,
    /// When the call is done, and not before it begins.
    pub(crate) after: bool,
}

impl Strike {
    pub(crate) const NEVER: Self = Self { at: 0, after: false };
}

/// How a run went.
pub(crate) struct Traced {
    pub(crate) output: Output,
    /// The calls, each with what it was about.
    pub(crate) calls: Vec<String>,
    /// The one at which it was killed.
    pub(crate) killed: Option<String>,
}

/// Runs the program until it ends, or until it is struck.
pub(crate) fn run(env: &TestEnvironment, args: &[&str], strike: Strike) -> Traced {
    let report = env.path("../calls");
    let mut starter: Vec<OsString> = vec![tracer().into(), report.clone().into()];
    starter.push(strike.at.to_string().into());
    starter.push(if strike.after { "exit" } else { "entry" }.into());
    let output = env.output_of(env.command_under(&starter, args), args);
    let report = fs::read(&report).unwrap_or_else(|error| panic!("the tracer: {error}\n{output}"));
    let mut calls: Vec<_> = String::from_utf8_lossy(&report).lines().map(str::to_owned).collect();
    let is_killed = calls.pop().unwrap_or_else(|| panic!("the tracer was killed\n{output}")) == "killed";
    let when = if strike.after { "after" } else { "before" };
    let killed = is_killed.then(|| format!("{when} {}", calls[strike.at as usize - 1]));
    Traced { output, calls, killed }
}

/// The tracer, built once.
fn tracer() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build).clone()
}

fn build() -> PathBuf {
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tracer-{}", std::process::id()));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/crash/tracer.c");
    let output = Command::new("cc").args(["-O1", "-o"]).arg(&program).arg(source).output();
    let output = output.unwrap_or_else(|error| panic!("a C compiler is needed to build {source}: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    program
}
