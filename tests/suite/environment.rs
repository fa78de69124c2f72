//! A place of its own for one test.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use insta::internals::SettingsBindDropGuard;
use serde_json::Value;
use tempfile::TempDir;

use super::bucket::Bucket;
use super::output::Output;
use super::tree;

/// A temporary folder with a manifest, and a program that sees nothing of this machine but that.
///
/// While it lives, snapshots of the thread go to `snapshots/suite`, with paths and times redacted.
pub(crate) struct TestEnvironment {
    pub(crate) root: TempDir,
    binary: PathBuf,
    prefix: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    _settings: SettingsBindDropGuard,
}

/// Two folders, one of which becomes a replica of the other.
pub(crate) const MIRROR: &str = r#"syncplan format=1

store here kind=local { root "site"; }
store there kind=local { root "backup"; }

task site kind=files {
    local here
    remote there
    mode mirror
}
"#;

impl TestEnvironment {
    /// With no manifest.
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new().prefix("syncplan-suite-").tempdir().unwrap();
        for folder in ["work", "home"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        Self {
            root,
            binary: PathBuf::from(env!("CARGO_BIN_EXE_syncplan")),
            prefix: Vec::new(),
            variables: Vec::new(),
            _settings: snapshot_settings().bind_to_scope(),
        }
    }

    /// With the given manifest.
    pub(crate) fn with_manifest(text: &str) -> Self {
        let env = Self::new();
        env.write_file("syncplan.kdl", text);
        env
    }

    /// With [`MIRROR`], a source tree (see [`tree::write`]) and a target that exists and is empty.
    pub(crate) fn mirror(site: &str) -> Self {
        Self::task("mode mirror", site)
    }

    /// As [`TestEnvironment::mirror`], with these settings in place of `mode mirror`.
    pub(crate) fn task(settings: &str, site: &str) -> Self {
        let env = Self::with_manifest(&MIRROR.replace("mode mirror", settings));
        env.tree("site", site);
        env.tree("backup", "");
        env
    }

    /// A source tree and a place in a bucket, with these settings of the task.
    pub(crate) fn to_bucket(bucket: &Bucket, settings: &str, site: &str) -> Self {
        let mut env = Self::with_manifest(&bucket.manifest(settings));
        env.set("TEST_KEY_ID", "testkey");
        env.set("TEST_SECRET", "testsecret");
        env.tree("site", site);
        env
    }

    /// A path below the folder of the manifest.
    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.path().join("work").join(path)
    }

    /// Writes a file below the folder of the manifest.
    pub(crate) fn write_file(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Reads a file below the folder of the manifest.
    pub(crate) fn read_file(&self, path: impl AsRef<Path>) -> String {
        let path = self.path(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Adds to a folder what a tree literal says.
    pub(crate) fn tree(&self, folder: &str, literal: &str) {
        tree::write(&self.path(folder), literal);
    }

    /// A folder as a tree literal.
    pub(crate) fn listing(&self, folder: &str) -> String {
        tree::read(&self.path(folder))
    }

    /// Sets a variable of the program's environment.
    pub(crate) fn set(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        self.variables.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
    }

    /// From here on, the program runs as somebody without privileges: to root nothing is unreadable.
    pub(crate) fn drop_privileges(&mut self) {
        if !is_root() {
            return;
        }
        // The program may lie where only root may look, and the folders of the test belong to root.
        let binary = self.root.path().join("syncplan");
        // Not by this process: whatever another test starts meanwhile would hold the copy open for
        // writing, and what is open for writing cannot be started.
        assert!(Command::new("cp").arg(&self.binary).arg(&binary).status().unwrap().success());
        self.binary = binary;
        fs::set_permissions(self.root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut chown = Command::new("chown");
        chown.arg("-hR").arg("65534:65534").arg(self.path("")).arg(self.root.path().join("home"));
        assert!(chown.status().unwrap().success());
        self.prefix = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]
            .map(OsString::from)
            .to_vec();
    }

    /// The program, ready to start in the folder of the manifest.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, args: &[A]) -> Command {
        self.command_under(&self.prefix, args)
    }

    /// The same, started by another program with these words before it.
    pub(crate) fn command_under<A: AsRef<OsStr>>(&self, starter: &[OsString], args: &[A]) -> Command {
        let mut words = starter.to_vec();
        words.push(self.binary.clone().into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(args).current_dir(self.path("")).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.root.path().join("home"));
        command.env("LANG", "C.UTF-8").env("TZ", "UTC").env("NO_COLOR", "1").env("COLUMNS", "120");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: &[A]) -> Output {
        self.output_of(self.command(args), args)
    }

    /// Runs to its end what was made by [`Self::command`].
    pub(crate) fn output_of<A: AsRef<OsStr>>(&self, mut command: Command, args: &[A]) -> Output {
        let output = command.output().unwrap();
        let args: Vec<_> = args.iter().map(|arg| arg.as_ref().to_string_lossy().into_owned()).collect();
        let hidden = self.root.path().to_str().unwrap();
        Output::new(&args.join(" "), &output, hidden)
    }

    /// `plan -o plan.json` with more arguments; the plan as JSON, whatever the exit code.
    pub(crate) fn plan(&self, more: &[&str]) -> Value {
        let output = self.run(&[&["plan", "-o", "plan.json"], more].concat());
        let text =
            fs::read(self.path("plan.json")).unwrap_or_else(|error| panic!("no plan ({error})\n{output}"));
        serde_json::from_slice(&text).unwrap()
    }

    /// Plans and applies, and asserts that both went well and nothing is left to do.
    pub(crate) fn sync(&self) {
        self.run(&["plan", "-o", "plan.json"]).success();
        self.run(&["apply", "plan.json"]).success();
        self.assert_in_sync();
    }

    /// Asserts that another plan would have nothing to do.
    pub(crate) fn assert_in_sync(&self) {
        self.run(&["plan", "-o", "again.json", "--detailed-exitcode"]).code(0);
    }
}

/// Whether permissions mean nothing to this process.
pub(crate) fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

/// The actions of a plan, each as `op side path`, with `from -> path` where there is a from.
pub(crate) fn actions(plan: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let line = |action: &Value| {
        let from = action.get("from").map_or_else(String::new, |from| format!("{} -> ", text(from)));
        format!("{} {} {from}{}", text(&action["op"]), text(&action["side"]), text(&action["path"]))
    };
    plan["actions"].as_array().unwrap().iter().map(line).collect()
}

/// How many actions of a plan do one thing.
pub(crate) fn count(plan: &Value, op: &str) -> u64 {
    number(&plan["summary"]["by_op"][op]["count"])
}

/// A number of plan.json: 64 bits as text; what is absent is 0.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_str().map_or(0, |text| text.parse().unwrap())
}

fn snapshot_settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/suite"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    // Tokens of local files hold inodes and times, so everything hashed from them differs as well.
    settings.add_filter(r"\b(b3|sha256):[0-9a-f]{8,}", "$1:[digest]");
    settings.add_filter(r"\b[0-9a-f]{32}\b", "[id]");
    settings.add_filter(r"trash/[0-9a-f]{16}/", "trash/[hash]/");
    settings.add_filter(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?", "[time]");
    settings.add_filter(r"\b\d{9,}\.\d{1,9}\b", "[mtime]");
    settings.add_filter(r"\b[0-9a-f]+-[0-9a-f]+\.[0-9a-f]+\b", "[token]");
    settings.add_filter(r"\b\d+(\.\d+)? ?(ns|µs|us|ms|s)\b", "[duration]");
    settings.add_filter(r"http://127\.0\.0\.1:\d+", "[endpoint]");
    settings.add_filter(r"test-\d+-\d+-\d+", "[prefix]");
    settings
}

/// Waits until the second of every change so far is over, as stores that keep whole seconds need it to tell
/// one from the next.
pub(crate) fn next_second() {
    std::thread::sleep(std::time::Duration::from_millis(2100));
}
