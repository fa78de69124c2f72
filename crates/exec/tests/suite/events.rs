//! What a run says of itself, as it is written, is what `docs/events.schema.json` says.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};
use syncplan_exec::{Ending, EventLog, Job, dry_run};
use syncplan_model::Rate;

use crate::support::{Draft, Fault, Faulty, World, put};

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The schema as it is published, but for what it allows later versions to add.
fn schema() -> (Schemas, SchemaIndex) {
    let mut schema: Value =
        serde_json::from_str(include_str!("../../../../docs/events.schema.json")).unwrap();
    schema["unevaluatedProperties"] = json!(false);
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("urn:syncplan:events:1.0", schema).unwrap();
    let index = compiler.compile("urn:syncplan:events:1.0", &mut schemas).unwrap();
    (schemas, index)
}

/// Runs a job and answers the lines that were written of it.
async fn lines(world: &World, mut job: Job, dry: bool) -> Vec<Value> {
    let page = Page::default();
    let log = EventLog::begin(page.clone());
    job.events = log.events();
    if dry {
        dry_run(job, None).await.unwrap();
    } else {
        world.run(job).await.unwrap();
    }
    log.finish().unwrap();
    let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Streams in which everything happens that can.
async fn streams() -> Vec<Vec<Value>> {
    let world = World::of_buckets().await;
    let mut draft = Draft::default();
    for number in 0..60 {
        let name = format!("file{number:02}");
        draft.upload(&name, &put(&world.local, &name, &format!("content {number}")).await, None, &[]);
    }
    let gone = put(&world.remote, "gone", "1").await;
    draft.delete("gone", &gone, &[]);
    put(&world.remote, "gone", "another").await;
    let plan = draft.finish();
    let rehearsed = lines(&world, world.job(&plan), true).await;
    let throttling = Faulty::new(&world.remote, Fault::Throttle { from: 10, to: 20 });
    let mut job = world.job_with(&plan, throttling);
    job.options.retry.times = 10;
    let throttled = lines(&world, job, false).await;

    let world = World::of_buckets().await;
    let mut draft = Draft::default();
    draft.upload("large", &put(&world.local, "large", &"x".repeat(20 * 16 * 1024)).await, None, &[]);
    let plan = draft.finish();
    let unreachable = Faulty::new(&world.remote, Fault::Offline { from: 12, probes: 1 });
    let mut job = world.job_with(&plan, unreachable);
    job.options.bandwidth = Rate::per_second(300 * 1024);
    let resumed = lines(&world, job, false).await;
    let again = lines(&world, world.job(&plan), false).await;
    vec![rehearsed, throttled, resumed, again]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_is_as_documented() {
    let (schemas, schema) = schema();
    let mut seen = BTreeSet::new();
    for stream in streams().await {
        assert_eq!(stream[0]["event"], "stream");
        assert_eq!(stream.last().unwrap()["event"], "run-finished");
        for line in &stream {
            seen.insert(line["event"].as_str().unwrap().to_owned());
            if let Err(error) = schemas.validate(line, schema) {
                panic!("{line}: {error:#}");
            }
        }
    }
    let all = [
        "action-finished",
        "action-started",
        "offline",
        "online",
        "progress",
        "resumed",
        "retrying",
        "run-finished",
        "run-started",
        "stream",
        "throttled",
    ];
    assert_eq!(seen, all.map(str::to_owned).into());
}

#[test]
fn what_is_not_documented_is_refused() {
    let (schemas, schema) = schema();
    let good = json!({"event": "offline", "at": "1.5", "store": "s", "message": "m"});
    schemas.validate(&good, schema).unwrap();
    for (member, value) in
        [("at", json!(1.5)), ("store", json!(null)), ("more", json!("x")), ("event", json!("x"))]
    {
        let mut bad = good.clone();
        bad[member] = value;
        assert!(schemas.validate(&bad, schema).is_err(), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_is_applied_already_says_so() {
    let world = World::of_buckets().await;
    let mut draft = Draft::default();
    draft.upload("a", &put(&world.local, "a", "1").await, None, &[]);
    let plan = draft.finish();
    assert_eq!(world.apply(&plan).await.ending, Ending::Done);
    let stream = lines(&world, world.job(&plan), false).await;
    assert_eq!(stream.last().unwrap()["already_applied"], true);
}
