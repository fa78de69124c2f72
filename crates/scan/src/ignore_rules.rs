use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use syncplan_model::{Entry, EntryKind, RelPath, Snapshot, SnapshotBuilder, is_below};

/// The largest ignore file that is obeyed, in bytes.
pub(crate) const MAX_IGNORE_FILE: u64 = 1 << 20;

/// What the ignore files of one side say.
#[derive(Debug, Clone, Default)]
pub struct IgnoreRules {
    /// Sorted by folder, the root first.
    files: Vec<IgnoreFile>,
}

#[derive(Debug, Clone)]
pub(crate) struct IgnoreFile {
    folder: Option<RelPath>,
    patterns: Arc<Gitignore>,
}

impl IgnoreFile {
    /// Reads the text of an ignore file; lines that are no pattern come back beside it.
    pub(crate) fn parse(folder: Option<&RelPath>, text: &[u8]) -> (Self, Vec<String>) {
        let mut builder = GitignoreBuilder::new("");
        let mut problems = Vec::new();
        for line in String::from_utf8_lossy(text).lines() {
            if let Err(error) = builder.add_line(None, line) {
                problems.push(format!("`{line}` is no pattern: {error}"));
            }
        }
        let patterns = builder.build().unwrap_or_else(|error| {
            problems.push(format!("it is not obeyed: {error}"));
            Gitignore::empty()
        });
        (Self { folder: folder.cloned(), patterns: Arc::new(patterns) }, problems)
    }

    /// What it says of one path, if anything: leave it out, or keep it.
    fn verdict(&self, path: &[u8], is_dir: bool) -> Option<bool> {
        let below = match &self.folder {
            None => path,
            Some(folder) if is_below(path, folder.as_bytes()) => &path[folder.as_bytes().len() + 1..],
            Some(_) => return None,
        };
        match self.patterns.matched(OsStr::from_bytes(below), is_dir) {
            Match::None => None,
            Match::Ignore(_) => Some(true),
            Match::Whitelist(_) => Some(false),
        }
    }
}

/// The ignore files that hold in a folder, nearest first.
#[derive(Clone, Default)]
pub(crate) struct IgnoreChain(Option<Arc<(IgnoreFile, Self)>>);

impl IgnoreChain {
    pub(crate) fn with(&self, file: IgnoreFile) -> Self {
        Self(Some(Arc::new((file, self.clone()))))
    }

    /// Whether a path right in the folder is left out: the nearest file that has an opinion decides.
    pub(crate) fn leaves_out(&self, path: &[u8], is_dir: bool) -> bool {
        let mut chain = self;
        while let Some(link) = &chain.0 {
            if let Some(verdict) = link.0.verdict(path, is_dir) {
                return verdict;
            }
            chain = &link.1;
        }
        false
    }
}

impl IgnoreRules {
    pub(crate) fn new(mut files: Vec<IgnoreFile>) -> Self {
        files.sort_by(|a, b| a.folder.cmp(&b.folder));
        Self { files }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The same snapshot with everything left out that these rules, of the *other* side, leave out.
    ///
    /// Without it a file that is ignored here and was deleted here would look, on the side that has
    /// no ignore file, like one more file to delete.
    pub fn apply(&self, snapshot: Snapshot) -> Snapshot {
        if self.is_empty() {
            return snapshot;
        }
        let mut builder = SnapshotBuilder::new();
        snapshot.problems().iter().cloned().for_each(|problem| builder.report(problem));
        let mut folder = Folder::default();
        let mut cursor = snapshot.cursor();
        while let Some(entry) = cursor.current() {
            let mut entry = entry.clone();
            if self.leaves_out(&entry, &mut folder) {
                entry.facts.kind = EntryKind::Ignored;
            }
            if let Err(error) = builder.push(&entry) {
                unreachable!("the order of a snapshot does not change by what is left out: {error}");
            }
            cursor.advance();
        }
        builder.finish()
    }

    fn leaves_out(&self, entry: &Entry, folder: &mut Folder) -> bool {
        let path = entry.path.as_bytes();
        let parent = entry.path.ancestors().next().unwrap_or_default();
        if folder.path != parent {
            // Outermost first: what stands in a folder that is left out cannot be brought back.
            let mut above: Vec<&[u8]> = entry.path.ancestors().collect();
            above.reverse();
            folder.left_out = above.iter().any(|above| self.verdict(above, true));
            folder.path = parent.to_vec();
        }
        folder.left_out || self.verdict(path, entry.facts.kind == EntryKind::Dir)
    }

    /// The nearest file that has an opinion on the path decides.
    fn verdict(&self, path: &[u8], is_dir: bool) -> bool {
        self.files.iter().rev().find_map(|file| file.verdict(path, is_dir)).unwrap_or(false)
    }
}

/// What was found out about the folder that was met last: most entries share theirs with the one
/// before.
#[derive(Default)]
struct Folder {
    path: Vec<u8>,
    left_out: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use syncplan_model::Facts;

    fn rules(files: &[(&str, &str)]) -> IgnoreRules {
        let parse = |(folder, text): &(&str, &str)| {
            let folder = RelPath::new(folder).ok();
            IgnoreFile::parse(folder.as_ref(), text.as_bytes()).0
        };
        IgnoreRules::new(files.iter().map(parse).collect())
    }

    fn left_out(rules: &IgnoreRules, paths: &[&str]) -> Vec<String> {
        let mut builder = SnapshotBuilder::new();
        for path in paths {
            builder.push(&Entry { path: RelPath::new(path).unwrap(), facts: Facts::file(1) }).unwrap();
        }
        let snapshot = rules.apply(builder.finish());
        let mut cursor = snapshot.cursor();
        let mut found = Vec::new();
        while let Some(entry) = cursor.current() {
            if entry.facts.kind == EntryKind::Ignored {
                found.push(entry.path.to_string());
            }
            cursor.advance();
        }
        found
    }

    #[test]
    fn rules_of_one_side_hold_on_a_flat_one() {
        let rules = rules(&[("", "*.o\nbuild/\n!keep.o\n"), ("lib", "*.a\n!x.o")]);
        let paths =
            ["a.o", "build/x", "build/y/keep.o", "keep.o", "lib/b.a", "lib/x.o", "lib/y.o", "src/b.a"];
        assert_eq!(left_out(&rules, &paths), ["a.o", "build/x", "build/y/keep.o", "lib/b.a", "lib/y.o"]);
    }

    #[test]
    fn a_line_that_is_no_pattern_is_told_and_the_others_hold() {
        let (file, problems) = IgnoreFile::parse(None, b"[z-a]\n*.o");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(file.verdict(b"x.o", false), Some(true));
    }
}
