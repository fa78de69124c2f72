//! Two-way: what each side did since the last sync, and what becomes of both.

use std::fs;

use insta::assert_snapshot;

use super::bucket::{MOTO, RCLONE};
use super::environment::{TestEnvironment, actions, number};
use super::sides::{Sides, paths};

/// What was synced, what each side did then, and what both hold in the end.
struct Case {
    name: &'static str,
    base: &'static str,
    local: &'static str,
    remote: &'static str,
    /// Both sides, or what each holds around a conflict.
    then: Then,
}

enum Then {
    /// Both hold this.
    Both(&'static str),
    /// The same, and no content was transferred.
    Free(&'static str),
    /// This path is in conflict: each side holds its own.
    Held { path: &'static str, local: &'static str, remote: &'static str },
}

use Then::{Both, Free, Held};

const fn case(
    name: &'static str,
    base: &'static str,
    local: &'static str,
    remote: &'static str,
    then: Then,
) -> Case {
    Case { name, base, local, remote, then }
}

/// What holds for folders and for buckets.
#[rustfmt::skip]
const CASES: &[Case] = &[
    // The table, cell by cell; swapping the sides gives the other half.
    case("nothing", "a=1", "", "", Both("a=1")),
    case("edited", "a=1", "a=22", "", Both("a=22")),
    case("deleted", "a=1 b=2", "-a", "", Both("b=2")),
    case("created", "a=1", "d/b=2", "", Both("a=1 d/b=2")),
    case("both-deleted", "a=1 b=2", "-a", "-a", Both("b=2")),
    case("both-created-alike", "a=1", "b=2", "b=2", Both("a=1 b=2")),
    case("both-edited-alike", "a=1", "a=22", "a=22", Both("a=22")),
    case("both-created", "a=1", "b=22", "b=333", Held { path: "b", local: "a=1 b=22", remote: "a=1 b=333" }),
    case("both-edited", "a=1", "a=22", "a=333", Held { path: "a", local: "a=22", remote: "a=333" }),
    case("edit-meets-delete", "a=1 b=2", "a=22", "-a", Both("a=22 b=2")),
    case("each-its-own", "a=1 b=2 c=3", "a=11 x=4", "-b y=5", Both("a=11 c=3 x=4 y=5")),
    case("file-to-folder", "a=1", "-a a/x=2", "", Both("a/x=2")),
    case("folder-to-file", "a/x=1 b=2", "-a a=3", "", Both("a=3 b=2")),
    case("file-to-folder-meets-delete", "a=1 b=2", "-a a/x=2", "-a", Both("a/x=2 b=2")),
    case("file-to-folder-meets-edit", "a=1", "-a a/x=2", "a=33", Held { path: "a", local: "a/x=2", remote: "a=33" }),
    case("folder-to-file-meets-edit", "a/x=1", "-a a=2", "a/x=33", Held { path: "a", local: "a=2", remote: "a/x=33" }),
    // Folders are joined by what is in them.
    case("folder-by-both", "a=1", "d/x=1 d/y=2", "d/z=3", Both("a=1 d/x=1 d/y=2 d/z=3")),
    case("folder-deleted", "d/x=1 d/y=2 e=3", "-d", "", Both("e=3")),
    case("folder-deleted-by-both", "d/x=1 d/y=2 e=3", "-d", "-d/x", Both("e=3")),
    case("folder-deleted-edited-inside", "d/x=1 d/y=2 e=3", "-d", "d/x=11", Both("d/x=11 e=3")),
    case("folder-deleted-created-inside", "d/x=1 d/y=2 e=3", "-d", "d/f/z=3", Both("d/f/z=3 e=3")),
    // Moves: no content passes.
    case("renamed", "a=1 b=2", "a>c", "", Free("b=2 c=1")),
    case("renamed-over", "a=1 b=2", "a>b", "", Free("b=1")),
    case("renamed-into-its-child", "d=1", "d>t t>d/x", "", Free("d/x=1")),
    case("renamed-into-its-parent", "d/x=1", "d/x>t -d t>d", "", Free("d=1")),
    case("hierarchy-flipped", "p/q/f=1", "p/q>t -p t>q/p", "", Free("q/p/f=1")),
    case("swapped", "a=1 b=2", "a>t b>a t>b", "", Free("a=2 b=1")),
    case("swapped-with-an-edit", "a=1 b=2", "a>t b>a t>b", "c=3", Both("a=2 b=1 c=3")),
    case("rotated", "a=1 b=2 c=3", "a>t c>a b>c t>b", "", Free("a=3 b=1 c=2")),
    case("case-changed", "a=1 b=2", "a>A", "", Free("A=1 b=2")),
    case("moved-out-of-a-deleted-folder", "d/x=1 d/y=2", "d/x>e/x -d", "", Free("e/x=1")),
    case("folder-renamed", "d/x=1 d/y=2", "d>e", "", Free("e/x=1 e/y=2")),
    case("folder-renamed-meets-new-file", "d/x=1", "d>e", "d/z=3", Both("d/z=3 e/x=1")),
    case("renamed-by-both-alike", "a=1 b=2", "a>c", "a>c", Free("b=2 c=1")),
    case("moved-and-replaced", "a=1", "a>b a=22", "", Both("a=22 b=1")),
    case("copied-and-edited", "a=1", "b=1 a=22", "", Both("a=22 b=1")),
    case("three-of-one", "a=1", "x=1 y=1 z=1 -a", "", Free("x=1 y=1 z=1")),
    case("renamed-meets-edit", "a=1", "a>b", "a=22", Both("a=22 b=1")),
];

/// What only folders have.
#[rustfmt::skip]
const FOLDERS: &[Case] = &[
    case("empty-folder", "a=1", "d/", "", Both("a=1 d/")),
    case("empty-folder-deleted", "a=1 d/", "-d", "", Both("a=1")),
    case("emptied-folder", "a=1 d/x=2", "-d/x", "", Both("a=1 d/")),
    case("link", "a=1", "l->a", "", Both("a=1 l->a")),
    case("link-turned", "a=1 l->a", "-l l->b", "", Both("a=1 l->b")),
    case("link-turned-by-both", "a=1 l->a", "-l l->b", "-l l->c", Held { path: "l", local: "a=1 l->b", remote: "a=1 l->c" }),
    case("link-to-file", "a=1 l->a", "-l l=2", "", Both("a=1 l=2")),
    case("file-to-link-by-both", "a=1 b=2", "-b b->a", "-b b->a", Both("a=1 b->a")),
];

impl Case {
    /// The same with every path below a folder of the case's own, and contents that no other has.
    fn of_its_own(&self, edits: &str) -> String {
        let name = self.name;
        let place = |path: &str| format!("{name}/{path}");
        let words = edits.split_whitespace().map(|word| {
            if let Some(path) = word.strip_prefix('-') {
                format!("-{}", place(path))
            } else if let Some((path, content)) = word.split_once('=') {
                format!("{}={name}-{content}", place(path))
            } else if let Some((from, to)) = word.split_once('>').filter(|_| !word.contains("->")) {
                format!("{}>{}", place(from), place(to))
            } else {
                place(word)
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    fn trees(&self) -> (&'static str, &'static str) {
        match self.then {
            Both(tree) | Free(tree) => (tree, tree),
            Held { local, remote, .. } => (local, remote),
        }
    }

    fn held(&self) -> Vec<&'static str> {
        match self.then {
            Held { path, .. } => vec![path],
            Both(_) | Free(_) => Vec::new(),
        }
    }
}

/// In a task of its own; `swapped` gives each side the other's part.
fn check(case: &Case, swapped: bool) {
    let sides = Sides::folders("mode two-way");
    sides.local(case.base);
    sides.sync().success();
    let (ours, theirs) = if swapped { (case.remote, case.local) } else { (case.local, case.remote) };
    sides.local(ours);
    sides.remote(theirs);

    let plan = sides.env.plan(&[]);
    assert_eq!(paths(&plan, "hold"), case.held(), "{}: {:?}", case.name, actions(&plan));
    if matches!(case.then, Free(_)) {
        assert_eq!(number(&plan["summary"]["transfer_bytes"]), 0, "{}: {:?}", case.name, actions(&plan));
    }
    let exit = if case.held().is_empty() { 0 } else { 5 };
    sides.sync().code(exit);
    let (local, remote) = case.trees();
    let expected = if swapped { (remote, local) } else { (local, remote) };
    let found = sides.trees();
    assert_eq!((found.0.as_str(), found.1.as_str()), expected, "{}: {:?}", case.name, actions(&plan));
    sides.assert_settled(&case.held());
    sides.sync().code(exit);
}

#[test]
fn every_situation_ends_as_it_should() {
    CASES.iter().chain(FOLDERS).for_each(|case| check(case, false));
}

#[test]
fn every_situation_ends_alike_with_the_sides_swapped() {
    CASES.iter().chain(FOLDERS).for_each(|case| check(case, true));
}

/// All of them in one task, each below a folder of its own.
fn check_together(sides: &Sides, swapped: bool) {
    let cases = || CASES.iter();
    let gather = |part: fn(&Case) -> &'static str| {
        cases().map(|case| case.of_its_own(part(case))).collect::<Vec<_>>().join(" ")
    };
    sides.local(&gather(|case| case.base));
    sides.sync().success();
    let (ours, theirs) = (gather(|case| case.local), gather(|case| case.remote));
    let (ours, theirs) = if swapped { (theirs, ours) } else { (ours, theirs) };
    sides.local(&ours);
    sides.remote(&theirs);
    let output = sides.sync().code(5);
    assert!(!(output.stdout.contains("failed") || output.stdout.contains("stale")), "{output}");

    let sorted = |trees: Vec<String>| {
        let mut words: Vec<_> = trees.iter().flat_map(|tree| tree.split(' ')).map(str::to_owned).collect();
        words.sort();
        words
    };
    let expected = |side: fn((&'static str, &'static str)) -> &'static str| {
        sorted(cases().map(|case| case.of_its_own(side(case.trees()))).collect())
    };
    let (local, remote) = (expected(|trees| trees.0), expected(|trees| trees.1));
    let found = sides.trees();
    let (ours, theirs) = if swapped { (remote, local) } else { (local, remote) };
    assert_eq!(sorted(vec![without_empty(&found.0)]), ours);
    assert_eq!(sorted(vec![without_empty(&found.1)]), theirs);

    let held: Vec<_> = cases()
        .flat_map(|case| case.held().into_iter().map(|path| format!("{}/{path}", case.name)))
        .collect();
    let mut held: Vec<_> = held.iter().map(String::as_str).collect();
    held.sort_unstable();
    sides.assert_settled(&held);
}

/// A bucket has no folders, and a folder that it emptied stays on the other side.
fn without_empty(tree: &str) -> String {
    tree.split(' ').filter(|word| !word.ends_with('/')).collect::<Vec<_>>().join(" ")
}

#[test]
fn all_situations_at_once_between_folders() {
    for swapped in [false, true] {
        check_together(&Sides::folders("mode two-way"), swapped);
    }
}

#[test]
fn all_situations_at_once_with_a_bucket() {
    // The second keeps objects in folders, where nothing is an object and a folder at once.
    for server in [MOTO, RCLONE] {
        for swapped in [false, true] {
            let Some(sides) = Sides::bucket(server, "mode two-way") else { return };
            check_together(&sides, swapped);
        }
    }
}

#[test]
fn a_two_way_sync_reads_well() {
    let sides = Sides::folders("mode two-way");
    sides.synced("a=1 b=2 old/c=3 old/d=4");
    sides.local("a=edited-here old>new");
    sides.remote("-b e=created-there");
    assert_snapshot!(sides.env.run(&["plan", "-o", "plan.json"]).success());
    assert_snapshot!(sides.env.run(&["show", "plan.json"]).success());
    assert_snapshot!(sides.sync().success());
    sides.assert_both("a=edited-here e=created-there new/c=3 new/d=4");
    assert_snapshot!(sides.sync().success());
}

#[test]
fn an_edit_that_meets_a_delete_is_told() {
    let sides = Sides::folders("mode two-way");
    sides.synced("a=1 b=2");
    sides.local("a=edited-here");
    sides.remote("-a");
    assert_snapshot!(sides.env.run(&["plan", "-o", "plan.json"]).success());
    sides.sync().success().says(&["edit-survives"]);
    sides.assert_both("a=edited-here b=2");
}

#[test]
fn push_and_fetch_change_one_side_only() {
    for sides in Sides::all("mode two-way") {
        sides.synced("a=1 b=2 c=3");
        sides.local("a=11 -c");
        sides.remote("b=22");
        sides.env.run(&["push", "-y"]).success();
        assert_eq!(sides.trees(), ("a=11 b=2".to_owned(), "a=11 b=22".to_owned()));
        sides.env.run(&["fetch", "-y"]).success();
        sides.assert_both("a=11 b=22");
        sides.assert_settled(&[]);
    }
}

#[test]
fn a_first_sync_joins_both_sides() {
    // What others put into a bucket has another time, and is read before it is called a conflict.
    for sides in Sides::all("mode two-way") {
        sides.local("a=1 same=2");
        sides.remote("b=3 same=2 d/c=4");
        sides.sync().success();
        sides.assert_both("a=1 b=3 d/c=4 same=2");
        sides.assert_settled(&[]);
    }
}

#[test]
fn a_folder_that_is_not_there_yet_is_filled() {
    for missing in ["site", "backup"] {
        let env = TestEnvironment::task("mode two-way", "");
        fs::remove_dir(env.path(missing)).unwrap();
        let other = if missing == "site" { "backup" } else { "site" };
        env.tree(other, "a=1 d/b=2");
        env.run(&["sync", "-y"]).success();
        assert_eq!(env.listing(missing), "a=1 d/b=2");
        // Once it was synced, a folder that is missing is an error, and nothing is taken for deleted.
        fs::remove_dir_all(env.path(missing)).unwrap();
        env.run(&["sync", "-y"]).error().says(&[missing]);
        assert_eq!(env.listing(other), "a=1 d/b=2");
    }
    let env = TestEnvironment::task("mode two-way", "");
    fs::remove_dir(env.path("site")).unwrap();
    fs::remove_dir(env.path("backup")).unwrap();
    env.run(&["sync", "-y"]).error().says(&["site"]);
}

#[test]
fn what_is_left_out_is_neither_deleted_nor_replaced() {
    let sides = Sides::folders("mode two-way\n    ignore-file \".syncignore\"");
    sides.synced(".syncignore=*.o d/a=1 e/b=2 f=3");
    // Ignored content keeps the folder around it, on whichever side it is.
    sides.remote("d/x.o=kept");
    sides.local("-d");
    sides.sync().code(5);
    assert_eq!(sides.trees().1, ".syncignore=*.o d/x.o=kept e/b=2 f=3");
    sides.local("e/y.o=kept");
    sides.remote("-e e=now-a-file");
    assert!(sides.held().contains(&"e".to_owned()));
    sides.sync().code(5);
    assert_eq!(sides.env.read_file("site/e/y.o"), "kept");
    assert_eq!(sides.env.read_file("site/e/b"), "2");
}

#[test]
fn what_cannot_be_read_is_not_taken_for_deleted() {
    use std::os::unix::fs::PermissionsExt as _;

    let mut sides = Sides::folders("mode two-way");
    sides.env.drop_privileges();
    sides.env.tree("site", "a=1 d/b=2 d/e/c=3");
    sides.env.run(&["sync", "-y"]).success();
    let closed = sides.env.path("site/d");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    sides.env.tree("site", "a=11");
    sides.env.run(&["sync", "-y"]).code(5);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(sides.trees().1, "a=11 d/b=2 d/e/c=3");
    sides.sync().success();
    sides.assert_both("a=11 d/b=2 d/e/c=3");
}

#[test]
fn a_file_that_is_no_file_blocks_its_folder() {
    let sides = Sides::folders("mode two-way");
    sides.synced("a=1 d/b=2");
    let fifo = std::process::Command::new("mkfifo").arg(sides.env.path("backup/d/fifo")).status().unwrap();
    assert!(fifo.success());
    sides.local("-d");
    sides.sync().code(5);
    assert_eq!(sides.trees(), ("a=1".to_owned(), "a=1 d/fifo=[special]".to_owned()));
}

#[test]
fn an_interrupted_sync_is_finished_by_the_next_one() {
    let sides = Sides::folders("mode two-way");
    sides.synced("a=1 b=2");
    // As if a run had brought it over and then been killed before it could say so.
    sides.local("a=11 c=3");
    sides.remote("a=11 c=3");
    for path in ["site/a", "backup/a", "site/c", "backup/c"] {
        let file = fs::File::options().write(true).open(sides.env.path(path)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000)).unwrap();
    }
    assert_snapshot!(sides.sync().success());
    sides.assert_both("a=11 b=2 c=3");
    // The base knows them by now: a delete is one.
    sides.remote("-c");
    sides.sync().success();
    sides.assert_both("a=11 b=2");
}

#[test]
fn two_large_files_that_samples_cannot_tell_apart_are_told_apart() {
    let sides = Sides::folders("mode two-way");
    let mut content = vec![7_u8; 12 << 20];
    sides.env.write_file("site/large", &content);
    sides.sync().success();
    let old = content.clone();
    // Between the samples, and with the old size.
    content[(1 << 20) + 5000] = 8;
    sides.env.write_file("site/large", &content);
    fs::remove_file(sides.env.path("site/large")).unwrap();
    sides.env.write_file("site/moved", &content);
    // All of it is read before it is trusted: it is no move, and nothing is lost.
    sides.sync().code(4);
    assert!(fs::read(sides.env.path("backup/large")).unwrap() == old, "the old one is lost");
    // What was read is remembered: the next sync knows that they are two.
    sides.sync().success();
    assert!(fs::read(sides.env.path("backup/moved")).unwrap() == content);
    assert!(!sides.env.path("backup/large").exists());
}
