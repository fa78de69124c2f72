//! Killed in the middle, applied again: everything arrives, and nothing is left over.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::bucket::{Bucket, RCLONE};
use super::environment::{MIRROR, TestEnvironment, number};
use super::tree::{exact, temporaries};

const FILES: usize = 1500;

#[test]
fn a_killed_apply_is_finished_by_the_next() {
    let env = TestEnvironment::mirror("");
    many_files(&env);
    env.run(&["plan", "-o", "plan.json"]).success();
    let plan = env.read_file("plan.json");

    // Later and later, so that it is met in each stretch of its work.
    let mut met = 0;
    for arrived in [1, FILES / 4, FILES / 2, FILES * 3 / 4] {
        met += usize::from(kill_after(&env, arrived));
    }
    assert!(met > 0, "no run was still under way when it was killed");

    env.run(&["apply", "plan.json"]).success();
    assert_eq!(env.listing("backup"), env.listing("site"));
    assert_eq!(temporaries(&env.path("backup")), Vec::<PathBuf>::new());
    assert_eq!(env.read_file("plan.json"), plan);
    env.assert_in_sync();
}

/// Starts an apply and kills it as soon as so many files are there; whether it was still running.
fn kill_after(env: &TestEnvironment, arrived: usize) -> bool {
    let mut run = env.command(&["apply", "plan.json", "--jobs", "2"]).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while files(&env.path("backup")) < arrived && run.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "the run did not get to {arrived} files");
        sleep(Duration::from_millis(1));
    }
    let running = run.try_wait().unwrap().is_none();
    run.kill().unwrap();
    run.wait().unwrap();
    running
}

fn files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

fn many_files(env: &TestEnvironment) {
    for i in 0..FILES {
        env.write_file(format!("site/d{}/{i}.txt", i % 20), format!("file {i}\n").repeat(i % 50 + 1));
    }
}

#[test]
fn planning_after_a_kill_loses_nothing() {
    let env = TestEnvironment::mirror("");
    many_files(&env);
    env.run(&["push", "-y"]).success();
    fs::rename(env.path("site/d0"), env.path("site/e0")).unwrap();
    fs::rename(env.path("site/d1"), env.path("site/d0")).unwrap();
    for i in 0..FILES {
        env.write_file(format!("site/new/{i}.txt"), format!("new file {i}"));
    }
    env.run(&["plan", "-o", "plan.json"]).success();

    // It is met among its moves, or among its uploads, but never after its end.
    let before = env.listing("backup");
    let run = Run::start(&env, &["apply", "plan.json", "--jobs", "1"]);
    run.kill_when(|| env.path("backup/e0").exists() || env.path("backup/new").exists());
    let met = env.listing("backup");
    assert!(met != before && met != env.listing("site"), "it was not killed in the middle");

    // Whoever only looks may not take a half for a change; whoever applies finishes it first.
    env.run(&["plan", "-o", "other.json"]).error().says(&["interrupted"]);
    env.run(&["push", "-y"]).success();
    assert_eq!(env.listing("backup"), env.listing("site"));
    assert_eq!(temporaries(&env.path("backup")), Vec::<PathBuf>::new());
    assert!(!env.path("backup/.syncplan/stage").exists());
}

/// A run of the program that is under way.
struct Run(std::process::Child);

impl Run {
    fn start(env: &TestEnvironment, args: &[&str]) -> Self {
        Self(env.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Waits until something is so, and asserts that the run has not ended by itself until then.
    fn wait_until(&mut self, so: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !so() {
            assert!(self.0.try_wait().unwrap().is_none(), "it ended before");
            assert!(Instant::now() < deadline, "it did not get there");
            sleep(Duration::from_millis(1));
        }
    }

    fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        assert!(kill.args(["-s", name, &self.0.id().to_string()]).status().unwrap().success());
    }

    /// Kills it as soon as something is so, and asserts that it was the kill that ended it.
    fn kill_when(mut self, so: impl Fn() -> bool) {
        self.wait_until(so);
        self.0.kill().unwrap();
        assert_eq!(self.0.wait().unwrap().signal(), Some(9), "it ended before it was killed");
    }
}

#[test]
fn a_termination_request_is_obeyed_and_told() {
    let env = TestEnvironment::mirror("");
    many_files(&env);
    env.run(&["plan", "-o", "plan.json"]).success();
    let run = env.command(&["apply", "plan.json", "--jobs", "1"]).spawn().unwrap();
    while files(&env.path("backup")) < 5 {
        sleep(Duration::from_millis(1));
    }
    let kill = Command::new("kill").arg(run.id().to_string()).status().unwrap();
    assert!(kill.success());
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert_eq!(temporaries(&env.path("backup")), Vec::<PathBuf>::new());
    env.run(&["apply", "plan.json"]).success();
    assert_eq!(env.listing("backup"), env.listing("site"));
}

#[test]
fn a_second_run_at_the_same_time_is_locked_out() {
    let env = TestEnvironment::mirror("");
    many_files(&env);
    env.run(&["plan", "-o", "plan.json"]).success();
    let mut run = Run::start(&env, &["apply", "plan.json", "--jobs", "1"]);
    run.wait_until(|| files(&env.path("backup")) >= 5);
    // Stopped, it holds what it holds until it may go on: however slow the others are, they meet it.
    run.signal("STOP");
    env.run(&["apply", "plan.json"]).code(6);
    env.run(&["push", "-y"]).code(6);
    let there = files(&env.path("backup"));
    assert!(there < FILES, "the others did its work");
    run.signal("CONT");
    assert!(run.0.wait().unwrap().success());
    assert_eq!(env.listing("backup"), env.listing("site"));
}

#[test]
fn runs_with_states_of_their_own_do_not_wait_for_each_other() {
    let env = TestEnvironment::new();
    for name in ["one", "two"] {
        let (here, there) = (format!("root \"{name}\""), format!("root \"{name}-backup\""));
        let manifest = MIRROR.replace("root \"site\"", &here).replace("root \"backup\"", &there);
        env.write_file(format!("{name}.kdl"), manifest);
        env.tree(&format!("{name}-backup"), "");
    }
    for i in 0..FILES {
        env.write_file(format!("one/{i}.txt"), format!("file {i}"));
    }
    env.tree("two", "a=1");
    // Beside the states stands what somebody else calls a lock.
    env.write_file("states/lock", "somebody's own");
    let before = exact(&env.path("states"));

    let mut run =
        Run::start(&env, &["push", "-y", "-f", "one.kdl", "--state", "states/one.db", "--jobs", "1"]);
    run.wait_until(|| files(&env.path("one-backup")) >= 5);
    run.signal("STOP");
    env.run(&["push", "-y", "-f", "two.kdl", "--state", "states/two.db"]).success();
    env.run(&["push", "-y", "-f", "one.kdl", "--state", "states/one.db"]).code(6);
    run.signal("CONT");
    assert!(run.0.wait().unwrap().success());
    assert_eq!(env.listing("two-backup"), "a=1");
    assert_eq!(env.listing("one-backup"), env.listing("one"));

    let after = exact(&env.path("states"));
    let lock = |text: &str| text.lines().find(|line| line.starts_with("lock ")).map(str::to_owned);
    assert!(lock(&before).is_some());
    assert_eq!(lock(&before), lock(&after));
    assert_eq!(env.read_file("states/lock"), "somebody's own");
    assert!(!env.path("lock").exists());
}

#[test]
fn a_killed_push_to_a_bucket_is_finished_by_the_next() {
    let Some(bucket) = Bucket::on(RCLONE) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "");
    for i in 0..300 {
        env.write_file(format!("site/{i}.txt"), format!("file {i}"));
    }
    env.run(&["plan", "-o", "plan.json"]).success();
    let arrived = || {
        let size: Value =
            serde_json::from_str(&bucket.rclone(&["size", "--json", &bucket.remote()])).unwrap();
        size["count"].as_u64().unwrap()
    };
    Run::start(&env, &["apply", "plan.json", "--jobs", "1"]).kill_when(|| arrived() > 0);
    assert!(arrived() < 300, "everything was there when it was killed");
    env.run(&["apply", "plan.json"]).success();
    assert_eq!(bucket.listing(), env.listing("site"));
    assert_eq!(number(&env.plan(&[])["summary"]["transfer_bytes"]), 0);
}
