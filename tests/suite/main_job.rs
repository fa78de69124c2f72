//! What everybody does: bring one side to the state of the other, and see that it is so.

use insta::assert_snapshot;

use super::bucket::{Bucket, MOTO, RCLONE};
use super::environment::{TestEnvironment, actions, number};

#[test]
fn a_mirror_is_planned_applied_and_then_empty() {
    let env = TestEnvironment::mirror("index.html=hello img/logo.png=pixels notes/2026/plan.txt=later");
    env.tree("backup", "index.html=old-and-longer left-over.txt=bye");

    assert_snapshot!(env.run(&["plan", "-o", "plan.json"]).success());
    assert_eq!(
        env.listing("backup"),
        "index.html=old-and-longer left-over.txt=bye",
        "planning changed the target"
    );

    assert_snapshot!(env.run(&["apply", "plan.json"]).success());
    assert_eq!(env.listing("backup"), env.listing("site"));

    assert_snapshot!(env.run(&["plan", "-o", "again.json", "--detailed-exitcode"]).code(0));
}

#[test]
fn detailed_exit_codes_tell_changes_from_none() {
    let env = TestEnvironment::mirror("a=1");
    env.run(&["plan", "-o", "plan.json", "--detailed-exitcode"]).code(2);
    env.run(&["plan", "-o", "plan.json"]).code(0);
    env.run(&["apply", "plan.json"]).success();
    env.run(&["plan", "-o", "plan.json", "--detailed-exitcode"]).code(0);
}

#[test]
fn update_brings_new_and_changed_files_and_deletes_nothing() {
    let env = TestEnvironment::task("mode update", "a=1 b=2");
    env.tree("backup", "theirs=3");
    env.sync();
    assert_eq!(env.listing("backup"), "a=1 b=2 theirs=3");

    env.tree("site", "b=changed c=4");
    std::fs::remove_file(env.path("site/a")).unwrap();
    env.sync();
    assert_eq!(env.listing("backup"), "a=1 b=changed c=4 theirs=3");
}

#[test]
fn fetch_brings_the_remote_side_here() {
    let env = TestEnvironment::task("mode mirror\n    direction fetch", "stale=0");
    env.tree("backup", "a=1 d/b=2");
    env.sync();
    assert_eq!(env.listing("site"), "a=1 d/b=2");
    assert_eq!(env.listing("backup"), "a=1 d/b=2");
}

#[test]
fn push_and_fetch_are_plan_and_apply_in_one_step() {
    let env = TestEnvironment::mirror("a=1 d/b=2");
    assert_snapshot!(env.run(&["push", "-y"]).success());
    assert_eq!(env.listing("backup"), "a=1 d/b=2");

    env.tree("backup", "c=3");
    env.run(&["fetch", "-y"]).success();
    assert_eq!(env.listing("site"), "a=1 c=3 d/b=2");
}

#[test]
fn without_a_terminal_nothing_is_asked_and_nothing_done() {
    let env = TestEnvironment::mirror("a=1");
    assert_snapshot!(env.run(&["push"]).usage());
    assert_eq!(env.listing("backup"), "");
}

#[test]
fn modification_times_and_permissions_come_along() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let env = TestEnvironment::mirror("run.sh=exec");
    let source = env.path("site/run.sh");
    std::fs::set_permissions(&source, std::fs::Permissions::from_mode(0o755)).unwrap();
    let then = std::time::UNIX_EPOCH + std::time::Duration::new(1_700_000_000, 123_456_789);
    std::fs::File::options().write(true).open(&source).unwrap().set_modified(then).unwrap();
    env.sync();
    let copy = env.path("backup/run.sh").metadata().unwrap();
    assert_eq!(copy.modified().unwrap(), then);
    assert_eq!(copy.mode() & 0o777, 0o755);
}

#[test]
fn several_tasks_are_planned_together_or_by_name() {
    let env = TestEnvironment::with_manifest(
        r#"syncplan format=1

store here kind=local { root "site"; }
store there kind=local { root "backup"; }

task images kind=files {
    local here path="images"
    remote there path="images"
}
task notes kind=files {
    local here path="notes"
    remote there path="notes"
    after images
}
"#,
    );
    env.tree("site", "images/a=1 notes/b=2");
    env.tree("backup", "images/ notes/");
    assert_eq!(actions(&env.plan(&["notes"])), ["upload remote b"]);
    env.run(&["plan", "no-such-task"]).usage().says(&["no-such-task"]);
    env.sync();
    assert_eq!(env.listing("backup"), "images/a=1 notes/b=2");
}

#[test]
fn a_bucket_is_filled_updated_and_fetched_from() {
    for server in [MOTO, RCLONE] {
        let Some(bucket) = Bucket::on(server) else { return };
        let env = TestEnvironment::to_bucket(
            &bucket,
            "mode mirror",
            "index.html=hello img/logo.png=pixels d/e/f=deep",
        );
        env.sync();
        assert_eq!(bucket.listing(), env.listing("site"), "{server}");

        env.tree("site", "index.html=changed new=1");
        std::fs::remove_file(env.path("site/d/e/f")).unwrap();
        std::fs::remove_dir_all(env.path("site/d")).unwrap();
        env.sync();
        assert_eq!(bucket.listing(), "img/logo.png=pixels index.html=changed new=1", "{server}");

        let elsewhere = TestEnvironment::to_bucket(&bucket, "mode mirror\n    direction fetch", "");
        elsewhere.run(&["plan", "-o", "plan.json"]).success();
        elsewhere.run(&["apply", "plan.json"]).success();
        assert_eq!(elsewhere.listing("site"), env.listing("site"), "{server}");
        elsewhere.assert_in_sync();
    }
}

#[test]
fn a_file_of_several_parts_arrives_whole() {
    let Some(bucket) = Bucket::on(MOTO) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "small=1");
    let large: Vec<u8> = (0..40_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    env.write_file("site/large.bin", &large);
    env.sync();
    let folder = tempfile::tempdir().unwrap();
    bucket.download(folder.path());
    assert!(
        std::fs::read(folder.path().join("large.bin")).unwrap() == large,
        "the object differs from the file"
    );
}

#[test]
fn a_bucket_that_others_filled_is_taken_over_without_a_transfer() {
    let Some(bucket) = Bucket::on(RCLONE) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror\n    compare full", "a=1 d/b=2");
    bucket.rclone(&["copy", env.path("site").to_str().unwrap(), &bucket.remote()]);
    let plan = env.plan(&[]);
    assert_eq!(number(&plan["summary"]["transfer_bytes"]), 0, "{:?}", actions(&plan));
}

#[test]
fn sync_goes_in_the_direction_of_each_task() {
    let env = TestEnvironment::with_manifest(
        r#"syncplan format=1

store here kind=local { root "site"; }
store there kind=local { root "backup"; }

task out kind=files {
    local here path="out"
    remote there path="out"
}
task in kind=files {
    local here path="in"
    remote there path="in"
    direction fetch
}
"#,
    );
    env.tree("site", "out/a=1 in/");
    env.tree("backup", "in/b=2 out/");
    env.run(&["sync", "-y"]).success();
    assert_eq!(env.listing("site"), "in/b=2 out/a=1");
    assert_eq!(env.listing("backup"), "in/b=2 out/a=1");
}

#[test]
fn times_come_back_from_a_bucket_that_was_never_seen() {
    for server in [MOTO, RCLONE] {
        let Some(bucket) = Bucket::on(server) else { continue };
        let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "a=1 d/b=2");
        env.run(&["push", "-y"]).success();
        let modified = |file: &str| std::fs::metadata(env.path(file)).unwrap().modified().unwrap();
        let before = modified("site/d/b");
        std::thread::sleep(std::time::Duration::from_millis(20));

        std::fs::remove_dir_all(env.path("site/d")).unwrap();
        env.run(&["fetch", "-y", "--state", "new.db"]).success();
        assert_eq!(env.listing("site"), "a=1 d/b=2");
        assert_eq!(modified("site/d/b"), before);
    }
}
