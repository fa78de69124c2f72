use crate::digest::{Digest, Fingerprint};
use crate::sample::SampleSpec;

/// Hashes content of known length as it passes: its digest, and its fingerprint where one differs
/// from the digest, in one pass.
///
/// A fingerprint is the BLAKE3 hash of the length (8 bytes, little endian) and of the samples that
/// [`SampleSpec::ranges`] draws, in order.
///
/// ```
/// use syncplan_model::{ContentHasher, Digest, SampleSpec};
///
/// let mut hasher = ContentHasher::new(3, &SampleSpec::default());
/// hasher.update(b"ab");
/// hasher.update(b"c");
/// let hashes = hasher.finish();
/// assert_eq!((hashes.digest, hashes.fingerprint), (Digest::of(b"abc"), None));
/// ```
pub struct ContentHasher {
    whole: blake3::Hasher,
    samples: Option<SampleHasher>,
    at: u64,
}

/// What a [`ContentHasher`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentHashes {
    /// Of all of the content.
    pub digest: Digest,
    /// Of samples, if the content is long enough to be sampled.
    pub fingerprint: Option<Fingerprint>,
    /// How many bytes there were.
    pub len: u64,
}

impl ContentHasher {
    /// A hasher for content of `len` bytes.
    pub fn new(len: u64, spec: &SampleSpec) -> Self {
        let samples = spec.samples(len).then(|| SampleHasher::new(len, spec));
        Self { whole: blake3::Hasher::new(), samples, at: 0 }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.whole.update(bytes);
        if let Some(samples) = &mut self.samples {
            samples.pass(self.at, bytes);
        }
        self.at += bytes.len() as u64;
    }

    /// Both hashes. A fingerprint of content that was not as long as announced means nothing, so
    /// there is none.
    pub fn finish(self) -> ContentHashes {
        let samples = self.samples.filter(|samples| samples.len == self.at);
        ContentHashes {
            digest: Digest::from(self.whole.finalize()),
            fingerprint: samples.map(SampleHasher::finish),
            len: self.at,
        }
    }
}

/// Hashes samples that are read one by one.
pub struct SampleHasher {
    spec: SampleSpec,
    len: u64,
    hasher: blake3::Hasher,
    ranges: Box<dyn Iterator<Item = std::ops::Range<u64>> + Send>,
    range: Option<std::ops::Range<u64>>,
}

impl SampleHasher {
    /// A hasher for the samples of content of `len` bytes.
    pub fn new(len: u64, spec: &SampleSpec) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&len.to_le_bytes());
        let mut ranges = Box::new(spec.ranges(len));
        let range = ranges.next();
        Self { spec: *spec, len, hasher, ranges, range }
    }

    /// Takes the bytes of the next sample, whole.
    pub fn sample(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// Takes the samples out of bytes that pass, which begin at `at`.
    fn pass(&mut self, at: u64, bytes: &[u8]) {
        let end = at + bytes.len() as u64;
        while let Some(range) = self.range.clone().filter(|range| range.start < end) {
            let from = range.start.max(at) - at;
            let to = range.end.min(end) - at;
            self.hasher.update(&bytes[from as usize..to as usize]);
            if range.end > end {
                return;
            }
            self.range = self.ranges.next();
        }
    }

    /// The fingerprint.
    pub fn finish(self) -> Fingerprint {
        Fingerprint::new(&self.spec, *self.hasher.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passing_by_and_sampling_agree_however_the_content_is_cut() {
        let spec = SampleSpec { above: 10, block: 16, size: 5 };
        for len in [11_u64, 15, 16, 17, 20, 21, 22, 32, 33, 37, 100] {
            let content: Vec<u8> = (0..len).map(|byte| byte as u8).collect();
            let mut sampled = SampleHasher::new(len, &spec);
            spec.ranges(len)
                .for_each(|range| sampled.sample(&content[range.start as usize..range.end as usize]));
            let expected = Some(sampled.finish());
            for cut in 1..=len as usize {
                let mut passing = ContentHasher::new(len, &spec);
                content.chunks(cut).for_each(|chunk| passing.update(chunk));
                assert_eq!(passing.finish().fingerprint, expected, "length {len}, cut every {cut}");
            }
        }
    }

    #[test]
    fn samples_rise_and_hold_both_ends() {
        let spec = SampleSpec { above: 10, block: 16, size: 5 };
        for len in 11..200 {
            let ranges: Vec<_> = spec.ranges(len).collect();
            assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start), "{len}: {ranges:?}");
            assert_eq!((ranges[0].start, ranges[ranges.len() - 1].end), (0, len), "{ranges:?}");
        }
    }
}
