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
    env.run(&["apply", "plan.json", "--override", "max-delete"]).usage();
    env.run(&["apply", "plan.json", "--override", "protected", "--reason", "wrong code"]).usage();
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
    env.run(&["apply", "plan.json", "--override", "protected", "--reason", "I insist"]).code(3);
    assert_eq!(env.listing("backup"), "a=1 originals/x=2");
}

#[test]
fn an_empty_source_is_no_reason_to_empty_the_target() {
    let env = TestEnvironment::mirror("a=1 d/b=2");
    env.sync();
    fs::remove_dir_all(env.path("site")).unwrap();
    fs::create_dir(env.path("site")).unwrap();
    assert_snapshot!(env.run(&["plan", "-o", "plan.json"]).code(3));
    env.run(&["apply", "plan.json", "--override", "empty-source", "--reason", "I insist"]).code(3);
    assert_eq!(env.listing("backup"), "a=1 d/b=2");
}

#[test]
fn a_source_that_is_not_mounted_is_no_reason_either() {
    let env = TestEnvironment::mirror("a=1 d/b=2");
    env.sync();
    fs::remove_dir_all(env.path("site")).unwrap();
    env.run(&["plan", "-o", "plan.json"]).error().says(&["site"]);
    env.run(&["push", "-y"]).error();
    assert_eq!(env.listing("backup"), "a=1 d/b=2");
}

#[test]
fn a_plan_is_bound_to_its_approval() {
    let env = TestEnvironment::mirror("a=1");
    let plan = env.plan(&[]);
    let other = "b3:0000000000000000000000000000000000000000000000000000000000000000";
    env.run(&["apply", "plan.json", "--expect-plan-id", other]).error();
    assert_eq!(env.listing("backup"), "");
    env.run(&["apply", "plan.json", "--expect-plan-id", plan["plan_id"].as_str().unwrap()]).success();
    assert_eq!(env.listing("backup"), "a=1");
}

#[test]
fn what_is_said_of_a_blocked_fetch_leads_to_the_same_plan() {
    let env = TestEnvironment::task("mode mirror\n    delete max-count=0", "a=1 mine=2");
    env.tree("backup", "a=1");
    let output = env.run(&["fetch", "-y"]).code(3);
    let advice = "syncplan plan --direction fetch -o plan.json";
    assert!(output.stderr.contains(advice), "{output}");
    assert_eq!(env.listing("site"), "a=1 mine=2");
    env.run(&advice.split(' ').skip(1).collect::<Vec<_>>()).code(3);
    env.run(&["apply", "plan.json", "--override", "max-delete", "--reason", "as advised"]).success();
    assert_eq!(env.listing("site"), "a=1");
}

/// The parts of a plan that judge it, emptied; with the id that follows from what is left of it.
fn without_judgement(env: &TestEnvironment, plan: &str) -> String {
    let member = |line: &str, name: &str| line.starts_with(&format!("\"{name}\":"));
    let mut lines = Vec::new();
    let mut in_findings = false;
    for line in plan.lines() {
        if member(line, "findings") {
            in_findings = true;
            lines.push(r#""findings":[],"#.to_owned());
        } else if member(line, "conflicts") {
            in_findings = false;
        }
        if in_findings {
            continue;
        } else if let Some((before, limits)) = line.split_once(r#""limits":{"#) {
            // Braces that close the limits, the task, and whatever is open in between.
            let (mut depth, mut end) = (1, 0);
            for (at, letter) in limits.char_indices() {
                depth += match letter {
                    '{' => 1,
                    '}' => -1,
                    _ => 0,
                };
                if depth == 0 {
                    end = at;
                    break;
                }
            }
            lines.push(format!("{before}\"limits\":{{{}", &limits[end..]));
        } else {
            lines.push(line.replace(r#""applyable":false"#, r#""applyable":true"#));
        }
    }
    let emptied = lines.join("\n");
    let parsed: Value = serde_json::from_str(&emptied).unwrap();
    assert_eq!(parsed["findings"], Value::Array(Vec::new()));
    assert_eq!(parsed["tasks"][0]["limits"], Value::Object(serde_json::Map::new()));

    // The error says which id the content has.
    let stated = parsed["plan_id"].as_str().unwrap();
    env.write_file("emptied.json", &emptied);
    let output = env.run(&["show", "emptied.json"]).error();
    let digest = |word: &&str| word.len() == stated.len() && word.starts_with("b3:") && *word != stated;
    let letter = |letter: char| !(letter.is_ascii_alphanumeric() || letter == ':');
    let found = output.stderr.split(letter).find(digest).unwrap_or_else(|| panic!("no id in\n{output}"));
    emptied.replace(stated, found)
}

#[test]
fn a_plan_that_lost_its_guards_is_judged_by_those_of_the_manifest() {
    for (settings, site, backup) in [
        ("mode mirror\n    delete max-count=0", "a=1", "a=1 b=2"),
        ("mode mirror\n    protect \"under('originals')\"", "a=1", "a=1 b=1 c=1 originals/x=2"),
        ("mode mirror", "", "a=1 b=2"),
    ] {
        let env = TestEnvironment::task(settings, site);
        env.tree("backup", backup);
        env.run(&["plan", "-o", "plan.json"]).code(3);
        env.write_file("plan.json", without_judgement(&env, &env.read_file("plan.json")));
        env.run(&["show", "plan.json"]).success();
        env.run(&["apply", "plan.json"]).code(3);
        env.run(&["apply", "plan.json", "--dry-run"]).code(3);
        assert_eq!(env.listing("backup"), backup, "{settings}");
    }
}
