//! Stores that are not there, do not let us in, or are full: one clear message, both sides whole.

use std::fs;
use std::process::Command;

use insta::assert_snapshot;

use super::bucket::{Bucket, MOTO, RCLONE};
use super::environment::TestEnvironment;
use super::output::Output;
use super::tree::temporaries;

/// Everything that would touch the store fails, and says why in the same way.
fn fails(env: &TestEnvironment) -> Output {
    let output = env.run(&["plan", "-o", "plan.json"]).error();
    env.run(&["push", "-y"]).error();
    assert_eq!(env.listing("site"), "a=1 b=2");
    output
}

#[test]
fn a_bucket_that_does_not_exist() {
    let Some(bucket) = Bucket::on(MOTO) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "a=1 b=2");
    let manifest = env.read_file("syncplan.kdl").replace(r#"bucket "bkt""#, r#"bucket "no-such-bucket""#);
    env.write_file("syncplan.kdl", manifest);
    assert_snapshot!(fails(&env).says(&["no-such-bucket"]));
}

#[test]
fn credentials_that_are_wrong() {
    let Some(bucket) = Bucket::on(RCLONE) else { return };
    let mut env = TestEnvironment::to_bucket(&bucket, "mode mirror", "a=1 b=2");
    env.set("TEST_SECRET", "canary-of-the-secret");
    let output = fails(&env);
    assert!(!format!("{output}").contains("canary"), "{output}");
    assert_snapshot!(output);
}

#[test]
fn credentials_that_are_not_there() {
    let Some(bucket) = Bucket::on(MOTO) else { return };
    let env = TestEnvironment::with_manifest(&bucket.manifest("mode mirror"));
    env.tree("site", "a=1 b=2");
    assert_snapshot!(fails(&env).says(&["TEST_KEY_ID"]));
}

#[test]
fn an_endpoint_where_nobody_listens() {
    let Some(bucket) = Bucket::on(MOTO) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "a=1 b=2");
    // Bound and dropped: nobody listens there, and for this moment nobody else gets it.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let closed = format!("http://127.0.0.1:{port}");
    env.write_file("syncplan.kdl", env.read_file("syncplan.kdl").replace(&bucket.endpoint, &closed));
    assert_snapshot!(fails(&env));
}

#[test]
fn a_source_folder_that_does_not_exist() {
    let env = TestEnvironment::mirror("");
    fs::remove_dir(env.path("site")).unwrap();
    env.tree("backup", "a=1");
    assert_snapshot!(env.run(&["plan", "-o", "plan.json"]).error());
    env.run(&["push", "-y"]).error();
    assert_eq!(env.listing("backup"), "a=1");
}

#[test]
fn a_target_folder_that_does_not_exist_is_created() {
    let env = TestEnvironment::mirror("a=1");
    fs::remove_dir(env.path("backup")).unwrap();
    env.sync();
    assert_eq!(env.listing("backup"), "a=1");
}

#[test]
fn a_root_that_is_a_file() {
    let env = TestEnvironment::mirror("a=1 b=2");
    fs::remove_dir(env.path("backup")).unwrap();
    env.write_file("backup", "I am a file");
    assert_snapshot!(fails(&env).says(&["backup"]));
    assert_eq!(env.read_file("backup"), "I am a file");
}

/// Lets the manifest say of a store what may be done to it.
fn restrict(env: &TestEnvironment, root: &str, access: &str) {
    let manifest = env.read_file("syncplan.kdl");
    let (before, after) = (format!("root \"{root}\";"), format!("root \"{root}\"; access {access};"));
    assert!(manifest.contains(&before), "{manifest}");
    env.write_file("syncplan.kdl", manifest.replace(&before, &after));
}

#[test]
fn a_store_that_may_only_be_read_is_not_fetched_into() {
    let env = TestEnvironment::mirror("a=mine b=2");
    env.tree("backup", "a=theirs c=3");
    env.run(&["plan", "--direction", "fetch", "-o", "fetch.json"]).success();
    restrict(&env, "site", "read-only");
    env.run(&["fetch", "-y"]).usage().says(&["read-only"]);
    env.run(&["apply", "fetch.json"]).usage().says(&["read-only"]);
    assert_eq!(env.listing("site"), "a=mine b=2");
    assert_eq!(env.listing("backup"), "a=theirs c=3");
    // To be read is what it is for.
    env.run(&["push", "-y"]).success();
    assert_eq!(env.listing("backup"), "a=mine b=2");
}

#[test]
fn where_files_are_only_added_none_is_overwritten_or_deleted() {
    for settings in ["mode update", "mode mirror\n    delete never"] {
        let env = TestEnvironment::task(settings, "a=1 b=2 old-name=some-content-to-find-again");
        restrict(&env, "backup", "append-only");
        env.sync();
        env.tree("site", "a=changed new=3");
        fs::remove_file(env.path("site/b")).unwrap();
        fs::rename(env.path("site/old-name"), env.path("site/new-name")).unwrap();
        // What is held is something left to do.
        env.run(&["push", "-y"]).code(5).says(&["append-only"]);
        let all = "a=1 b=2 new=3 new-name=some-content-to-find-again old-name=some-content-to-find-again";
        assert_eq!(env.listing("backup"), all, "{settings}");
    }
}

#[test]
fn a_plan_is_no_way_around_a_store_that_only_grows() {
    let env = TestEnvironment::task("mode mirror\n    delete never", "a=changed b=new");
    env.tree("backup", "a=1");
    env.run(&["plan", "-o", "plan.json"]).success();
    restrict(&env, "backup", "append-only");
    let output = env.run(&["apply", "plan.json"]).code(5).says(&["`a`", "added to only"]);
    assert_eq!(env.listing("backup"), "a=1 b=new", "{output}");
}

#[test]
fn a_full_disk() {
    let env = TestEnvironment::mirror("a=fits");
    env.write_file("site/large.bin", vec![7; 3 << 20]);
    env.write_file("site/z.txt", "fits as well");
    let Some(_mounted) = SmallDisk::at(&env.path("backup")) else {
        assert!(std::env::var_os("CI").is_none(), "the tests of CI may mount a small disk");
        return;
    };
    env.run(&["plan", "-o", "plan.json"]).success();
    // One after the other: while the large one fills the disk, the others would not fit either.
    let output = env.run(&["apply", "plan.json", "--jobs", "1"]).code(5);
    assert!(
        output.stderr.contains("large.bin") && output.stderr.to_lowercase().contains("space"),
        "{output}"
    );
    assert_snapshot!(output);
    assert_eq!(env.listing("backup"), "a=fits z.txt=fits as well");
    assert_eq!(temporaries(&env.path("backup")), Vec::<std::path::PathBuf>::new());
    // Once there is room, the same plan goes on.
    let mount =
        Command::new("mount").args(["-o", "remount,size=16m"]).arg(env.path("backup")).status().unwrap();
    assert!(mount.success());
    env.run(&["apply", "plan.json"]).success();
    env.assert_in_sync();
}

/// A disk of 1 MiB, mounted as long as this lives.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    /// `None` where mounting is not allowed: to anybody but root, and in most containers.
    fn at(path: &std::path::Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(path);
        mount.output().unwrap().status.success().then(|| Self(path.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
