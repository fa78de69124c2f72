use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

use futures::{StreamExt as _, stream};
use syncplan_model::{EntryKind, Facts, RelPath};
use syncplan_store::{Guarded, Metadata, StoreError, StoreErrorKind, WriteOptions};

use crate::cancel::Cancel;
use crate::confirm::{digest_of, whole};
use crate::place::{Obstacle, Place, View};
use crate::program::{BASE, LOCAL, REMOTE, run};
use crate::scratch::Scratch;
use crate::trash;
use crate::verified::Verified;
use crate::worker::{Effect, Worker};

/// What is said where nothing can be merged.
pub(crate) const NO_PROGRAM: &str = "no program to merge with is set";

/// Lines that begin like this are where a program left it to others to choose.
const MARKERS: [&[u8; 7]; 2] = [b"<<<<<<<", b">>>>>>>"];

/// Has a program make one of what stands at the path on both sides, and writes it to the target.
///
/// Both have to be as expected, before and after it ran. What it makes of them only takes their place
/// if it is whole.
pub(crate) async fn merge(worker: &Worker, at: usize, view: &View<'_>) -> Result<Effect, Obstacle> {
    let (theirs, ours) = (view.source()?, &view.target);
    let remote = file(theirs, theirs.verified().await?)?;
    let local = ours.look().await?;
    if let Some(difference) = trash::mismatch(view, local.as_ref()).await? {
        return Err(Obstacle::Mismatch(difference));
    }
    let local = file(ours, local)?;
    let merged = Merged::of(view, (&ours.path, &local), &remote, &worker.job.cancel).await?;
    check_unchanged(theirs, &remote).await?;
    check_unchanged(ours, &local).await?;
    let precondition = trash::precondition(view, Guarded::Replace).await?;
    let (content, passed) = Verified::new(
        merged.read().await?,
        ours.path.clone(),
        merged.size,
        &view.sides.sample,
        None,
        Box::new(|_| ()),
    );
    let (metadata, temporary) = (Metadata::default(), worker.temporary(at));
    let options = WriteOptions { size: merged.size, precondition, metadata, temporary };
    let written = ours.store.write(&ours.path, content.boxed(), options).await?;
    let hashes = passed.hashes();
    let hashes = hashes.ok_or_else(|| StoreError::new(StoreErrorKind::Changed, "write", &ours.path))?;
    let hashed = Facts { digest: Some(hashes.digest), fingerprint: hashes.fingerprint, ..written };
    Ok(Effect::at_target(view, Some(hashed)))
}

/// Whether what stands at the target is what the program makes of what stood there: an earlier try
/// wrote it, and nobody heard of it. The trash has what stood there.
pub(crate) async fn settle_merge(
    view: &View<'_>,
    found: Option<Facts>,
    cancel: &Cancel,
) -> Result<Option<Effect>, StoreError> {
    let (Some(trash), Some(theirs)) = (&view.action.trash, &view.source) else { return Ok(None) };
    let found = found.filter(|found| found.kind == EntryKind::File);
    let (kept, remote) = (view.target.store.stat(trash).await?, theirs.look().await?);
    let as_expected =
        view.target.mismatch_but_token(kept.as_ref()).is_none() && theirs.mismatch(remote.as_ref()).is_none();
    let (Some(found), Some(kept), Some(remote), true) = (found, kept, remote, as_expected) else {
        return Ok(None);
    };
    let merged = match Merged::of(view, (trash, &kept), &remote, cancel).await {
        Ok(merged) => merged,
        Err(Obstacle::Store(error)) => return Err(error),
        Err(Obstacle::Failed(why)) if cancel.is_cancelled() => {
            return Err(StoreError::new(StoreErrorKind::Transient, "merge", &view.target.path).because(why));
        }
        Err(_) => return Ok(None),
    };
    let digest = digest_of(merged.read().await?).await?;
    let stands = whole(view.target.store.as_ref(), &view.target.path, found.token.as_ref()).await?;
    let found = Facts { digest: Some(digest), ..found };
    Ok((digest == stands).then(|| Effect::at_target(view, Some(found))))
}

/// What a program made of two files.
struct Merged {
    scratch: Scratch,
    name: &'static str,
    size: u64,
}

impl Merged {
    /// Runs the program; what it reads of the target's side stands at `path` there.
    async fn of(
        view: &View<'_>,
        (path, local): (&RelPath, &Facts),
        remote: &Facts,
        cancel: &Cancel,
    ) -> Result<Self, Obstacle> {
        let theirs = view.source()?;
        let Some((program, arguments)) = view.sides.merge.split_first() else {
            return Err(Obstacle::Failed(NO_PROGRAM.to_owned()));
        };
        let scratch = Scratch::new()?;
        // What both sides once agreed on is not known any more.
        scratch.put(BASE, stream::empty().boxed(), 0).await?;
        let content = view.target.store.read(path, None, local.token.as_ref()).await?;
        scratch.put(LOCAL, content, local.size).await?;
        let content = theirs.store.read(&theirs.path, None, remote.token.as_ref()).await?;
        scratch.put(REMOTE, content, remote.size).await?;
        let name = run(program, arguments, scratch.path(), cancel).await.map_err(Obstacle::Failed)?;
        let made = scratch.file(name).await?.ok_or_else(|| failed("the program left nothing behind"))?;
        if made.size == 0 && local.size > 0 && remote.size > 0 {
            return Err(failed("the program made an empty file of two that are not"));
        }
        let marked = has_markers(&scratch.path().join(name));
        if marked.map_err(|error| failed(&format!("what the program made cannot be read: {error}")))? {
            return Err(failed("the program left conflict markers in what it made"));
        }
        Ok(Self { scratch, name, size: made.size })
    }

    async fn read(&self) -> Result<syncplan_store::ContentStream, StoreError> {
        self.scratch.read(self.name).await
    }
}

fn failed(why: &str) -> Obstacle {
    Obstacle::Failed(why.to_owned())
}

fn file(place: &Place, found: Option<Facts>) -> Result<Facts, Obstacle> {
    let found = found.filter(|facts| facts.kind == EntryKind::File);
    found.ok_or_else(|| {
        Obstacle::Mismatch(format!("`{}` ({}): only files can be merged", place.path, place.side))
    })
}

/// Whether a place still holds what it held when it was read.
async fn check_unchanged(place: &Place, before: &Facts) -> Result<(), Obstacle> {
    let now = place.look().await?;
    if now.is_some_and(|now| now.token == before.token && now.size == before.size) {
        return Ok(());
    }
    let (path, side) = (&place.path, place.side);
    Err(Obstacle::Mismatch(format!("`{path}` ({side}): it changed while it was merged")))
}

/// Whether a line begins with a conflict marker. Only the beginnings of lines are held in memory.
fn has_markers(file: &Path) -> io::Result<bool> {
    let mut reader = BufReader::new(File::open(file)?);
    let mut beginning = Vec::with_capacity(8);
    loop {
        beginning.clear();
        reader.by_ref().take(8).read_until(b'\n', &mut beginning)?;
        if beginning.is_empty() {
            return Ok(false);
        }
        let is_marker = |marker: &[u8; 7]| {
            let rest = beginning.strip_prefix(marker);
            rest.is_some_and(|rest| matches!(rest, [] | [b' ' | b'\r' | b'\n']))
        };
        if MARKERS.iter().any(|marker| is_marker(marker)) {
            return Ok(true);
        }
        if !beginning.ends_with(b"\n") {
            reader.skip_until(b'\n')?;
        }
    }
}
