use std::ops::Range;

/// How content is sampled: whole up to `above` bytes, beyond that the first `size` bytes of each
/// `block`, and the last `size` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleSpec {
    /// Files up to this many bytes are hashed whole: what comes out *is* a digest.
    pub above: u64,
    /// The distance between two samples, in bytes; at least 1.
    pub block: u64,
    /// The length of a sample, in bytes.
    pub size: u64,
}

impl Default for SampleSpec {
    fn default() -> Self {
        Self { above: 10 << 20, block: 1 << 20, size: 1 << 10 }
    }
}

impl SampleSpec {
    /// Whether a file of `len` bytes is sampled rather than hashed whole.
    pub fn samples(&self, len: u64) -> bool {
        len > self.above
    }

    /// The byte ranges to hash of a file of `len` bytes, in order and without overlap.
    ///
    /// ```
    /// use syncplan_model::SampleSpec;
    ///
    /// let spec = SampleSpec { above: 10, block: 8, size: 2 };
    /// assert_eq!(spec.ranges(20).collect::<Vec<_>>(), [0..2, 8..10, 16..18, 18..20]);
    /// ```
    pub fn ranges(&self, len: u64) -> impl Iterator<Item = Range<u64>> + use<> {
        let (block, size) = (self.block.max(1), self.size);
        let tail = len.saturating_sub(size);
        let heads = (0..len.div_ceil(block))
            .map(move |k| k * block)
            .map(move |at| at..(at + size).min(len).min(at + block));
        let last_head_end = len.div_ceil(block).checked_sub(1).map_or(0, |k| (k * block + size).min(len));
        heads.chain((last_head_end < len).then(|| tail.max(last_head_end)..len))
    }

    /// A short hash of the parameters, so that only fingerprints sampled alike are compared.
    pub fn scheme(&self) -> [u8; 4] {
        let mut hasher = blake3::Hasher::new();
        for parameter in [self.above, self.block, self.size] {
            hasher.update(&parameter.to_le_bytes());
        }
        let [a, b, c, d, ..] = *hasher.finalize().as_bytes();
        [a, b, c, d]
    }
}
