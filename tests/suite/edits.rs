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

/// Twelve MiB, of which samples see one KiB in each MiB.
fn large() -> Vec<u8> {
    (0..12_u32 << 20).map(|at| (at % 251) as u8).collect()
}

/// Overwrites some bytes that no sample sees, as databases, disk images and tag editors do.
fn edit_in_place(file: &std::path::Path, text: &[u8]) {
    use std::os::unix::fs::FileExt as _;

    let file = fs::File::options().write(true).open(file).unwrap();
    file.write_all_at(text, 7_000_000).unwrap();
    file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(9)).unwrap();
}

#[test]
fn an_edit_between_the_samples_is_brought_over() {
    for settings in ["mode mirror", "mode update", "mode two-way", "mode mirror; compare sampled"] {
        let env = TestEnvironment::task(settings, "");
        fs::write(env.path("site/large"), large()).unwrap();
        env.run(&["sync", "-y"]).success();
        edit_in_place(&env.path("site/large"), b"edited");
        env.run(&["sync", "-y"]).success();
        let same = fs::read(env.path("site/large")).unwrap() == fs::read(env.path("backup/large")).unwrap();
        assert!(same, "{settings}");
    }
}

#[test]
fn an_edit_between_the_samples_is_one_side_of_a_conflict() {
    let env = TestEnvironment::task("mode two-way", "");
    fs::write(env.path("site/large"), large()).unwrap();
    env.run(&["sync", "-y"]).success();
    edit_in_place(&env.path("site/large"), b"here");
    edit_in_place(&env.path("backup/large"), b"there");
    env.run(&["sync", "-y"]).code(5);
    for (side, text) in [("site", "here"), ("backup", "there")] {
        let content = fs::read(env.path(side).join("large")).unwrap();
        assert_eq!(&content[7_000_000..][..text.len()], text.as_bytes(), "{side}");
    }
}

/// What was only touched needs no transfer: both are read whole.
#[test]
fn a_touched_large_file_is_not_sent() {
    let env = TestEnvironment::mirror("");
    fs::write(env.path("site/large"), large()).unwrap();
    env.run(&["sync", "-y"]).success();
    edit_in_place(&env.path("site/large"), &large()[7_000_000..][..9]);
    let plan = env.run(&["plan", "--json"]).success().json();
    assert_eq!(plan["actions"][0]["op"], "set-metadata");
}
