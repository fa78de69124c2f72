//! How fast the state is, on the disk of the temporary folder: intents and outcomes, durable, a
//! thousand a commit; and a snapshot of a million entries.
//!
//! `cargo bench --bench journal`

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::time::{Duration, Instant};

use syncplan_model::plan::{ActionId, Op, Plan, Selection, Side};
use syncplan_model::plan::{Header, ManifestInfo};
use syncplan_model::{Digest, Entry, Facts, RelPath, SnapshotBuilder, TaskName, Token};
use syncplan_state::{Conclusion, Intent, Learned, NewRun, Outcome, State};

const ACTIONS: usize = 100_000;

/// What the executor commits at once.
const BATCH: usize = 1000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = State::open(&folder.path().join("state.db")).await.expect("a new state");
        outcomes(&state).await;
        entries(&state).await;
    });
}

async fn outcomes(state: &State) {
    let plan = empty_plan();
    let new = NewRun {
        plan_id: plan.id(),
        instance: "bench",
        plan: b"",
        tasks: vec![task()],
        actions: ACTIONS as u64,
        tool: "bench",
        overrides: None,
    };
    let journal = state.begin(&new).await.expect("a run").journal;
    let facts = Facts { digest: Some(Digest::of(b"x")), ..file() };
    let action = |it| ActionId::of(&task(), Op::Upload, Side::Remote, None, &path(it));
    let intents: Vec<_> =
        (0..ACTIONS).map(|it| Intent { action: action(it), temporary: Some(path(it)) }).collect();
    let learned = |it, side| Learned { task: task(), side, path: path(it), facts: Some(facts.clone()) };
    let conclusion = |it| Conclusion {
        action: action(it),
        outcome: Outcome::Applied,
        message: None,
        learned: vec![learned(it, Side::Local), learned(it, Side::Remote)],
    };
    let conclusions: Vec<_> = (0..ACTIONS).map(conclusion).collect();

    let began = Instant::now();
    for batch in intents.chunks(BATCH) {
        journal.intend(batch).await.expect("a commit");
    }
    tell("intents", ACTIONS, began.elapsed());
    let began = Instant::now();
    for batch in conclusions.chunks(BATCH) {
        journal.conclude(batch).await.expect("a commit");
    }
    tell("outcomes with two facts each", ACTIONS, began.elapsed());
}

async fn entries(state: &State) {
    const ENTRIES: usize = 1_000_000;
    let mut builder = SnapshotBuilder::new();
    for it in 0..ENTRIES {
        builder.push(&Entry { path: path(it), facts: file() }).expect("sorted paths");
    }
    let (snapshot, source) = (builder.finish(), Digest::of(b"here"));
    let began = Instant::now();
    state.save_snapshot(&task(), Side::Local, &source, &snapshot).await.expect("a commit");
    tell("entries saved", ENTRIES, began.elapsed());
    let began = Instant::now();
    state.load_snapshot(&task(), Side::Local, &source).await.expect("a snapshot");
    tell("entries loaded", ENTRIES, began.elapsed());
}

fn tell(what: &str, count: usize, took: Duration) {
    let rate = count as f64 / took.as_secs_f64();
    println!("{count} {what}: {:.3} s, {rate:.0} a second", took.as_secs_f64());
}

fn task() -> TaskName {
    TaskName::new("bench").expect("a name")
}

fn path(number: usize) -> RelPath {
    RelPath::new(format!("folder-{:04}/some-file-{number:07}.jpg", number / 1000)).expect("a path")
}

fn file() -> Facts {
    Facts { token: Some(Token::new("1234567-65a1b2c3.1a2b3c4d")), ..Facts::file(5) }
}

fn empty_plan() -> Plan {
    let manifest = ManifestInfo {
        digest: Digest::of(b""),
        files: Vec::new(),
        profile: None,
        variables: Default::default(),
    };
    let header = Header { manifest, selection: Selection::default(), tasks: Vec::new() };
    Plan::new(header, Vec::new(), Vec::new(), Vec::new()).expect("an empty plan")
}
