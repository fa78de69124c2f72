//! Why a path is in a plan, or is not.

use std::process::Command;

use insta::assert_snapshot;

use super::environment::TestEnvironment;
use super::sides::Sides;

#[test]
fn what_happened_to_a_path_is_told() {
    let sides = Sides::folders("mode two-way");
    sides.synced("a=1 b=2 c=3 d/e=4");
    sides.local("a=edited-here -b c=here");
    sides.remote("c=there d/f=new");
    for path in ["a", "b", "c"] {
        assert_snapshot!(sides.env.run(&["plan", "--why", path]).success());
    }
    sides.env.run(&["plan", "--why", "d/e"]).success().says(&["both sides have the same"]);
    sides.env.run(&["plan", "--why", "d"]).success().says(&["download", "d/f"]);
    sides.env.run(&["plan", "site", "--why", "nothing"]).success().says(&["nothing of that name"]);
    let json = sides.env.run(&["plan", "--why", "a", "--json"]).success().json();
    assert_eq!(json["local_change"], "modified");
    assert_eq!(json["actions"][0]["op"], "upload");
}

#[test]
fn what_leaves_a_path_out_is_named() {
    let sides = Sides::folders(
        "mode two-way\n    ignore-file \".syncignore\"\n    ignore-marker \".nosync\"\n    select \"not ext(tmp)\"",
    );
    sides.env.write_file("site/.syncignore", "# objects\n*.o\nbuild/\n");
    sides.local("a.o=1 build/x=2 drafts/.nosync=3 drafts/y=4 z.tmp=5");
    sides.remote("b.o=6");
    assert!(Command::new("mkfifo").arg(sides.env.path("site/fifo")).status().unwrap().success());
    let rules = [
        ("a.o", "`*.o` in line 2 of `.syncignore` on the local side"),
        ("build/x", "`build/` in line 3 of `.syncignore` on the local side"),
        ("drafts/y", "`drafts/.nosync` on the local side is a marker"),
        ("z.tmp", "the task's `select \"not ext(tmp)\"` does not match"),
        ("b.o", "left out on the remote side: `*.o` in line 2 of `.syncignore` on the local side"),
        ("fifo", "it is a FIFO, a socket or a device"),
    ];
    for (path, rule) in rules {
        sides.env.run(&["plan", "--why", path]).success().says(&[rule]);
    }
    assert_snapshot!(sides.env.run(&["plan", "--why", "build/x"]).success());
    let json = sides.env.run(&["plan", "--why", "a.o", "--json"]).success().json();
    assert_eq!(json["left_out"]["rule"]["line"], 2);
}

#[test]
fn the_tasks_that_know_a_path_answer() {
    let env = TestEnvironment::with_manifest(
        r#"syncplan format=1

store here kind=local { root "site"; }
store there kind=local { root "backup"; }

task one kind=files {
    local here path="one"
    remote there path="one"
}
task two kind=files {
    local here path="two"
    remote there path="two"
    mode mirror
}
"#,
    );
    env.tree("site", "one/a=1 two/b=2");
    env.tree("backup", "one/ two/extra=3");
    env.run(&["plan", "--why", "b"]).success().says(&["two: b", "upload"]);
    env.run(&["plan", "--why", "extra"]).success().says(&["two: extra", "delete", "the source lacks it"]);
    assert_snapshot!(env.run(&["plan", "--why", "nowhere"]).usage());
    env.run(&["plan", "--why", "../b"]).usage();
    env.run(&["plan", "--why", "b", "-o", "plan.json"]).usage();
}
