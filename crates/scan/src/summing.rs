use std::io::{self, Read as _};

use md5::{Digest as _, Md5};
use rayon::prelude::*;
use sha1::Sha1;
use sha2::Sha256;
use syncplan_model::{ContentHasher, Facts, RelPath, SampleSpec};
use syncplan_store::{BlockingRead, Checksum};

use crate::hash::{Hashes, SHARED};

const MIB: u64 = 1 << 20;

/// How long the parts of uploads usually are, in MiB: of rclone, the tools of Amazon and those built on
/// its libraries, s3cmd, MinIO's client, s5cmd, and the consoles of several services.
const USUAL_PARTS: [u64; 17] = [5, 8, 9, 10, 12, 15, 16, 20, 24, 25, 32, 50, 64, 100, 128, 256, 512];

/// More lengths of parts are not tried at once.
const MOST_TRIED: usize = 12;

/// How much is read at a time.
const BUFFER: usize = 1 << 20;

/// Hashes a file of this machine in one pass, both as everywhere and as `wanted` was made; also answers
/// whether that is its checksum. `None` means that it is not, or no longer, the file that was listed.
pub(crate) fn sum_file(
    reader: &dyn BlockingRead,
    path: &RelPath,
    listed: &Facts,
    spec: &SampleSpec,
    wanted: &Checksum,
) -> Option<(Hashes, bool)> {
    let (mut file, facts) = reader.open(path).ok()?;
    if facts.token != listed.token || facts.size != listed.size {
        return None;
    }
    let mut pass = Pass::new(facts.size, spec, wanted);
    let mut buffer = vec![0; BUFFER.min(usize::try_from(facts.size).unwrap_or(BUFFER) + 1)];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => pass.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    let found = pass.finish()?;
    // A write while it was read shows in the facts of the path, whose token holds the ctime.
    let unchanged = reader.open(path).is_ok_and(|(_, again)| again.token == listed.token);
    unchanged.then_some(found)
}

/// One pass over content.
struct Pass<'a> {
    content: ContentHasher,
    summers: Vec<Summer>,
    wanted: &'a Checksum,
    len: u64,
}

impl<'a> Pass<'a> {
    fn new(len: u64, spec: &SampleSpec, wanted: &'a Checksum) -> Self {
        let summers = match wanted {
            Checksum::Md5(_) => vec![Summer::Md5(Md5::new())],
            Checksum::Md5OfParts { parts, .. } => {
                part_sizes(len, *parts).into_iter().map(|size| Summer::Parts(Parts::new(size))).collect()
            }
            Checksum::Crc32c(_) => {
                vec![Summer::Crc32c(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi))]
            }
            Checksum::Sha1(_) => vec![Summer::Sha1(Sha1::new())],
            Checksum::Sha256(_) => vec![Summer::Sha256(Sha256::new())],
        };
        Self { content: ContentHasher::new(len, spec), summers, wanted, len }
    }

    fn update(&mut self, bytes: &[u8]) {
        let Self { content, summers, len, .. } = self;
        if *len < SHARED {
            content.update(bytes);
            summers.iter_mut().for_each(|summer| summer.update(bytes));
        } else {
            rayon::join(
                || content.update(bytes),
                || summers.par_iter_mut().for_each(|summer| summer.update(bytes)),
            );
        }
    }

    fn finish(self) -> Option<(Hashes, bool)> {
        let hashes = self.content.finish();
        if hashes.len != self.len {
            return None;
        }
        let matches = self.summers.into_iter().any(|summer| summer.finish() == *self.wanted);
        Some((Hashes { digest: Some(hashes.digest), fingerprint: hashes.fingerprint }, matches))
    }
}

/// One checksum on its way.
enum Summer {
    Md5(Md5),
    Parts(Parts),
    Crc32c(crc_fast::Digest),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Summer {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(md5) => md5.update(bytes),
            Self::Parts(parts) => parts.update(bytes),
            Self::Crc32c(crc) => crc.update(bytes),
            Self::Sha1(sha1) => sha1.update(bytes),
            Self::Sha256(sha256) => sha256.update(bytes),
        }
    }

    fn finish(self) -> Checksum {
        match self {
            Self::Md5(md5) => Checksum::Md5(md5.finalize().into()),
            Self::Parts(parts) => parts.finish(),
            Self::Crc32c(crc) => Checksum::Crc32c(u32::try_from(crc.finalize()).unwrap_or_default()),
            Self::Sha1(sha1) => Checksum::Sha1(sha1.finalize().into()),
            Self::Sha256(sha256) => Checksum::Sha256(sha256.finalize().into()),
        }
    }
}

/// The MD5 of the MD5s of parts.
struct Parts {
    size: u64,
    /// How much of the part under way has passed.
    filled: u64,
    part: Md5,
    all: Md5,
    count: u32,
}

impl Parts {
    fn new(size: u64) -> Self {
        Self { size, filled: 0, part: Md5::new(), all: Md5::new(), count: 0 }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.filled == self.size {
                self.end_part();
            }
            let room = usize::try_from(self.size - self.filled).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.part.update(now);
            self.filled += now.len() as u64;
            bytes = later;
        }
    }

    fn end_part(&mut self) {
        self.all.update(self.part.finalize_reset());
        self.count = self.count.saturating_add(1);
        self.filled = 0;
    }

    fn finish(mut self) -> Checksum {
        self.end_part();
        Checksum::Md5OfParts { md5: self.all.finalize().into(), parts: self.count }
    }
}

/// How long the parts of content may have been that has so many of them: whole MiB as tools use them, or
/// what the length itself suggests.
fn part_sizes(len: u64, parts: u32) -> Vec<u64> {
    let parts = u64::from(parts.max(1));
    let shortest = len.div_ceil(parts).max(1);
    let fits = |size: &u64| len.max(1).div_ceil(*size) == parts;
    let round = |to: u64| shortest.div_ceil(to) * to;
    let usual = USUAL_PARTS.map(|size| size * MIB);
    // Tools double the length of a part, or round it up, until there are few enough of them.
    let doubled = [5, 8, 15, 16].map(|size: u64| {
        let size = size * MIB;
        size << shortest.div_ceil(size).max(1).next_power_of_two().trailing_zeros().min(40)
    });
    let guessed = [round(MIB), round(5 * MIB), round(16 * MIB), round(1_000_000), round(1 << 10), shortest];
    let mut sizes: Vec<u64> = Vec::new();
    for size in usual.into_iter().chain(doubled).chain(guessed).filter(fits) {
        if !sizes.contains(&size) && sizes.len() < MOST_TRIED {
            sizes.push(size);
        }
    }
    // One part may be longer than all there is: all lengths are one then.
    sizes.truncate(if parts == 1 { 1 } else { MOST_TRIED });
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(content: &[u8], wanted: &Checksum, cut: usize) -> bool {
        let mut pass = Pass::new(content.len() as u64, &SampleSpec::default(), wanted);
        content.chunks(cut).for_each(|chunk| pass.update(chunk));
        pass.finish().unwrap().1
    }

    fn etag(content: &[u8], part: usize) -> Checksum {
        let md5s: Vec<u8> = content.chunks(part).flat_map(|part| Md5::digest(part).to_vec()).collect();
        Checksum::Md5OfParts { md5: Md5::digest(&md5s).into(), parts: content.chunks(part).count() as u32 }
    }

    #[test]
    fn parts_of_usual_lengths_are_recognised() {
        let mib = MIB as usize;
        let content: Vec<u8> = (0..10 * mib + 7).map(|at| (at / 1000) as u8).collect();
        for part in [5, 6, 8, 100].map(|size| size * mib) {
            assert!(pass(&content, &etag(&content, part), 700_001), "{part}");
        }
        // Twice 5 MiB and not a byte more.
        assert!(pass(&content[..10 * mib], &etag(&content[..10 * mib], 5 * mib), mib));
        assert!(pass(&content[..4_000_000], &etag(&content[..4_000_000], 2_000_000), mib));
        let mut other = content.clone();
        other[6 * mib] ^= 1;
        assert!(!pass(&other, &etag(&content, 5 * mib), mib));
    }

    #[test]
    fn few_lengths_are_tried() {
        assert_eq!(part_sizes(100, 1), [5 * MIB]);
        assert_eq!(part_sizes(0, 1), [5 * MIB]);
        assert!(part_sizes(12 * MIB, 3).contains(&(5 * MIB)));
        // rclone: 60,000 MiB in parts of 6 MiB, as 5 MiB would be more than 10,000.
        assert_eq!(part_sizes(60_000 * MIB, 10_000)[0], 6 * MIB);
        // Amazon's own: 8 MiB doubled.
        assert!(part_sizes(150_000 * MIB, 9375).contains(&(16 * MIB)));
        assert!(part_sizes(200_000 * MIB, 6250).contains(&(32 * MIB)));
        for (len, parts) in [(7, 3), (MIB, 2), (u64::MAX, 10_000), (3, 10_000)] {
            assert!(part_sizes(len, parts).len() <= MOST_TRIED);
        }
    }

    #[test]
    fn all_kinds_are_made_as_their_standards_say() {
        let content = b"123456789";
        for (wanted, is_it) in [
            (Checksum::Crc32c(0xe306_9283), true),
            (Checksum::Crc32c(0), false),
            (Checksum::of_etag("25f9e794323b453885f5181f1b624d0b").unwrap(), true),
            (Checksum::of_oc("SHA1:f7c3bc1d808e04732adf679965ccc34ca7ae3441").unwrap(), true),
            (
                Checksum::of_oc("SHA256:15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225")
                    .unwrap(),
                true,
            ),
        ] {
            assert_eq!(pass(content, &wanted, 4), is_it, "{wanted}");
        }
    }
}
