use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use syncplan_manifest::{Diagnostics, parse_duration, parse_rate};
use syncplan_model::spec::Direction;
use syncplan_model::{Period, Rate, StoreName, TaskName};

/// Compiles what has to stay in sync into a plan that can be read, and applies exactly that plan.
#[derive(Debug, Parser)]
#[command(name = "syncplan", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done · 1 error · 2 changes (--detailed-exitcode) · 3 blocked by a guard · \
4 stale · 5 partly done · 6 locked · 64 usage · 130 interrupted"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Work as if started in this folder
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub(crate) directory: Option<PathBuf>,
    /// The manifest
    #[arg(
        short = 'f',
        long,
        value_name = "FILE",
        global = true,
        env = "SYNCPLAN_MANIFEST",
        default_value = "syncplan.kdl"
    )]
    pub(crate) manifest: PathBuf,
    /// Apply this profile of the manifest
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) profile: Option<String>,
    /// Set a variable of the manifest; SYNCPLAN_VAR_x does the same
    #[arg(long = "var", value_name = "K=V", global = true, value_parser = key_and_value)]
    pub(crate) variables: Vec<(String, String)>,
    /// Where syncplan remembers what it did: a file, sqlite:FILE or postgres://USER@HOST/DATABASE [default:
    /// .syncplan/state.db beside the manifest]
    #[arg(long, value_name = "URL", global = true, env = "SYNCPLAN_STATE", hide_env_values = true)]
    pub(crate) state: Option<String>,
    /// Say more; twice says everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say nothing but results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Write the log to this file as well
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) log_file: Option<PathBuf>,
    /// Write what a run does as lines of JSON to this file as well; with - to stdout, and all that is for
    /// people to stderr
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) events: Option<PathBuf>,
    /// When to use colour
    #[arg(long, value_enum, value_name = "WHEN", global = true, default_value_t)]
    pub(crate) color: Colour,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Colour {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check the manifest and everything it includes
    Validate,
    /// Write the manifest in its canonical form
    Fmt(Fmt),
    /// Explain the code of an error
    #[command(after_help = "Example: syncplan explain syncplan::manifest::unknown-node")]
    Explain {
        /// As it stands in the error: syncplan::manifest::unknown-node
        #[arg(value_name = "CODE")]
        code: String,
    },
    /// Look into stores, the state and tools: what works, what each store can promise, what to do
    #[command(
        after_help = "Examples:\n  syncplan doctor\n  syncplan doctor bucket --json\nWhere tasks write, a probe below .syncplan/ is written and removed again."
    )]
    Doctor(Doctor),
    /// Index one side or both sides of tasks; with -o as a portable snapshot
    #[command(
        after_help = "Examples:\n  syncplan scan images --side local -o local.ndjson\n  syncplan scan notes --side base -o base.ndjson"
    )]
    Scan(Scan),
    /// List what differs between local and remote, a line a path
    #[command(
        after_help = "= the same · + only at the source · - only at the target · * different · ! could not be read or is left out"
    )]
    Diff(Diff),
    /// Compile a plan; nothing is changed
    #[command(
        after_help = "Examples:\n  syncplan plan -o plan.json\n  syncplan plan images --only 'op(delete)' --detailed-exitcode\n  syncplan plan notes --why todo/monday.md"
    )]
    Plan(Plan),
    /// Show a plan that was written; no store is opened
    #[command(after_help = "Example: syncplan show plan.json --format json | jq .summary")]
    Show(Show),
    /// Apply a plan that was written, exactly as it is
    #[command(
        after_help = "Examples:\n  syncplan apply plan.json --dry-run\n  syncplan apply plan.json --override max-delete --reason 'old season'"
    )]
    Apply(Apply),
    /// Plan from local to remote, show, ask, apply; of two-way tasks only the remote side is changed
    Push(OneStep),
    /// Plan from remote to local, show, ask, apply; of two-way tasks only the local side is changed
    Fetch(OneStep),
    /// Plan each task in its own direction, two-way ones both ways, show, ask, apply
    #[command(
        after_help = "Examples:\n  syncplan sync\n  syncplan sync notes -y\nExits with 5 while conflicts are held: `syncplan conflicts` lists them."
    )]
    Sync(OneStep),
    /// List what changed on both sides: what is held, and what the policies of the tasks decide
    #[command(
        after_help = "Examples:\n  syncplan conflicts\n  syncplan conflicts notes --json\nExits with 5 if any is held."
    )]
    Conflicts(Conflicts),
    /// Settle one conflict: take one side of it, or keep both
    #[command(
        after_help = "Examples:\n  syncplan resolve notes todo/monday.md --take local\n  syncplan resolve notes todo/monday.md --take both --dry-run"
    )]
    Resolve(Resolve),
    /// List the runs, the latest first
    #[command(after_help = "Examples:\n  syncplan history\n  syncplan history --last 100 --json")]
    History(History),
    /// Say what a run did, a line an action
    #[command(after_help = "Examples:\n  syncplan log last\n  syncplan log 12 --json")]
    Log(Log),
    /// Take a run back, as far as what it replaced and removed was kept: plan, show, ask, apply
    #[command(
        after_help = "Examples:\n  syncplan undo last\n  syncplan undo 12 -o undo.json\nWhat a run deletes or overwrites is kept where its task says so: `trash keep=\"30d\"`."
    )]
    Undo(Undo),
    /// Take a task from a run that holds it and is gone
    #[command(
        after_help = "Example: syncplan unlock notes\nA run that still goes on stops at its next step, and can be gone on with later."
    )]
    Unlock(Unlock),
    /// Remove what runs left behind: temporaries, uploads that nobody finishes, trash that is too old
    #[command(after_help = "Examples:\n  syncplan gc --dry-run\n  syncplan gc images -y")]
    Gc(Gc),
    /// Forget what was synced: the next plan joins both sides, and takes nothing for deleted
    #[command(after_help = "Example: syncplan forget notes\nNo file is touched on either side.")]
    Forget(Forget),
}

#[derive(Debug, Args)]
pub(crate) struct Fmt {
    /// Change nothing; fail if something would change
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The stores, where their tasks use them [default: all, the state, and tools]
    #[arg(value_name = "STORE")]
    pub(crate) stores: Vec<StoreName>,
    /// Print a line of JSON for each place
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Scan {
    /// The tasks [default: all]
    #[arg(value_name = "TASK")]
    pub(crate) tasks: Vec<TaskName>,
    /// Only this side; base is what both sides agreed on when they were synced last
    #[arg(long, value_enum, value_name = "SIDE")]
    pub(crate) side: Option<ScanSide>,
    /// Write a portable snapshot of one side of one task; - is stdout
    #[arg(short, long, value_name = "FILE", requires = "side")]
    pub(crate) output: Option<PathBuf>,
    /// Print a line of JSON for each side
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScanSide {
    Local,
    Remote,
    Base,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The tasks [default: all]
    #[arg(value_name = "TASK")]
    pub(crate) tasks: Vec<TaskName>,
    /// Leave out what is the same
    #[arg(long)]
    pub(crate) changed: bool,
    /// Exit with 2 if something differs
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
    /// Print a line of JSON for each path
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// The tasks [default: all]
    #[arg(value_name = "TASK")]
    pub(crate) tasks: Vec<TaskName>,
    /// Plan only actions that match this filter
    #[arg(long, value_name = "EXPR")]
    pub(crate) only: Option<String>,
    /// Plan no actions that match this filter
    #[arg(long, value_name = "EXPR")]
    pub(crate) exclude: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Write the plan to this file; - is stdout, and a name that ends in .zst is compressed
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Overrule the direction of the tasks
    #[arg(long, value_name = "push|fetch")]
    pub(crate) direction: Option<Direction>,
    /// Take the local side from a portable snapshot
    #[arg(long, value_name = "FILE", requires = "remote_snapshot")]
    pub(crate) local_snapshot: Vec<PathBuf>,
    /// Take the remote side from a portable snapshot
    #[arg(long, value_name = "FILE", requires = "local_snapshot")]
    pub(crate) remote_snapshot: Vec<PathBuf>,
    /// With those: take what both sides agreed on before from a portable snapshot
    #[arg(long, value_name = "FILE", requires = "local_snapshot")]
    pub(crate) base_snapshot: Vec<PathBuf>,
    /// Write no plan, but say why this path is, or is not, in it
    #[arg(long, value_name = "PATH", conflicts_with_all = ["output", "local_snapshot", "detailed_exitcode"])]
    pub(crate) why: Option<std::ffi::OsString>,
    /// Exit with 2 if there are changes
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
    /// Print the plan as JSON
    #[arg(long, conflicts_with = "output")]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The plan; - is stdin
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Human,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The plan
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,
    /// Check every precondition, change nothing, and say what each action would do
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) running: Running,
    /// Go ahead although this guard objects
    #[arg(long = "override", value_name = "CODE", requires = "reason")]
    pub(crate) overrides: Vec<String>,
    /// Why; it is recorded
    #[arg(long, value_name = "TEXT", requires = "overrides")]
    pub(crate) reason: Option<String>,
    /// Refuse any other plan than this one
    #[arg(long, value_name = "ID")]
    pub(crate) expect_plan_id: Option<String>,
    /// Print the outcome as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a plan is run.
#[derive(Debug, Args, Default)]
pub(crate) struct Running {
    /// How many actions run side by side [default: 16]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// What to do about places that changed since the plan
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub(crate) on_stale: OnStale,
    /// Transfer no faster than this, all tasks together: 20MiB/s
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) bandwidth: Option<Rate>,
    /// How long to wait for a store that cannot be reached: 30m, or unlimited [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = patience)]
    pub(crate) max_offline: Option<Patience>,
}

/// How long a run waits for a store that cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// So long.
    For(Period),
    /// For ever.
    Unlimited,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnStale {
    /// Leave them alone, and go on with what does not depend on them
    #[default]
    Skip,
    /// Begin nothing more
    Abort,
}

#[derive(Debug, Args)]
pub(crate) struct OneStep {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Do not ask
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
    /// Check every precondition, change nothing, and say what each action would do
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) running: Running,
    /// Print the outcome as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Conflicts {
    /// The tasks [default: all]
    #[arg(value_name = "TASK")]
    pub(crate) tasks: Vec<TaskName>,
    /// Print a line of JSON for each conflict
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// The task
    #[arg(value_name = "TASK")]
    pub(crate) task: TaskName,
    /// The path of the conflict, as `syncplan conflicts` lists it
    #[arg(value_name = "PATH")]
    pub(crate) path: std::ffi::OsString,
    /// What is kept; the other side goes to the trash, or beside it
    #[arg(long, value_enum, value_name = "SIDE")]
    pub(crate) take: TakeSide,
    /// Change nothing, and say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the outcome as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TakeSide {
    /// What stands on the local side
    Local,
    /// What stands on the remote side
    Remote,
    /// Both: the older one beside the newer, under a name of its own
    Both,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    /// How many runs
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) last: u32,
    /// Print a line of JSON for each run
    #[arg(long)]
    pub(crate) json: bool,
}

/// A run, as people name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunName {
    /// The latest.
    Last,
    /// By its number.
    Number(i64),
}

#[derive(Debug, Args)]
pub(crate) struct Log {
    /// The run, as `syncplan history` lists it, or last
    #[arg(value_name = "RUN", value_parser = run_name)]
    pub(crate) run: RunName,
    /// Print a line of JSON for each action
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// The run, as `syncplan history` lists it, or last
    #[arg(value_name = "RUN", value_parser = run_name)]
    pub(crate) run: RunName,
    /// Write the plan to this file, and apply nothing; - is stdout
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["yes", "dry_run", "json"])]
    pub(crate) output: Option<PathBuf>,
    /// Do not ask
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
    /// Check every precondition, change nothing, and say what each action would do
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) running: Running,
    /// Print the outcome as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Unlock {
    /// The task
    #[arg(value_name = "TASK")]
    pub(crate) task: TaskName,
    /// Do not ask
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
    /// Print the outcome as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Gc {
    /// The tasks [default: all]
    #[arg(value_name = "TASK")]
    pub(crate) tasks: Vec<TaskName>,
    /// Leave alone what is younger than this: it may be at work elsewhere
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = period)]
    pub(crate) older_than: Period,
    /// Remove nothing, and say what would be removed
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
    /// Print a line of JSON for each thing
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Forget {
    /// The task
    #[arg(value_name = "TASK")]
    pub(crate) task: TaskName,
    /// Print the outcome as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("it should be NAME=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn rate(text: &str) -> Result<Rate, String> {
    parse_rate(text, "--bandwidth").map_err(|mistakes| told(&mistakes))
}

fn period(text: &str) -> Result<Period, String> {
    parse_duration(text, "DURATION").map_err(|mistakes| told(&mistakes))
}

fn patience(text: &str) -> Result<Patience, String> {
    if text == "unlimited" { Ok(Patience::Unlimited) } else { period(text).map(Patience::For) }
}

/// In one line, as the command line tells its mistakes.
fn told(mistakes: &Diagnostics) -> String {
    mistakes.to_string()
}

fn run_name(text: &str) -> Result<RunName, String> {
    match text {
        "last" => Ok(RunName::Last),
        text => text.parse().map(RunName::Number).map_err(|_| "it should be a number, or last".to_owned()),
    }
}
