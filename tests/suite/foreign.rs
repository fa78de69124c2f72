//! Buckets that another tool filled: the first plan knows by the checksums that the server keeps what is
//! the same, without a request for any object.

use std::fs;

use super::bucket::{Bucket, MOTO, RCLONE};
use super::environment::{TestEnvironment, actions, count};
use super::proxy::{Proxy, Request};

/// A place in a bucket, seen through a proxy that counts.
pub(crate) fn counted(server: &str) -> Option<(Bucket, Proxy)> {
    let mut bucket = Bucket::on(server)?;
    let proxy = Proxy::before(&bucket.endpoint);
    bucket.endpoint = proxy.endpoint.clone();
    Some((bucket, proxy))
}

/// What was asked of objects: all but listings and syncplan's own.
pub(crate) fn about_objects(proxy: &Proxy) -> Vec<String> {
    let is_object =
        |request: &Request| !request.target.contains("list-type") && !request.target.contains(".syncplan/");
    let requests = proxy.requests().into_iter().filter(is_object);
    requests.map(|request| format!("{} {}", request.method, request.target)).collect()
}

/// Small files and one that rclone uploads in five parts, with the time of day lost on the way.
fn fill(env: &TestEnvironment, bucket: &Bucket, flags: &[&str]) {
    env.tree("site", "a=1 b=22 d/c=333 d/empty=");
    let large: Vec<u8> = (0..21_u32 << 20).map(|at| (at / 4096) as u8).collect();
    env.write_file("site/large.bin", large);
    let site = env.path("site");
    bucket.rclone(&[&["copy", site.to_str().unwrap(), &bucket.remote()], flags].concat());
    // As if all had been copied here later: times are no help.
    for file in ["a", "b", "d/c", "d/empty", "large.bin"] {
        let file = fs::File::options().write(true).open(site.join(file)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000)).unwrap();
    }
}

const IN_PARTS: &[&str] = &["--s3-chunk-size", "5Mi", "--s3-upload-cutoff", "5Mi"];

#[test]
fn what_rclone_brought_is_the_same_by_its_etags() {
    for server in [MOTO, RCLONE] {
        let Some((bucket, proxy)) = counted(server) else { return };
        let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "");
        fill(&env, &bucket, IN_PARTS);
        proxy.disturb(|_, _| None);
        let plan = env.plan(&[]);
        assert_eq!(actions(&plan), [""; 0], "{server}");
        assert_eq!(about_objects(&proxy), [""; 0], "{server}");
        let why = env.run(&["plan", "--why", "large.bin"]);
        assert!(why.stdout.contains("the same by etag"), "{why}");
        // And again, by what was learned: not even the local files are read then.
        env.run(&["push", "--yes"]).success();
        proxy.disturb(|_, _| None);
        env.assert_in_sync();
        assert_eq!(about_objects(&proxy), [""; 0], "{server}");
    }
}

#[test]
fn a_first_fetch_knows_as_much() {
    let Some((bucket, proxy)) = counted(MOTO) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode update\n    direction fetch", "");
    fill(&env, &bucket, IN_PARTS);
    proxy.disturb(|_, _| None);
    assert_eq!(actions(&env.plan(&[])), [""; 0]);
    assert_eq!(about_objects(&proxy), [""; 0]);
}

#[test]
fn one_byte_of_the_same_length_is_found() {
    for server in [MOTO, RCLONE] {
        let Some((bucket, _proxy)) = counted(server) else { return };
        let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "");
        fill(&env, &bucket, IN_PARTS);
        let mut large = fs::read(env.path("site/large.bin")).unwrap();
        // Between the samples.
        large[(7 << 20) + 300_000] ^= 1;
        env.write_file("site/large.bin", large);
        env.write_file("site/a", "2");
        let plan = env.plan(&[]);
        assert_eq!(actions(&plan), ["upload remote a", "upload remote large.bin"], "{server}");
        env.sync();
        bucket.rclone(&[
            "check",
            "--download",
            "--exclude",
            "/.syncplan/**",
            env.path("site").to_str().unwrap(),
            &bucket.remote(),
        ]);
    }
}

#[test]
fn a_full_comparison_reads_all_the_same() {
    let Some((bucket, proxy)) = counted(MOTO) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror\n    compare full", "");
    fill(&env, &bucket, IN_PARTS);
    proxy.disturb(|_, _| None);
    assert_eq!(actions(&env.plan(&[])), [""; 0]);
    let read =
        proxy.requests().into_iter().filter(|it| it.method == "GET" && it.target.contains("large.bin"));
    assert!(read.count() >= 1);
}

/// What is known by a checksum only is read whole before it is moved as if it were the other's content.
#[test]
fn what_was_renamed_is_moved_once_it_was_read() {
    let Some((bucket, proxy)) = counted(MOTO) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "");
    fill(&env, &bucket, IN_PARTS);
    env.run(&["push", "--yes"]).success();
    fs::rename(env.path("site/d/c"), env.path("site/d/renamed")).unwrap();
    proxy.disturb(|_, _| None);
    let plan = env.plan(&[]);
    assert_eq!(actions(&plan), ["move remote d/c -> d/renamed"]);
    assert_eq!(plan["actions"][0]["evidence"], "etag");
    assert_eq!(count(&plan, "upload"), 0);
    env.run(&["apply", "plan.json"]).success();
    let is_read = |request: &Request| request.method == "GET" && request.target.contains("/d/c");
    assert!(proxy.requests().iter().any(is_read), "{:?}", about_objects(&proxy));
    env.assert_in_sync();
}
