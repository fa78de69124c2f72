//! Plans that nobody wanted.

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;

use super::environment::TestEnvironment;

fn hundred_files(settings: &str) -> TestEnvironment {
    let env = TestEnvironment::task(settings, "");
    for i in 0..100 {
        env.write_file(format!("site/{i:02}.txt"), format!("file {i}"));
    }
    env.sync();
    env
}

fn delete_from_source(env: &TestEnvironment, count: usize) {
    for i in 0..count {
        fs::remove_file(env.path(format!("site/{i:02}.txt"))).unwrap();
    }
}

fn findings(plan: &Value) -> Vec<(&str, &str)> {
    let findings = plan["findings"].as_array().unwrap();
    findings.iter().map(|it| (it["code"].as_str().unwrap(), it["level"].as_str().unwrap())).collect()
}

#[test]
fn too_many_deletes_block_until_somebody_takes_it_on_himself() {
    let env = hundred_files("mode mirror\n    delete max-count=10");
    delete_from_source(&env, 11);

    assert_snapshot!(env.run(&["plan", "-o", "plan.json"]).code(3));
    let plan: Value = serde_json::from_str(&env.read_file("plan.json")).unwrap();
    assert_eq!(plan["status"]["applyable"], false);
    assert_eq!(findings(&plan), [("max-delete", "soft")]);

    assert_snapshot!(env.run(&["apply", "plan.json"]).code(3));
    env.run(&["apply", "plan.json", "--override", "max-delete"]).refused();
    env.run(&["apply", "plan.json", "--override", "protected", "--reason", "wrong code"]).calm();
    assert_eq!(env.listing("backup").split(' ').count(), 200, "two words a file: nothing was deleted");

    env.run(&["apply", "plan.json", "--override", "max-delete", "--reason", "spring cleaning"]).success();
    assert_eq!(env.listing("backup"), env.listing("site"));
}

#[test]
fn deletes_within_the_limit_pass() {
    let env = hundred_files("mode mirror\n    delete max-count=10");
    delete_from_source(&env, 10);
    env.sync();
    assert_eq!(env.listing("backup"), env.listing("site"));
}

#[test]
fn half_of_everything_is_too_much_by_default() {
    let env = hundred_files("mode mirror");
    delete_from_source(&env, 60);
    env.run(&["plan", "-o", "plan.json"]).code(3).says(&["max-delete"]);
}

#[test]
fn renames_do_not_count_as_deletes() {
    let env = hundred_files("mode mirror\n    delete max-count=0");
    fs::create_dir(env.path("site/d")).unwrap();
    for i in 0..100 {
        fs::rename(env.path(format!("site/{i:02}.txt")), env.path(format!("site/d/{i:02}.txt"))).unwrap();
    }
    env.sync();
    assert_eq!(env.listing("backup"), env.listing("site"));
}

#[test]
fn what_is_protected_cannot_be_overridden() {
    let env = TestEnvironment::task(
        "mode mirror\n    protect \"under('originals') and (op(delete) or risk(overwrite))\"",
        "a=1 originals/x=2",
    );
    env.sync();
    env.tree("site", "originals/x=changed");
    assert_snapshot!(env.run(&["plan", "-o", "plan.json"]).code(3));
    env.run(&["apply", "plan.json"]).code(3);
    env.run(&["apply", "plan.json", "--override", "protected", "--reason", "I insist"]).calm().code(3);
    assert_eq!(env.listing("backup"), "a=1 originals/x=2");
}

#[test]
fn an_empty_source_is_no_reason_to_empty_the_target() {
    let env = TestEnvironment::mirror("a=1 d/b=2");
    env.sync();
    fs::remove_dir_all(env.path("site")).unwrap();
    fs::create_dir(env.path("site")).unwrap();
    assert_snapshot!(env.run(&["plan", "-o", "plan.json"]).code(3));
    env.run(&["apply", "plan.json", "--override", "empty-source", "--reason", "I insist"]).calm();
    assert_eq!(env.listing("backup"), "a=1 d/b=2");
}

#[test]
fn a_source_that_is_not_mounted_is_no_reason_either() {
    let env = TestEnvironment::mirror("a=1 d/b=2");
    env.sync();
    fs::remove_dir_all(env.path("site")).unwrap();
    let output = env.run(&["plan", "-o", "plan.json"]).calm();
    assert!(output.stderr.contains("site") || output.stdout.contains("empty-source"), "{output}");
    env.run(&["push", "-y"]).calm();
    assert_eq!(env.listing("backup"), "a=1 d/b=2");
}

#[test]
fn a_plan_is_bound_to_its_approval() {
    let env = TestEnvironment::mirror("a=1");
    let plan = env.plan(&[]);
    let other = "b3:0000000000000000000000000000000000000000000000000000000000000000";
    env.run(&["apply", "plan.json", "--expect-plan-id", other]).refused();
    assert_eq!(env.listing("backup"), "");
    env.run(&["apply", "plan.json", "--expect-plan-id", plan["plan_id"].as_str().unwrap()]).success();
    assert_eq!(env.listing("backup"), "a=1");
}
