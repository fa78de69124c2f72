//! `history` and `log`: what ran, and what it did.

use insta::assert_snapshot;
use serde_json::Value;

use super::output::Output;
use super::sides::Sides;

/// Where and by what a run was executed differs.
fn anonymous(output: &Output) -> String {
    let mut text = String::new();
    for line in output.to_string().lines() {
        match line.split_once("process ") {
            Some((before, _)) => text.push_str(&format!("{}[who])\n", before)),
            None => text.push_str(&format!("{line}\n")),
        }
    }
    text
}

#[test]
fn runs_are_listed_and_told() {
    let sides = Sides::folders("mode mirror");
    let env = &sides.env;
    assert_snapshot!("history_of_nothing", env.run(&["history"]).success());
    sides.synced("a=1 b=2");
    sides.local("a=changed c=3");
    env.run(&["plan", "-o", "plan.json"]).success();
    // Somebody was faster.
    sides.remote("c=somebody");
    env.run(&["apply", "plan.json"]).code(4);
    assert_snapshot!("history", anonymous(&env.run(&["history"]).success()));
    assert_snapshot!("log", env.run(&["log", "last"]).success());
    assert_eq!(env.run(&["log", "2"]).stdout, env.run(&["log", "last"]).stdout);
    env.run(&["log", "9"]).error().says(&["there is no run 9"]);
}

#[test]
fn both_are_there_for_programs() {
    let sides = Sides::folders("mode mirror");
    sides.synced("a=1 b=2");
    sides.local("-a");
    sides.env.run(&["push", "-y"]).success();
    let lines = |args: &[&str]| -> Vec<Value> {
        let output = sides.env.run(args);
        output.success().stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let history = lines(&["history", "--json"]);
    assert_eq!(history.len(), 2);
    let latest = &history[0];
    assert_eq!((&latest["run"], &latest["status"]), (&2.into(), &"done".into()));
    assert_eq!(latest["tasks"], serde_json::json!(["site"]));
    assert_eq!((&latest["actions"], &latest["counts"]["applied"]), (&"1".into(), &"1".into()));
    assert_eq!(lines(&["history", "--last", "1", "--json"]).len(), 1);

    let log = lines(&["log", "last", "--json"]);
    assert_eq!(log.len(), 1);
    assert_eq!((&log[0]["op"], &log[0]["path"]), (&"delete".into(), &"a".into()));
    assert_eq!((&log[0]["outcome"], &log[0]["message"]), (&"applied".into(), &Value::Null));
}
