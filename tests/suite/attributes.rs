//! What others keep with an object stays with it, whatever becomes of the content.

use serde_json::Value;

use super::bucket::{Bucket, MOTO, RCLONE};
use super::environment::TestEnvironment;

/// What rclone finds beside an object: headers, and what was noted.
fn beside(bucket: &Bucket, path: &str) -> Value {
    let remote = format!("{}/{path}", bucket.remote());
    let listed: Value = serde_json::from_str(&bucket.rclone(&["lsjson", "--stat", "-M", &remote])).unwrap();
    listed["Metadata"].clone()
}

/// Has another program write an object, with more beside it than its content.
fn write_with_attributes(bucket: &Bucket, env: &TestEnvironment, file: &str, path: &str) {
    let remote = format!("{}/{path}", bucket.remote());
    let (file, remote) = (env.path(file), remote.as_str());
    let beside = [
        "--metadata-set",
        "cache-control=max-age=60",
        "--metadata-set",
        "content-type=text/x-own",
        "--metadata-set",
        "colour=dark red",
        "--metadata-set",
        "content-disposition=attachment",
    ];
    bucket
        .rclone(&[&["copyto", "-M", "--ignore-times", file.to_str().unwrap(), remote], &beside[..]].concat());
}

fn assert_kept(bucket: &Bucket, path: &str) {
    let found = beside(bucket, path);
    for (name, value) in [
        ("cache-control", "max-age=60"),
        ("content-type", "text/x-own"),
        ("colour", "dark red"),
        ("content-disposition", "attachment"),
    ] {
        assert_eq!(found[name], value, "{path}: {found}");
    }
}

#[test]
fn types_follow_from_names() {
    for server in [MOTO, RCLONE] {
        let Some(bucket) = Bucket::on(server) else { return };
        let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "index.html=page notes.md=1 data=2");
        env.sync();
        for (path, content_type) in
            [("index.html", "text/html"), ("notes.md", "text/markdown"), ("data", "application/octet-stream")]
        {
            assert_eq!(beside(&bucket, path)["content-type"], content_type, "{server}");
        }
    }
}

#[test]
fn an_edit_and_a_move_keep_what_others_noted() {
    let Some(bucket) = Bucket::on(MOTO) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "page=old other=1");
    env.sync();
    write_with_attributes(&bucket, &env, "site/page", "page");
    env.sync();
    assert_kept(&bucket, "page");
    env.write_file("site/page", "new content");
    env.sync();
    assert_kept(&bucket, "page");
    // A large one goes in parts.
    env.write_file("site/page", "x".repeat(17 << 20));
    env.sync();
    assert_kept(&bucket, "page");
    std::fs::rename(env.path("site/page"), env.path("site/moved")).unwrap();
    env.sync();
    assert_kept(&bucket, "moved");
}

#[test]
fn what_goes_from_bucket_to_bucket_takes_it_along() {
    let Some(bucket) = Bucket::on(MOTO) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "");
    let manifest = env.read_file("syncplan.kdl");
    let (from, to) = (format!("{}/from", bucket.prefix), format!("{}/to", bucket.prefix));
    let task = manifest.replace("local here", &format!("local bucket path=\"{from}\"")).replace(
        &format!("remote bucket path=\"{}\"", bucket.prefix),
        &format!("remote bucket path=\"{to}\""),
    );
    env.write_file("syncplan.kdl", task);
    for (path, content) in [("small", "small".to_owned()), ("large", "x".repeat(17 << 20))] {
        env.write_file(path, content);
        write_with_attributes(&bucket, &env, path, &format!("from/{path}"));
    }
    env.sync();
    assert_kept(&bucket, "to/small");
    assert_kept(&bucket, "to/large");
}
