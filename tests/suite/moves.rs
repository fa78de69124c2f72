//! Renamed files move on the other side too: nothing is sent twice.

use std::fs;

use super::bucket::{Bucket, MOTO, RCLONE};
use super::environment::{TestEnvironment, actions, count, number};

const FILES: usize = 1000;

#[test]
fn a_thousand_renamed_files_are_a_thousand_moves() {
    let env = TestEnvironment::mirror("");
    rename_a_thousand(&env);
    assert_eq!(env.listing("backup"), env.listing("site"));
}

#[test]
fn a_thousand_renamed_files_are_a_thousand_moves_in_a_bucket() {
    let Some(bucket) = Bucket::on(RCLONE) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "");
    rename_a_thousand(&env);
    assert_eq!(bucket.listing(), env.listing("site"));
}

fn rename_a_thousand(env: &TestEnvironment) {
    for i in 0..FILES {
        env.write_file(format!("site/raw/{i:04}.txt"), format!("content of {i}"));
    }
    env.sync();
    fs::create_dir_all(env.path("site/sorted")).unwrap();
    for i in 0..FILES {
        let (from, to) = (format!("site/raw/{i:04}.txt"), format!("site/sorted/{}.md", i * 7 % FILES));
        fs::rename(env.path(from), env.path(to)).unwrap();
    }
    fs::remove_dir(env.path("site/raw")).unwrap();

    let plan = env.plan(&[]);
    assert_eq!(count(&plan, "move"), FILES as u64);
    assert_eq!(number(&plan["summary"]["transfer_bytes"]), 0);
    assert_eq!(count(&plan, "upload") + count(&plan, "delete"), 0);
    env.run(&["apply", "plan.json"]).success();
    env.assert_in_sync();
}

#[test]
fn swaps_and_rotations_move_in_place() {
    for (before, after) in [
        ("a=one b=two", "a=two b=one"),
        ("a=one b=two c=three", "a=three b=one c=two"),
        // The child takes its parent's name, and the reverse.
        ("d/x=one", "d=one"),
        ("d=one", "d/x=one"),
        ("p/q/f=one", "q/p/f=one"),
        ("a=one b=two", "b=one"),
    ] {
        let env = TestEnvironment::mirror(before);
        env.sync();
        rebuild_by_rename(&env, before, after);
        let plan = env.plan(&[]);
        assert_eq!(
            number(&plan["summary"]["transfer_bytes"]),
            0,
            "{before} => {after}: {:?}",
            actions(&plan)
        );
        env.run(&["apply", "plan.json"]).success();
        assert_eq!(env.listing("backup"), after, "{before} => {after}");
        env.assert_in_sync();
    }
}

#[test]
fn a_swap_in_a_bucket_transfers_nothing() {
    for server in [MOTO, RCLONE] {
        let Some(bucket) = Bucket::on(server) else { return };
        let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "a=one b=two");
        env.sync();
        rebuild_by_rename(&env, "a=one b=two", "a=two b=one");
        assert_eq!(number(&env.plan(&[])["summary"]["transfer_bytes"]), 0);
        env.run(&["apply", "plan.json"]).success();
        assert_eq!(bucket.listing(), "a=two b=one", "{server}");
        env.assert_in_sync();
    }
}

/// Brings `site` from one literal to the other by renames alone, so that inodes and times stay.
fn rebuild_by_rename(env: &TestEnvironment, before: &str, after: &str) {
    let pairs = |literal: &str| -> Vec<(String, String)> {
        literal
            .split(' ')
            .map(|word| word.split_once('=').unwrap())
            .map(|(a, b)| (a.into(), b.into()))
            .collect()
    };
    fs::create_dir(env.path("aside")).unwrap();
    for (path, content) in pairs(before) {
        fs::rename(env.path("site").join(path), env.path("aside").join(content)).unwrap();
    }
    fs::remove_dir_all(env.path("site")).unwrap();
    for (path, content) in pairs(after) {
        let target = env.path("site").join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::rename(env.path("aside").join(content), target).unwrap();
    }
    fs::remove_dir_all(env.path("aside")).unwrap();
}

#[test]
fn a_copied_file_is_copied_on_the_other_side() {
    let env = TestEnvironment::mirror("a=the-same-content");
    env.sync();
    fs::copy(env.path("site/a"), env.path("site/b")).unwrap();
    let plan = env.plan(&[]);
    env.run(&["apply", "plan.json"]).success();
    assert_eq!(env.listing("backup"), "a=the-same-content b=the-same-content", "{:?}", actions(&plan));
}

#[test]
fn renamed_and_edited_is_an_upload_and_a_delete() {
    let env = TestEnvironment::mirror("a=before keep=1");
    env.sync();
    fs::remove_file(env.path("site/a")).unwrap();
    env.tree("site", "b=after!");
    let plan = env.plan(&[]);
    assert_eq!(count(&plan, "move"), 0, "{:?}", actions(&plan));
    env.run(&["apply", "plan.json"]).success();
    assert_eq!(env.listing("backup"), "b=after! keep=1");
}

#[test]
fn a_swap_leaves_nothing_of_the_tools_own_behind() {
    let env = TestEnvironment::mirror("a=one b=two d/x=three d/y=four");
    env.sync();
    for (one, other) in [("a", "b"), ("d/x", "d/y")] {
        fs::rename(env.path("site").join(one), env.path("aside")).unwrap();
        fs::rename(env.path("site").join(other), env.path("site").join(one)).unwrap();
        fs::rename(env.path("aside"), env.path("site").join(other)).unwrap();
    }
    let plan = env.plan(&[]);
    assert!(count(&plan, "stage") > 0 && count(&plan, "install") > 0, "{:?}", actions(&plan));
    env.run(&["apply", "plan.json"]).success();
    assert_eq!(env.listing("backup"), "a=two b=one d/x=four d/y=three");
    for side in ["site", "backup"] {
        assert!(!env.path(side).join(".syncplan/stage").exists(), "{side}");
    }
}

#[test]
fn a_swap_of_files_that_look_alike_is_seen() {
    for env in with_a_bucket_too() {
        let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        for (name, content) in [("a", "one"), ("b", "two")] {
            env.write_file(format!("site/{name}"), content);
            fs::File::options()
                .write(true)
                .open(env.path(format!("site/{name}")))
                .unwrap()
                .set_modified(time)
                .unwrap();
        }
        env.sync();
        fs::rename(env.path("site/a"), env.path("site/x")).unwrap();
        fs::rename(env.path("site/b"), env.path("site/a")).unwrap();
        fs::rename(env.path("site/x"), env.path("site/b")).unwrap();

        let plan = env.plan(&[]);
        assert_eq!(plan["status"]["has_changes"], true, "size and time are the same, the content is not");
        assert_eq!(number(&plan["summary"]["transfer_bytes"]), 0);
        env.run(&["apply", "plan.json"]).success();
        env.assert_in_sync();
    }
}

fn with_a_bucket_too() -> Vec<TestEnvironment> {
    let bucket = Bucket::on(RCLONE).map(|bucket| TestEnvironment::to_bucket(&bucket, "mode mirror", ""));
    [Some(TestEnvironment::mirror("")), bucket].into_iter().flatten().collect()
}
