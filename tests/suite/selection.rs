//! Which files take part, and what becomes of those that do not.

use std::fs;

use super::environment::{TestEnvironment, actions};

#[test]
fn select_takes_what_the_filter_says() {
    let env = TestEnvironment::task(
        r#"mode mirror
    select "ext(jpg, png) and not under('thumb')""#,
        "a.jpg=1 b.txt=2 thumb/c.jpg=3 d/e.PNG=4",
    );
    env.sync();
    assert_eq!(env.listing("backup"), "a.jpg=1 d/e.PNG=4");
}

#[test]
fn ignore_files_work_in_any_folder() {
    let env = TestEnvironment::task(
        r#"mode mirror
    ignore-file ".syncignore""#,
        "a.log=1 a.txt=2 d/b.log=3 d/keep.log=4 d/e/c.tmp=5 build/x=6",
    );
    env.write_file("site/.syncignore", "*.log\n/build/\n");
    env.write_file("site/d/.syncignore", "!keep.log\n*.tmp\n");
    env.sync();
    let listing = env.listing("backup");
    assert!(listing.contains("a.txt=2") && listing.contains("d/keep.log=4"), "{listing}");
    for ignored in ["a.log=", "b.log=", "c.tmp=", "build/x="] {
        assert!(!listing.contains(ignored), "{ignored} in {listing}");
    }
}

#[test]
fn a_marker_leaves_its_folder_out_whole() {
    let env = TestEnvironment::task(
        r#"mode mirror
    ignore-marker ".nosync""#,
        "a=1 private/.nosync=x private/secret=2 private/deep/er=3 public/b=4",
    );
    env.sync();
    assert_eq!(env.listing("backup"), "a=1 public/b=4");
}

#[test]
fn ignored_content_on_the_target_is_not_deleted() {
    let env = TestEnvironment::task(
        r#"mode mirror
    select "not name('*.local')"
    ignore-marker ".nosync""#,
        "a=1",
    );
    env.tree("backup", "mine.local=2 kept/.nosync=x kept/y=3 extra=4");
    env.sync();
    assert_eq!(env.listing("backup"), "a=1 kept/.nosync=x kept/y=3 mine.local=2");
}

#[test]
fn a_narrowed_filter_is_no_deletion() {
    let env = TestEnvironment::mirror("a.txt=1 b.jpg=2");
    env.sync();
    let manifest =
        env.read_file("syncplan.kdl").replace("mode mirror", "mode mirror\n    select \"ext(txt)\"");
    env.write_file("syncplan.kdl", manifest);
    env.sync();
    assert_eq!(env.listing("backup"), "a.txt=1 b.jpg=2");
}

#[test]
fn a_folder_with_ignored_content_is_not_removed() {
    let env = TestEnvironment::task("mode mirror\n    select \"not name('*.local')\"", "a=1 d/x=2");
    env.sync();
    env.tree("backup", "d/mine.local=3");
    fs::remove_dir_all(env.path("site/d")).unwrap();
    env.run(&["plan", "-o", "plan.json"]).code(5);
    env.run(&["apply", "plan.json"]).code(5);
    let listing = env.listing("backup");
    assert!(listing.contains("a=1") && listing.contains("d/mine.local=3"), "{listing}");
}

#[test]
fn only_and_exclude_choose_among_the_actions() {
    let env = TestEnvironment::mirror("a.txt=1 b.jpg=2 d/c.txt=3");
    env.tree("backup", "old.txt=4");
    let of = |args: &[&str]| actions(&env.plan(args));
    assert_eq!(of(&["--only", "op(delete)"]), ["delete remote old.txt"]);
    assert_eq!(of(&["--only", "ext(jpg)"]), ["upload remote b.jpg"]);
    assert_eq!(of(&["--exclude", "ext(txt) or op(mkdir)"]), ["upload remote b.jpg"]);
    env.run(&["plan", "--only", "nonsense("]).usage();
    env.run(&["plan", "--only", "size > 1MiB && ext(txt)"]).usage().says(&["and"]);
}

#[test]
fn what_only_leaves_out_stays_to_be_done() {
    let env = TestEnvironment::mirror("a.txt=1 b.jpg=2");
    env.plan(&["--only", "ext(jpg)"]);
    env.run(&["apply", "plan.json"]).success();
    assert_eq!(env.listing("backup"), "b.jpg=2");
    env.sync();
    assert_eq!(env.listing("backup"), "a.txt=1 b.jpg=2");
}

#[test]
fn the_tools_own_folder_is_never_content() {
    let env = TestEnvironment::mirror("a=1 .syncplan/state=mine");
    env.sync();
    assert!(!env.path("backup/.syncplan/state").exists());
}
