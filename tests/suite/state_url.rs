//! `--state`: what syncplan remembers may be on a server.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::bucket::server;
use super::environment::TestEnvironment;
use super::sides::Sides;

/// A database of its own on the server, which ends with the server.
fn database() -> Option<String> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let address = server("SYNCPLAN_TEST_POSTGRES")?;
    let name = format!("suite_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let create = format!("CREATE DATABASE {name}");
    let created = Command::new("psql").arg(&address).args(["-q", "-c", &create]).output().unwrap();
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    let (server, _) = address.rsplit_once('/').unwrap();
    Some(format!("{server}/{name}"))
}

#[test]
fn everything_works_with_a_state_on_a_server() {
    let Some(state) = database() else { return };
    let mut sides = Sides::folders(r#"mode two-way; trash keep="30d""#);
    sides.env.set("SYNCPLAN_STATE", &state);
    sides.synced("a=1 b=2");
    sides.local("a=edited -b");
    sides.sync().success();
    sides.assert_both("a=edited");
    sides.env.run(&["undo", "last", "-y"]).success();
    assert_eq!(sides.trees(), ("a=edited".to_owned(), "a=1 b=2".to_owned()));
    sides.sync().success();
    sides.assert_both("a=edited");
    sides.assert_settled(&[]);
    sides.env.run(&["history"]).success().says(&["   4 ", "   1 "]);
    assert!(!sides.env.path(".syncplan/state.db").exists());
}

#[test]
fn a_flag_comes_before_the_variable() {
    let mut env = TestEnvironment::mirror("a=1");
    env.set("SYNCPLAN_STATE", "variable.db");
    env.run(&["push", "-y", "--state", "sqlite:flag.db"]).success();
    assert!(env.path("flag.db").exists() && !env.path("variable.db").exists());
    env.run(&["push", "-y"]).success();
    assert!(env.path("variable.db").exists());
}

/// A state that is new and empty would be taken for one that knows of nothing.
#[test]
fn a_mistyped_path_creates_nothing() {
    let env = TestEnvironment::mirror("a=1");
    for state in ["sates/one.db", "sqlite:sates/one.db", "sates/deep/one.db"] {
        env.run(&["push", "-y", "--state", state]).code(64).says(&["the folder sates", "does not exist"]);
    }
    assert!(!env.path("sates").exists() && !env.path(".syncplan").exists());
    assert_eq!(env.listing("backup"), "");
    std::fs::create_dir(env.path("sates")).unwrap();
    env.run(&["push", "-y", "--state", "sates/one.db"]).success();
    assert!(env.path("sates/one.db").exists());
}

#[test]
fn an_address_is_told_without_its_password() {
    let env = TestEnvironment::mirror("a=1");
    for address in
        ["postgres://me:canary@127.0.0.1:1/x", "mysql://me:canary@127.0.0.1/x", "postgres://me:canary@h:x/y"]
    {
        let output = env.run(&["push", "-y", "--state", address]);
        assert!(!output.stdout.contains("canary") && !output.stderr.contains("canary"), "{output}");
        assert!(output.stderr.contains("state"), "{output}");
    }
    assert_eq!(env.listing("backup"), "");
}
