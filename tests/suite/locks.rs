//! One run at a time: who has a task is named, and a person can take it from there.

use std::process::Child;
use std::time::{Duration, Instant};

use super::environment::TestEnvironment;

const FILES: usize = 400;

/// A push that is stopped in the middle.
struct Stopped(Child);

impl Stopped {
    fn start(env: &TestEnvironment) -> Self {
        for at in 0..FILES {
            env.write_file(format!("site/{at}"), format!("file {at}"));
        }
        let child = env.command(&["push", "-y", "--jobs", "1"]).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !env.path("backup/1").exists() {
            assert!(Instant::now() < deadline, "it did not get there");
            std::thread::sleep(Duration::from_millis(1));
        }
        let stopped = Self(child);
        stopped.signal("STOP");
        stopped
    }

    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Lets it go on to its end; how it ended, and what it said.
    fn go_on(self) -> (Option<i32>, String) {
        self.signal("CONT");
        let output = self.0.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn who_has_a_task_is_named() {
    let env = TestEnvironment::mirror("");
    let run = Stopped::start(&env);
    let pid = run.0.id().to_string();
    for args in [&["push", "-y"][..], &["plan"], &["undo", "last", "-y"], &["gc", "-y"]] {
        env.run(args).code(6).says(&["`site` is locked by run 1", &pid, "syncplan unlock site"]);
    }
    // Looking back is no harm.
    env.run(&["history"]).success().says(&["running"]);
    assert_eq!(run.go_on().0, Some(0));
    assert_eq!(env.listing("backup"), env.listing("site"));
    env.run(&["unlock", "site"]).success().says(&["nobody holds it"]);
}

#[test]
fn a_remote_side_is_held_against_other_machines() {
    let env = TestEnvironment::task(r#"mode mirror; lease "1s""#, "");
    let run = Stopped::start(&env);
    let pid = run.0.id().to_string();
    // A machine with a state of its own knows nothing but what stands on the remote side.
    let other = ["--state", "other.db"];
    env.run(&[&["push", "-y"][..], &other].concat()).code(6).says(&["lease", &pid, "syncplan unlock site"]);
    env.run(&[&["unlock", "site", "-y"][..], &other].concat()).success().says(&[&pid, "site: unlocked"]);
    // By then it is time to say that it goes on.
    std::thread::sleep(Duration::from_millis(1_100));
    let (code, said) = run.go_on();
    assert_eq!(code, Some(6), "{said}");
    env.run(&["push", "-y"]).success();
    assert_eq!(env.listing("backup"), env.listing("site"));
    assert!(!env.path("backup/.syncplan/lease").exists());
}

#[test]
fn a_run_that_is_unlocked_stops_and_can_be_gone_on_with() {
    let env = TestEnvironment::mirror("");
    let run = Stopped::start(&env);
    let pid = run.0.id().to_string();
    // Nobody is there to say yes.
    env.run(&["unlock", "site"]).code(64);
    env.run(&["push", "-y"]).code(6);
    env.run(&["unlock", "site", "-y"]).success().says(&[&pid, "site: unlocked"]);
    let (code, said) = run.go_on();
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("unlocked"), "{said}");
    env.run(&["push", "-y"]).success();
    assert_eq!(env.listing("backup"), env.listing("site"));
    env.assert_in_sync();
}
