//! Killed in the middle, applied again: everything arrives, and nothing is left over.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::bucket::{Bucket, RCLONE};
use super::environment::{TestEnvironment, number};
use super::tree::temporaries;

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
    assert_eq!(temporaries(&env.path("backup")), Vec::<std::path::PathBuf>::new());
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
    env.run(&["plan", "-o", "plan.json"]).success();
    let mut run = env.command(&["apply", "plan.json"]).spawn().unwrap();
    sleep(Duration::from_millis(60));
    run.kill().unwrap();
    run.wait().unwrap();
    // Either it goes on where the other was, or it says that the other has to be finished first.
    if env.run(&["push", "-y"]).calm().stderr.contains("apply") {
        env.run(&["apply", "plan.json"]).calm();
        env.run(&["push", "-y"]).calm();
    }
    env.run(&["push", "-y"]).success();
    assert_eq!(env.listing("backup"), env.listing("site"));
    assert_eq!(temporaries(&env.path("backup")), Vec::<std::path::PathBuf>::new());
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
    let kill = std::process::Command::new("kill").arg(run.id().to_string()).status().unwrap();
    assert!(kill.success());
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert_eq!(temporaries(&env.path("backup")), Vec::<std::path::PathBuf>::new());
    env.run(&["apply", "plan.json"]).success();
    assert_eq!(env.listing("backup"), env.listing("site"));
}

#[test]
fn a_second_run_at_the_same_time_is_locked_out() {
    let env = TestEnvironment::mirror("");
    many_files(&env);
    env.run(&["plan", "-o", "plan.json"]).success();
    let mut run = env.command(&["apply", "plan.json", "--jobs", "1"]).spawn().unwrap();
    while files(&env.path("backup")) < 5 {
        sleep(Duration::from_millis(1));
    }
    let second = env.run(&["apply", "plan.json"]).calm();
    let under_way = run.try_wait().unwrap().is_none();
    assert!(run.wait().unwrap().success());
    if under_way {
        second.code(6);
    }
    assert_eq!(env.listing("backup"), env.listing("site"));
}

#[test]
fn a_killed_push_to_a_bucket_is_finished_by_the_next() {
    let Some(bucket) = Bucket::on(RCLONE) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "");
    for i in 0..300 {
        env.write_file(format!("site/{i}.txt"), format!("file {i}"));
    }
    env.run(&["plan", "-o", "plan.json"]).success();
    let mut run = env.command(&["apply", "plan.json", "--jobs", "2"]).spawn().unwrap();
    while bucket.rclone(&["size", "--json", &bucket.remote()]).contains("\"count\":0,") {
        assert!(run.try_wait().unwrap().is_none(), "it ended before anything arrived");
    }
    run.kill().unwrap();
    run.wait().unwrap();
    env.run(&["apply", "plan.json"]).success();
    assert_eq!(bucket.listing(), env.listing("site"));
    assert_eq!(number(&env.plan(&[])["summary"]["transfer_bytes"]), 0);
}
