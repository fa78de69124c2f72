//! A situation, made for real: two sides, what was synced between them, and a plan.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use serde_json::Value;
use syncplan_state::State;
use tempfile::TempDir;

use super::bucket::Bucket;
use super::edit::{Edit, edits};
use super::environment::TestEnvironment;
use super::picture::Picture;
use super::situation::{Far, Situation};

/// Two sides that differ, and a plan that says how to bring them together.
pub(crate) struct Scene {
    pub(crate) env: TestEnvironment,
    pub(crate) bucket: Option<Bucket>,
    /// Every word is a second later than the one before it.
    second: Cell<u64>,
    /// What both sides had when they were synced.
    pub(crate) synced: Picture,
    plan: Vec<u8>,
}

const FIRST_SECOND: u64 = 1_700_000_000;

impl Scene {
    /// Nothing, if the situation needs a server that is not there.
    pub(crate) fn of(situation: &Situation) -> Option<Self> {
        let bucket = match situation.far {
            Far::Folder => None,
            Far::Bucket(server) => Some(Bucket::on(server)?),
        };
        let endpoint = bucket.as_ref().map(|bucket| bucket.endpoint.clone()).unwrap_or_default();
        Some(Self::with_bucket(situation, bucket, &endpoint))
    }

    /// Between two folders, once something else is prepared there.
    pub(crate) fn prepared(situation: &Situation, prepare: impl FnOnce(&TestEnvironment)) -> Self {
        Self::made(situation, None, "", prepare)
    }

    /// With a bucket that was found before, which the program knows by another address.
    pub(crate) fn with_bucket(situation: &Situation, bucket: Option<Bucket>, endpoint: &str) -> Self {
        Self::made(situation, bucket, endpoint, |_| ())
    }

    fn made(
        situation: &Situation,
        bucket: Option<Bucket>,
        endpoint: &str,
        prepare: impl FnOnce(&TestEnvironment),
    ) -> Self {
        let mut env = TestEnvironment::with_manifest(&manifest(situation, bucket.as_ref(), endpoint));
        env.set("TEST_KEY_ID", "testkey");
        env.set("TEST_SECRET", "testsecret");
        for folder in ["site", "backup"] {
            fs::create_dir(env.path(folder)).unwrap();
        }
        prepare(&env);
        let mut scene = Self {
            env,
            bucket,
            second: Cell::new(FIRST_SECOND),
            synced: Picture::default(),
            plan: Vec::new(),
        };
        if !situation.base.is_empty() {
            if situation.settings.iter().any(|settings| settings.contains("direction fetch")) {
                scene.change_remote(situation.base);
            } else {
                scene.change_local(situation.base);
            }
            scene.env.run(&["plan", "-o", "base.json"]).success();
            scene.env.run(&["apply", "base.json"]).success();
            scene.synced = Picture::of_folder(&scene.env.path("site"));
        }
        scene.change_local(situation.local);
        scene.change_remote(situation.remote);
        scene.env.run(&["plan", "-o", "plan.json"]);
        scene.plan = fs::read(scene.env.path("plan.json")).unwrap();
        scene
    }

    fn change_local(&self, text: &str) {
        edits(text).for_each(|edit| edit.apply(&self.env.path("site"), self.next_second()));
    }

    fn change_remote(&self, text: &str) {
        let Some(bucket) = &self.bucket else {
            return edits(text).for_each(|edit| edit.apply(&self.env.path("backup"), self.next_second()));
        };
        // Only what changed is written: an object that is written again is another one.
        let mut written = TempDir::new().unwrap();
        let remote = bucket.remote();
        for edit in edits(text) {
            match edit {
                Edit::Remove(path) => {
                    send(bucket, &mut written);
                    bucket.rclone(&["delete", &format!("{remote}/{path}")]);
                }
                Edit::Rename(from, to) => {
                    send(bucket, &mut written);
                    bucket.rclone(&["moveto", &format!("{remote}/{from}"), &format!("{remote}/{to}")]);
                }
                edit => edit.apply(written.path(), self.next_second()),
            }
        }
        send(bucket, &mut written);
    }

    fn next_second(&self) -> u64 {
        self.second.replace(self.second.get() + 1)
    }

    /// Both sides as they are.
    pub(crate) fn pictures(&self) -> [Picture; 2] {
        let far = match &self.bucket {
            None => Picture::of_folder(&self.env.path("backup")),
            Some(bucket) => {
                let copy = TempDir::new().unwrap();
                bucket.rclone(&["copy", &bucket.remote(), copy.path().to_str().unwrap()]);
                Picture::of_bucket(copy.path())
            }
        };
        [Picture::of_folder(&self.env.path("site")), far]
    }

    /// Leaves the place as it is, for people to look at.
    pub(crate) fn keep(&mut self) -> &Path {
        self.env.root.disable_cleanup(true);
        self.env.root.path()
    }

    /// What stands in the way of calling this place clean.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let mut found = Vec::new();
        if fs::read(self.env.path("plan.json")).unwrap() != self.plan {
            found.push("plan.json is not what it was".to_owned());
        }
        let unresolved = self.unresolved();
        if unresolved > 0 {
            found.push(format!("{unresolved} runs are unresolved in the journal"));
        }
        for upload in self.open_uploads() {
            found.push(format!("an upload is open: {upload}"));
        }
        for (side, picture) in ["local", "remote"].into_iter().zip(self.pictures()) {
            found
                .extend(picture.temporaries.iter().map(|path| format!("a temporary is left: {side} {path}")));
        }
        found
    }

    fn unresolved(&self) -> usize {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let state = State::open(&self.env.path(".syncplan/state.db")).await.unwrap();
            let runs = state.unresolved().await.unwrap().len();
            state.close().await;
            runs
        })
    }

    fn open_uploads(&self) -> Vec<String> {
        let Some(bucket) = &self.bucket else { return Vec::new() };
        let answer = match bucket.try_rclone(&["backend", "list-multipart-uploads", &bucket.remote()]) {
            Ok(answer) => answer,
            // So says rclone's own server where there is none at all.
            Err(said) if said.contains("NoSuchUpload") => return Vec::new(),
            Err(said) => panic!("{said}"),
        };
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let uploads = answer.as_object().unwrap().values().filter_map(Value::as_array).flatten();
        uploads.map(|upload| upload["Key"].to_string()).collect()
    }
}

/// Copies what was written into the bucket.
fn send(bucket: &Bucket, written: &mut TempDir) {
    let any = |folder: &Path| fs::read_dir(folder).unwrap().next().is_some();
    if any(written.path()) {
        bucket.rclone(&["copy", written.path().to_str().unwrap(), &bucket.remote()]);
        *written = TempDir::new().unwrap();
    }
}

/// One task of the whole of both sides; where there are several, each of a folder, one after another.
fn manifest(situation: &Situation, bucket: Option<&Bucket>, endpoint: &str) -> String {
    let mut text = "syncplan format=1\n\nstore here kind=local { root \"site\"; }\n".to_owned();
    match bucket {
        None => text += "store there kind=local { root \"backup\"; }\n",
        Some(_) => {
            text += &format!(
                "store there kind=s3 {{\n    provider other\n    bucket \"bkt\"\n    endpoint \"{endpoint}\"\n    region \"us-east-1\"\n    \
             addressing path-style\n    access-key-id env=TEST_KEY_ID\n    secret-access-key env=TEST_SECRET\n}}\n"
            )
        }
    }
    let prefix = bucket.map_or("", |bucket| &bucket.prefix);
    let several = situation.settings.len() > 1;
    for (number, settings) in situation.settings.iter().enumerate() {
        let folder = if several { format!("t{number}") } else { String::new() };
        let far = [prefix, &folder].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        let place = |path: &str| if path.is_empty() { String::new() } else { format!(" path=\"{path}\"") };
        let after = if number > 0 { format!("    after t{}\n", number - 1) } else { String::new() };
        text += &format!(
            "\ntask t{number} kind=files {{\n    local here{}\n    remote there{}\n    {settings}\n{after}}}\n",
            place(&folder),
            place(&far),
        );
    }
    text
}
