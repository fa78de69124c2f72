//! Scans of real folders.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use syncplan_model::snapshot::ProblemKind;
use syncplan_model::{
    Digest, Entry, EntryFilter, Filter, RelPath, SampleSpec, Snapshot, SnapshotBuilder, Token,
};
use syncplan_scan::{Inquiry, Question, Scan, ScanError, ScanRequest, inquire, scan};
use syncplan_store::LocalStore;

struct Tree(tempfile::TempDir);

impl Tree {
    /// Files with their own path as content; a path that ends in `/` is a folder.
    fn of(paths: &[&str]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        paths.iter().for_each(|path| tree.write(path, path));
        tree
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, content: &str) {
        let at = self.path().join(path);
        if path.ends_with('/') {
            fs::create_dir_all(at).unwrap();
        } else {
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(at, content).unwrap();
        }
    }

    fn store(&self) -> Arc<LocalStore> {
        Arc::new(LocalStore::open(self.path(), "tree".to_owned()).unwrap())
    }

    fn try_scan(&self, request: ScanRequest) -> Result<Scan, ScanError> {
        block_on(scan(self.store(), request))
    }

    fn scan(&self, request: ScanRequest) -> Snapshot {
        self.try_scan(request).unwrap().snapshot
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(future)
}

/// `path` for files, `path/` for folders, `path:kind` for all else.
fn listing(snapshot: &Snapshot) -> Vec<String> {
    let mut cursor = snapshot.cursor();
    let mut lines = Vec::new();
    while let Some(entry) = cursor.current() {
        lines.push(match entry.facts.kind.as_str() {
            "file" => entry.path.to_string(),
            "dir" => format!("{}/", entry.path),
            kind => format!("{}:{kind}", entry.path),
        });
        cursor.advance();
    }
    lines
}

fn digests(snapshot: &Snapshot) -> Vec<Option<Digest>> {
    let mut cursor = snapshot.cursor();
    let mut found = Vec::new();
    while let Some(entry) = cursor.current() {
        found.push(entry.facts.digest);
        cursor.advance();
    }
    found
}

fn request(ignore_files: &[&str], markers: &[&str]) -> ScanRequest {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    ScanRequest {
        ignore_files: owned(ignore_files),
        ignore_markers: owned(markers),
        ..ScanRequest::default()
    }
}

fn question(path: &str, inquiry: Inquiry) -> Question {
    Question { path: RelPath::new(path).unwrap(), inquiry }
}

#[test]
fn entries_come_in_the_order_of_path_bytes() {
    let tree =
        Tree::of(&["a/x", "a-b/y", "a.c", "a/d/e", "a0", "z/", ".syncplan/state.db", "a/.syncplan-tmp-1-1"]);
    let snapshot = tree.scan(ScanRequest::default());
    let expected = ["a/", "a-b/", "a-b/y", "a.c", "a/d/", "a/d/e", "a/x", "a0", "z/"];
    assert_eq!(listing(&snapshot), expected);
    assert!(snapshot.is_complete());
}

#[test]
fn links_are_recorded_and_special_files_reported() {
    let tree = Tree::of(&["a"]);
    symlink("/etc", tree.path().join("etc")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, tree.path().join("pipe"), rustix::fs::Mode::RWXU).unwrap();
    let snapshot = tree.scan(ScanRequest::default());
    assert_eq!(listing(&snapshot), ["a", "etc:symlink", "pipe:special"]);
    assert_eq!(snapshot.problems()[0].kind, ProblemKind::Special);
}

#[test]
fn ignore_files_and_markers_leave_out_whole_folders() {
    let tree = Tree::of(&["a/x.o", "a/keep.o", "a/b/y.o", "build/z", "cache/.ignore", "cache/deep/q", "c"]);
    tree.write(".syncignore", "*.o\nbuild/\n");
    tree.write("a/.syncignore", "!keep.o\n");
    let snapshot = tree.scan(request(&[".syncignore"], &[".ignore"]));
    let expected = [
        ".syncignore",
        "a/",
        "a/.syncignore",
        "a/b/",
        "a/b/y.o:ignored",
        "a/keep.o",
        "a/x.o:ignored",
        "build:ignored",
        "c",
        "cache:ignored",
    ];
    assert_eq!(listing(&snapshot), expected);
}

#[test]
fn a_marker_at_the_root_is_an_error_and_not_an_empty_side() {
    let tree = Tree::of(&["a", ".ignore"]);
    assert!(matches!(tree.try_scan(request(&[], &[".ignore"])), Err(ScanError::RootIgnored { .. })));
}

#[test]
fn folders_without_anything_selected_are_left_out() {
    let tree = Tree::of(&["docs/readme.txt", "photos/a.jpg", "photos/b.txt", "empty/"]);
    let jpg = syncplan_model::filter::Glob::new("*.jpg").unwrap();
    let select = EntryFilter::new(Filter::Term(syncplan_model::filter::Term::Name(jpg))).unwrap();
    let snapshot = tree.scan(ScanRequest { select, ..ScanRequest::default() });
    assert_eq!(
        listing(&snapshot),
        ["docs/readme.txt:ignored", "photos/", "photos/a.jpg", "photos/b.txt:ignored"]
    );
}

#[test]
fn an_ignore_file_that_cannot_be_obeyed_closes_its_folder() {
    let tree = Tree::of(&["a/x", "b"]);
    tree.write("a/.syncignore", &"#\n".repeat(1 << 20));
    let snapshot = tree.scan(request(&[".syncignore"], &[]));
    assert_eq!(listing(&snapshot), ["a:unreadable", "b"]);
    assert!(!snapshot.is_complete());
}

#[test]
fn hashes_are_carried_over_only_while_the_token_is_the_same() {
    let tree = Tree::of(&["a", "b"]);
    let first = tree.scan(ScanRequest::default());
    assert_eq!(digests(&first), [None, None]);
    let questions =
        vec![question("a", Inquiry::Sampled), question("b", Inquiry::Full), question("gone", Inquiry::Full)];
    let hashed = block_on(inquire(tree.store(), first, questions, SampleSpec::default())).unwrap();
    assert_eq!(digests(&hashed), [Some(Digest::of(b"a")), Some(Digest::of(b"b"))]);

    std::thread::sleep(std::time::Duration::from_millis(20));
    tree.write("b", "B");
    let again = tree.scan(ScanRequest { previous: Some(hashed), ..ScanRequest::default() });
    assert_eq!(digests(&again), [Some(Digest::of(b"a")), None]);
}

#[test]
fn large_files_are_sampled_unless_all_is_asked_for() {
    let tree = Tree::of(&[]);
    tree.write("big", &"0123456789".repeat(100));
    let spec = SampleSpec { above: 100, block: 64, size: 8 };
    let ask = |inquiry| {
        let listed = tree.scan(ScanRequest::default());
        let snapshot = block_on(inquire(tree.store(), listed, vec![question("big", inquiry)], spec)).unwrap();
        snapshot.cursor().current().unwrap().facts.clone()
    };
    let (sampled, full) = (ask(Inquiry::Sampled), ask(Inquiry::Full));
    assert_eq!((sampled.digest, sampled.fingerprint.is_some()), (None, true));
    assert_eq!(full.digest, Some(Digest::of("0123456789".repeat(100).as_bytes())));
    assert_eq!(full.fingerprint, sampled.fingerprint);
}

mod checksums {
    use bytes::Bytes;
    use futures::StreamExt as _;
    use syncplan_model::Vouched;
    use syncplan_scan::{Seen, believe, vouch};
    use syncplan_store::{MemoryStore, Metadata, Precondition, Store, WriteOptions};

    use super::*;

    async fn bucket(content: &[(&str, &str)]) -> Arc<MemoryStore> {
        let store = MemoryStore::new("bucket");
        for (path, content) in content {
            let chunks = futures::stream::iter([Ok(Bytes::copy_from_slice(content.as_bytes()))]).boxed();
            let (precondition, metadata) = (Precondition::Any, Metadata::default());
            let options =
                WriteOptions { size: content.len() as u64, precondition, metadata, temporary: None };
            store.write(&RelPath::new(*path).unwrap(), chunks, options).await.unwrap();
        }
        Arc::new(store)
    }

    async fn seen(store: Arc<dyn Store>) -> Seen {
        let snapshot = scan(Arc::clone(&store), ScanRequest::default()).await.unwrap().snapshot;
        Seen { store, snapshot }
    }

    fn path(path: &str) -> RelPath {
        RelPath::new(path).unwrap()
    }

    #[test]
    fn a_file_here_is_compared_with_what_a_store_says() {
        let tree = Tree::of(&["same", "other"]);
        block_on(async {
            let there = bucket(&[("same", "same"), ("other", "OTHER")]).await;
            let sides = [seen(tree.store()).await, seen(there).await];
            let pairs = vec![path("other"), path("same")];
            for turned in [false, true] {
                let mut sides = sides.clone();
                if turned {
                    sides.reverse();
                }
                let mut found = vouch(sides, pairs.clone(), SampleSpec::default()).await.unwrap();
                if turned {
                    found.reverse();
                }
                let [here, there] = found;
                let same = Digest::of(b"same");
                assert_eq!(here.get(&path("same")).unwrap().digest, Some(same));
                assert_eq!(there.get(&path("same")).unwrap().vouched, Some(Vouched::Content(same)));
                assert_eq!(there.get(&path("same")).unwrap().digest, None);
                // Read for nothing, and it is known why.
                assert_eq!(here.get(&path("other")).unwrap().digest, Some(Digest::of(b"other")));
                assert_eq!(there.get(&path("other")).unwrap().vouched, None);
            }
        });
    }

    #[test]
    fn two_stores_that_say_the_same_have_the_same() {
        block_on(async {
            let (one, other) =
                (bucket(&[("a", "1"), ("b", "2")]).await, bucket(&[("a", "1"), ("b", "3")]).await);
            let sides = [seen(one).await, seen(other).await];
            let [one, other] = vouch(sides, vec![path("a"), path("b")], SampleSpec::default()).await.unwrap();
            let vouched = |snapshot: &Snapshot, at: &str| snapshot.get(&path(at)).unwrap().vouched;
            assert!(vouched(&one, "a").is_some());
            assert_eq!(vouched(&one, "a"), vouched(&other, "a"));
            assert_eq!((vouched(&one, "b"), vouched(&other, "b")), (None, None));
        });
    }

    #[test]
    fn where_no_checksum_fits_few_files_are_read() {
        let names: Vec<String> = (0..100).map(|number| format!("f{number:03}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let tree = Tree::of(&names);
        block_on(async {
            let others: Vec<(&str, &str)> = names.iter().map(|name| (*name, "none")).collect();
            let sides = [seen(tree.store()).await, seen(bucket(&others).await).await];
            let pairs = names.iter().map(|name| path(name)).collect();
            let [here, _] = vouch(sides, pairs, SampleSpec::default()).await.unwrap();
            let read = names.iter().filter(|name| here.get(&path(name)).unwrap().digest.is_some()).count();
            assert_eq!(read, 32);
        });
    }

    /// What others say of a place counts where the token is that of the listing, and nothing else does.
    #[test]
    fn what_others_say_counts_for_their_token_only() {
        block_on(async {
            let store = bucket(&[("a", "1"), ("b", "2")]).await;
            let mut shared = SnapshotBuilder::new();
            let listed = seen(store).await.snapshot;
            for (at, token) in [("a", None), ("b", Some("another"))] {
                let mut facts = listed.get(&path(at)).unwrap();
                facts.digest = Some(Digest::of(at.as_bytes()));
                facts.token = token.map(Token::new).or(facts.token);
                shared.push(&Entry { path: path(at), facts }).unwrap();
            }
            let found = believe(&listed, &shared.finish());
            assert_eq!(found.get(&path("a")).unwrap().digest, Some(Digest::of(b"a")));
            assert_eq!(found.get(&path("b")).unwrap().digest, None);
        });
    }
}
