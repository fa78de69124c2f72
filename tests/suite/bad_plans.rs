//! Plans that are damaged, foreign, edited or from the future: refused, and nothing touched.

use insta::assert_snapshot;

use super::bucket::{Bucket, MOTO, RCLONE};
use super::environment::TestEnvironment;
use super::output::Output;

/// A plan, changed by `change`, is refused with what the output says. The environment comes back
/// with it, because the settings of snapshots live as long as that.
fn refused(change: impl Fn(&str) -> String) -> (TestEnvironment, Output) {
    let env = TestEnvironment::mirror("a=new b=1 d/c=2");
    env.tree("backup", "a=old extra=3");
    env.tree("outside", "x=precious");
    env.run(&["plan", "-o", "plan.json"]).success();
    let plan = env.read_file("plan.json");
    let changed = change(&plan);
    assert_ne!(plan, changed, "the change changed nothing");
    env.write_file("plan.json", changed);
    env.run(&["show", "plan.json"]).error();
    env.run(&["apply", "plan.json", "--dry-run"]).error();
    let output = env.run(&["apply", "plan.json"]).error();
    assert_eq!(env.listing("backup"), "a=old extra=3");
    assert_eq!(env.listing("site"), "a=new b=1 d/c=2");
    assert_eq!(env.listing("outside"), "x=precious");
    (env, output)
}

#[test]
fn a_plan_that_was_cut_off() {
    let (_env, output) = refused(|plan| plan[..plan.len() / 2].to_owned());
    assert_snapshot!(output);
}

#[test]
fn a_plan_with_another_path() {
    let (_env, output) = refused(|plan| plan.replace(r#""path":"extra""#, r#""path":"b2""#));
    assert_snapshot!(output);
}

#[test]
fn a_plan_that_leaves_its_root() {
    let (_env, output) = refused(|plan| plan.replace(r#""path":"extra""#, r#""path":"../outside/x""#));
    assert_snapshot!(output);
}

#[test]
fn a_plan_without_one_of_its_actions() {
    refused(|plan| {
        let mut lines: Vec<_> = plan.lines().collect();
        let at = lines.iter().position(|line| line.contains(r#""op":"upload""#)).unwrap();
        lines.remove(at);
        lines.join("\n")
    });
}

#[test]
fn a_plan_with_another_precondition() {
    refused(|plan| plan.replacen(r#""token":""#, r#""token":"0"#, 1));
}

#[test]
fn a_plan_for_another_place() {
    refused(|plan| plan.replace(r#""location":"backup""#, r#""location":"outside""#));
}

#[test]
fn a_plan_that_was_declared_applyable() {
    let env = TestEnvironment::task("mode mirror\n    delete max-count=0", "a=1");
    env.tree("backup", "extra=2");
    env.run(&["plan", "-o", "plan.json"]).code(3);
    let plan = env.read_file("plan.json").replace(r#""applyable":false"#, r#""applyable":true"#);
    env.write_file("plan.json", plan);
    env.run(&["apply", "plan.json"]).error().says(&["changed"]);
    assert_eq!(env.listing("backup"), "extra=2");
}

#[test]
fn a_plan_from_the_future() {
    let (_env, output) =
        refused(|plan| plan.replace(r#""format_version":"1.0""#, r#""format_version":"2.0""#));
    assert_snapshot!(output);
}

#[test]
fn files_that_are_no_plans() {
    let env = TestEnvironment::mirror("a=1");
    env.write_file("empty.json", "");
    env.write_file("other.json", r#"{"name":"something else"}"#);
    env.write_file("list.json", "[1,2,3]");
    env.write_file("deep.json", "[".repeat(100_000));
    env.write_file("bytes.json", [0xff, 0xfe, 0x00, 0x80]);
    for file in ["empty.json", "other.json", "list.json", "deep.json", "bytes.json", "site"] {
        for command in [&["apply", file][..], &["apply", file, "--dry-run"], &["show", file]] {
            env.run(command).error().says(&[file]);
        }
    }
    env.run(&["show", "absent.json"]).usage().says(&["absent.json"]);
    assert_snapshot!(env.run(&["apply", "other.json"]).error());
    assert_snapshot!(env.run(&["apply", "absent.json"]).usage());
}

#[test]
fn a_store_that_now_points_elsewhere() {
    let env = TestEnvironment::mirror("a=1");
    env.run(&["plan", "-o", "plan.json"]).success();
    env.tree("elsewhere", "x=2");
    let manifest = env.read_file("syncplan.kdl").replace(r#"root "backup""#, r#"root "elsewhere""#);
    env.write_file("syncplan.kdl", manifest);
    let output = env.run(&["apply", "plan.json"]).code(4);
    assert_eq!(env.listing("elsewhere"), "x=2", "{output}");
    assert_eq!(env.listing("backup"), "", "{output}");
    assert_snapshot!(output);
}

#[test]
fn a_server_that_is_now_another_one() {
    let (Some(bucket), Some(mut other)) = (Bucket::on(MOTO), Bucket::on(RCLONE)) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "a=1 b=2");
    // The same bucket and prefix on another server: nothing but the endpoint tells them apart.
    other.prefix.clone_from(&bucket.prefix);
    bucket.tree("old=3");
    other.tree("theirs=4");
    env.run(&["plan", "-o", "plan.json"]).success();
    let manifest = env.read_file("syncplan.kdl").replace(&bucket.endpoint, &other.endpoint);
    env.write_file("syncplan.kdl", manifest);
    env.run(&["apply", "plan.json", "--dry-run"]).code(4);
    env.run(&["apply", "plan.json"]).code(4);
    assert_eq!((bucket.listing(), other.listing()), ("old=3".to_owned(), "theirs=4".to_owned()));
}

#[test]
fn a_plan_that_has_expired() {
    let env = TestEnvironment::mirror("a=1");
    env.run(&["plan", "-o", "plan.json"]).success();
    let plan = env.read_file("plan.json");
    let until = |time: &str| {
        let dated = plan.replace(r#""expires_at":null"#, &format!(r#""expires_at":"{time}""#));
        assert_ne!(dated, plan);
        env.write_file("plan.json", dated);
    };
    until("2020-01-01T00:00:00Z");
    env.run(&["apply", "plan.json"]).code(4).says(&["2020-01-01"]);
    until("next week");
    env.run(&["apply", "plan.json"]).error();
    assert_eq!(env.listing("backup"), "");
    until("2999-01-01T00:00:00Z");
    env.run(&["apply", "plan.json"]).success();
    assert_eq!(env.listing("backup"), "a=1");
}
