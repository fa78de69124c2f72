//! What a run says while it goes on: to programs, and how fast it may be.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::environment::TestEnvironment;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

fn names(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["event"].as_str()).collect()
}

#[test]
fn events_are_written_beside_what_people_read() {
    let env = TestEnvironment::mirror("a=1 b=2");
    env.run(&["push", "-y", "--events", "events.ndjson"]).success().says(&["2 applied"]);
    let lines = lines(&env.read_file("events.ndjson"));
    assert_eq!(lines[0]["format"], "syncplan.events");
    let names = names(&lines);
    assert_eq!((names[1], *names.last().unwrap()), ("run-started", "run-finished"), "{names:?}");
    assert_eq!(names.iter().filter(|name| **name == "action-finished").count(), 2, "{names:?}");
}

#[test]
fn a_stream_on_stdout_has_it_for_itself() {
    let env = TestEnvironment::mirror("a=1");
    let output = env.run(&["push", "-y", "--events", "-"]).success();
    let lines = lines(&output.stdout);
    assert_eq!(lines[0]["format"], "syncplan.events");
    assert!(output.stderr.contains("1 applied"), "{output}");
    // What has no run has no events either.
    assert_eq!(env.run(&["history", "--events", "-"]).success().stdout, "");
}

#[test]
fn a_stream_that_cannot_be_written_is_told_before_anything_begins() {
    let env = TestEnvironment::mirror("a=1");
    env.run(&["push", "-y", "--events", "no/such/folder"]).error().says(&["events"]);
    assert_eq!(env.listing("backup"), "");
}

#[test]
fn a_run_is_no_faster_than_it_may_be() {
    for (settings, more) in
        [("mode mirror", &["--bandwidth", "1MiB/s"][..]), (r#"mode mirror; bandwidth "1MiB/s""#, &[][..])]
    {
        let env = TestEnvironment::task(settings, "");
        env.write_file("site/large", vec![7; 4 << 20]);
        let began = Instant::now();
        env.run(&[&["push", "-y"], more].concat()).success();
        let took = began.elapsed();
        assert!(took > Duration::from_millis(2_500), "{took:?}");
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
}

#[test]
fn limits_that_are_none_are_told() {
    let env = TestEnvironment::mirror("a=1");
    env.run(&["push", "-y", "--bandwidth", "fast"]).code(64).says(&["--bandwidth"]);
    env.run(&["push", "-y", "--max-offline", "later"]).code(64).says(&["--max-offline"]);
    env.run(&["push", "-y", "--max-offline", "unlimited", "--bandwidth", "1GiB/s"]).success();
}
