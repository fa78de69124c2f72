//! Judged by others: rclone and rsync say whether both sides are the same.

use std::fs;
use std::process::Command;

use super::bucket::{Bucket, MOTO, RCLONE};
use super::environment::TestEnvironment;

/// Some of everything that a first and a second sync have to get right.
fn populate(env: &TestEnvironment) {
    env.tree("site", "a=1 b=2 d/c=3 d/e/f=4 swap-1=one swap-2=two old-name=some-content link->a empty/");
    env.write_file("site/large.bin", vec![42; 20 << 20]);
}

fn change(env: &TestEnvironment) {
    env.tree("site", "a=changed new/file=5");
    let rename =
        |from: &str, to: &str| fs::rename(env.path("site").join(from), env.path("site").join(to)).unwrap();
    rename("swap-1", "aside");
    rename("swap-2", "swap-1");
    rename("aside", "swap-2");
    rename("old-name", "new/name");
    fs::remove_dir_all(env.path("site/d/e")).unwrap();
}

#[test]
fn rsync_finds_nothing_left_to_do() {
    let env = TestEnvironment::mirror("");
    populate(&env);
    env.sync();
    rsync_agrees(&env);
    change(&env);
    env.sync();
    rsync_agrees(&env);
}

/// By content, and all that `-a` keeps but what only root may set and the times of folders and links.
fn rsync_agrees(env: &TestEnvironment) {
    let Ok(output) = Command::new("rsync")
        .args(["-rlpt", "--omit-dir-times", "--omit-link-times", "-nci", "--delete", "--exclude=/.syncplan/"])
        .arg(env.path("site/"))
        .arg(env.path("backup/"))
        .output()
    else {
        assert!(std::env::var_os("CI").is_none(), "rsync is missing");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

#[test]
fn rclone_finds_no_difference() {
    for server in [MOTO, RCLONE] {
        let Some(bucket) = Bucket::on(server) else { return };
        let env = TestEnvironment::to_bucket(&bucket, "mode mirror\n    select \"not kind = symlink\"", "");
        populate(&env);
        env.sync();
        rclone_agrees(&bucket, &env);
        change(&env);
        env.sync();
        rclone_agrees(&bucket, &env);
    }
}

fn rclone_agrees(bucket: &Bucket, env: &TestEnvironment) {
    let site = env.path("site");
    let (site, remote) = (site.to_str().unwrap(), bucket.remote());
    let filters = ["--exclude", "/.syncplan/**", "--skip-links"];
    bucket.rclone(&[&["check", "--download", site, remote.as_str()], &filters[..]].concat());
}
