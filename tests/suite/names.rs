//! Names that scripts stumble over.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use super::bucket::{Bucket, MOTO};
use super::environment::TestEnvironment;

const ODD: &[&[u8]] = &[
    b"with space",
    b" leading and trailing ",
    b"-rf",
    b"--host=evil",
    b"new\nline",
    b"tab\there",
    b"quote'single",
    b"quote\"double",
    b"back\\slash",
    b"$(id)",
    b";id",
    b"*?[glob]{a,b}",
    b"%2e%2e",
    b"#hash&amp;",
    b"C:colon",
    b"NUL",
    b"x.",
    "grüße-日本語-🙂".as_bytes(),
    "e\u{301}-decomposed".as_bytes(),
    "right\u{202e}to-left".as_bytes(),
    b"\x1b[2K\rescape",
    b"...",
];
const NOT_UTF8: &[&[u8]] = &[b"latin-\xe9", b"\xff\xfe", b"folder-\xe9/inside"];

fn write_all(env: &TestEnvironment, names: &[&[u8]]) {
    for (i, name) in names.iter().enumerate() {
        let path = env.path("site").join(OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("content-{i}")).unwrap();
    }
}

#[test]
fn odd_names_arrive_unchanged() {
    let env = TestEnvironment::mirror("");
    write_all(&env, ODD);
    write_all(&env, NOT_UTF8);
    env.sync();
    for (i, name) in NOT_UTF8.iter().enumerate() {
        let copy = env.path("backup").join(OsStr::from_bytes(name));
        assert_eq!(fs::read_to_string(copy).unwrap(), format!("content-{i}"));
    }
    assert_eq!(env.listing("backup"), env.listing("site"));
}

#[test]
fn odd_names_are_moved_and_deleted() {
    let env = TestEnvironment::mirror("keep=1");
    write_all(&env, ODD);
    write_all(&env, NOT_UTF8);
    env.sync();
    fs::create_dir(env.path("site/moved")).unwrap();
    for name in &ODD[..ODD.len() / 2] {
        let name = OsStr::from_bytes(name);
        fs::rename(env.path("site").join(name), env.path("site/moved").join(name)).unwrap();
    }
    for name in &NOT_UTF8[..2] {
        fs::remove_file(env.path("site").join(OsStr::from_bytes(name))).unwrap();
    }
    env.sync();
    assert_eq!(env.listing("backup"), env.listing("site"));
}

#[test]
fn what_a_person_reads_is_escaped() {
    let env = TestEnvironment::mirror("");
    write_all(&env, ODD);
    write_all(&env, NOT_UTF8);
    env.run(&["plan", "-o", "plan.json"]).success();
    for output in [env.run(&["plan"]), env.run(&["show", "plan.json"]), env.run(&["diff"])] {
        let text = format!("{}{}", output.stdout, output.stderr);
        assert!(!text.contains('\x1b') && !text.contains('\u{202e}') && !text.contains('\r'), "{text:?}");
        assert!(!text.contains("new\nline"), "{text:?}");
    }
}

#[test]
fn odd_names_arrive_in_a_bucket_and_come_back() {
    let Some(bucket) = Bucket::on(MOTO) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "");
    // moto itself knows no way to a key with a line break: it answers 404.
    let names: Vec<_> = ODD.iter().copied().filter(|name| !name.contains(&b'\n')).collect();
    write_all(&env, &names);
    env.sync();
    let back = TestEnvironment::to_bucket(&bucket, "mode mirror\n    direction fetch", "");
    back.run(&["plan", "-o", "plan.json"]).success();
    back.run(&["apply", "plan.json"]).success();
    assert_eq!(back.listing("site"), env.listing("site"));
}

#[test]
fn a_name_that_a_bucket_cannot_hold_is_reported_and_spoils_nothing() {
    let Some(bucket) = Bucket::on(MOTO) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "good=1");
    write_all(&env, &NOT_UTF8[..1]);
    let planned = env.run(&["plan", "-o", "plan.json"]).success();
    let applied = env.run(&["apply", "plan.json"]).success();
    assert!(format!("{planned}{applied}").contains("latin-"), "{planned}{applied}");
    assert_eq!(bucket.listing(), "good=1");
}

#[test]
fn hostile_keys_never_leave_the_folder() {
    let Some(bucket) = Bucket::on(MOTO) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror\n    direction fetch", "");
    bucket.tree("good=1 d/also-good=2");
    put_objects(&bucket, &["../escaped", "a/../../escaped", "a//b", "/etc/escaped", "d/../escaped", "./dot"]);
    env.run(&["plan", "-o", "plan.json"]).success();
    env.run(&["apply", "plan.json"]).success();
    assert_eq!(env.listing("site"), "d/also-good=2 good=1");
    assert!(!env.path("escaped").exists() && !env.path("../escaped").exists());
}

/// Puts objects under keys that rclone would clean up: moto takes them as they are.
fn put_objects(bucket: &Bucket, keys: &[&str]) {
    use std::io::{Read, Write};

    let address = bucket.endpoint.strip_prefix("http://").unwrap();
    for key in keys {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let path = format!("/bkt/{}/{key}", bucket.prefix);
        let head = "Authorization: AWS4-HMAC-SHA256 Credential=testkey/20260101/us-east-1/s3/aws4_request, \
                    SignedHeaders=host, Signature=0";
        write!(
            stream,
            "PUT {path} HTTP/1.1\r\nHost: {address}\r\n{head}\r\nContent-Length: 4\r\nConnection: close\r\n\r\nevil"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{key}: {answer}");
    }
}
