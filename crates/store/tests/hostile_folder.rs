//! Links, races and other things that wait for whoever reads and writes a folder.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use rustix::fs::{CWD, Mode, RenameFlags};
use syncplan_model::{EntryKind, Facts, LinkTarget, Mtime, RelPath};
use syncplan_store::{
    ContentStream, FollowingFolder, Housekeeping as _, LocalStore, Metadata, MoveOptions, Part, Precondition,
    Reserved, Store, StoreError, StoreErrorKind, TreeListing as _, WriteOptions,
};

/// A root with a folder beside it that nothing may touch.
struct Trap {
    dir: tempfile::TempDir,
    store: Arc<LocalStore>,
}

impl Trap {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("root")).unwrap();
        fs::create_dir(dir.path().join("outside")).unwrap();
        fs::write(dir.path().join("outside/secret"), "secret").unwrap();
        let store = Arc::new(LocalStore::open(&dir.path().join("root"), "root".to_owned()).unwrap());
        Self { dir, store }
    }

    fn inside(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.dir.path().join("root").join(Path::new(name.as_ref()))
    }

    fn outside(&self) -> PathBuf {
        self.dir.path().join("outside")
    }

    fn assert_untouched(&self) {
        let names: Vec<_> =
            fs::read_dir(self.outside()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["secret"]);
        let secret = self.outside().join("secret");
        assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
        assert_ne!(fs::metadata(&secret).unwrap().mtime(), 12_345);
        assert_eq!(fs::metadata(&secret).unwrap().mode() & 0o777, 0o644);
    }
}

#[tokio::test]
async fn nothing_is_kept_behind_a_link_or_through_one() {
    let trap = Trap::new();
    fs::write(trap.inside("a"), "a").unwrap();
    symlink(trap.outside(), trap.inside(".syncplan")).unwrap();
    let kept = trap.store.preserve(&path("a"), &path(".syncplan/trash/a"), None).await;
    assert_eq!(kept.unwrap_err().kind, StoreErrorKind::NotDirectory);
    // A link is kept as a link, whatever it points to.
    symlink(trap.outside().join("secret"), trap.inside("link")).unwrap();
    trap.store.preserve(&path("link"), &path("kept/link"), None).await.unwrap();
    assert_eq!(fs::read_link(trap.inside("kept/link")).unwrap(), trap.outside().join("secret"));
    fs::create_dir(trap.inside("folder")).unwrap();
    let kept = trap.store.preserve(&path("folder"), &path("kept/folder"), None).await;
    assert_eq!(kept.unwrap_err().kind, StoreErrorKind::Unsupported);
    trap.assert_untouched();
}

/// A file that is about to be kept is swapped for another all the time: what was expected is kept, or
/// nothing is.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_expected_is_kept() {
    let trap = Trap::new();
    let (file, other) = (trap.inside("a"), trap.inside("b"));
    let stop = Arc::new(AtomicBool::new(false));
    fs::write(&file, "expected").unwrap();
    fs::write(&other, "swapped!").unwrap();
    let swapping = {
        let (stop, file, other) = (Arc::clone(&stop), file.clone(), other.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let _ = rustix::fs::renameat_with(CWD, &file, CWD, &other, RenameFlags::EXCHANGE);
            }
        })
    };
    for number in 0..500 {
        let Some(facts) = trap.store.stat(&path("a")).await.unwrap() else { continue };
        let expected = facts.token.clone().unwrap();
        let to = path(format!("kept/{number}"));
        let kept = trap.store.preserve(&path("a"), &to, Some(&expected)).await;
        let inode = |token: &str| token.split('-').next().map(str::to_owned);
        match trap.store.stat(&to).await.unwrap().and_then(|facts| facts.token) {
            Some(token) => assert_eq!(inode(token.as_str()), inode(expected.as_str()), "{kept:?}"),
            None => assert!(kept.is_err(), "it said that it kept it"),
        }
    }
    stop.store(true, Ordering::Relaxed);
    swapping.join().unwrap();
}

fn path(path: impl AsRef<[u8]>) -> RelPath {
    RelPath::new(path).unwrap()
}

fn content(text: &'static [u8]) -> ContentStream {
    futures::stream::iter([Ok(Bytes::from_static(text))]).boxed()
}

fn any() -> MoveOptions {
    MoveOptions { expect: None, precondition: Precondition::Any, temporary: None }
}

fn metadata() -> Metadata {
    Metadata { mtime: Some(Mtime { seconds: 12_345, nanos: 0 }), mode: Some(0o600), ..Metadata::default() }
}

async fn write(store: &LocalStore, to: &RelPath, text: &'static [u8]) -> Result<Facts, StoreError> {
    let options = WriteOptions {
        size: text.len() as u64,
        precondition: Precondition::Any,
        metadata: metadata(),
        temporary: None,
    };
    store.write(to, content(text), options).await
}

async fn read(store: &LocalStore, from: &RelPath) -> Result<Vec<u8>, StoreError> {
    let chunks: Vec<Bytes> = store.read(from, None, None).await?.try_collect().await?;
    Ok(chunks.concat())
}

#[tokio::test]
async fn no_folder_is_reached_through_a_link() {
    let trap = Trap::new();
    symlink(trap.outside(), trap.inside("pwn")).unwrap();
    symlink("../outside", trap.inside("relative")).unwrap();
    symlink(".", trap.inside("evil")).unwrap();
    symlink("loop", trap.inside("loop")).unwrap();
    fs::write(trap.inside("file"), "file").unwrap();
    for link in ["pwn", "relative", "evil/pwn", "evil/evil", "loop"] {
        let (store, below) = (&trap.store, path(format!("{link}/secret")));
        let refused =
            |error: StoreError| assert_eq!(error.kind, StoreErrorKind::NotDirectory, "{link}: {error}");
        refused(write(store, &below, b"pwned").await.unwrap_err());
        refused(write(store, &path(format!("{link}/new/x")), b"pwned").await.unwrap_err());
        refused(read(store, &below).await.unwrap_err());
        refused(store.delete(&below, None).await.unwrap_err());
        refused(store.copy(&below, &path("copy"), any()).await.unwrap_err());
        refused(store.copy(&path("file"), &below, any()).await.unwrap_err());
        refused(store.rename(&below, &path("moved"), any()).await.unwrap_err());
        refused(store.rename(&path("file"), &below, any()).await.unwrap_err());
        refused(store.create_dir(&path(format!("{link}/new"))).await.unwrap_err());
        refused(store.remove_dir(&below).await.unwrap_err());
        refused(store.set_metadata(&below, &metadata(), None).await.unwrap_err());
        refused(store.read_dir(Some(&path(link))).await.map(|_| ()).unwrap_err());
        let target = LinkTarget::new(*b"x");
        refused(
            store.create_symlink(&path(format!("{link}/l")), &target, Precondition::Any).await.unwrap_err(),
        );
        assert_eq!(store.stat(&below).await.unwrap(), None);
        trap.assert_untouched();
    }
}

#[tokio::test]
async fn what_is_ours_is_found_inside_and_nowhere_else() {
    let trap = Trap::new();
    fs::write(trap.outside().join(".syncplan-tmp-far"), "").unwrap();
    for folder in [".syncplan/trash/h", "a/.syncplan", "a/b"] {
        fs::create_dir_all(trap.inside(folder)).unwrap();
    }
    for file in [".syncplan/trash/h/f", "a/b/.syncplan-tmp-near", "a/.syncplan/theirs", "a/b/theirs"] {
        fs::write(trap.inside(file), "x").unwrap();
    }
    for link in ["out", ".syncplan-tmp-link", ".syncplan/out", "a/out"] {
        symlink(trap.outside(), trap.inside(link)).unwrap();
    }
    let found: Vec<Reserved> = trap.store.reserved().try_collect().await.unwrap();
    let mut names: Vec<_> = found.iter().map(|it| (it.path.to_string(), it.facts.kind)).collect();
    names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let wanted = [
        (".syncplan-tmp-link", EntryKind::Symlink),
        (".syncplan/out", EntryKind::Symlink),
        (".syncplan/trash", EntryKind::Dir),
        (".syncplan/trash/h", EntryKind::Dir),
        (".syncplan/trash/h/f", EntryKind::File),
        ("a/b/.syncplan-tmp-near", EntryKind::File),
    ];
    assert_eq!(names, wanted.map(|(name, kind)| (name.to_owned(), kind)));
    let changed = fs::metadata(trap.inside("a/b/.syncplan-tmp-near")).unwrap().ctime();
    assert!(found.iter().any(|it| it.since.is_some_and(|since| since.seconds == changed)));
    fs::remove_file(trap.outside().join(".syncplan-tmp-far")).unwrap();
    trap.assert_untouched();
}

#[tokio::test]
async fn a_link_at_the_target_is_replaced_and_never_followed() {
    let trap = Trap::new();
    let secret = trap.outside().join("secret");
    symlink(&secret, trap.inside("link")).unwrap();
    symlink(trap.outside().join("new"), trap.inside("dangling")).unwrap();
    for link in ["link", "dangling"] {
        assert!(read(&trap.store, &path(link)).await.is_err());
        // The link itself has a time; what it leads to is not touched.
        trap.store.set_metadata(&path(link), &metadata(), None).await.unwrap();
        assert_eq!(fs::symlink_metadata(trap.inside(link)).unwrap().mtime(), 12_345);
        trap.assert_untouched();
        let options = WriteOptions {
            size: 1,
            precondition: Precondition::Absent,
            metadata: metadata(),
            temporary: None,
        };
        let refused = trap.store.write(&path(link), content(b"x"), options).await;
        assert_eq!(refused.unwrap_err().kind, StoreErrorKind::Precondition);
        write(&trap.store, &path(link), b"mine").await.unwrap();
        assert_eq!(fs::read_to_string(trap.inside(link)).unwrap(), "mine");
        assert!(fs::symlink_metadata(trap.inside(link)).unwrap().is_file());
    }
    // A link where the temporary should stand.
    symlink(&secret, trap.inside(".syncplan-tmp-1-1")).unwrap();
    let options = WriteOptions {
        size: 4,
        precondition: Precondition::Any,
        metadata: metadata(),
        temporary: Some(path(".syncplan-tmp-1-1")),
    };
    trap.store.write(&path("link"), content(b"more"), options).await.unwrap();
    assert_eq!(fs::read_to_string(trap.inside("link")).unwrap(), "more");
    trap.assert_untouched();
}

/// Swaps two names back and forth until it is dropped.
struct Swapper {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<u64>>,
}

impl Swapper {
    fn start(one: PathBuf, other: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut swaps = 0;
            while !stopped.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
                swaps += 1;
            }
            swaps
        });
        Self { stop, thread: Some(thread) }
    }

    fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_that_turn_into_links_lead_nowhere() {
    let trap = Trap::new();
    for pair in 0..50 {
        let dir = format!("dir{pair}");
        fs::create_dir(trap.inside(&dir)).unwrap();
        fs::write(trap.inside(format!("{dir}/secret")), "decoy").unwrap();
        symlink(trap.outside(), trap.inside(format!("link{pair}"))).unwrap();
        let swapper = Swapper::start(trap.inside(&dir), trap.inside(format!("link{pair}")));
        let secret = path(format!("{dir}/secret"));
        for _ in 0..20 {
            if let Ok(found) = read(&trap.store, &secret).await {
                assert_ne!(found, b"secret");
            }
            let _ = write(&trap.store, &secret, b"decoy").await;
            let _ = write(&trap.store, &path(format!("{dir}/new/file")), b"decoy").await;
            let _ = trap.store.set_metadata(&secret, &metadata(), None).await;
            let _ = trap.store.rename(&secret, &path(format!("{dir}/moved")), any()).await;
            let _ = trap.store.copy(&path(format!("{dir}/moved")), &secret, any()).await;
            let _ = trap.store.delete(&path(format!("{dir}/moved")), None).await;
            let _ = trap.store.create_dir(&path(format!("{dir}/made"))).await;
        }
        assert!(swapper.stop() > 0);
    }
    trap.assert_untouched();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_turn_into_links_are_not_followed() {
    let trap = Trap::new();
    fs::write(trap.inside("file"), "decoy").unwrap();
    symlink(trap.outside().join("secret"), trap.inside("link")).unwrap();
    let swapper = Swapper::start(trap.inside("file"), trap.inside("link"));
    for _ in 0..300 {
        // A file that is renamed all the time changes all the time: it need not be read at all.
        if let Ok(found) = read(&trap.store, &path("file")).await {
            assert_eq!(found, b"decoy");
        }
        let _ = trap.store.set_metadata(&path("file"), &metadata(), None).await;
        let _ = trap.store.copy(&path("file"), &path("copy"), any()).await;
    }
    assert!(swapper.stop() > 0);
    if trap.inside("copy").exists() {
        assert_eq!(fs::read_to_string(trap.inside("copy")).unwrap(), "decoy");
    }
    trap.assert_untouched();
}

/// Everything that a store can do at a path, whatever becomes of it; answers what was read.
async fn everything(store: &LocalStore, following: &FollowingFolder, dir: &str) -> Vec<Vec<u8>> {
    let (secret, other) = (path(format!("{dir}/secret")), path(format!("{dir}/other")));
    let mut found = Vec::new();
    found.extend(read(store, &secret).await);
    found.extend(read(store, &path(dir)).await);
    if let Ok(content) = following.read(&secret, None, None).await {
        let chunks: Result<Vec<Bytes>, StoreError> = content.try_collect().await;
        found.extend(chunks.map(|chunks| chunks.concat()));
    }
    if let Some(Ok((mut file, _))) = store.blocking_reader().map(|reader| reader.open(&secret)) {
        let mut text = Vec::new();
        if std::io::Read::read_to_end(&mut file, &mut text).is_ok() {
            found.push(text);
        }
    }
    for listed in [store.read_dir(Some(&path(dir))).await, following.read_dir(Some(&path(dir))).await] {
        let entries = listed.map(|batch| batch.entries).unwrap_or_default();
        let outside = entries.iter().find(|entry| entry.path.file_name() == b"only-outside");
        assert!(outside.is_none(), "{outside:?}");
    }
    let _ = write(store, &secret, b"decoy").await;
    let _ = write(store, &path(dir), b"decoy").await;
    let _ = write(store, &path(format!("{dir}/new/file")), b"decoy").await;
    let _ = store.set_metadata(&secret, &metadata(), None).await;
    let _ = store.set_metadata(&path(dir), &metadata(), None).await;
    let _ = store.preserve(&secret, &path(format!(".syncplan/trash/{dir}")), None).await;
    let _ = store.rename(&secret, &other, any()).await;
    let _ = store.copy(&other, &secret, any()).await;
    let _ = store.delete(&other, None).await;
    let _ = store.create_dir(&path(format!("{dir}/made"))).await;
    let _ =
        store.create_symlink(&path(format!("{dir}/link")), &LinkTarget::new(*b"x"), Precondition::Any).await;
    let _ = store.remove_dir(&path(format!("{dir}/made"))).await;
    draft(store, &secret).await;
    found
}

/// Writes part by part, as far as it goes.
async fn draft(store: &LocalStore, to: &RelPath) -> Option<Facts> {
    let parts = store.partial_writes()?;
    let options = WriteOptions {
        size: 5,
        precondition: Precondition::Any,
        metadata: metadata(),
        temporary: to.with_file_name(".syncplan-tmp-race-0").ok(),
    };
    let draft = parts.begin(to, &options).await.ok()?;
    let part = Part { number: 0, offset: 0 };
    let tag = parts.put(to, &draft, part, Bytes::from_static(b"decoy")).await;
    let Ok(tag) = tag else {
        let _ = parts.abandon(to, &draft).await;
        return None;
    };
    parts.finish(to, &draft, &[tag], &options).await.ok()
}

/// Fifty pairs at once: in one half a folder, in the other a file changes places with a link that leads
/// out, while the store does everything it can do there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_racing_pairs_lead_nowhere() {
    const PAIRS: usize = 50;
    let trap = Trap::new();
    let target = trap.outside().join("only-outside");
    fs::write(&target, "secret").unwrap();
    let mut swappers = Vec::new();
    for pair in 0..PAIRS {
        let (thing, link) = (trap.inside(format!("it{pair}")), trap.inside(format!("link{pair}")));
        if pair % 2 == 0 {
            fs::create_dir(&thing).unwrap();
            fs::write(thing.join("secret"), "decoy").unwrap();
            symlink(trap.outside(), &link).unwrap();
        } else {
            fs::write(&thing, "decoy").unwrap();
            symlink(trap.outside().join("secret"), &link).unwrap();
        }
        let leads_to = fs::read_link(&link).unwrap();
        swappers.push(Exchanger::start(thing, link, leads_to));
    }
    let following = FollowingFolder::open(&trap.inside(""), "following".to_owned()).unwrap();
    let until = Instant::now() + Duration::from_secs(6);
    let (mut rounds, mut reads) = (0, 0);
    while Instant::now() < until {
        let round = (0..PAIRS).map(|pair| {
            let (store, following) = (&trap.store, &following);
            async move { everything(store, following, &format!("it{pair}")).await }
        });
        let found: Vec<Vec<u8>> =
            futures::stream::iter(round).buffer_unordered(16).collect::<Vec<_>>().await.concat();
        assert!(found.iter().all(|text| text != b"secret"), "what stands outside was read");
        reads += found.len();
        rounds += 1;
    }
    let swaps: u64 = swappers.into_iter().map(Exchanger::stop).sum();
    assert!(rounds > 1 && swaps > 1000 && reads > 0, "{rounds} rounds, {swaps} swaps, {reads} reads");
    assert_eq!(fs::read_to_string(&target).unwrap(), "secret");
    fs::remove_file(&target).unwrap();
    trap.assert_untouched();
}

/// Swaps two names until it is stopped, and puts the link back when it was replaced.
struct Exchanger {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<u64>,
}

impl Exchanger {
    fn start(one: PathBuf, other: PathBuf, leads_to: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut swaps = 0;
            while !stopped.load(Ordering::Relaxed) {
                if ![&one, &other].iter().any(|name| name.is_symlink()) {
                    let spare = other.with_extension("spare");
                    symlink(&leads_to, &spare).unwrap();
                    let _ = fs::remove_dir_all(&other);
                    let _ = fs::rename(&spare, &other);
                }
                let swapped = rustix::fs::renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE);
                swaps += u64::from(swapped.is_ok());
                // Fifty of them share the processors with what they are to race against.
                std::thread::sleep(Duration::from_micros(50));
            }
            swaps
        });
        Self { stop, thread }
    }

    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Where links are followed, they are followed below the root and no further, and nothing is written.
#[tokio::test]
async fn links_are_followed_below_the_root_only() {
    let trap = Trap::new();
    fs::create_dir_all(trap.inside("real/deep")).unwrap();
    fs::write(trap.inside("real/deep/file"), "inside").unwrap();
    for (name, target) in
        [("in", "real/deep"), ("to-file", "real/deep/file"), ("chain", "in"), ("loop", "loop")]
    {
        symlink(target, trap.inside(name)).unwrap();
    }
    symlink(trap.outside(), trap.inside("out")).unwrap();
    symlink("../outside/secret", trap.inside("real/out")).unwrap();
    symlink("../../..", trap.inside("real/deep/up")).unwrap();
    symlink("/proc/self/root", trap.inside("magic")).unwrap();
    let store = FollowingFolder::open(&trap.inside(""), "following".to_owned()).unwrap();
    let read_from = async |at: &str| -> Option<Vec<u8>> {
        let chunks = store.read(&path(at), None, None).await.ok()?;
        Some(chunks.try_collect::<Vec<_>>().await.ok()?.concat())
    };
    for inside in ["in/file", "to-file", "chain/file"] {
        assert_eq!(read_from(inside).await.as_deref(), Some(b"inside".as_slice()), "{inside}");
    }
    for outside in
        ["out/secret", "real/out", "real/deep/up/outside/secret", "loop", "magic/etc/passwd", "in/up"]
    {
        assert_eq!(read_from(outside).await, None, "{outside}");
        assert_eq!(store.stat(&path(outside)).await.unwrap(), None, "{outside}");
    }
    let listed = store.read_dir(None).await.unwrap();
    let kind = |name: &str| listed.entries.iter().find(|it| it.path == path(name)).unwrap().facts.kind;
    assert_eq!(
        [kind("in"), kind("chain"), kind("to-file")],
        [EntryKind::Dir, EntryKind::Dir, EntryKind::File]
    );
    for astray in ["out", "loop", "magic"] {
        assert_eq!(kind(astray), EntryKind::Ignored, "{astray}");
        assert!(listed.rejected.iter().any(|it| it.name == astray.as_bytes()), "{astray}");
    }
    for at in ["in/file", "out/secret", "new"] {
        let options =
            WriteOptions { size: 1, precondition: Precondition::Any, metadata: metadata(), temporary: None };
        assert!(store.write(&path(at), content(b"x"), options).await.is_err());
        assert!(store.delete(&path(at), None).await.is_err());
        assert!(store.set_metadata(&path(at), &metadata(), None).await.is_err());
    }
    assert_eq!(fs::read_to_string(trap.inside("real/deep/file")).unwrap(), "inside");
    trap.assert_untouched();
}

#[tokio::test]
async fn what_is_no_file_is_reported_and_never_opened() {
    let trap = Trap::new();
    rustix::fs::mknodat(CWD, trap.inside("fifo"), rustix::fs::FileType::Fifo, Mode::from_raw_mode(0o666), 0)
        .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(trap.inside("socket")).unwrap();
    let listed = trap.store.read_dir(None).await.unwrap();
    assert_eq!(listed.entries.len(), 2);
    for entry in listed.entries {
        assert_eq!(entry.facts, Facts::new(EntryKind::Special));
        // Reading a FIFO would wait for a writer for ever.
        assert_eq!(read(&trap.store, &entry.path).await.unwrap_err().kind, StoreErrorKind::Unsupported);
        assert!(trap.store.copy(&entry.path, &path("copy"), any()).await.is_err());
        assert!(trap.store.set_metadata(&entry.path, &metadata(), None).await.is_err());
        assert!(trap.store.delete(&entry.path, None).await.is_err());
    }
}

#[tokio::test]
async fn names_that_are_not_utf8_are_names() {
    let trap = Trap::new();
    let name = b"a\xff\xfe";
    write(&trap.store, &path(name), b"x").await.unwrap();
    assert!(trap.inside(OsStr::from_bytes(name)).exists());
    assert_eq!(trap.store.read_dir(None).await.unwrap().entries[0].path.as_bytes(), name);
}

#[tokio::test]
async fn setuid_does_not_travel() {
    let trap = Trap::new();
    fs::write(trap.inside("from"), "x").unwrap();
    fs::set_permissions(trap.inside("from"), fs::Permissions::from_mode(0o6755)).unwrap();
    assert_eq!(trap.store.stat(&path("from")).await.unwrap().unwrap().mode, Some(0o755));
    trap.store.copy(&path("from"), &path("to"), any()).await.unwrap();
    assert_eq!(fs::metadata(trap.inside("to")).unwrap().mode() & 0o7777, 0o755);
}

#[tokio::test]
async fn a_root_that_is_gone_or_none_is_said_so() {
    let trap = Trap::new();
    let open = |name: &str| {
        LocalStore::open(&trap.inside(name), name.to_owned()).map(|_| ()).map_err(|error| error.kind)
    };
    fs::write(trap.inside("file"), "").unwrap();
    assert_eq!(open("missing"), Err(StoreErrorKind::NoStore));
    assert_eq!(open("file"), Err(StoreErrorKind::NotDirectory));
    let store = LocalStore::open_or_create(&trap.inside("a/b"), "new".to_owned()).unwrap();
    store.check().await.unwrap();
    assert!(LocalStore::open_or_create(&trap.inside("file/b"), "new".to_owned()).is_err());
    fs::remove_dir(trap.inside("a/b")).unwrap();
    assert_eq!(store.check().await.unwrap_err().kind, StoreErrorKind::NoStore);
}

/// A small file system of its own; mounting one takes root.
struct Mount(PathBuf);

impl Mount {
    fn new(at: &Path) -> Option<Self> {
        let at = at.to_owned();
        mount(&["-t", "tmpfs", "-o", "size=1m", "tmpfs"], &at).then_some(Self(at))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    let output = Command::new("mount").args(arguments).arg(at).output();
    output.is_ok_and(|output| output.status.success())
}

#[tokio::test]
async fn a_full_disk_changes_nothing() {
    let trap = Trap::new();
    let Some(disk) = Mount::new(&trap.inside("")) else {
        eprintln!("not run: mounting a small disk takes root");
        return;
    };
    let store = LocalStore::open(&disk.0, "small".to_owned()).unwrap();
    write(&store, &path("file"), b"old").await.unwrap();
    for size in [1_000_000_u64, 4_000_000] {
        let chunks = (0..size / 1000 * 2).map(|_| Ok(Bytes::from_static(&[7; 500])));
        let options = WriteOptions {
            size,
            precondition: Precondition::Any,
            metadata: Metadata::default(),
            temporary: None,
        };
        fs::write(disk.0.join("ballast"), vec![1; 500_000]).unwrap();
        let error =
            store.write(&path("file"), futures::stream::iter(chunks).boxed(), options).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Full, "{error}");
        let names = fs::read_dir(&disk.0).unwrap().count();
        assert_eq!((read(&store, &path("file")).await.unwrap(), names), (b"old".to_vec(), 2));
    }
    assert!(mount(&["-o", "remount,ro"], &disk.0));
    assert_eq!(write(&store, &path("file"), b"new").await.unwrap_err().kind, StoreErrorKind::Denied);
    assert_eq!(store.delete(&path("file"), None).await.unwrap_err().kind, StoreErrorKind::Denied);
}
