//! Commands that only look.

use std::fs;

use insta::assert_snapshot;

use super::environment::{MIRROR, TestEnvironment};

fn changed() -> TestEnvironment {
    let env = TestEnvironment::mirror("same=1 changed=before renamed-from=some-content gone=2 d/x=3 d/y=4");
    env.sync();
    fs::rename(env.path("site/renamed-from"), env.path("site/renamed-to")).unwrap();
    fs::remove_file(env.path("site/gone")).unwrap();
    env.tree("site", "changed=after! added=5");
    env
}

#[test]
fn show_for_people_and_for_programs() {
    let env = changed();
    env.run(&["plan", "-o", "plan.json"]).success();
    assert_snapshot!(env.run(&["show", "plan.json"]).success());
    let shown = env.run(&["show", "plan.json", "--format", "json"]).success().json();
    assert_eq!(shown["format"], "syncplan.plan");
}

#[test]
fn show_works_offline_and_on_stale_plans() {
    let env = changed();
    env.run(&["plan", "-o", "plan.json"]).success();
    let before = env.run(&["show", "plan.json"]).success();
    fs::remove_dir_all(env.path("backup")).unwrap();
    fs::remove_dir_all(env.path("site")).unwrap();
    fs::remove_file(env.path("syncplan.kdl")).unwrap();
    let after = env.run(&["show", "plan.json"]).success();
    assert_eq!(before.stdout, after.stdout);
}

#[test]
fn diff_has_a_line_a_path() {
    let env = changed();
    assert_snapshot!(env.run(&["diff"]).success());
}

#[test]
fn a_plan_may_be_compressed() {
    let env = changed();
    env.run(&["plan", "-o", "plan.json.zst"]).success();
    assert_eq!(fs::read(env.path("plan.json.zst")).unwrap()[..4], [0x28, 0xb5, 0x2f, 0xfd]);
    env.run(&["show", "plan.json.zst"]).success();
    env.run(&["apply", "plan.json.zst"]).success();
    assert_eq!(env.listing("backup"), env.listing("site"));
}

#[test]
fn fmt_writes_the_one_spelling() {
    let env = TestEnvironment::with_manifest(MIRROR);
    env.run(&["fmt"]).success();
    let formatted = env.read_file("syncplan.kdl");
    env.run(&["fmt", "--check"]).success();
    env.write_file("syncplan.kdl", formatted.replace("    mode mirror", "  mode     mirror"));
    env.run(&["fmt", "--check"]).code(1);
    env.run(&["fmt"]).success();
    assert_eq!(env.read_file("syncplan.kdl"), formatted);
}

#[test]
fn explain_tells_more_of_a_code() {
    let env = TestEnvironment::new();
    assert_snapshot!(env.run(&["explain", "syncplan::manifest::unknown-node"]).success());
    env.run(&["explain", "no-such-code"]).usage();
}

#[test]
fn every_command_has_help() {
    let env = TestEnvironment::new();
    assert_snapshot!(env.run(&["--help"]).success());
    for command in [
        "plan",
        "show",
        "apply",
        "push",
        "fetch",
        "sync",
        "conflicts",
        "resolve",
        "forget",
        "scan",
        "diff",
        "validate",
        "fmt",
        "explain",
        "doctor",
    ] {
        env.run(&[command, "--help"]).success().says(&["Usage"]);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_crash() {
    let env = TestEnvironment::mirror("");
    for i in 0..3000 {
        env.write_file(format!("site/{i}"), "x");
    }
    env.run(&["plan", "-o", "plan.json"]).success();
    let mut run = env.command(&["show", "plan.json", "--format", "json"]).spawn().unwrap();
    drop(run.stdout.take());
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn data_goes_to_stdout_and_talk_to_stderr() {
    let env = changed();
    let output = env.run(&["plan", "--json"]).success();
    assert_eq!(output.json()["format"], "syncplan.plan");
    let quiet = env.run(&["plan", "-o", "plan.json", "-q"]).success();
    assert_eq!(quiet.stderr, "");
}
