//! `trash keep=…`: whatever is deleted or overwritten is kept, as long as the manifest says.

use std::thread::sleep;
use std::time::Duration;

use super::sides::Sides;

const KEEP: &str = r#"mode mirror; trash keep="30d""#;

#[test]
fn what_is_deleted_or_overwritten_is_kept() {
    for sides in Sides::all(KEEP) {
        sides.synced("a=1 b=2 c=3");
        sides.local("a=changed -b c>d");
        sides.env.run(&["push", "-y"]).success();
        sides.assert_both("a=changed d=3");
        let (local, remote) = sides.trash();
        // What was renamed is not doubled.
        assert_eq!((local.len(), remote), (0, vec!["1".to_owned(), "2".to_owned()]));
        sides.env.assert_in_sync();
    }
}

#[test]
fn both_sides_of_a_two_way_task_keep() {
    for sides in Sides::all(r#"mode two-way; trash keep="30d""#) {
        sides.synced("a=1 b=2");
        sides.local("-a");
        sides.remote("b=changed");
        sides.sync().success();
        sides.assert_both("b=changed");
        assert_eq!(sides.trash(), (vec!["2".to_owned()], vec!["1".to_owned()]));
    }
}

#[test]
fn without_the_node_what_was_synced_is_not_kept() {
    let sides = Sides::folders("mode mirror");
    sides.synced("a=1 b=2");
    sides.local("a=changed -b");
    sides.env.run(&["push", "-y"]).success();
    assert_eq!(sides.trash(), (Vec::new(), Vec::new()));
}

#[test]
fn it_ends_when_its_time_is_over() {
    let sides = Sides::folders(r#"mode mirror; trash keep="1s""#);
    sides.synced("a=1 b=2 c=3");
    sides.local("-a");
    sides.env.run(&["push", "-y"]).success();
    assert_eq!(sides.trash().1, ["1"]);
    sleep(Duration::from_millis(1_100));
    sides.local("-b");
    sides.env.run(&["push", "-y"]).success();
    assert_eq!(sides.trash().1, ["2"]);
}
