//! Stores that are not there, do not let us in, or are full: one clear message, both sides whole.

use std::fs;
use std::process::Command;

use insta::assert_snapshot;

use super::bucket::{Bucket, MOTO, RCLONE};
use super::environment::{TestEnvironment, is_root};
use super::output::Output;
use super::tree::temporaries;

/// Everything that would touch the store fails, and says why in the same way.
fn fails(env: &TestEnvironment) -> Output {
    let output = env.run(&["plan", "-o", "plan.json"]).refused();
    env.run(&["push", "-y"]).refused();
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
    assert_snapshot!(env.run(&["plan", "-o", "plan.json"]).calm());
    env.run(&["push", "-y"]).calm();
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

#[test]
fn a_full_disk() {
    if !is_root() {
        return;
    }
    let env = TestEnvironment::mirror("a=fits");
    env.write_file("site/large.bin", vec![7; 3 << 20]);
    env.write_file("site/z.txt", "fits as well");
    let Some(_mounted) = SmallDisk::at(&env.path("backup")) else { return };
    env.run(&["plan", "-o", "plan.json"]).success();
    let output = env.run(&["apply", "plan.json"]).calm().code(5);
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
    /// `None` where mounting is not allowed, as in most containers.
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
