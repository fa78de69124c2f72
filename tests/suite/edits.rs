//! What is edited between plan and apply stays as it was edited.

use std::fs;

use super::bucket::{Bucket, MOTO, RCLONE};
use super::environment::{TestEnvironment, number};

#[test]
fn an_edited_target_is_left_alone() {
    let env = TestEnvironment::mirror("a=new b=1 c=2");
    env.tree("backup", "a=old extra=3");
    env.run(&["plan", "-o", "plan.json"]).success();
    env.tree("backup", "a=edited-since extra=edited-too b=appeared");
    // One after the other, so that they are told in the order of the plan.
    insta::assert_snapshot!(env.run(&["apply", "plan.json", "--jobs", "1"]).code(4));
    assert_eq!(env.listing("backup"), "a=edited-since b=appeared c=2 extra=edited-too");
}

#[test]
fn an_edited_source_is_not_sent() {
    let env = TestEnvironment::mirror("a=planned b=1 gone=2");
    env.run(&["plan", "-o", "plan.json"]).success();
    env.tree("site", "a=edited-since");
    fs::remove_file(env.path("site/gone")).unwrap();
    env.run(&["apply", "plan.json"]).code(4).says(&["a", "gone"]);
    assert_eq!(env.listing("backup"), "b=1");
    // Planning again takes the new state.
    env.sync();
    assert_eq!(env.listing("backup"), "a=edited-since b=1");
}

#[test]
fn what_depends_on_something_stale_is_skipped() {
    let env = TestEnvironment::mirror("a=one b=two c=three");
    env.sync();
    fs::rename(env.path("site/a"), env.path("site/z")).unwrap();
    fs::rename(env.path("site/b"), env.path("site/a")).unwrap();
    env.run(&["plan", "-o", "plan.json"]).success();
    env.tree("backup", "a=edited-since");
    env.run(&["apply", "plan.json"]).code(4);
    let left = env.listing("backup");
    assert!(left.contains("a=edited-since") && left.contains("=two") && left.contains("c=three"), "{left}");
}

#[test]
fn on_stale_abort_stops_before_the_rest() {
    let outcome = |what: &str| {
        let env = TestEnvironment::mirror("a=new b=1 c=2 d=3 e=4 f=5");
        env.tree("backup", "a=old");
        env.run(&["plan", "-o", "plan.json"]).success();
        env.tree("backup", "a=edited-since");
        let apply = ["apply", "plan.json", "--on-stale", what, "--jobs", "1", "--json"];
        let counts = env.run(&apply).code(4).json()["counts"].clone();
        let listing = env.listing("backup");
        assert!(listing.starts_with("a=edited-since"), "{listing}");
        (number(&counts["applied"]), number(&counts["stale"]), number(&counts["not_begun"]))
    };
    assert_eq!(outcome("skip"), (5, 1, 0));
    let (applied, stale, not_begun) = outcome("abort");
    assert!(stale == 1 && not_begun > 0, "{applied} applied, {stale} stale, {not_begun} not begun");
    assert_eq!(applied + not_begun, 5);
}

#[test]
fn a_folder_that_gained_a_file_is_not_removed() {
    let env = TestEnvironment::mirror("keep=1 d/x=2");
    env.sync();
    fs::remove_dir_all(env.path("site/d")).unwrap();
    env.run(&["plan", "-o", "plan.json"]).success();
    env.tree("backup", "d/new=theirs");
    env.run(&["apply", "plan.json"]).code(4);
    assert_eq!(env.listing("backup"), "d/new=theirs keep=1");
}

#[test]
fn an_edited_object_is_left_alone() {
    for server in [MOTO, RCLONE] {
        let Some(bucket) = Bucket::on(server) else { return };
        let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "a=1 b=2");
        env.sync();
        env.tree("site", "a=changed-here b=changed-too");
        env.run(&["plan", "-o", "plan.json"]).success();
        bucket.tree("a=edited-there");
        env.run(&["apply", "plan.json"]).code(4).says(&["a"]);
        assert_eq!(bucket.listing(), "a=edited-there b=changed-too", "{server}");
    }
}

#[test]
fn a_plan_is_applied_once() {
    let env = TestEnvironment::mirror("a=1 b=2");
    env.run(&["plan", "-o", "plan.json"]).success();
    env.run(&["apply", "plan.json"]).success();
    insta::assert_snapshot!(env.run(&["apply", "plan.json"]).success());
    // Not even when the target has lost what the plan brought.
    fs::remove_file(env.path("backup/a")).unwrap();
    env.run(&["apply", "plan.json"]).success();
    assert_eq!(env.listing("backup"), "b=2");
}
