//! Files that become folders, empty folders, links, and what is none of these.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::environment::{TestEnvironment, actions};

#[test]
fn files_become_folders_and_folders_files() {
    let env = TestEnvironment::mirror("was-file=1 was-folder/x=2 was-folder/y/z=3 keep=4");
    env.sync();
    fs::remove_file(env.path("site/was-file")).unwrap();
    fs::remove_dir_all(env.path("site/was-folder")).unwrap();
    env.tree("site", "was-file/inside=5 was-folder=6");
    env.sync();
    assert_eq!(env.listing("backup"), "keep=4 was-file/inside=5 was-folder=6");
}

#[test]
fn empty_folders_come_and_go() {
    let env = TestEnvironment::mirror("a=1 empty/ nested/empty/");
    env.sync();
    assert_eq!(env.listing("backup"), "a=1 empty/ nested/empty/");
    fs::remove_dir_all(env.path("site/nested")).unwrap();
    env.sync();
    assert_eq!(env.listing("backup"), "a=1 empty/");
}

#[test]
fn a_deleted_folder_goes_with_its_content() {
    let env = TestEnvironment::mirror("a=1 b=2 c=3 d/e/f=4 d/e/g=5");
    env.sync();
    fs::remove_dir_all(env.path("site/d")).unwrap();
    let plan = env.plan(&[]);
    assert!(actions(&plan).contains(&"rmdir remote d".to_owned()), "{:?}", actions(&plan));
    env.run(&["apply", "plan.json"]).success();
    assert_eq!(env.listing("backup"), "a=1 b=2 c=3");
}

#[test]
fn a_name_that_changes_in_case_alone_is_renamed() {
    let env = TestEnvironment::mirror("Readme=content-of-readme folder/x=1");
    env.sync();
    fs::rename(env.path("site/Readme"), env.path("site/README")).unwrap();
    fs::rename(env.path("site/folder"), env.path("site/Folder")).unwrap();
    env.sync();
    assert_eq!(env.listing("backup"), "Folder/x=1 README=content-of-readme");
}

#[test]
fn links_stay_links_and_are_never_followed() {
    let env = TestEnvironment::mirror("real=1 link->real dangling->nowhere up->..");
    env.tree("outside", "secret=do-not-copy");
    symlink(env.path("outside"), env.path("site/out")).unwrap();
    env.sync();
    let listing = env.listing("backup");
    assert!(listing.contains("link->real") && listing.contains("dangling->nowhere"), "{listing}");
    assert!(!listing.contains("do-not-copy"), "{listing}");
    assert!(fs::symlink_metadata(env.path("backup/out")).unwrap().is_symlink());
}

#[test]
fn a_link_at_the_target_is_no_way_out() {
    let env = TestEnvironment::mirror("d/x=new f=new");
    env.tree("outside", "x=precious f=precious");
    symlink(env.path("outside"), env.path("backup/d")).unwrap();
    symlink(env.path("outside/f"), env.path("backup/f")).unwrap();
    env.run(&["plan", "-o", "plan.json"]).success();
    env.run(&["apply", "plan.json"]).success();
    assert_eq!(env.listing("outside"), "f=precious x=precious");
    assert_eq!(env.listing("backup"), "d/x=new f=new");
}

#[test]
fn a_link_put_in_place_of_a_folder_after_the_plan_is_no_way_out() {
    let env = TestEnvironment::mirror("d/x=1");
    env.tree("backup", "d/old=1");
    env.tree("outside", "keep=precious");
    env.run(&["plan", "-o", "plan.json"]).success();
    fs::remove_dir_all(env.path("backup/d")).unwrap();
    symlink(env.path("outside"), env.path("backup/d")).unwrap();
    let output = env.run(&["apply", "plan.json"]).code(4);
    assert_eq!(env.listing("outside"), "keep=precious", "{output}");
}

#[test]
fn a_pipe_is_reported_and_never_opened() {
    let env = TestEnvironment::mirror("a=1");
    assert!(Command::new("mkfifo").arg(env.path("site/pipe")).status().unwrap().success());
    env.run(&["plan", "-o", "plan.json"]).success().says(&["pipe"]);
    env.run(&["apply", "plan.json"]).success();
    assert_eq!(env.listing("backup"), "a=1");
}

#[test]
fn what_cannot_be_read_is_reported_and_costs_nothing() {
    use std::os::unix::fs::PermissionsExt;

    let mut env = TestEnvironment::mirror("a=1 file=2 folder/x=3");
    env.sync();
    env.tree("site", "b=4 file=changed");
    env.drop_privileges();
    for closed in ["site/file", "site/folder"] {
        fs::set_permissions(env.path(closed), fs::Permissions::from_mode(0o000)).unwrap();
    }
    let output = env.run(&["plan", "-o", "plan.json"]).code(5).says(&["folder"]);
    env.run(&["apply", "plan.json"]).code(5).says(&["file"]);
    fs::set_permissions(env.path("site/folder"), fs::Permissions::from_mode(0o755)).unwrap();
    // What was under the closed folder is still there: not seeing it is not its absence.
    assert_eq!(env.listing("backup"), "a=1 b=4 file=2 folder/x=3", "{output}");
}

#[test]
fn a_target_that_may_not_be_written_is_one_clear_error() {
    use std::os::unix::fs::PermissionsExt;

    let mut env = TestEnvironment::mirror("a=1 b=2");
    env.drop_privileges();
    fs::set_permissions(env.path("backup"), fs::Permissions::from_mode(0o555)).unwrap();
    env.run(&["plan", "-o", "plan.json"]).success();
    let output = env.run(&["apply", "plan.json"]).code(5);
    assert!(output.stderr.contains("ermission"), "{output}");
    assert_eq!(env.listing("backup"), "");
    assert_eq!(env.listing("site"), "a=1 b=2");
}

#[test]
fn a_source_that_is_partly_unreadable_is_never_done() {
    use std::os::unix::fs::PermissionsExt;

    let mut env = TestEnvironment::mirror("a=1 closed/x=2");
    env.drop_privileges();
    fs::set_permissions(env.path("site/closed"), fs::Permissions::from_mode(0o000)).unwrap();
    env.run(&["plan", "-o", "plan.json"]).code(5).says(&["closed"]);
    env.run(&["push", "-y"]).code(5).says(&["closed"]);
    assert_eq!(env.listing("backup"), "a=1");
    // Nothing that could be read is left to do, and still nobody may take both sides for the same.
    env.run(&["plan", "-o", "plan.json", "--detailed-exitcode"]).code(5);
    env.run(&["diff", "--detailed-exitcode"]).code(5).says(&["closed"]);
    env.run(&["push", "-y"]).code(5);
    fs::set_permissions(env.path("site/closed"), fs::Permissions::from_mode(0o755)).unwrap();
    env.sync();
    assert_eq!(env.listing("backup"), "a=1 closed/x=2");
}
