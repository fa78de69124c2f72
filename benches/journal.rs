//! How fast the state is: intents and outcomes, durable, a thousand a commit; a snapshot of a million
//! entries; and a base of as many. In SQLite, on the disk of the temporary folder, and in PostgreSQL if
//! `SYNCPLAN_TEST_POSTGRES` says where one is: what it writes there stays.
//!
//! `cargo bench --bench journal`

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::time::{Duration, Instant};

use syncplan_model::plan::{ActionId, Op, Plan, Selection, Side};
use syncplan_model::plan::{Header, ManifestInfo};
use syncplan_model::{Digest, Entry, Facts, RelPath, Snapshot, SnapshotBuilder, TaskName, Token};
use syncplan_state::{Agreed, Conclusion, Ending, Intent, Learned, NewRun, Outcome, State};

const ACTIONS: usize = 100_000;

const ENTRIES: usize = 1_000_000;

/// What the executor commits at once.
const BATCH: usize = 1000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a temporary folder");
        measure("SQLite", &State::open(&folder.path().join("state.db")).await.expect("a new state")).await;
        if let Ok(address) = std::env::var("SYNCPLAN_TEST_POSTGRES") {
            measure("PostgreSQL", &State::connect(&address).await.expect("a server")).await;
        }
    });
}

async fn measure(what: &str, state: &State) {
    println!("{what}");
    outcomes(state).await;
    entries(state).await;
    base(state).await;
}

async fn outcomes(state: &State) {
    let nothing = Snapshot::empty();
    state.forget_base(&task()).await.expect("a base");
    state.mint_base(&task(), &Digest::of(b""), &nothing, &nothing).await.expect("a base");
    let journal = state.begin(&run(&empty_plan(), "outcomes")).await.expect("a run").journal;
    let facts = Facts { digest: Some(Digest::of(b"x")), ..file() };
    let action = |it| ActionId::of(&task(), Op::Upload, Side::Remote, None, &path(it));
    let intents: Vec<_> =
        (0..ACTIONS).map(|it| Intent { action: action(it), temporary: Some(path(it)) }).collect();
    let learned = |it, side| Learned { task: task(), side, path: path(it), facts: Some(facts.clone()) };
    let agreed =
        |it| Agreed { task: task(), path: path(it), local: Some(facts.clone()), remote: Some(facts.clone()) };
    let conclusion = |it| Conclusion {
        action: action(it),
        outcome: Outcome::Applied,
        message: None,
        learned: vec![learned(it, Side::Local), learned(it, Side::Remote)],
        agreed: vec![agreed(it)],
        trashed: None,
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
    tell("outcomes with two facts each, and one that the base learns", ACTIONS, began.elapsed());
    let began = Instant::now();
    journal.finish(Ending::Done).await.expect("an end");
    tell("entries folded into the base", ACTIONS, began.elapsed());
}

/// A small change to a large base.
async fn base(state: &State) {
    let (entries, source) = (million(), Digest::of(b"here and there"));
    state.forget_base(&task()).await.expect("a base");
    let began = Instant::now();
    state.mint_base(&task(), &source, &entries, &entries).await.expect("a commit");
    tell("entries minted on both sides", ENTRIES, began.elapsed());
    let journal = state.begin(&run(&empty_plan(), "base")).await.expect("a run").journal;
    let agreed = Agreed { task: task(), path: path(7), local: Some(file()), remote: Some(file()) };
    let action = ActionId::of(&task(), Op::Upload, Side::Remote, None, &path(7));
    let conclusion = Conclusion {
        action,
        outcome: Outcome::Applied,
        message: None,
        learned: vec![],
        agreed: vec![agreed],
        trashed: None,
    };
    let began = Instant::now();
    journal.conclude(&[conclusion]).await.expect("a commit");
    journal.finish(Ending::Done).await.expect("an end");
    tell("change to the base", 1, began.elapsed());
    let began = Instant::now();
    state.load_base(&task(), &source).await.expect("a base");
    tell("entries loaded on both sides", ENTRIES, began.elapsed());
}

async fn entries(state: &State) {
    let (snapshot, source) = (million(), Digest::of(b"here"));
    let began = Instant::now();
    state.save_snapshot(&task(), Side::Local, &source, &snapshot).await.expect("a commit");
    tell("entries saved", ENTRIES, began.elapsed());
    let began = Instant::now();
    state.load_snapshot(&task(), Side::Local, &source).await.expect("a snapshot");
    tell("entries loaded", ENTRIES, began.elapsed());
}

fn million() -> Snapshot {
    let mut builder = SnapshotBuilder::new();
    for it in 0..ENTRIES {
        builder.push(&Entry { path: path(it), facts: file() }).expect("sorted paths");
    }
    builder.finish()
}

fn run<'a>(plan: &Plan, instance: &'a str) -> NewRun<'a> {
    NewRun {
        plan_id: plan.id(),
        instance,
        plan: b"",
        tasks: vec![task()],
        actions: ACTIONS as u64,
        tool: "bench",
        overrides: None,
    }
}

fn tell(what: &str, count: usize, took: Duration) {
    let rate = count as f64 / took.as_secs_f64();
    println!("  {count} {what}: {:.3} s, {rate:.0} a second", took.as_secs_f64());
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
