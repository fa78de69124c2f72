//! What both sides agreed on: learned, lost, forgotten, carried elsewhere, and held against the remote.

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;

use super::environment::actions;
use super::sides::Sides;

fn codes(plan: &Value) -> Vec<&str> {
    plan["findings"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect()
}

#[test]
fn a_lost_state_joins_both_sides_and_deletes_nothing() {
    for sides in Sides::all("mode two-way") {
        sides.synced("a=1 b=2 c=3");
        fs::remove_dir_all(sides.env.path(".syncplan")).unwrap();
        sides.local("-b new=4");
        sides.remote("-c");
        sides.sync().success();
        sides.assert_both("a=1 b=2 c=3 new=4");
        sides.assert_settled(&[]);
    }
}

#[test]
fn to_forget_is_to_lose_the_base_on_purpose() {
    let sides = Sides::folders("mode two-way");
    assert_snapshot!(sides.env.run(&["forget", "site"]).success());
    sides.synced("a=1 b=2");
    sides.local("-b");
    assert_snapshot!(sides.env.run(&["forget", "site"]).success());
    sides.sync().success();
    sides.assert_both("a=1 b=2");
    // It is known again.
    sides.local("-b");
    sides.sync().success();
    sides.assert_both("a=1");
    sides.env.run(&["forget", "nothing"]).usage().says(&["site"]);
}

#[test]
fn a_plan_made_with_a_base_that_was_forgotten_is_refused() {
    let sides = Sides::folders("mode two-way");
    sides.synced("a=1 b=2");
    sides.local("-b");
    sides.env.plan(&[]);
    sides.env.run(&["forget", "site"]).success();
    // Another base begins.
    sides.env.run(&["plan", "-o", "other.json"]).success();
    assert_snapshot!(sides.env.run(&["apply", "plan.json"]).code(4));
    sides.env.run(&["apply", "plan.json", "--dry-run"]).code(4);
    assert_eq!(sides.trees().1, "a=1 b=2");
}

#[test]
fn other_places_have_another_base() {
    let sides = Sides::folders("mode two-way");
    sides.synced("a=1 b=2");
    let manifest = sides.env.read_file("syncplan.kdl").replace("\"backup\"", "\"other\"");
    sides.env.write_file("syncplan.kdl", manifest);
    sides.env.tree("other", "a=1");
    sides.sync().success();
    assert_eq!(sides.env.listing("other"), "a=1 b=2");
    assert_eq!(sides.env.listing("site"), "a=1 b=2");
}

#[test]
fn a_narrower_filter_deletes_nothing() {
    for sides in Sides::all("mode two-way\n    select \"all()\"") {
        sides.synced("a.md=1 b.txt=2 d/c.txt=3");
        let manifest = sides.env.read_file("syncplan.kdl").replace("all()", "ext(md)");
        sides.env.write_file("syncplan.kdl", manifest);
        sides.local("a.md=11");
        sides.remote("b.txt=22");
        sides.sync().success();
        let (local, remote) = sides.trees();
        assert_eq!(
            (local.as_str(), remote.as_str()),
            ("a.md=11 b.txt=2 d/c.txt=3", "a.md=11 b.txt=22 d/c.txt=3")
        );
        // And back: what happened meanwhile is known to have happened.
        let manifest = sides.env.read_file("syncplan.kdl").replace("ext(md)", "all()");
        sides.env.write_file("syncplan.kdl", manifest);
        sides.sync().success();
        sides.assert_both("a.md=11 b.txt=22 d/c.txt=3");
    }
}

#[test]
fn an_empty_local_side_is_no_reason_to_empty_the_remote_one() {
    for sides in Sides::all("mode two-way") {
        sides.synced("a=1 d/b=2");
        sides.local("-a -d");
        let plan = sides.env.plan(&[]);
        assert!(codes(&plan).contains(&"empty-source"), "{:?}", codes(&plan));
        sides.sync().code(3);
        assert_eq!(sides.trees().1, "a=1 d/b=2");
    }
}

#[test]
fn a_remote_that_was_replaced_is_noticed() {
    for sides in Sides::all("mode two-way") {
        sides.synced("a=1 b=2 c=3");
        // Another one stands in its place: it has less, and does not know the base.
        sides.remote("-.syncplan -b");
        let plan = sides.env.plan(&[]);
        assert!(codes(&plan).contains(&"replaced-remote"), "{:?}", codes(&plan));
        assert_eq!(plan["tasks"][0]["base"]["remote"], "missing");
        assert!(!actions(&plan).iter().any(|action| action.starts_with("delete")), "{:?}", actions(&plan));
        sides.sync().code(3);
        sides.env.run(&["forget", "site"]).success();
        sides.sync().success();
        sides.assert_both("a=1 b=2 c=3");
    }
}

#[test]
fn a_remote_that_was_put_back_is_noticed() {
    let sides = Sides::folders("mode two-way");
    sides.synced("a=1");
    copy(&sides, "backup", "yesterday");
    sides.local("b=2");
    sides.sync().success();
    fs::remove_dir_all(sides.env.path("backup")).unwrap();
    copy(&sides, "yesterday", "backup");
    assert_snapshot!(sides.sync().code(3));
    assert_eq!(sides.trees().0, "a=1 b=2");
}

#[test]
fn a_local_side_that_was_put_back_is_noticed() {
    let sides = Sides::folders("mode two-way");
    sides.synced("a=1");
    copy(&sides, "site", "yesterday");
    sides.remote("b=2");
    sides.sync().success();
    fs::remove_dir_all(sides.env.path("site")).unwrap();
    copy(&sides, "yesterday", "site");
    assert!(codes(&sides.env.plan(&[])).contains(&"replaced-local"));
    assert_snapshot!(sides.sync().code(3));
    assert_eq!(sides.trees(), ("a=1".to_owned(), "a=1 b=2".to_owned()));
    sides.env.run(&["forget", "site"]).success();
    sides.sync().success();
    sides.assert_both("a=1 b=2");
}

#[test]
fn a_side_that_is_swapped_between_plan_and_apply_is_left_alone() {
    for (name, other) in [("backup", "site"), ("site", "backup")] {
        let sides = Sides::folders("mode two-way");
        sides.synced("a=1 b=2 c=3");
        sides.env.tree(other, "d=4");
        sides.env.plan(&[]);
        fs::rename(sides.env.path(name), sides.env.path("away")).unwrap();
        sides.sync().error().says(&["does not exist"]);
        for folder in [None, Some(name)] {
            folder.iter().for_each(|name| fs::create_dir(sides.env.path(name)).unwrap());
            sides.env.run(&["apply", "plan.json", "--dry-run"]).code(3).says(&["not the one"]);
            sides.env.run(&["apply", "plan.json"]).code(3).says(&["not the one"]);
            assert_eq!(sides.env.path(name).exists(), folder.is_some());
        }
        sides.sync().code(3);
        assert_eq!(sides.env.listing(other), "a=1 b=2 c=3 d=4");
        assert_eq!(sides.env.listing(name), "");
        fs::remove_dir_all(sides.env.path(name)).unwrap();
        fs::rename(sides.env.path("away"), sides.env.path(name)).unwrap();
        sides.env.run(&["apply", "plan.json"]).success();
        sides.assert_both("a=1 b=2 c=3 d=4");
    }
}

#[test]
fn a_first_sync_with_nothing_to_do_is_known() {
    for sides in Sides::all("mode two-way") {
        sides.local("a=1 b=2 c=3");
        sides.remote("a=1 b=2 c=3");
        // To look is not to sync.
        sides.env.run(&["plan"]).success();
        sides.env.run(&["conflicts"]).success();
        assert_eq!(sides.env.plan(&[])["tasks"][0]["base"]["serial"].to_string().replace('"', ""), "0");
        sides.sync().success();
        sides.remote("-.syncplan -b");
        sides.sync().code(3).says(&["replaced-remote"]);
        assert_eq!(sides.trees().0, "a=1 b=2 c=3");
    }
}

#[test]
fn what_went_before_the_first_run_was_deleted_by_nobody() {
    let sides = Sides::folders("mode two-way");
    sides.local("a=1 b=2");
    fs::remove_dir_all(sides.env.path("backup")).unwrap();
    copy(&sides, "site", "backup");
    sides.local("new=3");
    assert_eq!(actions(&sides.env.plan(&[])).len(), 1);
    sides.remote("-a -b");
    sides.env.run(&["apply", "plan.json"]).success();
    sides.sync().success();
    sides.assert_both("a=1 b=2 new=3");
}

#[test]
fn a_plan_of_what_was_forgotten_is_refused() {
    let sides = Sides::folders("mode two-way");
    sides.synced("a=1 b=2");
    sides.local("-b");
    sides.env.plan(&[]);
    sides.env.run(&["forget", "site"]).success();
    sides.env.run(&["apply", "plan.json"]).code(4).says(&["another base"]);
    assert_eq!(sides.trees().1, "a=1 b=2");
}

#[test]
fn to_look_at_other_places_forgets_nothing() {
    let sides = Sides::folders("mode two-way");
    sides.synced("a=1 b=2");
    let manifest = sides.env.read_file("syncplan.kdl");
    sides.env.write_file("other.kdl", manifest.replace("\"backup\"", "\"other\""));
    sides.env.tree("other", "a=1");
    for command in ["plan", "conflicts"] {
        sides.env.run(&["-f", "other.kdl", command]).says(&["synced with other places before"]);
    }
    sides.local("-b");
    sides.sync().success();
    sides.assert_both("a=1");
    // Once it is applied, it begins a base of its own.
    sides.local("c=3");
    sides.env.run(&["-f", "other.kdl", "sync", "-y"]).success().says(&["synced with other places before"]);
    sides.local("-c");
    sides.env.run(&["-f", "other.kdl", "sync", "-y"]).success();
    assert_eq!(sides.env.listing("other"), "a=1");
    sides.remote("b=2");
    sides.sync().success();
    sides.assert_both("a=1 b=2");
}

#[test]
fn a_mark_that_cannot_be_read_stops() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut sides = Sides::folders("mode two-way");
    sides.synced("a=1 b=2");
    sides.local("-b");
    sides.env.drop_privileges();
    let marks = sides.env.path("backup/.syncplan/base");
    fs::set_permissions(&marks, fs::Permissions::from_mode(0o000)).unwrap();
    let output = sides.sync().error().says(&["syncplan::base::mark"]);
    fs::set_permissions(&marks, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(sides.trees().1, "a=1 b=2", "{output}");
}

fn copy(sides: &Sides, from: &str, to: &str) {
    let (from, to) = (sides.env.path(from), sides.env.path(to));
    assert!(std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

#[test]
fn too_many_deletes_of_a_two_way_task_block() {
    let sides = Sides::folders("mode two-way\n    delete synced max-count=2");
    sides.synced("a=1 b=2 c=3 d=4 e=5");
    sides.local("-a -b");
    sides.remote("-c");
    sides.sync().code(3).says(&["max-delete"]);
    assert_eq!(sides.trees(), ("c=3 d=4 e=5".to_owned(), "a=1 b=2 d=4 e=5".to_owned()));
    sides.env.plan(&[]);
    sides.env.run(&["apply", "plan.json", "--override", "max-delete", "--reason", "spring"]).success();
    sides.assert_both("d=4 e=5");
}

#[test]
fn deletes_can_be_kept_from_coming_over() {
    let sides = Sides::folders("mode two-way\n    delete never");
    sides.synced("a=1 b=2");
    sides.local("-a");
    sides.remote("c=3");
    sides.sync().success();
    assert_eq!(sides.trees(), ("b=2 c=3".to_owned(), "a=1 b=2 c=3".to_owned()));
    sides.assert_settled(&[]);
}

#[test]
fn what_is_protected_is_protected_on_both_sides() {
    let sides = Sides::folders("mode two-way\n    protect \"under('keep') and op(delete)\"");
    sides.synced("a=1 keep/b=2");
    for edits in [Sides::local, Sides::remote] {
        edits(&sides, "-keep");
        sides.sync().code(3).says(&["protected"]);
        edits(&sides, "keep/b=2");
        sides.sync().success();
    }
    sides.assert_both("a=1 keep/b=2");
}

#[test]
fn a_protection_that_goes_holds_once_more() {
    let sides = Sides::folders("mode two-way\n    protect \"treasure\"");
    let manifest = sides.env.read_file("syncplan.kdl");
    let with = |text: &str| sides.env.write_file("syncplan.kdl", text);
    let named =
        manifest.replace("task site", "filter treasure \"under('keep') and op(delete)\"\n\ntask site");
    with(&named);
    sides.synced("a=1 keep/b=2");

    // The name is the same, and means something else.
    with(&named.replace("'keep'", "'other'"));
    sides.local("-keep");
    assert_snapshot!(sides.env.run(&["plan", "-o", "plan.json"]).code(3));
    sides.local("keep/b=2");
    let plan = sides.env.plan(&[]);
    assert_eq!(codes(&plan), ["protect-removed"]);
    sides.env.run(&["apply", "plan.json"]).code(3);
    sides.env.run(&["apply", "plan.json", "--override", "protect-removed", "--reason", "moved"]).success();
    sides.local("-keep");
    sides.sync().success();
    sides.assert_both("a=1");
}

#[test]
fn a_protection_that_goes_unseen_is_still_seen() {
    let sides = Sides::folders("mode two-way\n    protect \"under('keep') and op(delete)\"");
    sides.synced("a=1 keep/b=2");
    let manifest = sides.env.read_file("syncplan.kdl").replace("'keep'", "'other'");
    sides.env.write_file("syncplan.kdl", manifest);
    // Nothing is at stake yet.
    sides.sync().success();
    sides.local("-keep");
    sides.sync().code(3).says(&["protect-removed"]);
    assert_eq!(sides.trees().1, "a=1 keep/b=2");
}

#[test]
fn a_part_that_is_in_sync_says_nothing_of_the_rest() {
    let sides = Sides::folders("mode two-way");
    sides.synced("a=1 d/b=2");
    sides.local("new=3");
    for restricted in [&["sync", "-y", "--only", "under('d')"][..], &["fetch", "-y"]] {
        let output = sides.env.run(restricted).success().says(&["nothing to do"]);
        assert!(!output.to_string().contains("in sync"), "{output}");
    }
    sides.sync().success();
    sides.sync().success().says(&["in sync"]);
}

#[test]
fn a_base_travels_as_a_snapshot() {
    let sides = Sides::folders("mode two-way");
    sides.env.run(&["scan", "site", "--side", "base", "-o", "base.ndjson"]).error().says(&["base"]);
    sides.synced("a=1 b=2 c=3");
    sides.env.run(&["scan", "site", "--side", "base", "-o", "base.ndjson"]).success();
    sides.env.run(&["scan", "--side", "base"]).success().says(&["site base: 3 entries"]);
    let head: Value =
        serde_json::from_str(sides.env.read_file("base.ndjson").lines().next().unwrap()).unwrap();
    assert_eq!((&head["side"], &head["entries"]), (&Value::from("base"), &Value::from("3")));
    assert!(!sides.env.read_file("base.ndjson").contains("token"));
    sides.env.run(&["scan", "site", "--side", "local", "-o", "before.ndjson"]).success();

    sides.local("-a b=22");
    sides.remote("-c");
    for side in ["local", "remote"] {
        let out = format!("{side}.ndjson");
        sides.env.run(&["scan", "site", "--side", side, "-o", &out]).success();
    }
    let planned = actions(&sides.env.plan(&[]));
    let snapshots = ["--local-snapshot", "local.ndjson", "--remote-snapshot", "remote.ndjson"];
    for base in ["base.ndjson", "before.ndjson"] {
        let more = [&snapshots[..], &["--base-snapshot", base]].concat();
        assert_eq!(actions(&sides.env.plan(&more)), planned, "{base}");
    }
    // Without one nothing is taken for deleted.
    let joined = sides.env.run(&[&["plan", "-o", "joined.json"], &snapshots[..]].concat());
    joined.code(5);
    let joined: Value = serde_json::from_str(&sides.env.read_file("joined.json")).unwrap();
    assert!(!actions(&joined).iter().any(|action| action.starts_with("delete")), "{:?}", actions(&joined));
    sides.env.run(&["plan", "--local-snapshot", "base.ndjson", "--remote-snapshot", "remote.ndjson"]).usage();
}

#[test]
fn what_a_mirror_throws_away_and_was_never_synced_goes_to_the_trash() {
    for sides in Sides::all("mode mirror") {
        sides.synced("a=1 b=2");
        sides.local("-b a=11");
        sides.remote("theirs=3");
        sides.env.run(&["push", "-y"]).success();
        sides.assert_both("a=11");
        // What was synced stood on both sides, and was thrown away on one.
        assert_eq!(sides.trash(), (vec![], vec!["3".to_owned()]));
        sides.assert_settled(&[]);
    }
}

#[test]
fn an_update_deletes_only_what_it_put_there() {
    for sides in Sides::all("mode update\n    delete synced") {
        sides.synced("a=1 b=2 c=3");
        sides.local("-a -b");
        sides.remote("b=edited-there theirs=4");
        sides.env.run(&["push", "-y"]).success();
        assert_eq!(sides.trees().1, "b=edited-there c=3 theirs=4");
        sides.assert_settled(&[]);
    }
}

#[test]
fn an_update_restores_what_was_lost_on_the_target() {
    let sides = Sides::folders("mode update");
    sides.synced("a=1 b=2");
    sides.remote("-a");
    sides.env.run(&["push", "-y"]).success();
    sides.assert_both("a=1 b=2");
}
