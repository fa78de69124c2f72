//! What everybody does, against Azure Blob Storage and Google Cloud Storage; rclone looks at it from outside.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::bucket::server;
use super::environment::{TestEnvironment, actions, count};
use super::tree;

/// A prefix that no other test uses, in a bucket of a service.
struct Cloud {
    /// The store's settings.
    store: String,
    prefix: String,
    /// How rclone gets there.
    backend: &'static str,
    flags: Vec<String>,
    variables: Vec<(&'static str, String)>,
    rclone: String,
    /// Where to ask without rclone, which cannot read what the emulator says of objects in parts.
    api: Option<String>,
}

impl Cloud {
    /// Every service whose server is there.
    fn all() -> Vec<Self> {
        [Self::azure(), Self::gcs("SYNCPLAN_TEST_GCS_EMULATOR")].into_iter().flatten().collect()
    }

    fn azure() -> Option<Self> {
        let endpoint = server("SYNCPLAN_TEST_AZURITE")?;
        let key = server("SYNCPLAN_TEST_AZURE_KEY")?;
        let store = format!(
            r#"kind=azure {{ account "testaccount"; container "bkt"; endpoint "{endpoint}"; access-key env=KEY; }}"#
        );
        let flags = [
            "--azureblob-account",
            "testaccount",
            "--azureblob-key",
            &key,
            "--azureblob-endpoint",
            &endpoint,
        ];
        let flags = flags.map(str::to_owned).to_vec();
        Some(Self { flags, variables: vec![("KEY", key.clone())], ..Self::new(store, ":azureblob:bkt")? })
    }

    fn gcs(variable: &str) -> Option<Self> {
        let endpoint = server(variable)?;
        let store = format!(r#"kind=gcs {{ bucket "bkt"; endpoint "{endpoint}"; anonymous #true; }}"#);
        let flags = ["--gcs-anonymous", "--gcs-no-check-bucket", "--gcs-endpoint"].map(str::to_owned);
        let flags = flags.into_iter().chain([format!("{endpoint}/storage/v1/")]).collect();
        let api = endpoint.strip_prefix("http://").map(str::to_owned);
        Some(Self { flags, api, ..Self::new(store, ":gcs:bkt")? })
    }

    fn new(store: String, backend: &'static str) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let prefix = format!("test-{nanos}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let rclone = server("SYNCPLAN_TEST_RCLONE")?;
        Some(Self { store, prefix, backend, flags: Vec::new(), variables: Vec::new(), rclone, api: None })
    }

    /// A folder `site`, and a task from it to here.
    fn environment(&self, settings: &str) -> TestEnvironment {
        let Self { store, prefix, .. } = self;
        let mut env = TestEnvironment::with_manifest(&format!(
            r#"syncplan format=1

store here kind=local {{ root "site"; }}
store cloud {store}

task site kind=files {{
    local here
    remote cloud path="{prefix}"
    {settings}
}}
"#
        ));
        for (name, value) in &self.variables {
            env.set(name, value);
        }
        env.tree("site", "");
        env
    }

    fn remote(&self) -> String {
        format!("{}/{}", self.backend, self.prefix)
    }

    #[track_caller]
    fn rclone(&self, args: &[&str]) -> String {
        let mut command = Command::new(&self.rclone);
        let output = command.env("RCLONE_CONFIG", "/dev/null").args(args).args(&self.flags).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        assert!(output.status.success(), "rclone {args:?}: {}", text(output.stderr));
        text(output.stdout)
    }

    /// What rclone finds here, as a tree literal.
    fn listing(&self) -> String {
        let folder = tempfile::tempdir().unwrap();
        self.rclone(&["copy", &self.remote(), folder.path().to_str().unwrap()]);
        tree::read(folder.path())
    }

    /// Has rclone add what a tree literal says.
    fn tree(&self, literal: &str) {
        let folder = tempfile::tempdir().unwrap();
        tree::write(folder.path(), literal);
        self.rclone(&["copy", folder.path().to_str().unwrap(), &self.remote()]);
    }

    /// What stands below the folder of drafts.
    fn drafts(&self) -> Vec<String> {
        let names = match &self.api {
            None => self.rclone(&["lsf", "-R", "--files-only", &self.remote()]),
            Some(api) => {
                let page = get(api, &format!("/storage/v1/b/bkt/o?prefix={}/", self.prefix));
                let page: serde_json::Value = serde_json::from_slice(&page).unwrap();
                let items = page["items"].as_array().cloned().unwrap_or_default();
                items.iter().map(|item| format!("{}\n", item["name"].as_str().unwrap())).collect()
            }
        };
        names.lines().filter(|name| name.contains(".syncplan/drafts/")).map(str::to_owned).collect()
    }

    /// The content of a large object.
    fn content(&self, name: &str) -> Vec<u8> {
        if let Some(api) = &self.api {
            return get(api, &format!("/download/storage/v1/b/bkt/o/{}%2F{name}?alt=media", self.prefix));
        }
        let folder = tempfile::tempdir().unwrap();
        self.rclone(&["copy", &self.remote(), folder.path().to_str().unwrap()]);
        std::fs::read(folder.path().join(name)).unwrap()
    }
}

/// The body of an answer.
fn get(server: &str, path: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(server).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {server}\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    assert!(answer.starts_with(b"HTTP/1.") && answer[8..].starts_with(b" 200"), "{path}");
    answer.split_off(head + 4)
}

#[test]
fn a_mirror_is_pushed_changed_and_fetched_elsewhere() {
    for cloud in Cloud::all() {
        let env = cloud.environment("mode mirror");
        env.tree("site", "index.html=hello img/logo.png=pixels notes/2026/é+plan.txt=later empty=");
        let then = UNIX_EPOCH + Duration::new(1_600_000_000, 123_456_789);
        let file = std::fs::File::options().write(true).open(env.path("site/index.html")).unwrap();
        file.set_modified(then).unwrap();
        env.sync();
        assert_eq!(cloud.listing(), env.listing("site"));
        // rclone reads the time that was kept.
        let listed = cloud.rclone(&["lsjson", &format!("{}/index.html", cloud.remote())]);
        assert!(listed.contains("2020-09-13T12:26:40.123456789Z"), "{listed}");

        env.tree("site", "index.html=changed new=1");
        std::fs::rename(env.path("site/img"), env.path("site/pictures")).unwrap();
        std::fs::remove_dir_all(env.path("site/notes")).unwrap();
        let plan = env.plan(&[]);
        assert_eq!(count(&plan, "move"), 1, "{:?}", actions(&plan));
        env.sync();
        assert_eq!(cloud.listing(), env.listing("site"));

        // rclone writes what is read then.
        cloud.tree("theirs/b=2 new=changed");
        let other = cloud.environment("mode mirror; direction fetch");
        other.sync();
        assert_eq!(
            other.listing("site"),
            "empty= index.html=changed new=changed pictures/logo.png=pixels theirs/b=2"
        );
        assert_eq!(other.listing("site"), cloud.listing());
    }
}

#[test]
fn both_sides_are_brought_together_and_a_run_is_undone() {
    for cloud in Cloud::all() {
        let env = cloud.environment(r#"mode two-way; trash keep="30d""#);
        let sync = || env.run(&["sync", "-y"]).success();
        env.tree("site", "a=1 b=2 d/c=3");
        sync();
        assert_eq!(cloud.listing(), "a=1 b=2 d/c=3");
        env.tree("site", "a=here");
        cloud.tree("d/c=there new=4");
        sync();
        assert_eq!(env.listing("site"), "a=here b=2 d/c=there new=4");
        assert_eq!(cloud.listing(), "a=here b=2 d/c=there new=4");
        env.run(&["undo", "last", "-y"]).success();
        assert_eq!(cloud.listing(), "a=1 b=2 d/c=there new=4");
        sync();
        assert_eq!(env.listing("site"), cloud.listing());
        assert_eq!(env.plan(&[])["actions"], serde_json::json!([]));
    }
}

#[test]
fn a_large_transfer_that_was_killed_goes_on() {
    for cloud in Cloud::all() {
        let env = cloud.environment("mode mirror");
        let content: Vec<u8> = (0..40_u32 << 20).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect();
        env.write_file("site/large", &content);
        let mut run = env.command(&["push", "-y", "--bandwidth", "12MiB/s"]).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while cloud.drafts().is_empty() {
            assert!(run.try_wait().unwrap().is_none() && Instant::now() < deadline, "it did not get there");
        }
        std::thread::sleep(Duration::from_millis(1500));
        assert!(run.try_wait().unwrap().is_none(), "it ended before it was killed");
        run.kill().unwrap();
        run.wait().unwrap();
        let draft = cloud.drafts();
        assert!(!draft.is_empty(), "nothing is left to go on with");

        env.run(&["push", "-y"]).success();
        assert_eq!(cloud.drafts(), Vec::<String>::new());
        assert!(cloud.content("large") == content);
        env.assert_in_sync();
    }
}

#[test]
fn secrets_are_in_nothing_that_anybody_reads() {
    let Some(cloud) = Cloud::azure() else { return };
    let endpoint = server("SYNCPLAN_TEST_AZURITE").unwrap();
    let manifest = |credential: &str, endpoint: &str| {
        format!(
            r#"syncplan format=1
store here kind=local {{ root "site"; }}
store cloud kind=azure {{ account "testaccount"; container "bkt"; endpoint "{endpoint}"; retries 0; {credential}; }}
task site kind=files {{ local here; remote cloud path="{}"; mode mirror; }}
"#,
            cloud.prefix
        )
    };
    let nobody = "http://127.0.0.1:9";
    for (credential, endpoint) in [
        ("sas-token env=SAS", endpoint.as_str()),
        ("sas-token env=SAS", nobody),
        ("access-key env=WRONG", endpoint.as_str()),
    ] {
        let mut env = TestEnvironment::with_manifest(&manifest(credential, endpoint));
        env.set("SAS", "?sv=2022-11-02&ss=b&sp=rwdl&sig=canary%2Bsecret%3D");
        env.set("WRONG", "Y2FuYXJ5K3NlY3JldA==");
        env.set("SYNCPLAN_LOG", "trace");
        env.tree("site", "a=1");
        let output = env.run(&["push", "-y", "-vvv"]).to_string();
        for secret in ["canary", "Y2FuYXJ5", "sig="] {
            assert!(!output.contains(secret), "{secret} in {output}");
            assert!(!holds(&env.path(""), secret.as_bytes()), "{secret} in a file");
        }
        assert!(output.contains("127.0.0.1"), "{output}");
    }
}

/// Whether any file below a folder holds these bytes.
fn holds(folder: &Path, wanted: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().flatten().any(|entry| match entry.file_type().unwrap().is_dir() {
        true => holds(&entry.path(), wanted),
        false => {
            let content = std::fs::read(entry.path()).unwrap();
            content.windows(wanted.len()).any(|part| part == wanted)
        }
    })
}
