//! Folders on real WebDAV servers.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::bucket::server;
use super::environment::{TestEnvironment, actions, next_second};
use super::tree;

/// Takes parts of files and keeps no times.
const APACHE: &str = "SYNCPLAN_TEST_WEBDAV_APACHE";
/// Keeps times, and tells content apart by them.
const RCLONE: &str = "SYNCPLAN_TEST_WEBDAV_RCLONE";

/// A folder of its own on a server.
struct Share {
    url: String,
    folder: String,
    rclone: String,
}

impl Share {
    fn on(variable: &str) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (url, rclone) = (server(variable)?, server("SYNCPLAN_TEST_RCLONE")?);
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Some(Self { url, rclone, folder: format!("test-{nanos}-{}-{count}", std::process::id()) })
    }

    fn environment(&self, settings: &str, site: &str) -> TestEnvironment {
        let Self { url, folder, .. } = self;
        let mut env = TestEnvironment::with_manifest(&format!(
            r#"syncplan format=1

store here kind=local {{ root "site"; }}
store share kind=webdav {{
    url "{url}"
    user env=TEST_USER
    password env=TEST_PASSWORD
}}

task site kind=files {{
    local here
    remote share path="{folder}"
    {settings}
}}
"#
        ));
        env.set("TEST_USER", "testuser");
        env.set("TEST_PASSWORD", "testsecret");
        env.tree("site", site);
        env
    }

    /// What an independent client finds there.
    fn listing(&self) -> String {
        let folder = tempfile::tempdir().unwrap();
        self.rclone(&["copy", &self.remote(""), folder.path().to_str().unwrap()]);
        tree::read(folder.path())
    }

    fn remote(&self, path: &str) -> String {
        format!(":webdav:{}/{path}", self.folder)
    }

    #[track_caller]
    fn rclone(&self, args: &[&str]) -> String {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let obscured = Command::new(&self.rclone).args(["obscure", "testsecret"]).output().unwrap();
        let mut command = Command::new(&self.rclone);
        command.env("RCLONE_CONFIG", "/dev/null").args(args).args(["--webdav-url", &self.url]);
        command.args(["--webdav-user", "testuser", "--webdav-pass", text(obscured.stdout).trim()]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "rclone {args:?}: {}", text(output.stderr));
        text(output.stdout)
    }
}

const SITE: &str = "a=1 b=2 d/c=3 d/e/f=4";

#[test]
fn pushed_edited_moved_deleted_fetched_and_undone() {
    for variable in [APACHE, RCLONE] {
        let Some(share) = Share::on(variable) else { return };
        let env = share.environment(r#"mode mirror; trash keep="30d""#, SITE);
        env.sync();
        assert_eq!(share.listing(), env.listing("site"), "{variable}");

        next_second();
        env.tree("site", "a=9");
        fs::rename(env.path("site/b"), env.path("site/g")).unwrap();
        fs::remove_file(env.path("site/d/c")).unwrap();
        let before = share.listing();
        env.sync();
        assert_eq!(share.listing(), env.listing("site"), "{variable}");

        env.run(&["undo", "last", "--yes"]).success();
        assert_eq!(share.listing(), before, "{variable}");
    }
}

#[test]
fn what_another_client_writes_is_fetched() {
    for variable in [APACHE, RCLONE] {
        let Some(share) = Share::on(variable) else { return };
        let env = share.environment("direction fetch\n    mode mirror", "");
        let folder = tempfile::tempdir().unwrap();
        tree::write(folder.path(), SITE);
        share.rclone(&["copy", folder.path().to_str().unwrap(), &share.remote("")]);
        env.sync();
        assert_eq!(env.listing("site"), tree::read(folder.path()), "{variable}");

        next_second();
        tree::write(folder.path(), "a=5 n=7");
        share.rclone(&["copy", "--ignore-times", folder.path().to_str().unwrap(), &share.remote("")]);
        share.rclone(&["deletefile", &share.remote("d/c")]);
        env.sync();
        fs::remove_file(folder.path().join("d/c")).unwrap();
        assert_eq!(env.listing("site"), tree::read(folder.path()), "{variable}");
    }
}

#[test]
fn both_sides_change() {
    for variable in [APACHE, RCLONE] {
        let Some(share) = Share::on(variable) else { return };
        let env = share.environment("mode two-way", SITE);
        // A side that is missing is never taken for an empty one.
        share.rclone(&["mkdir", &share.remote("")]);
        env.sync();
        env.tree("site", "d/new=5");
        let folder = tempfile::tempdir().unwrap();
        tree::write(folder.path(), "there=6");
        share.rclone(&["copy", folder.path().to_str().unwrap(), &share.remote("")]);
        share.rclone(&["deletefile", &share.remote("b")]);
        let plan = env.plan(&[]);
        let mut actions = actions(&plan);
        actions.sort();
        assert_eq!(actions, ["delete local b", "download local there", "upload remote d/new"], "{variable}");
        env.run(&["apply", "plan.json"]).success();
        env.assert_in_sync();
        assert_eq!(share.listing(), env.listing("site"), "{variable}");
    }
}

#[test]
fn large_files_arrive_whole() {
    for variable in [APACHE, RCLONE] {
        let Some(share) = Share::on(variable) else { return };
        let env = share.environment("mode mirror", "");
        let content: Vec<u8> = (0..20_000_000_u32).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect();
        env.write_file("site/large", &content);
        env.write_file("site/middle", &content[..3_000_000]);
        env.sync();
        let folder = tempfile::tempdir().unwrap();
        share.rclone(&["copy", &share.remote(""), folder.path().to_str().unwrap()]);
        assert!(fs::read(folder.path().join("large")).unwrap() == content, "{variable}");
        assert!(fs::read(folder.path().join("middle")).unwrap() == content[..3_000_000], "{variable}");
    }
}

#[test]
fn credentials_do_not_go_where_anybody_reads_along() {
    let env = TestEnvironment::with_manifest(
        "syncplan format=1\nstore here kind=local { root \"site\"; }\n\
         store share kind=webdav { url \"http://cloud.example.org/dav\"; user env=U; password env=P; }\n\
         task site kind=files { local here; remote share; mode mirror; }\n",
    );
    let mut env = env;
    env.set("U", "canary-user");
    env.set("P", "canary-password");
    env.tree("site", "a=1");
    let output = env.run(&["plan", "-o", "plan.json"]);
    let said = output.to_string();
    assert!(said.contains("write https://") && !said.contains("canary"), "{said}");
}
