//! `gc`: what runs left behind is found and removed, and nothing else.

use insta::assert_snapshot;

use super::bucket::{Bucket, MOTO};
use super::environment::TestEnvironment;
use super::sides::Sides;

#[test]
fn temporaries_that_nobody_needs_are_removed() {
    let env = TestEnvironment::mirror("a=1");
    env.run(&["push", "-y"]).success();
    env.write_file("backup/d/.syncplan-tmp-1-1", "half");
    env.write_file("backup/somebody.tmp", "whole");

    // It is young: somebody elsewhere may be writing it.
    assert_snapshot!("gc_of_what_is_young", env.run(&["gc"]).success());
    assert_snapshot!("gc", env.run(&["gc", "--older-than", "0s", "--dry-run"]).success());
    // Nobody is there to say yes.
    env.run(&["gc", "--older-than", "0s"]).code(64);
    assert!(env.path("backup/d/.syncplan-tmp-1-1").exists());
    env.run(&["gc", "--older-than", "0s", "-y"]).success();
    assert!(!env.path("backup/d/.syncplan-tmp-1-1").exists());
    assert_eq!(env.read_file("backup/somebody.tmp"), "whole");
    env.run(&["gc", "--older-than", "0s"]).success().says(&["nothing to remove"]);
}

#[test]
fn trash_goes_when_its_time_is_over() {
    let sides = Sides::folders(r#"mode mirror; trash keep="1s""#);
    sides.synced("a=1 b=2");
    sides.local("-a");
    sides.env.run(&["push", "-y"]).success();
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let found = sides.env.run(&["gc", "--dry-run", "--json"]);
    let line: serde_json::Value = serde_json::from_str(found.success().stdout.trim()).unwrap();
    assert_eq!(
        (&line["what"], &line["fate"], &line["dry_run"]),
        (&"trash".into(), &"removed".into(), &true.into())
    );
    assert_eq!(sides.trash().1, ["1"]);
    sides.env.run(&["gc", "-y"]).success();
    assert_eq!(sides.trash().1, [""; 0]);
    sides.assert_both("b=2");
}

#[test]
fn uploads_that_nobody_finishes_are_ended() {
    let Some(bucket) = Bucket::on(MOTO) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "a=1");
    env.run(&["push", "-y"]).success();
    let object = format!("/bkt/{}/large", bucket.prefix);
    let begun = request(&bucket, "POST", &format!("{object}?uploads"));
    assert!(begun.contains("UploadId"), "{begun}");
    env.run(&["gc", "-y", "--older-than", "0s"]).success().says(&["large", "draft", "1 thing removed"]);
    let left = request(&bucket, "GET", "/bkt?uploads");
    assert!(!left.contains(&bucket.prefix), "{left}");
    assert_eq!(bucket.listing(), "a=1");
}

/// A request that moto, which believes every signature, answers.
fn request(bucket: &Bucket, method: &str, target: &str) -> String {
    use std::io::{Read as _, Write as _};
    let address = bucket.endpoint.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let key = "AWS4-HMAC-SHA256 Credential=testkey/20260101/us-east-1/s3/aws4_request";
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {key}, SignedHeaders=host, Signature=0\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
