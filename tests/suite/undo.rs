//! `undo`: a run is taken back as far as what it replaced and removed was kept.

use insta::assert_snapshot;

use super::environment::{TestEnvironment, actions};
use super::sides::Sides;

const MIRROR: &str = r#"mode mirror; trash keep="30d""#;
const TWO_WAY: &str = r#"mode two-way; trash keep="30d""#;

#[test]
fn everything_is_as_before_and_the_next_run_does_the_same_again() {
    for sides in Sides::all(MIRROR) {
        sides.synced("a=1 b=2 d/c=3 d/e=4 f=5 g=6");
        sides.local("a=changed -b d/c>x/c -d n/new=7 f>h g>f h>g");
        let wanted = sides.trees().0;
        sides.env.run(&["push", "-y"]).success();
        sides.assert_both(&wanted);

        sides.env.run(&["undo", "last", "-y"]).success();
        let (local, remote) = sides.trees();
        assert_eq!((local, remote), (wanted.clone(), "a=1 b=2 d/c=3 d/e=4 f=5 g=6".to_owned()));

        sides.env.run(&["push", "-y"]).success();
        sides.assert_both(&wanted);
        sides.env.assert_in_sync();
    }
}

#[test]
fn after_an_undo_a_sync_of_both_sides_never_takes_what_is_new_back() {
    for sides in Sides::all(TWO_WAY) {
        sides.synced("a=1 b=2 c=3");
        sides.local("a=edited -b new=4");
        sides.remote("c=there");
        sides.sync().success();
        sides.assert_both("a=edited c=there new=4");

        sides.env.run(&["undo", "last", "-y"]).success();
        assert_eq!(sides.trees(), ("a=edited c=3 new=4".to_owned(), "a=1 b=2 c=there".to_owned()));

        sides.sync().success();
        sides.assert_both("a=edited c=there new=4");
        sides.assert_settled(&[]);
    }
}

#[test]
fn an_undo_is_a_run_that_can_be_undone() {
    let sides = Sides::folders(TWO_WAY);
    sides.synced("a=1 b=2");
    sides.local("a=edited -b");
    sides.sync().success();
    sides.env.run(&["undo", "last", "-y"]).success();
    assert_eq!(sides.trees().1, "a=1 b=2");
    sides.env.run(&["undo", "last", "-y"]).success();
    sides.assert_both("a=edited");
    sides.assert_settled(&[]);
}

#[test]
fn what_changed_since_stays_and_is_listed() {
    let sides = Sides::folders(MIRROR);
    sides.synced("a=1 b=2 c=3");
    sides.local("a=changed -b -c");
    sides.env.run(&["push", "-y"]).success();
    sides.remote("a=somebody b=else");
    assert_snapshot!(sides.env.run(&["undo", "last", "-y"]).code(5));
    assert_eq!(sides.trees().1, "a=somebody b=else c=3");
}

#[test]
fn what_was_not_kept_cannot_come_back() {
    let sides = Sides::folders("mode mirror");
    sides.synced("a=1 b=2 c=3");
    sides.local("a=changed -b c>d new=4");
    sides.env.run(&["push", "-y"]).success();
    assert_snapshot!(sides.env.run(&["undo", "2", "-y"]).code(5));
    // What the run brought is kept, although it stands on the other side as well: for how long, nobody knows.
    assert_eq!((sides.trees().1, sides.trash().1), ("a=changed c=3".to_owned(), vec!["4".to_owned()]));
}

#[test]
fn an_undo_is_a_plan_that_is_reviewed_and_applied() {
    let sides = Sides::folders(MIRROR);
    sides.synced("a=1 b=2");
    sides.local("a=changed -b");
    sides.env.run(&["push", "-y"]).success();
    let before = sides.trees();

    // Nobody is there to say yes.
    sides.env.run(&["undo", "last"]).code(64).says(&["-o undo.json"]);
    assert_snapshot!(sides.env.run(&["undo", "last", "-o", "undo.json"]).success());
    assert_eq!(sides.trees(), before);
    let plan: serde_json::Value = serde_json::from_str(&sides.env.read_file("undo.json")).unwrap();
    assert_eq!(plan["selection"]["undo"], 2);
    assert_eq!(actions(&plan).len(), 2);

    sides.env.run(&["apply", "undo.json", "--dry-run"]).success();
    sides.env.run(&["apply", "undo.json"]).success();
    assert_eq!(sides.trees().1, "a=1 b=2");
    assert_eq!(sides.trash().1, ["changed"]);
}

#[test]
fn a_run_that_was_killed_is_finished_and_taken_back_as_a_whole() {
    let sides = Sides::folders(MIRROR);
    let env = &sides.env;
    for at in 0..400 {
        env.write_file(format!("site/old/{at}"), format!("old {at}"));
    }
    env.run(&["push", "-y"]).success();
    let before = sides.trees().1;
    for at in 0..400 {
        env.write_file(format!("site/old/{at}"), format!("changed {at}"));
        env.write_file(format!("site/new/{at}"), format!("new {at}"));
    }
    let mut run = env.command(&["push", "-y", "--jobs", "1"]).spawn().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !env.path("backup/new/1").exists() {
        assert!(run.try_wait().unwrap().is_none(), "it ended before");
        assert!(std::time::Instant::now() < deadline, "it did not get there");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    let met = sides.trees().1;
    assert!(met != before && met != sides.trees().0, "it was not killed in the middle");

    env.run(&["undo", "last", "-y"]).success().says(&["finishing run 2 first"]);
    assert_eq!(sides.trees().1, before);
    env.run(&["push", "-y"]).success();
    assert_eq!(sides.trees().1, sides.trees().0);
    env.assert_in_sync();
}

#[test]
fn what_stays_is_there_for_programs() {
    let sides = Sides::folders(MIRROR);
    sides.synced("a=1 b=2");
    sides.local("a=changed -b");
    sides.env.run(&["push", "-y"]).success();
    sides.remote("a=somebody");
    let outcome = sides.env.run(&["undo", "last", "-y", "--json"]).code(5).json();
    assert_eq!((&outcome["ending"], &outcome["counts"]["applied"]), (&"done".into(), &"1".into()));
    let left = serde_json::json!([
        { "task": "site", "side": "remote", "path": "a", "reason": "it has changed since" }
    ]);
    assert_eq!(outcome["not_undone"], left);
}

#[test]
fn a_guard_judges_an_undo_as_any_plan() {
    let settings = r#"mode mirror; trash keep="30d"; delete extra max-count=1"#;
    let sides = Sides::folders(settings);
    sides.synced("a=1");
    sides.local("b=2 c=3");
    sides.env.run(&["push", "-y"]).success();
    sides.env.run(&["undo", "last", "-y"]).code(3).says(&["max-delete"]);
    sides.assert_both("a=1 b=2 c=3");
}

#[test]
fn a_run_that_nobody_knows_is_told() {
    let sides = Sides::folders(MIRROR);
    sides.env.run(&["undo", "last", "-y"]).error().says(&["nothing was run yet"]);
    sides.env.run(&["undo", "7", "-y"]).error().says(&["there is no run 7", "syncplan history"]);
    sides.env.run(&["undo", "yesterday"]).code(64);
}

#[test]
fn a_run_is_taken_back_where_it_was_made() {
    let env = TestEnvironment::task(MIRROR, "a=1");
    env.run(&["push", "-y"]).success();
    env.tree("elsewhere", "x=2");
    let manifest = env.read_file("syncplan.kdl").replace(r#"root "backup""#, r#"root "elsewhere""#);
    env.write_file("syncplan.kdl", manifest);
    let output = env.run(&["undo", "last", "-y"]).code(4);
    assert_eq!((env.listing("elsewhere"), env.listing("backup")), ("x=2".to_owned(), "a=1".to_owned()));
    assert_snapshot!(output);
}
