//! Places in buckets of real servers.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::tree;

/// moto: knows conditional requests, believes every signature.
pub(crate) const MOTO: &str = "SYNCPLAN_TEST_S3_MOTO";
/// `rclone serve s3`: checks signatures, ignores conditions.
pub(crate) const RCLONE: &str = "SYNCPLAN_TEST_S3_RCLONE";

/// A prefix that no other test uses, in the bucket `bkt` of a server that `tests/run` started.
pub(crate) struct Bucket {
    pub(crate) endpoint: String,
    pub(crate) prefix: String,
    rclone: String,
}

impl Bucket {
    /// A place of its own on that server; `None`, with a word on standard error, where there is no
    /// server and none was promised.
    pub(crate) fn on(variable: &str) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let endpoint = server(variable)?;
        let rclone = server("SYNCPLAN_TEST_RCLONE")?;
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("test-{nanos}-{}-{count}", std::process::id());
        Some(Self { endpoint, prefix, rclone })
    }

    /// A manifest with one task from `site` to here. The secrets are in the environment.
    pub(crate) fn manifest(&self, settings: &str) -> String {
        let Self { endpoint, prefix, .. } = self;
        format!(
            r#"syncplan format=1

store here kind=local {{ root "site"; }}
store bucket kind=s3 {{
    provider other
    bucket "bkt"
    endpoint "{endpoint}"
    region "us-east-1"
    addressing path-style
    access-key-id env=TEST_KEY_ID
    secret-access-key env=TEST_SECRET
}}

task site kind=files {{
    local here
    remote bucket path="{prefix}"
    {settings}
}}
"#
        )
    }

    /// What is here, as a tree literal.
    pub(crate) fn listing(&self) -> String {
        let folder = tempfile::tempdir().unwrap();
        self.download(folder.path());
        tree::read(folder.path())
    }

    /// Brings everything here into a folder.
    pub(crate) fn download(&self, folder: &Path) {
        self.rclone(&["copy", "--use-server-modtime", &self.remote(), folder.to_str().unwrap()]);
    }

    /// Adds to it what a tree literal says.
    pub(crate) fn tree(&self, literal: &str) {
        let folder = tempfile::tempdir().unwrap();
        tree::write(folder.path(), literal);
        self.rclone(&["copy", folder.path().to_str().unwrap(), &self.remote()]);
    }

    /// Everything here with sizes, hashes and the server's times, syncplan's own objects included.
    pub(crate) fn exact(&self) -> String {
        self.rclone(&["lsjson", "-R", "--files-only", "--hash", "--use-server-modtime", &self.remote()])
    }

    /// Where it is, as rclone writes it.
    pub(crate) fn remote(&self) -> String {
        format!(":s3:bkt/{}", self.prefix)
    }

    /// Runs rclone against the server, and gives what it prints.
    #[track_caller]
    pub(crate) fn rclone(&self, args: &[&str]) -> String {
        self.try_rclone(args).unwrap_or_else(|said| panic!("rclone {args:?}: {said}"))
    }

    /// The same, or what rclone says if it fails.
    pub(crate) fn try_rclone(&self, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.rclone);
        command.env("RCLONE_CONFIG", "/dev/null").args(args);
        command.args(["--s3-provider", "Other", "--s3-endpoint", &self.endpoint]);
        command.args(["--s3-access-key-id", "testkey", "--s3-secret-access-key", "testsecret"]);
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }
}

/// What `tests/run` says about a server in this variable. Where it says nothing, a test can only say
/// so and return, unless this is CI: there it is a failure.
pub(crate) fn server(variable: &str) -> Option<String> {
    let value = std::env::var(variable).ok();
    if value.is_none() {
        let promised = std::env::var_os("CI").is_some();
        assert!(!promised, "{variable} is not set: run the tests with `tests/run`, which starts the servers");
        announce();
    }
    value
}

#[expect(clippy::print_stderr, reason = "it is for whoever runs the tests")]
fn announce() {
    eprintln!("not run: needs tests/run");
}
