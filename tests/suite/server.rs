//! Folders on real servers that speak SFTP, which are folders of this machine as well.

use std::path::PathBuf;
use std::process::Command;

use super::bucket::server;
use super::environment::TestEnvironment;

/// A server that `tests/run` started, and its keys.
pub(crate) struct Server {
    pub(crate) port: String,
    pub(crate) keys: PathBuf,
    pub(crate) user: String,
    rclone: String,
}

impl Server {
    /// OpenSSH, which lets in whoever runs this; `None`, with a word on standard error, where there is none.
    pub(crate) fn open() -> Option<Self> {
        let (port, keys) = (server("SYNCPLAN_TEST_SSHD")?, server("SYNCPLAN_TEST_SFTP")?.into());
        let output = Command::new("id").arg("-un").output().unwrap();
        let user = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        Some(Self { port, keys, user, rclone: server("SYNCPLAN_TEST_RCLONE")? })
    }

    /// The settings by which a manifest gets in.
    pub(crate) fn login(&self) -> String {
        let keys = self.keys.display();
        format!("identity file=\"{keys}/id\"; known-hosts \"{keys}/known_hosts\"")
    }

    /// A manifest with one task between `site` here and the folder `backup` on the server.
    pub(crate) fn manifest(&self, env: &TestEnvironment, login: &str, settings: &str) -> String {
        let (port, user, root) = (&self.port, &self.user, env.path("backup"));
        format!(
            r#"syncplan format=1

store here kind=local {{ root "site"; }}
store there kind=sftp {{
    host "127.0.0.1"
    port {port}
    user "{user}"
    root "{}"
    {login}
}}

task site kind=files {{
    local here
    remote there
    {settings}
}}
"#,
            root.display()
        )
    }

    /// A place of its own with these settings of the task, and what is here.
    pub(crate) fn task(&self, settings: &str, site: &str) -> TestEnvironment {
        let env = TestEnvironment::new();
        env.write_file("syncplan.kdl", self.manifest(&env, &self.login(), settings));
        env.tree("site", site);
        env.tree("backup", "");
        env
    }

    /// The same as rclone sees it.
    pub(crate) fn remote(&self, env: &TestEnvironment) -> String {
        format!(":sftp:{}", env.path("backup").display())
    }

    /// Runs rclone against the server.
    #[track_caller]
    pub(crate) fn rclone(&self, args: &[&str]) {
        let mut command = Command::new(&self.rclone);
        command.env("RCLONE_CONFIG", "/dev/null").args(args).args(["--sftp-host", "127.0.0.1"]);
        command.args(["--sftp-port", &self.port, "--sftp-user", &self.user, "--sftp-shell-type", "none"]);
        command.arg("--sftp-key-file").arg(self.keys.join("id"));
        command.arg("--sftp-known-hosts-file").arg(self.keys.join("known_hosts"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
