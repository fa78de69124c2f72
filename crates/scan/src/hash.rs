use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use futures::TryStreamExt as _;
use syncplan_model::{ContentHasher, Digest, Facts, Fingerprint, RelPath, SampleHasher, SampleSpec};
use syncplan_store::{BlockingRead, Store, StoreError};

/// From this size on a file is hashed by all threads together.
pub(crate) const SHARED: u64 = 64 << 20;

/// What was read at a time.
const BUFFER: usize = 1 << 20;

/// What hashing found out about content.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hashes {
    pub(crate) digest: Option<Digest>,
    pub(crate) fingerprint: Option<Fingerprint>,
}

/// Hashes a file of this machine: samples where the spec samples and `full` is not asked for.
///
/// `None` means that it is not, or no longer, the file that was listed.
pub(crate) fn hash_file(
    reader: &dyn BlockingRead,
    path: &RelPath,
    listed: &Facts,
    spec: &SampleSpec,
    full: bool,
) -> Option<Hashes> {
    let (file, facts) = reader.open(path).ok()?;
    if facts.token != listed.token || facts.size != listed.size {
        return None;
    }
    let hashes = match (spec.samples(facts.size), full) {
        (true, false) => samples_of(&file, facts.size, spec),
        (sampled, _) if facts.size >= SHARED => whole_by_all(&file, facts.size, spec, sampled),
        _ => whole(&file, facts.size, spec),
    };
    // A write while it was read shows in the facts of the path, whose token holds the ctime.
    let unchanged = reader.open(path).is_ok_and(|(_, again)| again.token == listed.token);
    hashes.ok().filter(|_| unchanged)
}

fn samples_of(mut file: &File, len: u64, spec: &SampleSpec) -> io::Result<Hashes> {
    let mut hasher = SampleHasher::new(len, spec);
    let mut buffer = Vec::new();
    for range in spec.ranges(len) {
        buffer.resize((range.end - range.start) as usize, 0);
        file.seek(SeekFrom::Start(range.start))?;
        file.read_exact(&mut buffer)?;
        hasher.sample(&buffer);
    }
    Ok(Hashes { digest: None, fingerprint: Some(hasher.finish()) })
}

fn whole(mut file: &File, len: u64, spec: &SampleSpec) -> io::Result<Hashes> {
    let mut hasher = ContentHasher::new(len, spec);
    let mut buffer = vec![0; BUFFER.min(len as usize + 1)];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    let hashes = hasher.finish();
    if hashes.len != len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Hashes { digest: Some(hashes.digest), fingerprint: hashes.fingerprint })
}

fn whole_by_all(mut file: &File, len: u64, spec: &SampleSpec, sampled: bool) -> io::Result<Hashes> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 16 * BUFFER];
    let mut at = 0;
    loop {
        let read = read_full(&mut file, &mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update_rayon(&buffer[..read]);
        at += read as u64;
    }
    if at != len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // Samples are a thousandth of what was just read, and still in the page cache.
    let fingerprint = if sampled { samples_of(file, len, spec)?.fingerprint } else { None };
    Ok(Hashes { digest: Some(Digest::from(hasher.finalize())), fingerprint })
}

fn read_full(file: &mut &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// Hashes content that has to be fetched: sampled by ranges, or all of it as it comes.
pub(crate) async fn hash_remote(
    store: &dyn Store,
    path: &RelPath,
    listed: &Facts,
    spec: &SampleSpec,
    full: bool,
) -> Result<Hashes, StoreError> {
    let token = listed.token.as_ref();
    if spec.samples(listed.size) && !full {
        let mut hasher = SampleHasher::new(listed.size, spec);
        for range in spec.ranges(listed.size) {
            let chunks: Vec<_> = store.read(path, Some(range), token).await?.try_collect().await?;
            chunks.iter().for_each(|chunk| hasher.sample(chunk));
        }
        return Ok(Hashes { digest: None, fingerprint: Some(hasher.finish()) });
    }
    let mut hasher = ContentHasher::new(listed.size, spec);
    let mut chunks = store.read(path, None, token).await?;
    while let Some(chunk) = chunks.try_next().await? {
        hasher.update(&chunk);
    }
    let hashes = hasher.finish();
    let complete = hashes.len == listed.size;
    Ok(Hashes { digest: complete.then_some(hashes.digest), fingerprint: hashes.fingerprint })
}

/// All of a small file.
pub(crate) async fn read_whole(store: &dyn Store, path: &RelPath) -> Result<Vec<u8>, StoreError> {
    let chunks: Vec<_> = store.read(path, None, None).await?.try_collect().await?;
    Ok(chunks.concat())
}
