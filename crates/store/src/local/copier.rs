use std::fs::File;
use std::io::ErrorKind;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

use super::reader::CHUNK;
use super::sparse;

/// The most that the kernel is asked to copy in one call.
const AT_ONCE: u64 = 1 << 30;

/// Copies the first `size` bytes into an empty file: their blocks are shared where the file system can,
/// else they are copied in the kernel, hole for hole. A source that is shorter makes a shorter copy.
pub(super) fn copy_content(source: &File, target: &File, size: u64) -> std::io::Result<()> {
    if rustix::fs::ioctl_ficlone(target, source).is_ok() {
        return Ok(());
    }
    let mut at = 0;
    while let Some(data) = next_data(source, at, size)? {
        if !copy_range(source, target, &data)? {
            return Ok(());
        }
        at = data.end;
    }
    // What is left is a hole, unless the source ends before.
    if source.metadata()?.len() >= size { target.set_len(size) } else { Ok(()) }
}

/// Where the next content is that is no hole.
fn next_data(source: &File, at: u64, size: u64) -> std::io::Result<Option<Range<u64>>> {
    if at >= size {
        return Ok(None);
    }
    let start = match rustix::fs::seek(source, SeekFrom::Data(at)) {
        Ok(start) => start,
        Err(Errno::NXIO) => return Ok(None),
        // The file system does not tell.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => at,
        Err(errno) => return Err(errno.into()),
    };
    let end = rustix::fs::seek(source, SeekFrom::Hole(start)).unwrap_or(size).min(size);
    Ok((start < end).then_some(start..end))
}

/// Whether all of the range was there.
fn copy_range(source: &File, target: &File, range: &Range<u64>) -> std::io::Result<bool> {
    let (mut from, mut to) = (range.start, range.start);
    while from < range.end {
        let length = usize::try_from(AT_ONCE.min(range.end - from)).unwrap_or(usize::MAX);
        match rustix::fs::copy_file_range(source, Some(&mut from), target, Some(&mut to), length) {
            Ok(0) => return Ok(false),
            Ok(_) | Err(Errno::INTR) => {}
            // Across file systems, or where the kernel will not.
            Err(Errno::XDEV | Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP | Errno::PERM) => {
                return copy_by_hand(source, target, from..range.end);
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(true)
}

fn copy_by_hand(source: &File, target: &File, mut range: Range<u64>) -> std::io::Result<bool> {
    let mut buffer = vec![0; usize::try_from(CHUNK).unwrap_or(1 << 16)];
    while range.start < range.end {
        let length = CHUNK.min(range.end - range.start);
        let chunk = &mut buffer[..usize::try_from(length).unwrap_or(usize::MAX)];
        match source.read_exact_at(chunk, range.start) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        sparse::write_fresh(target, range.start, chunk)?;
        range.start += length;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn both_ways_of_copying_leave_holes_where_they_were() {
        let source = tempfile::tempfile().unwrap();
        source.write_all_at(b"begin", 3).unwrap();
        source.write_all_at(&[7; 100], 9 * MIB).unwrap();
        source.set_len(64 * MIB).unwrap();
        let copies: [fn(&File, &File) -> std::io::Result<()>; 2] = [
            |source, target| copy_content(source, target, 64 * MIB),
            |source, target| {
                assert!(copy_by_hand(source, target, 0..64 * MIB)?);
                target.set_len(64 * MIB)
            },
        ];
        for copy in copies {
            let target = tempfile::tempfile().unwrap();
            copy(&source, &target).unwrap();
            let (mut wanted, mut found) = (vec![0; 64 << 20], vec![1; 64 << 20]);
            source.read_exact_at(&mut wanted, 0).unwrap();
            target.read_exact_at(&mut found, 0).unwrap();
            assert!(wanted == found);
            assert!(target.metadata().unwrap().blocks() * 512 < MIB);
        }
    }

    #[test]
    fn a_source_that_shrank_makes_no_whole_copy() {
        let (source, target) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        source.write_all_at(&[7; 1000], 0).unwrap();
        copy_content(&source, &target, 2000).unwrap();
        assert_eq!(target.metadata().unwrap().len(), 1000);
        assert!(!copy_by_hand(&source, &target, 0..2000).unwrap());
    }
}
