//! One conflict, settled by hand.

use insta::assert_snapshot;

use super::sides::Sides;

fn in_conflict(sides: &Sides) {
    sides.synced("a.md=1 b=2 c=3");
    sides.local("a.md=edited-here b=here c=33");
    sides.remote("a.md=edited-there b=there");
}

#[test]
fn one_side_is_taken_and_the_other_goes_to_the_trash() {
    for sides in Sides::all("mode two-way") {
        in_conflict(&sides);
        sides.env.run(&["resolve", "site", "a.md", "--take", "local"]).success();
        sides.env.run(&["resolve", "site", "b", "--take", "remote"]).success();
        // Nothing else was done.
        assert_eq!(
            sides.trees(),
            ("a.md=edited-here b=there c=33".to_owned(), "a.md=edited-here b=there c=3".to_owned())
        );
        assert_eq!(sides.trash(), (vec!["here".to_owned()], vec!["edited-there".to_owned()]));
        sides.sync().success();
        sides.assert_both("a.md=edited-here b=there c=33");
        sides.assert_settled(&[]);
    }
}

#[test]
fn both_are_kept() {
    for sides in Sides::all("mode two-way") {
        in_conflict(&sides);
        sides.env.run(&["resolve", "site", "a.md", "--take", "both"]).success();
        let (local, remote) = sides.trees();
        for tree in [local, remote] {
            assert!(tree.contains("=edited-here") && tree.contains("=edited-there"), "{tree}");
            assert_eq!(tree.matches("a.conflict-").count(), 1, "{tree}");
        }
        assert_eq!(sides.held(), ["b"]);
    }
}

#[test]
fn resolving_reads_well() {
    let sides = Sides::folders("mode two-way");
    in_conflict(&sides);
    let before = sides.trees();
    assert_snapshot!(sides.env.run(&["resolve", "site", "a.md", "--take", "local", "--dry-run"]).success());
    assert_eq!(sides.trees(), before);
    assert_snapshot!(sides.env.run(&["resolve", "site", "./a.md", "--take", "local"]).success());
    let json = sides.env.run(&["resolve", "site", "b", "--take", "remote", "--json"]).success().json();
    assert_eq!(json["ending"], "done");
}

#[test]
fn a_path_without_a_conflict_is_an_error_that_names_those_there_are() {
    let sides = Sides::folders("mode two-way");
    in_conflict(&sides);
    assert_snapshot!(sides.env.run(&["resolve", "site", "c", "--take", "local"]).usage());
    sides.env.run(&["resolve", "site", "../a.md", "--take", "local"]).usage();
    sides.env.run(&["resolve", "site", "a.md"]).usage().says(&["--take"]);
    sides.env.run(&["resolve", "other", "a.md", "--take", "local"]).usage().says(&["site"]);
    assert_eq!(sides.held(), ["a.md", "b"]);
}

#[test]
fn a_folder_against_a_file() {
    for (take, tree) in [("local", "a/x=here a/y=here2"), ("remote", "a=edited")] {
        let sides = Sides::folders("mode two-way");
        sides.synced("a=1 b=2");
        sides.local("-a a/x=here a/y=here2");
        sides.remote("a=edited");
        sides.env.run(&["resolve", "site", "a", "--take", take]).success();
        sides.assert_both(&format!("{tree} b=2"));
        sides.assert_settled(&[]);
    }
}

#[test]
fn a_conflict_ends_when_both_sides_are_made_the_same() {
    let sides = Sides::folders("mode two-way");
    in_conflict(&sides);
    sides.local("a.md=both");
    sides.remote("a.md=both");
    sides.local("b=2");
    sides.sync().success();
    sides.assert_both("a.md=both b=there c=33");
    sides.env.run(&["conflicts"]).success().says(&["no conflicts"]);
}

#[test]
fn a_resolution_does_not_get_past_a_guard() {
    let sides = Sides::folders("mode two-way\n    protect \"under('a.md') and side(remote)\"");
    sides.local("a.md=mine");
    sides.remote("a.md=theirs");
    sides.env.run(&["resolve", "site", "a.md", "--take", "local"]).code(3).says(&["protected"]);
    assert_eq!(sides.trees().1, "a.md=theirs");
    sides.env.run(&["resolve", "site", "a.md", "--take", "remote"]).success();
    sides.assert_both("a.md=theirs");
}

#[test]
fn what_no_side_settles_is_told() {
    let sides = Sides::folders("mode two-way\n    ignore-file \".gitignore\"");
    sides.synced(".gitignore=*.o a/x=1 b=2");
    sides.local("a/y.o=kept");
    sides.remote("-a a=file");
    assert_eq!(sides.held(), ["a"]);
    assert_snapshot!(sides.env.run(&["resolve", "site", "a", "--take", "remote"]).code(5));
    assert_eq!(sides.trees().1, ".gitignore=*.o a=file b=2");
}
