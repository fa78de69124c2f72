//! Folders on a server, by SFTP: OpenSSH and rclone are the servers, rclone is the other client.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::bucket::server;
use super::environment::{TestEnvironment, actions, next_second};
use super::server::Server;
use super::tree::{temporaries, trash};

const MIRROR: &str = "mode mirror";

#[test]
fn a_folder_goes_there_and_comes_back() {
    let Some(server) = Server::open() else { return };
    let env = server.task(MIRROR, "a=1 b=2 d/c=3 d/e/f=4 old-name=some-content link->a empty/");
    env.write_file("site/large.bin", vec![42; 20 << 20]);
    fs::set_permissions(env.path("site/a"), fs::Permissions::from_mode(0o4750)).unwrap();
    next_second();
    env.sync();
    assert_eq!(env.listing("backup"), env.listing("site"));
    let mode = |path: &str| fs::metadata(env.path(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("backup/a"), 0o750);
    let modified = |path: &str| {
        let modified = fs::metadata(env.path(path)).unwrap().modified().unwrap();
        modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
    };
    assert_eq!(modified("backup/large.bin"), modified("site/large.bin"));

    env.tree("site", "a=changed new/file=5");
    fs::rename(env.path("site/old-name"), env.path("site/new/name")).unwrap();
    fs::remove_dir_all(env.path("site/d/e")).unwrap();
    let plan = env.plan(&[]);
    assert!(actions(&plan).contains(&"move remote old-name -> new/name".to_owned()), "{:?}", actions(&plan));
    env.sync();
    assert_eq!(env.listing("backup"), env.listing("site"));
    assert_eq!(temporaries(&env.path("backup")), Vec::<PathBuf>::new());

    let other = server.task("mode mirror; direction fetch", "");
    fs::remove_dir(other.path("backup")).unwrap();
    fs::rename(env.path("backup"), other.path("backup")).unwrap();
    other.sync();
    assert_eq!(other.listing("site"), env.listing("site"));
}

#[test]
fn the_folder_there_is_created() {
    let Some(server) = Server::open() else { return };
    let env = server.task(MIRROR, "a=1");
    fs::remove_dir(env.path("backup")).unwrap();
    env.run(&["plan", "-o", "plan.json"]).success();
    assert!(!env.path("backup").exists());
    env.run(&["apply", "plan.json"]).success();
    assert_eq!(env.listing("backup"), "a=1");

    let missing = server.task("mode mirror; direction fetch", "a=1");
    fs::remove_dir(missing.path("backup")).unwrap();
    missing.run(&["fetch", "-y"]).error().says(&["does not exist"]);
    assert_eq!(missing.listing("site"), "a=1");
}

#[test]
fn both_sides_are_reconciled_and_a_run_is_taken_back() {
    let Some(server) = Server::open() else { return };
    let env = server.task("mode two-way; trash keep=\"30d\"", "a=1 b=2 c=3");
    env.run(&["sync", "-y"]).success();
    assert_eq!(env.listing("backup"), "a=1 b=2 c=3");
    env.tree("site", "a=edited new=4");
    fs::remove_file(env.path("site/b")).unwrap();
    env.tree("backup", "c=there");
    env.run(&["sync", "-y"]).success();
    for side in ["site", "backup"] {
        assert_eq!(env.listing(side), "a=edited c=there new=4");
    }
    assert_eq!(trash(&env.path("backup")).len(), 2);
    env.run(&["undo", "last", "-y"]).success();
    assert_eq!(env.listing("backup"), "a=1 b=2 c=there");
    assert_eq!(env.listing("site"), "a=edited c=3 new=4");
    env.run(&["sync", "-y"]).success();
    assert_eq!(env.listing("backup"), "a=edited c=there new=4");
    env.assert_in_sync();
}

#[test]
fn rclone_reads_what_was_written_and_writes_what_is_read() {
    let Some(server) = Server::open() else { return };
    let env = server.task(MIRROR, "a=1 d/b=2 é/ü=3");
    env.write_file("site/large.bin", vec![7; 20 << 20]);
    env.sync();
    let (site, remote) = (env.path("site"), server.remote(&env));
    let site = site.to_str().unwrap();
    server.rclone(&["check", "--download", site, &remote, "--exclude", "/.syncplan/**"]);

    let there = TestEnvironment::new();
    there.tree("other", "a=rclone n/ew=5");
    there.write_file("other/big", vec![8; 18 << 20]);
    server.rclone(&["copy", there.path("other").to_str().unwrap(), &remote]);
    env.run(&["fetch", "-y"]).success();
    assert_eq!(env.read_file("site/a"), "rclone");
    assert!(fs::read(env.path("site/big")).unwrap() == vec![8; 18 << 20]);
    assert_eq!(env.listing("backup"), env.listing("site"));
}

#[test]
fn a_server_that_takes_a_password_and_knows_little_will_do() {
    let Some(sshd) = Server::open() else { return };
    let Some(port) = server("SYNCPLAN_TEST_SFTP_RCLONE") else { return };
    let folder = sshd.keys.join("rclone");
    let root = tempfile::tempdir_in(&folder).unwrap();
    let name = root.path().file_name().unwrap().to_str().unwrap().to_owned();
    let mut env = sshd.task("mode mirror; trash keep=\"30d\"", "a=1 d/b=2 keep=me");
    let known = sshd.keys.display();
    let manifest = env.read_file("syncplan.kdl");
    let manifest = manifest
        .replace(&sshd.login(), &format!("password env=PASSWORD; known-hosts \"{known}/known_hosts\""));
    let manifest = manifest.replace(&format!("port {}", sshd.port), &format!("port {port}"));
    let manifest = manifest.replace(&format!("user \"{}\"", sshd.user), "user \"tester\"");
    let manifest = manifest.replace(env.path("backup").to_str().unwrap(), &format!("{name}/below"));
    env.write_file("syncplan.kdl", manifest);
    env.set("PASSWORD", "testsecret");
    env.write_file("site/large.bin", vec![9; 20 << 20]);
    env.run(&["push", "-y"]).success();
    env.tree("site", "a=changed");
    fs::remove_file(env.path("site/d/b")).unwrap();
    env.run(&["push", "-y"]).success();
    env.assert_in_sync();
    fs::remove_dir_all(env.path("site")).unwrap();
    env.tree("site", "");
    env.run(&["fetch", "-y", "--allow", "empty-source"]).calm();
    env.set("PASSWORD", "wrong");
    let said = env.run(&["plan", "-o", "plan.json"]).error();
    assert!(said.stderr.contains("tester") && !said.stderr.contains("wrong"), "{said}");
}

#[test]
fn a_server_that_is_not_known_is_refused() {
    let Some(server) = Server::open() else { return };
    let line = fs::read_to_string(server.keys.join("known_hosts")).unwrap();
    let line = line.lines().find(|line| line.contains(&format!(":{} ", server.port))).unwrap();
    let other = fs::read_to_string(server.keys.join("other_host.pub")).unwrap();
    let host = line.split(' ').next().unwrap();
    let key = server.keys.display();
    let env = server.task(MIRROR, "a=1");
    let login = format!("identity file=\"{key}/id\"; known-hosts \"known\"");
    env.write_file("syncplan.kdl", server.manifest(&env, &login, MIRROR));
    for (known, why) in [
        ("".to_owned(), "is not known"),
        (format!("{host} {other}"), "another one than it was"),
        (format!("{line}\n@revoked * {}\n", line.split_once(' ').unwrap().1), "was revoked"),
        (format!("@cert-authority * {}\n", line.split_once(' ').unwrap().1), "certificates"),
    ] {
        env.write_file("known", known);
        let said = env.run(&["push", "-y"]).error().says(&["syncplan::store::untrusted", "SHA256:"]);
        let words: Vec<_> = said.stderr.split_whitespace().filter(|word| *word != "│").collect();
        assert!(words.join(" ").contains(why), "{said}");
        assert_eq!(env.listing("backup"), "");
    }
    env.write_file("known", line);
    env.run(&["push", "-y"]).success();
}

#[test]
fn whoever_may_not_log_in_is_told() {
    let Some(server) = Server::open() else { return };
    let mut env = server.task(MIRROR, "a=1");
    let keys = server.keys.display();
    let known = format!("known-hosts \"{keys}/known_hosts\"");
    let with = |login: &str| {
        env.write_file("syncplan.kdl", server.manifest(&env, &format!("{login}; {known}"), MIRROR));
        env.run(&["plan", "-o", "plan.json"])
    };
    with(&format!("identity file=\"{keys}/other_host\"")).error().says(&["does not let"]);
    with(&format!("identity file=\"{keys}/locked\"")).error().says(&["locked", "passphrase"]);
    with("access read-write").error().says(&["no key to log in"]);
    env.set("PASSPHRASE", "wrong");
    let with = |env: &TestEnvironment, login: &str| {
        env.write_file("syncplan.kdl", server.manifest(env, &format!("{login}; {known}"), MIRROR));
        env.run(&["plan", "-o", "plan.json"])
    };
    let locked = format!("identity file=\"{keys}/locked\"; passphrase env=PASSPHRASE");
    with(&env, &locked).error().says(&["passphrase right"]);
    env.set("PASSPHRASE", "testsecret");
    with(&env, &locked).success();
    let command = format!("identity command=\"cat {keys}/id\"");
    with(&env, &command).success();
}

#[test]
fn an_agent_and_the_usual_keys_are_asked() {
    let Some(server) = Server::open() else { return };
    let mut env = server.task(MIRROR, "a=1");
    let known = format!("known-hosts \"{}/known_hosts\"", server.keys.display());
    env.write_file("syncplan.kdl", server.manifest(&env, &known, MIRROR));
    let socket = env.root.path().join("agent");
    let mut agent =
        Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
    while !socket.exists() {
        sleep(Duration::from_millis(10));
    }
    let mut add = Command::new("ssh-add");
    add.arg("-q").arg(server.keys.join("id")).env("SSH_AUTH_SOCK", &socket).stderr(Stdio::null());
    assert!(add.status().unwrap().success());
    env.set("SSH_AUTH_SOCK", &socket);
    let by_agent = env.run(&["push", "-y"]);
    agent.kill().unwrap();
    agent.wait().unwrap();
    by_agent.success();

    // Nobody listens there any more.
    env.run(&["plan", "-o", "plan.json"]).error();
    fs::create_dir(env.root.path().join("home/.ssh")).unwrap();
    fs::copy(server.keys.join("id"), env.root.path().join("home/.ssh/id_ed25519")).unwrap();
    fs::copy(server.keys.join("known_hosts"), env.root.path().join("home/.ssh/known_hosts")).unwrap();
    env.write_file("syncplan.kdl", server.manifest(&env, "", MIRROR));
    env.sync();
}

#[test]
fn a_program_can_be_the_way_there() {
    let Some(server) = Server::open() else { return };
    let env = server.task(MIRROR, "a=1");
    env.write_file("site/large.bin", vec![3; 20 << 20]);
    let (keys, port, user) = (server.keys.display(), &server.port, &server.user);
    let jump = format!(
        r#"proxy-command "ssh" "-i" "{keys}/id" "-o" "UserKnownHostsFile={keys}/known_hosts" "-p" "{port}" "-W" "%h:%p" "{user}@127.0.0.1""#
    );
    let login = format!("{}\n    {jump}", server.login());
    env.write_file("syncplan.kdl", server.manifest(&env, &login, MIRROR));
    env.sync();
    assert_eq!(env.listing("backup"), env.listing("site"));

    let login = format!("{}\n    proxy-command \"/nonexistent\"", server.login());
    env.write_file("syncplan.kdl", server.manifest(&env, &login, MIRROR));
    env.run(&["plan", "-o", "plan.json"]).error().says(&["cannot be reached"]);
}

#[test]
fn a_link_on_the_server_is_not_followed() {
    let Some(server) = Server::open() else { return };
    let env = server.task("mode mirror; delete never", "d/a=1 e=2");
    let outside = env.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("b"), "not ours").unwrap();
    env.run(&["plan", "-o", "plan.json"]).success();
    symlink(&outside, env.path("backup/d")).unwrap();
    env.run(&["apply", "plan.json"]).calm();
    assert_eq!(env.listing("outside"), "b=not ours");

    // What is behind it is no part of the tree, and the link is only a link.
    let fetch = server.task("mode mirror; direction fetch", "");
    symlink(&outside, fetch.path("backup/d")).unwrap();
    fetch.sync();
    assert_eq!(fs::read_link(fetch.path("site/d")).unwrap(), outside);
}

#[test]
fn names_are_bytes() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let Some(server) = Server::open() else { return };
    let env = server.task(MIRROR, "");
    for name in [b"\xff\xfe".as_slice(), b"new\nline", b"-rf", b"\x1b[2K", b"a\\b"] {
        fs::write(env.path("site").join(OsStr::from_bytes(name)), name).unwrap();
    }
    env.sync();
    for name in [b"\xff\xfe".as_slice(), b"new\nline", b"-rf", b"\x1b[2K", b"a\\b"] {
        assert_eq!(fs::read(env.path("backup").join(OsStr::from_bytes(name))).unwrap(), name);
    }
}

const MIB: u64 = 1 << 20;

#[test]
fn a_killed_upload_goes_on_where_it_was() {
    let Some(server) = Server::open() else { return };
    let env = server.task("mode mirror; bandwidth \"24MiB/s\"", "");
    goes_on(&env, "push", "site", "backup");
}

#[test]
fn a_killed_download_goes_on_where_it_was() {
    let Some(server) = Server::open() else { return };
    let env = server.task("mode mirror; direction fetch; bandwidth \"24MiB/s\"", "");
    goes_on(&env, "fetch", "backup", "site");
}

/// Goes between its input and output and a server, and keeps in two files how much went each way.
const COUNT: &str = r#"
import os, select, socket, sys
server = socket.create_connection((sys.argv[1], int(sys.argv[2])))
ways = {0: (server.fileno(), "up"), server.fileno(): (1, "down")}
passed = {"up": 0, "down": 0}
while True:
    for source in select.select(list(ways), [], [])[0]:
        target, name = ways[source]
        piece = os.read(source, 1 << 20)
        if not piece:
            sys.exit()
        passed[name] += len(piece)
        with open(name, "w") as count:
            count.write(str(passed[name]))
        while piece:
            piece = piece[os.write(target, piece):]
"#;

/// Kills the transfer of 64 MiB when some of it is there, and lets another finish it.
fn goes_on(env: &TestEnvironment, way: &str, from: &str, to: &str) {
    let content: Vec<u8> = (0..64 * MIB).map(|at| (at ^ (at >> 9) ^ (at >> 17)) as u8).collect();
    fs::write(env.path(from).join("large.bin"), &content).unwrap();
    // Its second is over.
    sleep(Duration::from_millis(1_100));
    let mut run = env.command(&[way, "-y"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    let draft = || {
        let found = temporaries(&env.path(to)).into_iter().next()?;
        fs::metadata(env.path(to).join(found)).ok()
    };
    while draft().is_none_or(|draft| draft.len() < 48 * MIB) {
        assert!(Instant::now() < deadline && run.try_wait().unwrap().is_none(), "it did not get there");
        sleep(Duration::from_millis(5));
    }
    run.kill().unwrap();
    assert_eq!(run.wait().unwrap().signal(), Some(9), "it ended before it was killed");
    let begun = draft().unwrap().len();
    assert!(begun < 64 * MIB, "all of it was there");
    // The next one goes by a program that counts what passes.
    env.write_file("count.py", COUNT);
    let line = r#"proxy-command "python3" "count.py" "%h" "%p""#;
    let manifest = env.read_file("syncplan.kdl").replace("; bandwidth \"24MiB/s\"", "");
    env.write_file("syncplan.kdl", manifest.replace("    identity ", &format!("    {line}\n    identity ")));
    env.run(&[way, "-y"]).success();
    // Four parts may have been on their way; all before them are not sent again.
    let passed: u64 = env.read_file(if to == "site" { "down" } else { "up" }).parse().unwrap();
    let sent_before = (begun / (8 * MIB)).saturating_sub(4) * 8 * MIB;
    assert!(
        sent_before > 0 && passed < 64 * MIB - sent_before + 2 * MIB,
        "{passed} bytes for the rest of {begun}"
    );
    assert!(fs::read(env.path(to).join("large.bin")).unwrap() == content);
    assert_eq!(temporaries(&env.path(to)), Vec::<PathBuf>::new());
}
