//! A dry run changes nothing, down to the last time stamp.

use super::bucket::{Bucket, MOTO, RCLONE};
use super::environment::TestEnvironment;
use super::tree::exact;

#[test]
fn apply_dry_run_leaves_both_folders_untouched() {
    let env = TestEnvironment::mirror("a=new b/c=1 renamed=the-content");
    env.tree("backup", "a=old b/d=2 name=the-content extra=3");
    env.run(&["plan", "-o", "plan.json"]).success();
    let before = (exact(&env.path("site")), exact(&env.path("backup")));
    let output = env.run(&["apply", "plan.json", "--dry-run"]).success();
    assert_eq!(before, (exact(&env.path("site")), exact(&env.path("backup"))));
    insta::assert_snapshot!(output);
    // It did not use the plan up either.
    env.run(&["apply", "plan.json"]).success();
    assert_eq!(env.listing("backup"), env.listing("site"));
}

#[test]
fn push_dry_run_leaves_both_folders_untouched() {
    let env = TestEnvironment::mirror("a=new");
    env.tree("backup", "a=old extra=3");
    let before = (exact(&env.path("site")), exact(&env.path("backup")));
    env.run(&["push", "--dry-run"]).success();
    assert_eq!(before, (exact(&env.path("site")), exact(&env.path("backup"))));
}

#[test]
fn a_dry_run_says_what_is_stale() {
    let env = TestEnvironment::mirror("a=new b=1");
    env.tree("backup", "a=old");
    env.run(&["plan", "-o", "plan.json"]).success();
    env.tree("backup", "a=edited-since");
    env.run(&["apply", "plan.json", "--dry-run"]).code(4).says(&["a"]);
    assert_eq!(env.listing("backup"), "a=edited-since");
}

#[test]
fn apply_dry_run_leaves_a_bucket_untouched() {
    for server in [MOTO, RCLONE] {
        let Some(bucket) = Bucket::on(server) else { return };
        let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "a=1 b=2");
        env.sync();
        env.tree("site", "a=changed c=3");
        std::fs::remove_file(env.path("site/b")).unwrap();
        env.run(&["plan", "-o", "plan.json"]).success();
        let before = (bucket.exact(), exact(&env.path("site")));
        env.run(&["apply", "plan.json", "--dry-run"]).success();
        assert_eq!(before, (bucket.exact(), exact(&env.path("site"))), "{server}");
    }
}

#[test]
fn planning_leaves_an_untouched_bucket_untouched() {
    let Some(bucket) = Bucket::on(RCLONE) else { return };
    bucket.tree("theirs=1");
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "a=1");
    let before = bucket.exact();
    env.run(&["plan", "-o", "plan.json"]).success();
    assert_eq!(before, bucket.exact());
}
