//! Changes to a folder as words: what a situation is made of.
//!
//! | word | is |
//! |---|---|
//! | `a=text`, `a=` | a file, an empty one |
//! | `a=@3MiB#x` | a file of so many bytes, the same for the same size and letter |
//! | `a=@hole:64MiB` | a file of so many bytes with next to nothing in it |
//! | `a!640` | its permissions |
//! | `a~9` | its time of modification, in days |
//! | `l->a`, `d/` | a link, an empty folder |
//! | `-a` | removed, with all below |
//! | `a>b` | renamed, in place of what is there |

use std::fs::{self, File, FileTimes, Permissions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::chance::Chance;

/// One word.
pub(crate) enum Edit<'a> {
    Write(&'a str, Content<'a>),
    Mode(&'a str, u32),
    Touch(&'a str, u64),
    Link(&'a str, &'a str),
    Folder(&'a str),
    Remove(&'a str),
    Rename(&'a str, &'a str),
}

pub(crate) enum Content<'a> {
    Text(&'a str),
    Bulk(u64, &'a str),
    Hole(u64),
}

/// The words of a text.
pub(crate) fn edits(text: &str) -> impl Iterator<Item = Edit<'_>> {
    text.split_whitespace().map(edit)
}

fn edit(word: &str) -> Edit<'_> {
    if let Some((link, target)) = word.split_once("->") {
        Edit::Link(link, target)
    } else if let Some((path, content)) = word.split_once('=') {
        Edit::Write(path, content_of(content))
    } else if let Some(path) = word.strip_prefix('-') {
        Edit::Remove(path)
    } else if let Some((from, to)) = word.split_once('>') {
        Edit::Rename(from, to)
    } else if let Some((path, mode)) = word.split_once('!') {
        Edit::Mode(path, u32::from_str_radix(mode, 8).unwrap())
    } else if let Some((path, day)) = word.split_once('~') {
        Edit::Touch(path, day.parse().unwrap())
    } else {
        Edit::Folder(word.strip_suffix('/').unwrap_or_else(|| panic!("{word:?} is no edit")))
    }
}

fn content_of(text: &str) -> Content<'_> {
    let Some(bulk) = text.strip_prefix('@') else { return Content::Text(text) };
    match bulk.strip_prefix("hole:") {
        Some(size) => Content::Hole(size_of(size)),
        None => {
            let (size, letter) = bulk.split_once('#').unwrap_or((bulk, ""));
            Content::Bulk(size_of(size), letter)
        }
    }
}

fn size_of(text: &str) -> u64 {
    let (number, unit) = match text.strip_suffix("MiB") {
        Some(number) => (number, 1 << 20),
        None => (text.strip_suffix("KiB").unwrap_or_else(|| panic!("{text:?} is no size")), 1 << 10),
    };
    number.parse::<u64>().unwrap() * unit
}

impl Edit<'_> {
    /// Changes a folder. What is written was modified at `second`, so that it is the same whenever
    /// a situation is made.
    pub(crate) fn apply(&self, root: &Path, second: u64) {
        match *self {
            Self::Write(path, ref content) => {
                let path = prepared(root, path);
                content.write(&path);
                set_time(&path, second);
            }
            Self::Mode(path, mode) => {
                fs::set_permissions(root.join(path), Permissions::from_mode(mode)).unwrap()
            }
            Self::Touch(path, day) => set_time(&root.join(path), day * 86_400),
            Self::Link(path, target) => symlink(target, prepared(root, path)).unwrap(),
            Self::Folder(path) => fs::create_dir_all(root.join(path)).unwrap(),
            Self::Remove(path) => remove(&root.join(path)),
            Self::Rename(from, to) => fs::rename(root.join(from), prepared(root, to)).unwrap(),
        }
    }
}

impl Content<'_> {
    fn write(&self, path: &Path) {
        match *self {
            Self::Text(text) => fs::write(path, text).unwrap(),
            Self::Bulk(size, letter) => fs::write(path, bulk(size, letter)).unwrap(),
            Self::Hole(size) => {
                let mut file = File::create(path).unwrap();
                file.write_all(b"at the beginning").unwrap();
                file.seek(SeekFrom::Start(size / 2)).unwrap();
                file.write_all(b"in the middle").unwrap();
                file.set_len(size).unwrap();
            }
        }
    }
}

/// Bytes that do not repeat, so that a part in the wrong place is noticed.
fn bulk(size: u64, letter: &str) -> Vec<u8> {
    let mut chance = Chance::of(size, letter);
    let mut bytes = Vec::with_capacity(size as usize);
    while (bytes.len() as u64) < size {
        bytes.extend_from_slice(&chance.next().to_le_bytes());
    }
    bytes
}

fn prepared(root: &Path, path: &str) -> PathBuf {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    path
}

fn set_time(path: &Path, second: u64) {
    let time: SystemTime = UNIX_EPOCH + Duration::from_secs(second);
    let file = File::open(path).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

fn remove(path: &Path) {
    match fs::symlink_metadata(path).unwrap().is_dir() {
        true => fs::remove_dir_all(path).unwrap(),
        false => fs::remove_file(path).unwrap(),
    }
}
