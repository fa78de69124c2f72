//! Long runs of zeros become holes: they read as what they are, and take no room.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use rustix::fs::FallocateFlags;

/// Zeros are left out in units of this size, aligned to it: less is not worth a piece of its own. Of the
/// blocks at the ends only a part may be at hand, since chunks come as they like: that part counts.
const BLOCK: usize = 64 * 1024;

/// Writes `bytes` to where nothing was written before and reads would find zeros, or the end.
///
/// The file may stay shorter than what was written: [`File::set_len`] makes up for it.
pub(super) fn write_fresh(file: &File, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
    pieces(offset, bytes)
        .filter(|piece| !piece.zeros)
        .try_for_each(|piece| file.write_all_at(&bytes[piece.range.clone()], piece.at(offset)))
}

/// Writes `bytes` to where anything may stand; the file reaches to their end at least.
pub(super) fn write_over(file: &File, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
    // The last byte is always written. To set the length instead could cut off what somebody else
    // writes behind it at this moment.
    let Some(last) = bytes.len().checked_sub(1) else { return Ok(()) };
    for piece in pieces(offset, &bytes[..last]) {
        let length = piece.range.len() as u64;
        if !piece.zeros || punch(file, piece.at(offset), length).is_err() {
            file.write_all_at(&bytes[piece.range.clone()], piece.at(offset))?;
        }
    }
    file.write_all_at(&bytes[last..], offset + last as u64)
}

fn punch(file: &File, offset: u64, length: u64) -> rustix::io::Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(file, flags, offset, length)
}

/// A run of zeros, or of anything else.
struct Piece {
    range: Range<usize>,
    zeros: bool,
}

impl Piece {
    fn at(&self, offset: u64) -> u64 {
        offset + self.range.start as u64
    }
}

/// The bytes, which stand at `offset` of a file, as runs of blocks of zeros and what is between.
fn pieces(offset: u64, bytes: &[u8]) -> impl Iterator<Item = Piece> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let zeros = is_zeros(block(offset, bytes, start)?);
        let first = start;
        while let Some(block) = block(offset, bytes, start).filter(|block| is_zeros(block) == zeros) {
            start += block.len();
        }
        Some(Piece { range: first..start, zeros })
    })
}

/// What is left of the block of the file that `bytes[start..]` begins in.
fn block(offset: u64, bytes: &[u8], start: usize) -> Option<&[u8]> {
    let within = usize::try_from((offset + start as u64) % BLOCK as u64).unwrap_or(0);
    let end = bytes.len().min(start + BLOCK - within);
    (start < end).then(|| &bytes[start..end])
}

fn is_zeros(block: &[u8]) -> bool {
    block.iter().all(|&byte| byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Zeros where `holes` says so, in blocks, and something else before, between and behind.
    fn content(holes: &[bool], before: usize, behind: usize) -> Vec<u8> {
        let mut content = vec![1; before];
        holes.iter().for_each(|&hole| content.extend(vec![u8::from(!hole); BLOCK]));
        content.extend(vec![2; behind]);
        content
    }

    #[test]
    fn only_blocks_of_the_file_are_left_out() {
        let runs = |offset, bytes: &[u8]| -> Vec<_> {
            pieces(offset, bytes).map(|piece| (piece.range, piece.zeros)).collect()
        };
        let zeros = vec![0; 3 * BLOCK];
        assert_eq!(runs(0, &zeros), [(0..3 * BLOCK, true)]);
        assert_eq!(runs(1, &zeros), [(0..3 * BLOCK, true)]);
        let within = content(&[true], BLOCK / 2, BLOCK / 2);
        assert_eq!(runs(0, &within), [(0..2 * BLOCK, false)]);
        let mixed = content(&[true, true, false, true], 0, 5);
        assert_eq!(
            runs(0, &mixed),
            [
                (0..2 * BLOCK, true),
                (2 * BLOCK..3 * BLOCK, false),
                (3 * BLOCK..4 * BLOCK, true),
                (4 * BLOCK..4 * BLOCK + 5, false)
            ]
        );
        assert_eq!(runs(0, b""), []);
    }

    #[test]
    fn what_stood_there_does_not_shine_through() {
        for offset in [0, 1, BLOCK as u64, 3 * BLOCK as u64 - 1] {
            let mut file = tempfile::tempfile().unwrap();
            std::io::Write::write_all(&mut file, &vec![9; 8 * BLOCK]).unwrap();
            let bytes = content(&[true, false, true, true], 7, 0);
            write_over(&file, offset, &bytes).unwrap();
            let mut found = vec![0; 8 * BLOCK];
            file.read_exact_at(&mut found, 0).unwrap();
            let start = offset as usize;
            assert!(found[start..start + bytes.len()] == bytes, "at {offset}");
            assert!(found[..start].iter().chain(&found[start + bytes.len()..]).all(|&byte| byte == 9));
        }
    }

    #[test]
    fn zeros_at_the_end_make_a_file_as_long_as_they_are() {
        let file = tempfile::tempfile().unwrap();
        write_over(&file, 5, &vec![0; 2 * BLOCK]).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 5 + 2 * BLOCK as u64);
    }
}
