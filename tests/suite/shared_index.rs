//! What machines that share a bucket tell each other of it.

use std::fs;
use std::io::Write as _;

use super::bucket::{Bucket, MOTO, RCLONE};
use super::environment::{TestEnvironment, actions};
use super::foreign::{about_objects, counted};
use super::proxy::Proxy;

const INDEX: &str = ".syncplan/index/site.ndjson.zst";

/// A second machine with the same files and no state.
fn another(first: &TestEnvironment, bucket: &Bucket) -> TestEnvironment {
    let second = TestEnvironment::to_bucket(bucket, "mode mirror", "");
    fs::create_dir_all(second.path("site/d")).unwrap();
    for file in ["a", "b", "d/c"] {
        let (from, to) = (first.path("site").join(file), second.path("site").join(file));
        fs::copy(from, &to).unwrap();
        // Not even times say that nothing changed.
        let to = fs::File::options().write(true).open(to).unwrap();
        to.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000)).unwrap();
    }
    second
}

/// One machine has pushed three files; answers what stands in its index.
fn pushed(server: &str) -> Option<(TestEnvironment, Bucket, Proxy)> {
    let (bucket, proxy) = counted(server)?;
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "a=1 b=22 d/c=333");
    env.run(&["push", "--yes"]).success();
    Some((env, bucket, proxy))
}

fn lines(bucket: &Bucket) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let remote = format!("{}/{INDEX}", bucket.remote());
    bucket.rclone(&["copyto", &remote, folder.path().join("index").to_str().unwrap()]);
    let packed = fs::read(folder.path().join("index")).unwrap();
    let text = String::from_utf8(zstd::decode_all(packed.as_slice()).unwrap()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Puts an index in place of the one that is there.
fn replace(bucket: &Bucket, content: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("index");
    fs::write(&file, content).unwrap();
    bucket.rclone(&[
        "copyto",
        "--ignore-times",
        file.to_str().unwrap(),
        &format!("{}/{INDEX}", bucket.remote()),
    ]);
}

fn packed(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 3).unwrap()
}

#[test]
fn another_machine_knows_digests_without_a_request() {
    for server in [MOTO, RCLONE] {
        let Some((first, bucket, proxy)) = pushed(server) else { return };
        let index = lines(&bucket);
        assert_eq!(index.len(), 4, "{index:?}");
        assert!(index[0].contains("syncplan.index"), "{index:?}");
        assert!(index[1].contains("\"path\":\"a\"") && index[1].contains("\"digest\":\"b3:"), "{index:?}");

        let second = another(&first, &bucket);
        proxy.disturb(|_, _| None);
        assert_eq!(actions(&second.plan(&[])), [""; 0]);
        assert_eq!(about_objects(&proxy), [""; 0], "{server}");
        let why = second.run(&["plan", "--why", "b"]);
        assert!(why.stdout.contains("the same by digest"), "{why}");

        // An index that has not changed is not downloaded again.
        proxy.disturb(|_, _| None);
        assert_eq!(actions(&second.plan(&[])), [""; 0]);
        let downloads =
            proxy.requests().into_iter().filter(|it| it.method == "GET" && it.target.contains("/index/"));
        assert_eq!(downloads.count(), 0);
    }
}

#[test]
fn another_token_is_not_believed() {
    let Some((first, bucket, _proxy)) = pushed(MOTO) else { return };
    // Somebody overwrites what the index knows; the other machine has what it used to be.
    bucket.tree("b=XX");
    let second = another(&first, &bucket);
    assert_eq!(actions(&second.plan(&[])), ["upload remote b"]);
}

#[test]
fn what_means_harm_is_ignored_and_written_anew() {
    let Some((first, bucket, _proxy)) = pushed(MOTO) else { return };
    let good = lines(&bucket).join("\n") + "\n";
    let head = good.lines().next().unwrap();
    let entry = good.lines().nth(1).unwrap();
    let bomb = {
        let mut encoder = zstd::Encoder::new(Vec::new(), 19).unwrap();
        writeln!(encoder, "{head}").unwrap();
        (0..300).for_each(|_| encoder.write_all(&vec![b' '; 1 << 20]).unwrap());
        encoder.finish().unwrap()
    };
    for (what, content) in [
        ("garbage", b"not packed at all".to_vec()),
        ("nothing", Vec::new()),
        ("half of it", packed(&good)[..40].to_vec()),
        ("another format", packed(&good.replace("syncplan.index", "syncplan.plan"))),
        ("another version", packed(&good.replace("\"1.0\"", "\"2.0\""))),
        ("no line of ours", packed(&format!("{good}[]\n"))),
        ("a path that leaves", packed(&good.replace("\"d/c\"", "\"d/../../c\""))),
        ("a path of ours", packed(&good.replace("\"d/c\"", "\".syncplan/x\""))),
        ("the same twice", packed(&format!("{head}\n{entry}\n{entry}\n"))),
        ("wrong types", packed(&good.replace("\"digest\":\"", "\"digest\":[\"").replace("\"}", "\"]}"))),
        ("a bomb", bomb),
    ] {
        replace(&bucket, &content);
        let second = another(&first, &bucket);
        let plan = second.run(&["plan", "-o", "plan.json", "-v"]);
        plan.success();
        assert_eq!(actions(&second.plan(&[])), [""; 0], "{what}");
        second.run(&["push", "--yes"]).success();
        assert_eq!(lines(&bucket).len(), 4, "{what}");
    }
}

#[test]
fn one_that_is_lost_comes_again() {
    let Some((first, bucket, _proxy)) = pushed(MOTO) else { return };
    bucket.rclone(&["deletefile", &format!("{}/{INDEX}", bucket.remote())]);
    first.write_file("site/b", "three");
    first.sync();
    assert_eq!(lines(&bucket).len(), 4);
    assert!(lines(&bucket)[2].contains("\"size\":\"5\""), "{:?}", lines(&bucket));
}

#[test]
fn what_two_machines_tell_at_a_time_is_all_there() {
    let Some((first, bucket, _proxy)) = pushed(MOTO) else { return };
    let second = TestEnvironment::to_bucket(&bucket, "mode update", "x=only-there");
    first.write_file("site/new", "new");
    first.run(&["plan", "-o", "plan.json"]).success();
    second.run(&["push", "--yes"]).success();
    // It was planned before, and does not know of `x`.
    first.run(&["apply", "plan.json"]).success();
    let index = lines(&bucket).join("\n");
    for path in ["a", "new", "x"] {
        assert!(index.contains(&format!("\"path\":\"{path}\"")), "{index}");
    }
}
