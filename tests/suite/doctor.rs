//! `doctor`: what each store can promise, found out by using it, and what to do where something is wrong.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;
use serde_json::Value;

use super::bucket::{Bucket, MOTO, RCLONE};
use super::environment::TestEnvironment;

/// What was said of each check at the place of a store: `create` → `ok`.
fn verdicts(env: &TestEnvironment, store: &str) -> BTreeMap<String, String> {
    let output = env.run(&["doctor", store, "--json"]);
    let lines = output.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let line = lines.into_iter().find(|line| line["store"] == store).unwrap();
    let checks = line["checks"].as_array().unwrap().iter();
    let text = |check: &Value, key: &str| check[key].as_str().unwrap().to_owned();
    checks.map(|check| (text(check, "check"), text(check, "verdict"))).collect()
}

fn assert_has(found: &BTreeMap<String, String>, wanted: &[(&str, &str)]) {
    for (check, verdict) in wanted {
        assert_eq!(found.get(*check).map(String::as_str), Some(*verdict), "{check} in {found:#?}");
    }
}

#[test]
fn folders_are_told_by_using_them() {
    let env = TestEnvironment::mirror("a=1");
    let output = env.run(&["doctor"]).success();
    let table = output.stdout.lines().filter(|line| !line.contains(" free"));
    assert_snapshot!(table.collect::<Vec<_>>().join("\n"));
    // Nothing was left behind, and the source was not even written to.
    assert_eq!(env.listing("site"), "a=1");
    for folder in ["site", "backup"] {
        assert!(!env.path(folder).join(".syncplan").exists(), "{folder}");
    }
}

#[test]
fn a_target_that_is_not_there_yet_is_not_created() {
    let env = TestEnvironment::mirror("a=1");
    fs::remove_dir(env.path("backup")).unwrap();
    env.run(&["doctor", "there"]).success().says(&["the first run creates it"]);
    assert!(!env.path("backup").exists());
    fs::remove_dir_all(env.path("site")).unwrap();
    env.run(&["doctor", "here"]).error().says(&["syncplan::store::missing", "create it first"]);
}

#[test]
fn a_folder_that_may_not_be_written_to_is_said() {
    let mut env = TestEnvironment::mirror("a=1");
    env.drop_privileges();
    fs::set_permissions(env.path("backup"), fs::Permissions::from_mode(0o555)).unwrap();
    let output = env.run(&["doctor", "there"]).error();
    fs::set_permissions(env.path("backup"), fs::Permissions::from_mode(0o755)).unwrap();
    output.says(&["syncplan::store::denied", "FAIL", "check the credentials"]);
}

#[test]
fn a_store_that_may_only_be_read_is_only_read() {
    let env = TestEnvironment::mirror("a=1");
    let manifest =
        env.read_file("syncplan.kdl").replace("root \"site\";", "root \"site\"; access read-only;");
    env.write_file("syncplan.kdl", manifest);
    let found = verdicts(&env, "here");
    assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), ["list", "open", "reach", "space"]);
}

#[test]
fn a_bucket_that_honours_conditions() {
    let Some(bucket) = Bucket::on(MOTO) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "a=1");
    let found = verdicts(&env, "bucket");
    let good = ["reach", "list", "write", "read", "create", "replace", "delete", "mtime", "resume", "digest"];
    assert_has(&found, &good.map(|check| (check, "ok")));
    assert_has(
        &found,
        &[("clock", "ok"), ("case", "ok"), ("unicode", "ok"), ("links", "no"), ("rename", "weak")],
    );
    assert_eq!(bucket.exact().trim(), "[\n]", "something was left");
}

#[test]
fn a_bucket_that_ignores_conditions_and_takes_two_names_for_one() {
    let Some(bucket) = Bucket::on(RCLONE) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "a=1");
    let found = verdicts(&env, "bucket");
    assert_has(&found, &[("create", "weak"), ("replace", "weak"), ("delete", "weak"), ("unicode", "weak")]);
    env.run(&["doctor", "bucket"]).success().says(&["folds unicode", "weaker than possible"]);
    // Who requires conditions is told that there are none.
    let manifest = env.read_file("syncplan.kdl");
    let manifest = manifest.replace("    addressing", "    conditional-writes require\n    addressing");
    env.write_file("syncplan.kdl", manifest);
    env.run(&["doctor", "bucket"]).error().says(&["conditional writes are required", "FAIL"]);
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    let Some(bucket) = Bucket::on(RCLONE) else { return };
    let mut env = TestEnvironment::to_bucket(&bucket, "mode mirror", "a=1");
    let manifest = env.read_file("syncplan.kdl");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let closed = format!("http://127.0.0.1:{port}");
    for (from, to, says) in [
        ("bucket \"bkt\"", "bucket \"no-such-bucket\"", "syncplan::store::missing"),
        (bucket.endpoint.as_str(), closed.as_str(), "syncplan::store::unreachable"),
        ("env=TEST_SECRET", "env=TEST_NOTHING", "syncplan::secret::unresolved"),
    ] {
        env.write_file("syncplan.kdl", manifest.replace(from, to));
        env.run(&["doctor", "bucket"]).error().says(&[says, "help:"]);
        let output = env.run(&["doctor", "--json"]).error();
        let line: Value =
            serde_json::from_str(output.stdout.lines().find(|it| it.contains("bucket")).unwrap()).unwrap();
        let failed = line["checks"].as_array().unwrap().iter().find(|it| it["verdict"] == "failed").unwrap();
        assert_eq!((&line["ok"], failed["code"].as_str()), (&Value::Bool(false), Some(says)));
    }
    env.write_file("syncplan.kdl", manifest);
    env.set("TEST_SECRET", "canary-of-the-secret");
    let output = env.run(&["doctor", "bucket"]).error().says(&["syncplan::store::denied"]);
    assert!(!format!("{output}").contains("canary"), "{output}");
}

#[test]
fn programs_and_stores_that_are_not_there_are_named() {
    let env = TestEnvironment::task("mode two-way\n    conflict merge \"no-such-program\"", "a=1");
    env.run(&["doctor"]).error().says(&["syncplan::doctor::tool", "no-such-program", "conflict merge"]);
    env.run(&["doctor", "nowhere"]).usage().says(&["there is no store `nowhere`", "here, there"]);
}
