//! Both sides changed: `update` never decides that by itself.

use std::fs;
use std::time::{Duration, SystemTime};

use super::environment::{TestEnvironment, actions};

#[test]
fn what_was_edited_on_both_sides_is_held() {
    let env = TestEnvironment::task("mode update", "a=1 b=2");
    env.sync();
    env.tree("site", "a=mine-now b=changed");
    env.tree("backup", "a=theirs");
    let plan = env.plan(&[]);
    assert_eq!(plan["conflicts"].as_array().unwrap().len(), 1);
    assert_eq!(plan["conflicts"][0]["path"], "a");
    insta::assert_snapshot!(env.run(&["apply", "plan.json"]).code(5));
    assert_eq!(env.listing("backup"), "a=theirs b=changed");
    assert_eq!(env.listing("site"), "a=mine-now b=changed");
    // Nothing is forgotten by looking away: it is still a conflict.
    assert_eq!(env.plan(&[])["conflicts"][0]["path"], "a");
}

#[test]
fn the_same_edit_on_both_sides_is_none() {
    let env = TestEnvironment::task("mode update\n    compare full", "a=1");
    env.sync();
    env.tree("site", "a=the-same");
    env.tree("backup", "a=the-same");
    let plan = env.plan(&[]);
    assert!(plan["conflicts"].as_array().is_none_or(Vec::is_empty), "{plan}");
    env.run(&["apply", "plan.json"]).success();
    assert_eq!(env.listing("backup"), "a=the-same");
}

#[test]
fn without_a_base_only_the_newer_one_wins() {
    let env = TestEnvironment::task("mode update", "newer=mine-is-longer older=mine-is-longer");
    env.tree("backup", "newer=theirs older=theirs");
    let hour = Duration::from_secs(3600);
    for (path, time) in [("site/newer", SystemTime::now()), ("site/older", SystemTime::now() - 2 * hour)] {
        fs::File::options().write(true).open(env.path(path)).unwrap().set_modified(time).unwrap();
    }
    for path in ["backup/newer", "backup/older"] {
        let then = SystemTime::now() - hour;
        fs::File::options().write(true).open(env.path(path)).unwrap().set_modified(then).unwrap();
    }
    let plan = env.plan(&[]);
    assert_eq!(actions(&plan), ["upload remote newer"]);
    assert_eq!(plan["actions"][0]["reason"], "newer");
    assert_eq!(plan["conflicts"][0]["path"], "older");
    env.run(&["apply", "plan.json"]).code(5);
    assert_eq!(env.listing("backup"), "newer=mine-is-longer older=theirs");
}

#[test]
fn a_lost_state_costs_no_content() {
    let env = TestEnvironment::task("mode update", "a=1 b=2");
    env.sync();
    fs::remove_dir_all(env.path(".syncplan")).unwrap();
    fs::remove_file(env.path("site/b")).unwrap();
    env.tree("backup", "c=theirs");
    env.run(&["push", "-y"]).success();
    assert_eq!(env.listing("backup"), "a=1 b=2 c=theirs");
}
