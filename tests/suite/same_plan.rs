//! The same snapshots give the same plan, byte for byte.

use std::fs;

use serde_json::Value;

use super::bucket::{Bucket, MOTO, RCLONE};
use super::environment::{TestEnvironment, actions};

#[test]
fn portable_snapshots_give_the_same_plan_every_time() {
    let env = TestEnvironment::mirror("a=1 d/b=2 d/c=3 moved-to=unchanged");
    env.tree("backup", "a=other d/c=3 extra=4 moved-from=unchanged");
    env.run(&["scan", "site", "--side", "local", "-o", "local.ndjson"]).success();
    env.run(&["scan", "site", "--side", "remote", "-o", "remote.ndjson"]).success();
    let plan = |out: &str| {
        let snapshots = ["--local-snapshot", "local.ndjson", "--remote-snapshot", "remote.ndjson"];
        env.run(&[&["plan", "-o", out], &snapshots[..]].concat()).success();
        env.read_file(out)
    };
    let first = plan("first.json");
    // Neither the stores nor the state are asked: the sides may change, or be gone.
    fs::remove_dir_all(env.path("backup")).unwrap();
    env.tree("site", "a=changed-meanwhile");
    let second = plan("second.json");
    assert_eq!(without_meta(&first), without_meta(&second));
    assert!(first.contains(r#""op":"upload""#) && first.contains(r#""op":"delete""#), "{first}");
}

#[test]
fn two_plans_of_one_state_differ_in_meta_alone() {
    let env = TestEnvironment::mirror("a=1 d/b=2");
    env.run(&["plan", "-o", "first.json"]).success();
    env.run(&["plan", "-o", "second.json"]).success();
    assert_eq!(without_meta(&env.read_file("first.json")), without_meta(&env.read_file("second.json")));
}

#[test]
fn a_plan_says_nothing_of_this_machine() {
    let env = TestEnvironment::mirror("a=1");
    env.run(&["plan", "-o", "plan.json"]).success();
    let plan = without_meta(&env.read_file("plan.json"));
    assert!(!plan.contains(env.path("").to_str().unwrap()), "an absolute path in {plan}");
}

#[test]
fn a_plan_has_one_action_a_line() {
    let env = TestEnvironment::mirror("a=1 b=2 c=3");
    let plan = env.plan(&[]);
    let text = env.read_file("plan.json");
    let lines = text.lines().filter(|line| line.starts_with(r#"{"id":"#)).count();
    assert_eq!(lines, plan["actions"].as_array().unwrap().len(), "{text}");
}

#[test]
fn a_damaged_snapshot_is_refused() {
    let env = TestEnvironment::mirror("a=1 b=2");
    env.run(&["scan", "site", "--side", "local", "-o", "local.ndjson"]).success();
    let text = env.read_file("local.ndjson");
    let cut: String = text.lines().take(2).map(|line| format!("{line}\n")).collect();
    env.write_file("cut.ndjson", cut);
    env.write_file("foreign.ndjson", "{\"some\":\"json\"}\n");
    for damaged in ["cut.ndjson", "foreign.ndjson", "absent.ndjson"] {
        let args =
            ["plan", "-o", "plan.json", "--local-snapshot", damaged, "--remote-snapshot", "local.ndjson"];
        env.run(&args).error().says(&[damaged]);
    }
}

#[test]
fn portable_snapshots_of_a_bucket_say_as_much_as_the_bucket() {
    for server in [MOTO, RCLONE] {
        let Some(bucket) = Bucket::on(server) else { return };
        let env =
            TestEnvironment::to_bucket(&bucket, "mode mirror", "same=1 d/changed=2 moved-from=unchanged");
        env.sync();
        // What others brought that is the same here is left out: a snapshot by itself has no pair to compare a
        // checksum with.
        bucket.tree("theirs=3");
        env.tree("site", "d/changed=changed-now new=5");
        fs::rename(env.path("site/moved-from"), env.path("site/moved-to")).unwrap();

        // No state that these see knows the bucket. A local snapshot looks at every file, a plan only at
        // those that matter: it has to know as much, so it goes on from the state of that scan.
        for side in ["local", "remote"] {
            let (out, state) = (format!("{side}.ndjson"), format!("{side}.db"));
            env.run(&["scan", "site", "--side", side, "-o", &out, "--state", &state]).success();
        }
        let plan = |out: &str, state: &str, more: &[&str]| {
            env.run(&[&["plan", "-o", out, "--state", state], more].concat()).success();
            env.read_file(out)
        };
        let stores = plan("stores.json", "local.db", &[]);
        // The plan from the stores made the first base of that state, and it travels as well.
        env.run(&["scan", "site", "--side", "base", "-o", "base.ndjson", "--state", "local.db"]).success();
        let snapshots = ["--local-snapshot", "local.ndjson", "--remote-snapshot", "remote.ndjson"];
        let snapshots = [&snapshots[..], &["--base-snapshot", "base.ndjson"]].concat();
        let snapshots = plan("snapshots.json", "another.db", &snapshots);
        assert_eq!(without_meta(&snapshots), without_meta(&stores), "{server}");
        let planned = [
            "upload remote d/changed",
            "move remote moved-from -> moved-to",
            "upload remote new",
            "delete remote theirs",
        ];
        assert_eq!(actions(&serde_json::from_str(&stores).unwrap()), planned, "{server}");
    }
}

/// The bytes of a plan up to its last member, which is `meta`.
fn without_meta(text: &str) -> String {
    let _: Value = serde_json::from_str(text).unwrap();
    let (before, _) = text.rsplit_once("\n\"meta\":").expect("meta begins a line, as the format says");
    before.to_owned()
}
