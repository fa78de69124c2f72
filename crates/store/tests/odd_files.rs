//! Files and folders of a kind that is met once in a while: sparse, huge, of long names, not to be touched,
//! or not what they were a moment ago.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use syncplan_model::{EntryKind, Facts, RelPath};
use syncplan_store::{
    ContentStream, Housekeeping as _, LocalStore, Metadata, MoveOptions, Part, PartialWrites as _,
    Precondition, Store, StoreError, StoreErrorKind, TreeListing as _, WriteOptions,
};

const MIB: usize = 1 << 20;

struct Folder {
    dir: tempfile::TempDir,
    store: LocalStore,
}

impl Folder {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalStore::open(dir.path(), "root".to_owned()).unwrap();
        Self { dir, store }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    async fn write(&self, to: &str, content: &[u8]) -> Result<Facts, StoreError> {
        self.store.write(&path(to), stream(content), options(content.len() as u64)).await
    }

    async fn read(&self, from: &str) -> Result<Vec<u8>, StoreError> {
        collect(self.store.read(&path(from), None, None).await?).await
    }

    /// What a file takes on the disk.
    fn room(&self, name: &str) -> u64 {
        fs::metadata(self.file(name)).unwrap().blocks() * 512
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.dir.path()).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn path(path: &str) -> RelPath {
    RelPath::new(path).unwrap()
}

fn options(size: u64) -> WriteOptions {
    WriteOptions { size, precondition: Precondition::Any, metadata: Metadata::default(), temporary: None }
}

fn any() -> MoveOptions {
    MoveOptions { expect: None, precondition: Precondition::Any, temporary: None }
}

/// In chunks that are aligned to nothing.
fn stream(content: &[u8]) -> ContentStream {
    let chunks: Vec<_> = content.chunks(300_007).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    futures::stream::iter(chunks).boxed()
}

async fn collect(content: ContentStream) -> Result<Vec<u8>, StoreError> {
    let chunks: Vec<Bytes> = content.try_collect().await?;
    Ok(chunks.concat())
}

/// Something at both ends and in the middle, and nothing between.
fn sparse(length: usize) -> Vec<u8> {
    let mut content = vec![0; length];
    for at in [0, length / 2, length - 1] {
        content[at] = 1;
    }
    content
}

#[tokio::test]
async fn zeros_take_no_room() {
    let folder = Folder::new();
    let ends_in_zeros = [vec![7; 100], vec![0; 20 * MIB]].concat();
    for (name, content) in
        [("sparse", sparse(20 * MIB)), ("zeros", vec![0; 20 * MIB]), ("end", ends_in_zeros)]
    {
        folder.write(name, &content).await.unwrap();
        assert!(folder.read(name).await.unwrap() == content, "{name}");
        assert!(folder.room(name) < MIB as u64, "{name} takes {} bytes", folder.room(name));
    }
    folder.store.copy(&path("sparse"), &path("copy"), any()).await.unwrap();
    assert!(folder.read("copy").await.unwrap() == sparse(20 * MIB));
    assert!(folder.room("copy") < MIB as u64, "the copy takes {} bytes", folder.room("copy"));
}

#[tokio::test]
async fn a_file_of_more_than_5_gib_is_written_read_and_copied() {
    let folder = Folder::new();
    let (store, huge) = (&folder.store, path("huge"));
    let size = (6_u64 << 30) + 3;
    let part_size = store.part_size(size);
    let last =
        Part { number: u32::try_from(size / part_size).unwrap(), offset: size / part_size * part_size };
    let draft = store.begin(&huge, &options(size)).await.unwrap();
    store.put(&huge, &draft, last, Bytes::from_static(b"end")).await.unwrap();
    let parts = store.parts(&huge, &draft).await.unwrap().unwrap();
    assert_eq!(parts.iter().map(|part| part.size).sum::<u64>(), size);
    let tags: Vec<_> = parts.into_iter().map(|part| part.tag).collect();
    assert_eq!(store.finish(&huge, &draft, &tags, &options(size)).await.unwrap().size, size);
    store.copy(&huge, &path("copy"), any()).await.unwrap();
    for name in ["huge", "copy"] {
        let end = store.read(&path(name), Some(size - 5..size), None).await.unwrap();
        assert_eq!(collect(end).await.unwrap(), b"\0\0end");
        assert!(folder.room(name) < MIB as u64);
    }
}

#[tokio::test]
async fn half_a_draft_is_no_file() {
    let folder = Folder::new();
    let (store, file) = (&folder.store, path("file"));
    let size = 20 * MIB as u64;
    let draft = store.begin(&file, &options(size)).await.unwrap();
    let whole = Bytes::from(vec![1; 8 * MIB]);
    for number in 0..2 {
        let part = Part { number, offset: u64::from(number) * whole.len() as u64 };
        store.put(&file, &draft, part, whole.clone()).await.unwrap();
    }
    // As a kill leaves it.
    fs::OpenOptions::new().write(true).open(folder.file(&draft)).unwrap().set_len(12 * MIB as u64).unwrap();
    let parts = store.parts(&file, &draft).await.unwrap().unwrap();
    assert_eq!(parts.iter().map(|part| part.size).collect::<Vec<_>>(), [8 * MIB as u64, 4 * MIB as u64]);
    let tags = ["0", "1", "2"].map(str::to_owned);
    let error = store.finish(&file, &draft, &tags, &options(size)).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Changed);
    assert_eq!(store.stat(&file).await.unwrap(), None);
}

#[tokio::test]
async fn a_draft_is_nothing_but_a_temporary_beside_its_target() {
    let folder = Folder::new();
    fs::create_dir(folder.file("d")).unwrap();
    fs::write(folder.file("d/file"), "mine").unwrap();
    fs::write(folder.file(".syncplan-tmp-x"), "above").unwrap();
    let target = path("d/new");
    for name in ["file", "../.syncplan-tmp-x", ".syncplan-tmp-/../file", "", "."] {
        let part = Part { number: 0, offset: 0 };
        let put = folder.store.put(&target, name, part, Bytes::from_static(b"x")).await;
        assert_eq!(put.unwrap_err().kind, StoreErrorKind::Unsupported, "{name}");
        assert!(folder.store.abandon(&target, name).await.is_err(), "{name}");
        assert!(folder.store.finish(&target, name, &["0".to_owned()], &options(4)).await.is_err(), "{name}");
    }
    assert_eq!(fs::read_to_string(folder.file("d/file")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(folder.file(".syncplan-tmp-x")).unwrap(), "above");
    // Nor is a link that somebody put there.
    std::os::unix::fs::symlink("file", folder.file("d/.syncplan-tmp-l")).unwrap();
    let part = Part { number: 0, offset: 0 };
    let put = folder.store.put(&target, ".syncplan-tmp-l", part, Bytes::from_static(b"x")).await;
    assert_eq!(put.unwrap_err().kind, StoreErrorKind::Unsupported);
    assert_eq!(fs::read_to_string(folder.file("d/file")).unwrap(), "mine");
}

#[tokio::test]
async fn nobody_reads_a_draft_who_may_not_read_the_file() {
    let folder = Folder::new();
    let metadata = Metadata { mode: Some(0o600), ..Metadata::default() };
    let secret = WriteOptions { metadata, ..options(20 * MIB as u64) };
    let draft = folder.store.begin(&path("secret"), &secret).await.unwrap();
    assert_eq!(fs::metadata(folder.file(&draft)).unwrap().mode() & 0o777, 0o600);
    fs::write(folder.file("kept"), "x").unwrap();
    fs::set_permissions(folder.file("kept"), Permissions::from_mode(0o640)).unwrap();
    let draft = folder.store.begin(&path("kept"), &options(20 * MIB as u64)).await.unwrap();
    assert_eq!(fs::metadata(folder.file(&draft)).unwrap().mode() & 0o007, 0);
}

#[tokio::test]
async fn names_and_paths_as_long_as_can_be() {
    let folder = Folder::new();
    let store = &folder.store;
    let longest = "n".repeat(255);
    for content in [b"x".as_slice(), &vec![1; 2 * MIB]] {
        folder.write(&longest, content).await.unwrap();
    }
    let draft = store.begin(&path(&longest), &options(20 * MIB as u64)).await.unwrap();
    store.abandon(&path(&longest), &draft).await.unwrap();
    let longer = folder.write(&"n".repeat(256), b"x").await.unwrap_err();
    assert_eq!(longer.kind, StoreErrorKind::Unsupported);

    let deep = format!("{}x", "d/".repeat(2047));
    assert_eq!(deep.len(), 4095);
    folder.write(&deep, b"deep").await.unwrap();
    assert_eq!(folder.read(&deep).await.unwrap(), b"deep");
    let draft = store.begin(&path(&deep), &options(20 * MIB as u64)).await.unwrap();
    store.put(&path(&deep), &draft, Part { number: 0, offset: 0 }, Bytes::from_static(b"x")).await.unwrap();
    store.abandon(&path(&deep), &draft).await.unwrap();
    let parent = path(&deep).parent().unwrap();
    assert_eq!(store.read_dir(Some(&parent)).await.unwrap().entries.len(), 1);
    // The system takes no such path, a folder of this name all the same.
    let deepest = parent.join("dd").unwrap();
    assert_eq!(deepest.as_bytes().len(), 4096);
    store.create_dir(&deepest).await.unwrap();
    assert_eq!(store.stat(&deepest).await.unwrap(), Some(Facts::new(EntryKind::Dir)));
    assert!(store.read_dir(Some(&deepest)).await.unwrap().entries.is_empty());
    store.remove_dir(&deepest).await.unwrap();
    store.delete(&path(&deep), None).await.unwrap();
    // Standard tools cannot remove so deep a tree in one path.
    for ancestor in std::iter::once(parent.as_bytes()).chain(parent.ancestors()) {
        store.remove_dir(&RelPath::new(ancestor).unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn a_file_that_may_not_be_written_is_replaced() {
    let folder = Folder::new();
    fs::write(folder.file("file"), "old").unwrap();
    fs::set_permissions(folder.file("file"), Permissions::from_mode(0o444)).unwrap();
    folder.write("file", b"new").await.unwrap();
    assert_eq!(fs::read_to_string(folder.file("file")).unwrap(), "new");
    assert_eq!(fs::metadata(folder.file("file")).unwrap().mode() & 0o777, 0o444);
}

#[tokio::test]
async fn folders_that_may_not_be_read_or_written_are_denied_alone() {
    let folder = Folder::new();
    if rustix::process::geteuid().is_root() {
        eprintln!("not run: root may do everything");
        return;
    }
    for (name, mode) in [("closed", 0o000), ("fixed", 0o555)] {
        fs::create_dir(folder.file(name)).unwrap();
        fs::write(folder.file(name).join("file"), "mine").unwrap();
        fs::set_permissions(folder.file(name), Permissions::from_mode(mode)).unwrap();
    }
    let store = &folder.store;
    let listed = store.read_dir(None).await.unwrap();
    assert!(listed.entries.iter().all(|entry| entry.facts.kind == EntryKind::Dir));
    assert_eq!(store.read_dir(Some(&path("closed"))).await.unwrap_err().kind, StoreErrorKind::Denied);
    let is_denied = |error: StoreError, file: &str| {
        assert_eq!((error.kind, error.object()), (StoreErrorKind::Denied, file.as_bytes()));
    };
    for name in ["closed/new", "fixed/new", "fixed/file"] {
        is_denied(folder.write(name, b"x").await.unwrap_err(), name);
        is_denied(store.begin(&path(name), &options(20 * MIB as u64)).await.unwrap_err(), name);
    }
    is_denied(store.delete(&path("fixed/file"), None).await.unwrap_err(), "fixed/file");
    assert_eq!(folder.read("fixed/file").await.unwrap(), b"mine");
    fs::write(folder.file(".syncplan-tmp-x"), "").unwrap();
    let reserved: Vec<_> = store.reserved().collect().await;
    let (found, denied): (Vec<_>, Vec<_>) = reserved.into_iter().partition(Result::is_ok);
    assert_eq!(found[0].as_ref().unwrap().path, path(".syncplan-tmp-x"));
    is_denied(denied.into_iter().next().unwrap().unwrap_err(), "closed");
    fs::set_permissions(folder.file("closed"), Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_file_that_does_not_stay_what_it_was_is_not_read() {
    let changes: [fn(&fs::File, &PathBuf); 4] = [
        |file, _| file.set_len(9 << 20).unwrap(),
        |file, _| file.set_len(1 << 20).unwrap(),
        |file, _| file.write_all_at(b"x", 0).unwrap(),
        |_, path| fs::remove_file(path).unwrap(),
    ];
    for change in changes {
        let folder = Folder::new();
        fs::write(folder.file("file"), vec![1; 8 * MIB]).unwrap();
        let mut chunks = folder.store.read(&path("file"), None, None).await.unwrap();
        chunks.next().await.unwrap().unwrap();
        let file = fs::File::options().write(true).open(folder.file("file")).unwrap();
        change(&file, &folder.file("file"));
        // The content goes straight into another file, as a transfer brings it there.
        let error = folder.store.write(&path("copy"), chunks, options(7 * MIB as u64)).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Changed);
        assert!(folder.names().iter().all(|name| name == "file"), "{:?}", folder.names());
    }
}

#[tokio::test]
async fn what_is_gone_is_not_found() {
    let folder = Folder::new();
    let listed = folder.write("d/file", b"x").await.unwrap();
    fs::remove_dir_all(folder.file("d")).unwrap();
    let kind =
        folder.store.read(&path("d/file"), None, listed.token.as_ref()).await.map(|_| ()).unwrap_err().kind;
    assert_eq!(kind, StoreErrorKind::NotFound);
    assert_eq!(folder.store.read_dir(Some(&path("d"))).await.unwrap_err().kind, StoreErrorKind::NotFound);
}

#[tokio::test]
async fn a_folder_that_became_a_file_is_left_as_it_is() {
    let folder = Folder::new();
    let store = &folder.store;
    folder.write("d/file", b"x").await.unwrap();
    let draft = store.begin(&path("d/new"), &options(20 * MIB as u64)).await.unwrap();
    fs::remove_dir_all(folder.file("d")).unwrap();
    fs::write(folder.file("d"), "a file").unwrap();
    let below = path("d/new");
    let part = Part { number: 0, offset: 0 };
    for kind in [
        folder.write("d/new", b"x").await.unwrap_err().kind,
        folder.read("d/file").await.unwrap_err().kind,
        store.delete(&path("d/file"), None).await.unwrap_err().kind,
        store.read_dir(Some(&path("d"))).await.unwrap_err().kind,
        store.put(&below, &draft, part, Bytes::from_static(b"x")).await.unwrap_err().kind,
        store.finish(&below, &draft, &[], &options(0)).await.unwrap_err().kind,
    ] {
        assert_eq!(kind, StoreErrorKind::NotDirectory);
    }
    assert_eq!(store.stat(&path("d/file")).await.unwrap(), None);
    assert_eq!(store.parts(&below, &draft).await.unwrap(), None);
    store.abandon(&below, &draft).await.unwrap();
    assert_eq!(fs::read_to_string(folder.file("d")).unwrap(), "a file");
}
