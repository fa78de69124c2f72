//! Secrets in every place where one can enter, and none of them anywhere afterwards.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use super::bucket::{MOTO, RCLONE, server};
use super::environment::TestEnvironment;

/// A store that takes a secret, as a manifest writes it: `{secret}` is where each of them stands.
struct Entrance {
    kind: &'static str,
    /// The settings besides the secrets; `{endpoint}` is a server that answers, or one that does not.
    settings: &'static str,
    /// The settings that take a secret.
    secrets: &'static [&'static str],
    /// How they are named here; how a reference is resolved is the same for all kinds.
    ways: &'static [Way],
}

/// One line a kind; another kind of store is another line here.
const ENTRANCES: &[Entrance] = &[
    Entrance {
        kind: "s3",
        settings: "provider other; bucket \"bkt\"; prefix \"canary\"; endpoint \"{endpoint}\"; retries 0; timeout \"5s\"",
        secrets: &["access-key-id", "secret-access-key", "session-token"],
        ways: &[Way::Env, Way::File, Way::Command],
    },
    Entrance {
        kind: "azure",
        settings: "account \"canaries\"; container \"bkt\"; endpoint \"{endpoint}/canaries\"; retries 0; timeout \"5s\"",
        secrets: &["access-key"],
        ways: &[Way::Env],
    },
    Entrance {
        kind: "azure",
        settings: "account \"canaries\"; container \"bkt\"; endpoint \"{endpoint}/canaries\"; retries 0; timeout \"5s\"",
        secrets: &["sas-token"],
        ways: &[Way::Command],
    },
    Entrance {
        kind: "gcs",
        settings: "bucket \"bkt\"; endpoint \"{endpoint}\"; retries 0; timeout \"5s\"",
        secrets: &["service-account"],
        ways: &[Way::File],
    },
    Entrance {
        kind: "sftp",
        settings: "host \"127.0.0.1\"; port 9; root \"canary\"; retries 0; timeout \"5s\"",
        secrets: &["password"],
        ways: &[Way::Env],
    },
    Entrance {
        kind: "sftp",
        settings: "host \"127.0.0.1\"; port 9; root \"canary\"; retries 0; timeout \"5s\"",
        secrets: &["identity", "passphrase"],
        ways: &[Way::File],
    },
    Entrance {
        kind: "webdav",
        settings: "url \"{endpoint}/dav\"; retries 0; timeout \"5s\"",
        secrets: &["user", "password"],
        ways: &[Way::Env],
    },
    Entrance {
        kind: "http",
        settings: "url \"{endpoint}/site\"; retries 0; timeout \"5s\"",
        secrets: &["bearer-token"],
        ways: &[Way::Env],
    },
];

/// How a secret is named.
#[derive(Debug, Clone, Copy)]
enum Way {
    Env,
    File,
    Command,
}

/// What no output and no file may hold: the text itself, and what would tell it as well.
fn canary(kind: &str, setting: &str, way: Way) -> String {
    format!("CANARY{kind}{}{way:?}", setting.replace('-', ""))
}

fn traces(canary: &str) -> Vec<Vec<u8>> {
    let hashed = syncplan_model::Digest::of(canary.as_bytes()).to_string()[3..].to_owned();
    let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
    vec![canary.as_bytes().to_vec(), hashed.into_bytes(), hex.into_bytes()]
}

/// A manifest whose one store has all its secrets named this way, and what they are.
fn prepare(env: &mut TestEnvironment, entrance: &Entrance, endpoint: &str, way: Way) -> Vec<String> {
    let mut lines = String::new();
    let mut canaries = Vec::new();
    for setting in entrance.secrets {
        let canary = canary(entrance.kind, setting, way);
        let reference = match way {
            Way::Env => {
                let name = format!("CANARY_{}", setting.replace('-', "_").to_uppercase());
                env.set(&name, &canary);
                format!("env={name}")
            }
            Way::File => {
                env.write_file(format!("secret-{setting}"), &canary);
                format!("file=\"secret-{setting}\"")
            }
            Way::Command => {
                env.write_file(format!("secret-{setting}"), &canary);
                let script = format!("#!/bin/sh\ncat secret-{setting}\n");
                env.write_file(format!("tell-{setting}"), script);
                fs::set_permissions(env.path(format!("tell-{setting}")), fs::Permissions::from_mode(0o755))
                    .unwrap();
                format!("command=\"./tell-{setting}\"")
            }
        };
        lines.push_str(&format!("    {setting} {reference}\n"));
        canaries.push(canary);
    }
    // A web site is read and nothing else.
    let direction = if entrance.kind == "http" { "fetch" } else { "push" };
    let settings = entrance.settings.replace("{endpoint}", endpoint).replace("; ", "\n    ");
    env.write_file(
        "syncplan.kdl",
        format!(
            "syncplan format=1\nstore here kind=local {{ root \"site\"; }}\nstore there kind={} {{\n    {settings}\n{lines}}}\n\
             task site kind=files {{\n    local here\n    remote there path=\"{way:?}\"\n    mode mirror\n    direction {direction}\n    trash keep=\"30d\"\n}}\n",
            entrance.kind
        ),
    );
    canaries
}

/// All files below a folder, the places of the secrets themselves aside.
fn files_with(folder: &Path, canaries: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(files_with(&path, canaries));
        } else if !name.starts_with("secret-") {
            let content = fs::read(&path).unwrap();
            let holds =
                canaries.iter().flat_map(|canary| traces(canary)).any(|trace| holds(&content, &trace));
            if holds {
                found.insert(path.display().to_string());
            }
        }
    }
    found
}

fn holds(content: &[u8], trace: &[u8]) -> bool {
    content.windows(trace.len()).any(|window| window == trace)
}

/// Runs the program with everything that it can say, looks at the arguments of all its processes meanwhile,
/// and gives what it said.
fn run(env: &TestEnvironment, args: &[&str]) -> Vec<u8> {
    let loud = ["-vvv", "--log-file", "all.log", "--events", "events.ndjson"];
    let mut command = env.command(&[args, &loud].concat());
    command.env("SYNCPLAN_LOG", "trace").env("RUST_BACKTRACE", "1").env("RUST_LOG", "trace");
    let child = command.spawn().unwrap();
    let pid = child.id();
    let watching = std::thread::spawn(move || {
        let mut seen = Vec::new();
        while let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) {
            if line.is_empty() {
                break;
            }
            seen.extend(line);
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            for child in children.split_whitespace() {
                seen.extend(fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        seen
    });
    let output = child.wait_with_output().unwrap();
    [output.stdout, output.stderr, watching.join().unwrap()].concat()
}

/// Every command that opens a store, in the order in which somebody would use them.
const COMMANDS: &[&[&str]] = &[
    &["validate"],
    &["doctor"],
    &["doctor", "--json"],
    &["scan", "--json"],
    &["plan", "-o", "plan.json"],
    &["plan", "--why", "a"],
    &["show", "plan.json"],
    &["show", "plan.json", "--format", "json"],
    &["apply", "plan.json", "--dry-run"],
    &["apply", "plan.json"],
    &["diff", "--json"],
    &["push", "-y", "--json"],
    &["undo", "last", "-y"],
    &["history", "--json"],
    &["log", "last", "--json"],
    &["gc", "-y"],
    &["scan", "--side", "remote", "-o", "remote.ndjson"],
];

fn nothing_is_told(entrance: &Entrance, endpoint: &str) {
    for &way in entrance.ways {
        let mut env = TestEnvironment::new();
        env.tree("site", "a=1 b/c=2");
        let canaries = prepare(&mut env, entrance, endpoint, way);
        for command in COMMANDS {
            let said = run(&env, command);
            for trace in canaries.iter().flat_map(|canary| traces(canary)) {
                let told = holds(&said, &trace);
                assert!(!told, "{} {way:?} {command:?}\n{}", entrance.kind, String::from_utf8_lossy(&said));
            }
        }
        assert!(env.path(".syncplan/state.db").exists() && env.path("all.log").exists());
        assert_eq!(files_with(&env.path(""), &canaries), BTreeSet::new(), "{} {way:?}", entrance.kind);
    }
}

/// A server that believes every signature: all of it is carried out.
#[test]
fn no_secret_is_told_when_all_goes_well() {
    let Some(endpoint) = server(MOTO) else { return };
    for entrance in ENTRANCES {
        nothing_is_told(entrance, &endpoint);
    }
}

/// A server that refuses the key: everything fails, and says why.
#[test]
fn no_secret_is_told_when_it_is_refused() {
    let Some(endpoint) = server(RCLONE) else { return };
    for entrance in ENTRANCES {
        nothing_is_told(entrance, &endpoint);
    }
}

#[test]
fn no_secret_is_told_when_nobody_listens() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for entrance in ENTRANCES {
        nothing_is_told(entrance, &format!("http://127.0.0.1:{port}"));
    }
}

/// Credentials in an address are refused, and the refusal does not repeat them.
#[test]
fn no_secret_is_told_that_stands_in_an_address_or_in_the_manifest() {
    let env = TestEnvironment::new();
    env.tree("site", "a=1");
    for (endpoint, secret) in [
        ("http://user:CANARYuserinfo@127.0.0.1:1", "env=A"),
        ("http://127.0.0.1:1/?sig=CANARYsignature", "env=A"),
        ("http://127.0.0.1:1", "\"CANARYliteral\""),
    ] {
        env.write_file(
            "syncplan.kdl",
            format!(
                "syncplan format=1\nstore here kind=local {{ root \"site\"; }}\nstore there kind=s3 {{\n    provider other\n    \
                 bucket \"bkt\"\n    endpoint \"{endpoint}\"\n    access-key-id env=A\n    secret-access-key {secret}\n}}\n\
                 task site kind=files {{\n    local here\n    remote there\n}}\n"
            ),
        );
        for command in [&["validate"][..], &["doctor"], &["plan", "-o", "plan.json"], &["push", "-y"]] {
            let mut started = env.command(&[command, &["-vvv", "--log-file", "all.log"]].concat());
            started.env("SYNCPLAN_LOG", "trace").env("A", "CANARYenvironment");
            let output = started.output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            assert!(!holds(&said, b"CANARY"), "{endpoint} {command:?}\n{}", String::from_utf8_lossy(&said));
        }
        fs::remove_file(env.path("syncplan.kdl")).unwrap();
        let left = files_with(&env.path(""), &["CANARY".to_owned()]);
        assert_eq!(left, BTreeSet::new());
    }
    // The password of the state's own server.
    env.write_file("syncplan.kdl", super::environment::MIRROR);
    env.tree("backup", "");
    let state = "postgres://me:CANARYpassword@127.0.0.1:1/db";
    for command in [&["doctor"][..], &["plan", "-o", "plan.json"], &["push", "-y"]] {
        let mut started = env.command(&[command, &["-vvv", "--log-file", "all.log"]].concat());
        let output = started.env("SYNCPLAN_STATE", state).env("SYNCPLAN_LOG", "trace").output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(!holds(&said, b"CANARY"), "{command:?}\n{}", String::from_utf8_lossy(&said));
    }
    assert_eq!(files_with(&env.path(""), &["CANARY".to_owned()]), BTreeSet::new());
}
