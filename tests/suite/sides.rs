//! Two sides of one task: a folder here, and there a folder or a place in a bucket.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::bucket::{Bucket, MOTO, RCLONE};
use super::environment::TestEnvironment;
use super::output::Output;
use super::tree;

/// A task between `site` and somewhere else.
pub(crate) struct Sides {
    pub(crate) env: TestEnvironment,
    bucket: Option<Bucket>,
}

impl Sides {
    /// Between two folders, `site` and `backup`.
    pub(crate) fn folders(settings: &str) -> Self {
        Self { env: TestEnvironment::task(settings, ""), bucket: None }
    }

    /// Between a folder and a bucket of that server, if it is there.
    pub(crate) fn bucket(server: &str, settings: &str) -> Option<Self> {
        let bucket = Bucket::on(server)?;
        Some(Self { env: TestEnvironment::to_bucket(&bucket, settings, ""), bucket: Some(bucket) })
    }

    /// Folders, and a bucket of each server that is there.
    pub(crate) fn all(settings: &str) -> Vec<Self> {
        let buckets = [MOTO, RCLONE].into_iter().filter_map(|server| Self::bucket(server, settings));
        [Self::folders(settings)].into_iter().chain(buckets).collect()
    }

    /// Changes the local side: see [`edit`].
    pub(crate) fn local(&self, edits: &str) {
        edit(&self.env.path("site"), edits);
    }

    /// Changes the remote side: see [`edit`].
    pub(crate) fn remote(&self, edits: &str) {
        let Some(bucket) = &self.bucket else { return edit(&self.env.path("backup"), edits) };
        // Only what changed is written: an object that is written again is another one.
        let remote = bucket.remote();
        for word in edits.split_whitespace() {
            match change(word) {
                Change::Remove(path) => {
                    bucket.rclone(&["delete", &format!("{remote}/{path}")]);
                }
                Change::Rename(from, to) => {
                    bucket.rclone(&["moveto", &format!("{remote}/{from}"), &format!("{remote}/{to}")]);
                }
                Change::Write(word) => bucket.tree(word),
            }
        }
    }

    /// Both sides as they are.
    pub(crate) fn trees(&self) -> (String, String) {
        let remote = match &self.bucket {
            Some(bucket) => bucket.listing(),
            None => self.env.listing("backup"),
        };
        (self.env.listing("site"), remote)
    }

    /// Asserts that both sides hold the same.
    #[track_caller]
    pub(crate) fn assert_both(&self, tree: &str) {
        assert_eq!(self.trees(), (tree.to_owned(), tree.to_owned()));
    }

    /// The contents of what went to the trash of each side.
    pub(crate) fn trash(&self) -> (Vec<String>, Vec<String>) {
        let remote = match &self.bucket {
            Some(bucket) => {
                let folder = tempfile::tempdir().unwrap();
                bucket.download(folder.path());
                tree::trash(folder.path())
            }
            None => tree::trash(&self.env.path("backup")),
        };
        (tree::trash(&self.env.path("site")), remote)
    }

    /// Brings both sides to a tree that was synced.
    pub(crate) fn synced(&self, tree: &str) {
        self.local(tree);
        self.sync().success();
        self.assert_both(tree);
    }

    pub(crate) fn sync(&self) -> Output {
        self.env.run(&["sync", "-y"])
    }

    /// The paths of the conflicts that are held.
    pub(crate) fn held(&self) -> Vec<String> {
        paths(&self.env.plan(&[]), "hold")
    }

    /// Asserts that another plan does nothing, and holds these conflicts.
    #[track_caller]
    pub(crate) fn assert_settled(&self, held: &[&str]) {
        let plan = self.env.plan(&[]);
        assert_eq!(plan["actions"], Value::Array(Vec::new()));
        assert_eq!(paths(&plan, "hold"), held);
    }
}

/// The paths of the conflicts of a plan that this policy decides.
pub(crate) fn paths(plan: &Value, policy: &str) -> Vec<String> {
    let conflicts = plan["conflicts"].as_array().unwrap().iter();
    let decided = conflicts.filter(|conflict| conflict["policy"] == policy);
    decided.map(|conflict| conflict["path"].as_str().unwrap().to_owned()).collect()
}

enum Change<'a> {
    Write(&'a str),
    Remove(&'a str),
    Rename(&'a str, &'a str),
}

fn change(word: &str) -> Change<'_> {
    if let Some(path) = word.strip_prefix('-') {
        Change::Remove(path)
    } else if let Some((from, to)) = word.split_once('>').filter(|_| !word.contains("->")) {
        Change::Rename(from, to)
    } else {
        Change::Write(word)
    }
}

/// Changes a folder in the order of the words: those of a tree literal add and overwrite, `-path`
/// removes, `from>to` renames.
fn edit(root: &Path, edits: &str) {
    for word in edits.split_whitespace() {
        match change(word) {
            Change::Write(word) => tree::write(root, word),
            Change::Remove(path) => remove(&root.join(path)),
            Change::Rename(from, to) => {
                fs::create_dir_all(root.join(to).parent().unwrap()).unwrap();
                fs::rename(root.join(from), root.join(to)).unwrap();
            }
        }
    }
}

fn remove(path: &Path) {
    match fs::symlink_metadata(path).unwrap().is_dir() {
        true => fs::remove_dir_all(path).unwrap(),
        false => fs::remove_file(path).unwrap(),
    }
}
