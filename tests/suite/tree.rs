//! Trees of files as literals: `a=1 d/b=2 empty/ link->d/b`.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

/// What syncplan keeps for itself, which is no content.
const RESERVED: &str = ".syncplan";

/// Adds to `root` what the literal says; what is there under the same names is overwritten.
pub(crate) fn write(root: &Path, literal: &str) {
    fs::create_dir_all(root).unwrap();
    for word in literal.split_whitespace() {
        if let Some(folder) = word.strip_suffix('/') {
            fs::create_dir_all(root.join(folder)).unwrap();
        } else if let Some((link, target)) = word.split_once("->") {
            let link = prepared(root, link);
            symlink(target, link).unwrap();
        } else {
            let (file, content) =
                word.split_once('=').unwrap_or_else(|| panic!("{word:?} is no part of a tree"));
            fs::write(prepared(root, file), content).unwrap();
        }
    }
}

fn prepared(root: &Path, path: &str) -> PathBuf {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    path
}

/// The literal of `root`: what [`write()`] would make it from. Folders are named where they are empty,
/// a root that does not exist is empty, and contents longer than 40 bytes are given by their length.
pub(crate) fn read(root: &Path) -> String {
    let mut words = Vec::new();
    walk(root, &mut |path, metadata| {
        let name = path.strip_prefix(root).unwrap().display();
        if metadata.is_dir() {
            let own = |entry: fs::DirEntry| entry.file_name() != RESERVED;
            if !fs::read_dir(path).unwrap().any(|entry| own(entry.unwrap())) {
                words.push(format!("{name}/"));
            }
        } else if metadata.is_symlink() {
            words.push(format!("{name}->{}", fs::read_link(path).unwrap().display()));
        } else if metadata.len() > 40 {
            words.push(format!("{name}=[{} bytes]", metadata.len()));
        } else if metadata.is_file() {
            words.push(format!("{name}={}", String::from_utf8_lossy(&fs::read(path).unwrap())));
        } else {
            words.push(format!("{name}=[special]"));
        }
    });
    words.join(" ")
}

/// Everything there is to know of a tree but access times, syncplan's own folder included: equal
/// before and after means that nothing was touched.
pub(crate) fn exact(root: &Path) -> String {
    let mut lines = String::new();
    walk_all(root, &mut |path, metadata| {
        let (name, mode, inode) =
            (path.strip_prefix(root).unwrap().display(), metadata.mode(), metadata.ino());
        let (size, modified, changed) = (metadata.size(), metadata.mtime_nsec(), metadata.ctime_nsec());
        let seconds = (metadata.mtime(), metadata.ctime());
        writeln!(lines, "{name} {mode:o} {inode} {size} {seconds:?} {modified} {changed}").unwrap();
    });
    lines
}

/// The contents of what went to the trash of a side, sorted.
pub(crate) fn trash(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    walk_all(&root.join(RESERVED).join("trash"), &mut |path, metadata| {
        if metadata.is_symlink() {
            found.push(format!("->{}", fs::read_link(path).unwrap().display()));
        } else if metadata.is_file() {
            found.push(String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned());
        }
    });
    found.sort();
    found
}

/// Where files were left that only a run under way may have: temporaries and stages.
pub(crate) fn temporaries(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk_all(root, &mut |path, _| {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".syncplan-tmp")) {
            found.push(path.to_owned());
        }
    });
    found
}

fn walk(root: &Path, visit: &mut dyn FnMut(&Path, &fs::Metadata)) {
    walk_all(root, &mut |path, metadata| {
        // Of a store's root or of a task's, which may lie deeper.
        let below = path.strip_prefix(root).unwrap();
        if !below.iter().any(|name| name == RESERVED) {
            visit(path, metadata);
        }
    });
}

fn walk_all(folder: &Path, visit: &mut dyn FnMut(&Path, &fs::Metadata)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let metadata = fs::symlink_metadata(&path).unwrap();
        visit(&path, &metadata);
        if metadata.is_dir() {
            walk_all(&path, visit);
        }
    }
}
