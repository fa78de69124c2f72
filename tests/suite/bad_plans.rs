//! Plans that are damaged, foreign, edited or from the future: refused, and nothing touched.

use insta::assert_snapshot;

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
    env.run(&["show", "plan.json"]).refused();
    env.run(&["apply", "plan.json", "--dry-run"]).refused();
    let output = env.run(&["apply", "plan.json"]).refused();
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
    env.run(&["apply", "plan.json"]).calm();
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
    for file in ["empty.json", "other.json", "list.json", "deep.json", "bytes.json", "absent.json", "site"] {
        for command in [&["apply", file][..], &["apply", file, "--dry-run"], &["show", file]] {
            env.run(command).refused().says(&[file]);
        }
    }
    assert_snapshot!(env.run(&["apply", "other.json"]).refused());
    assert_snapshot!(env.run(&["apply", "absent.json"]).refused());
}

#[test]
fn a_store_that_now_points_elsewhere() {
    let env = TestEnvironment::mirror("a=1");
    env.run(&["plan", "-o", "plan.json"]).success();
    env.tree("elsewhere", "x=2");
    let manifest = env.read_file("syncplan.kdl").replace(r#"root "backup""#, r#"root "elsewhere""#);
    env.write_file("syncplan.kdl", manifest);
    let output = env.run(&["apply", "plan.json"]).calm();
    assert_eq!(env.listing("elsewhere"), "x=2", "{output}");
    assert_eq!(env.listing("backup"), "", "{output}");
    assert_snapshot!(output);
}
