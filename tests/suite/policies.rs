//! What each conflict policy makes of a conflict.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use insta::assert_snapshot;
use serde_json::Value;

use super::bucket::{MOTO, RCLONE};
use super::sides::{Sides, paths};

/// `a` was edited on both sides: the local one is larger, the remote one newer.
fn edited_by_both(sides: &Sides) {
    sides.synced("a.md=1 b=2");
    sides.local("a.md=larger-here");
    sides.remote("a.md=newer-there");
    let then = SystemTime::now() - Duration::from_secs(3600);
    set_time(&sides.env.path("site/a.md"), then);
}

fn set_time(path: &Path, time: SystemTime) {
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// A tree without the part of a kept copy's name that differs from run to run.
fn kept(tree: &str) -> String {
    let name = |word: &str| match word.split_once(".conflict-") {
        Some((stem, rest)) => {
            let side = rest.split('-').next().unwrap();
            let (_, extension) = rest.rsplit_once('.').unwrap();
            format!("{stem}.conflict-{side}.{extension}")
        }
        None => word.to_owned(),
    };
    tree.split(' ').map(name).collect::<Vec<_>>().join(" ")
}

fn check(sides: &Sides, policy: &str, tree: &str, trash: (&[&str], &[&str])) {
    edited_by_both(sides);
    let plan = sides.env.plan(&[]);
    assert_eq!(paths(&plan, policy), ["a.md"], "{policy}");
    sides.sync().success();
    let (local, remote) = sides.trees();
    assert_eq!((kept(&local), kept(&remote)), (tree.to_owned(), tree.to_owned()), "{policy}");
    let (here, there) = sides.trash();
    assert_eq!((here, there), (owned(trash.0), owned(trash.1)), "{policy}");
    sides.assert_settled(&[]);
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn every_policy_decides_and_the_loser_is_kept() {
    let both = "a.conflict-local.md=larger-here a.md=newer-there b=2";
    for (policy, tree, trash) in [
        ("local", "a.md=larger-here b=2", (&[][..], &["newer-there"][..])),
        ("remote", "a.md=newer-there b=2", (&["larger-here"][..], &[][..])),
        ("newer", "a.md=newer-there b=2", (&["larger-here"][..], &[][..])),
        ("keep-both", both, (&[][..], &[][..])),
    ] {
        for sides in Sides::all(&format!("mode two-way\n    conflict {policy}")) {
            check(&sides, policy, tree, trash);
        }
    }
}

#[test]
fn the_larger_one_wins() {
    let sides = Sides::folders("mode two-way\n    conflict larger");
    sides.synced("a=1");
    sides.local("a=larger-by-far");
    sides.remote("a=small");
    sides.sync().success();
    sides.assert_both("a=larger-by-far");
    assert_eq!(sides.trash(), (vec![], vec!["small".to_owned()]));
}

#[test]
fn a_tie_keeps_both() {
    for policy in ["larger", "newer"] {
        // Size and time are the same: only content tells that there is a conflict at all.
        let sides = Sides::folders(&format!("mode two-way\n    compare sampled\n    conflict {policy}"));
        sides.synced("a.md=1");
        sides.local("a.md=aaaa");
        sides.remote("a.md=bbbb");
        let then = SystemTime::now() - Duration::from_secs(60);
        set_time(&sides.env.path("site/a.md"), then);
        set_time(&sides.env.path("backup/a.md"), then);
        sides.sync().success();
        let (local, remote) = sides.trees();
        assert_eq!(local, remote);
        assert!(
            local.contains("=aaaa") && local.contains("=bbbb") && local.contains(".conflict-"),
            "{local}"
        );
    }
}

#[test]
fn a_conflict_met_twice_makes_no_conflict_of_a_conflict() {
    let sides = Sides::folders("mode two-way\n    conflict keep-both");
    edited_by_both(&sides);
    let lost = || fs::remove_dir_all(sides.env.path(".syncplan")).unwrap();
    sides.sync().success();
    let after = sides.trees();
    // Without the base everything is met for the first time.
    lost();
    sides.sync().success();
    assert_eq!(sides.trees(), after);
    // The same edit once more, beside the copy that was kept of it.
    let then = SystemTime::now() - Duration::from_secs(3600);
    sides.local("a.md=larger-here");
    set_time(&sides.env.path("site/a.md"), then);
    sides.remote("a.md=edited-again");
    sides.sync().success();
    let (local, remote) = sides.trees();
    assert_eq!(local, remote);
    assert_eq!(local.matches(".conflict-").count(), local.matches("=larger-here").count(), "{local}");
    assert!(
        !local.contains("conflict-local-2026.conflict") && !local.contains(".conflict-remote"),
        "{local}"
    );
}

#[test]
fn a_folder_keeps_its_name_and_the_file_makes_room() {
    let sides = Sides::folders("mode two-way\n    conflict keep-both");
    sides.synced("a.md=1");
    sides.local("-a.md a.md/x=folder");
    sides.remote("a.md=edited-there");
    sides.sync().success();
    let (local, remote) = sides.trees();
    assert_eq!(kept(&local), "a.conflict-remote.md=edited-there a.md/x=folder");
    assert_eq!(local, remote);
    sides.assert_settled(&[]);
}

#[test]
fn a_program_merges() {
    for sides in Sides::all("mode two-way\n    conflict merge \"sort\" \"-u\" \"{local}\" \"{remote}\"") {
        sides.synced("list=c");
        sides.env.write_file("site/list", "a\nc\n");
        sides.remote("list=b");
        let plan = sides.env.plan(&[]);
        assert_eq!(paths(&plan, "merge"), ["list"]);
        sides.sync().success();
        assert_eq!(sides.env.read_file("site/list"), "a\nb\nc\n");
        let (local, remote) = sides.trees();
        assert_eq!(local, remote);
        assert_eq!(sides.trash(), (vec!["a\nc\n".to_owned()], vec!["b".to_owned()]));
        sides.assert_settled(&[]);
    }
}

#[test]
fn a_program_that_fails_changes_nothing() {
    for command in [
        r#""false""#,
        r#""no-such-program-anywhere""#,
        r#""true""#,
        r#""sh" "-c" "echo '<<<<<<< ours'; echo '>>>>>>> theirs'""#,
    ] {
        let sides = Sides::folders(&format!("mode two-way\n    conflict merge {command}"));
        sides.synced("a=1 b=2");
        sides.local("a=mine b=22");
        sides.remote("a=theirs");
        sides.sync().code(5);
        assert_eq!(sides.trees(), ("a=mine b=22".to_owned(), "a=theirs b=22".to_owned()), "{command}");
        // It is a conflict still.
        assert_eq!(paths(&sides.env.plan(&[]), "merge"), ["a"]);
    }
}

#[test]
fn a_merge_that_cannot_be_done_is_told() {
    let sides = Sides::folders("mode two-way\n    conflict merge \"sh\" \"-c\" \"echo cannot >&2; exit 3\"");
    sides.synced("a=1");
    sides.local("a=mine");
    sides.remote("a=theirs");
    assert_snapshot!(sides.sync().code(5));
}

#[test]
fn what_is_held_and_what_is_decided_read_well() {
    let sides = Sides::folders("mode two-way");
    sides.synced("a=1 b=2 c/d=3");
    sides.local("a=edited-here c/d=folder-stays -b b/x=folder");
    sides.remote("a=edited-there -c c=file b=edited");
    assert_snapshot!(sides.env.run(&["conflicts"]).code(5));
    assert_snapshot!(sides.env.run(&["sync", "-y"]).code(5));
    let lines = sides.env.run(&["conflicts", "--json"]).code(5);
    let held: Vec<Value> = lines.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(held.iter().map(|it| it["path"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(held.iter().all(|it| it["held"] == true && it["task"] == "site"));

    let manifest =
        sides.env.read_file("syncplan.kdl").replace("mode two-way", "mode two-way\n    conflict local");
    sides.env.write_file("syncplan.kdl", manifest);
    assert_snapshot!(sides.env.run(&["conflicts"]).success());
    sides.sync().success();
    sides.assert_both("a=edited-here b/x=folder c/d=folder-stays");
    assert_snapshot!(sides.env.run(&["conflicts"]).success());
}

#[test]
fn a_bucket_and_a_folder_disagree_about_kinds() {
    for server in [MOTO, RCLONE] {
        let Some(sides) = Sides::bucket(server, "mode two-way\n    conflict remote") else { return };
        sides.synced("a=1 b=2");
        sides.local("-a a/x=here");
        sides.remote("a=edited");
        sides.sync().success();
        sides.assert_both("a=edited b=2");
        assert_eq!(sides.trash().0, ["here"]);
    }
}
