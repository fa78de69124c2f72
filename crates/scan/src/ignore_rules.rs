use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder, Glob};
use syncplan_model::{Entry, EntryKind, RelPath, Snapshot, SnapshotBuilder, is_below};

/// The largest ignore file that is obeyed, in bytes.
pub(crate) const MAX_IGNORE_FILE: u64 = 1 << 20;

/// What the ignore files of one side say, and where its markers stand.
#[derive(Debug, Clone, Default)]
pub struct IgnoreRules {
    /// Sorted by folder, the root first.
    files: Vec<IgnoreFile>,
    /// They hold on their own side only, and are here to be named.
    markers: Vec<RelPath>,
}

/// What leaves a path out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IgnoreRule {
    /// A marker stands in the folder, or in one above it.
    Marker {
        /// Where.
        file: RelPath,
    },
    /// A line of an ignore file matches the path, or a folder above it.
    Pattern {
        /// Which ignore file.
        file: RelPath,
        /// Counted from 1; the last one of those that say the same.
        line: usize,
        /// As it stands there.
        pattern: String,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct IgnoreFile {
    name: RelPath,
    folder: Option<RelPath>,
    patterns: Arc<Gitignore>,
    lines: Arc<Vec<String>>,
}

impl IgnoreFile {
    /// Reads the text of an ignore file; lines that are no pattern come back beside it.
    pub(crate) fn parse(name: &RelPath, text: &[u8]) -> (Self, Vec<String>) {
        let mut builder = GitignoreBuilder::new("");
        let mut problems = Vec::new();
        let lines: Vec<String> = String::from_utf8_lossy(text).lines().map(str::to_owned).collect();
        for line in &lines {
            if let Err(error) = builder.add_line(None, line) {
                problems.push(format!("`{line}` is no pattern: {error}"));
            }
        }
        let patterns = builder.build().unwrap_or_else(|error| {
            problems.push(format!("it is not obeyed: {error}"));
            Gitignore::empty()
        });
        let folder = name.parent();
        let file = Self { name: name.clone(), folder, patterns: Arc::new(patterns), lines: Arc::new(lines) };
        (file, problems)
    }

    /// What it says of one path, if anything: leave it out, or keep it.
    fn verdict(&self, path: &[u8], is_dir: bool) -> Option<bool> {
        match self.matched(path, is_dir) {
            Match::None => None,
            Match::Ignore(_) => Some(true),
            Match::Whitelist(_) => Some(false),
        }
    }

    fn matched(&self, path: &[u8], is_dir: bool) -> Match<&Glob> {
        let below = match &self.folder {
            None => path,
            Some(folder) if is_below(path, folder.as_bytes()) => &path[folder.as_bytes().len() + 1..],
            Some(_) => return Match::None,
        };
        self.patterns.matched(OsStr::from_bytes(below), is_dir)
    }

    /// The line that leaves a path out, or nothing if this file has no opinion or keeps it.
    fn rule(&self, path: &[u8], is_dir: bool) -> Option<IgnoreRule> {
        let Match::Ignore(glob) = self.matched(path, is_dir) else { return None };
        let line = self.lines.iter().rposition(|line| line.trim_end() == glob.original().trim_end());
        let pattern = glob.original().to_owned();
        Some(IgnoreRule::Pattern { file: self.name.clone(), line: line.map_or(0, |at| at + 1), pattern })
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
    pub(crate) fn new(mut files: Vec<IgnoreFile>, markers: Vec<RelPath>) -> Self {
        files.sort_by(|a, b| a.folder.cmp(&b.folder));
        Self { files, markers }
    }

    /// What leaves a path out, if one of these rules does: the outermost, since what stands in a folder
    /// that is left out cannot be brought back.
    pub fn why(&self, path: &RelPath, is_dir: bool) -> Option<IgnoreRule> {
        let mut above: Vec<&[u8]> = path.ancestors().collect();
        above.reverse();
        let folders = above.into_iter().map(|folder| (folder, true));
        folders.chain([(path.as_bytes(), is_dir)]).find_map(|(path, is_dir)| {
            self.marker(path).or_else(|| {
                let decides = self.files.iter().rev().find(|file| file.verdict(path, is_dir).is_some());
                decides?.rule(path, is_dir)
            })
        })
    }

    fn marker(&self, folder: &[u8]) -> Option<IgnoreRule> {
        let stands = |file: &&RelPath| file.ancestors().next() == Some(folder);
        self.markers.iter().find(stands).map(|file| IgnoreRule::Marker { file: file.clone() })
    }

    /// Whether they leave nothing out on the other side.
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

    fn path(text: &str) -> RelPath {
        RelPath::new(text).unwrap()
    }

    fn rules(files: &[(&str, &str)]) -> IgnoreRules {
        let parse = |(folder, text): &(&str, &str)| {
            let name = format!("{folder}/.syncignore");
            IgnoreFile::parse(&path(name.trim_start_matches('/')), text.as_bytes()).0
        };
        IgnoreRules::new(files.iter().map(parse).collect(), vec![path("drafts/.nosync")])
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
    fn the_rule_that_leaves_a_path_out_is_named() {
        let rules = rules(&[("", "*.o\nbuild/\n\n!keep.o\n"), ("lib", "# libraries\n*.a\n")]);
        let why = |text| match rules.why(&path(text), false)? {
            IgnoreRule::Marker { file } => Some(file.to_string()),
            IgnoreRule::Pattern { file, line, pattern } => Some(format!("{file}:{line} {pattern}")),
        };
        assert_eq!(why("x/a.o").unwrap(), ".syncignore:1 *.o");
        assert_eq!(why("build/y/keep.o").unwrap(), ".syncignore:2 build/");
        assert_eq!(why("lib/b.a").unwrap(), "lib/.syncignore:2 *.a");
        assert_eq!(why("drafts/2026/x").unwrap(), "drafts/.nosync");
        assert_eq!((why("keep.o"), why("b.a")), (None, None));
    }

    #[test]
    fn a_line_that_is_no_pattern_is_told_and_the_others_hold() {
        let (file, problems) = IgnoreFile::parse(&path(".syncignore"), b"[z-a]\n*.o");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(file.verdict(b"x.o", false), Some(true));
    }
}
