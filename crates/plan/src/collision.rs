//! Names that the target takes for one.

use rustc_hash::{FxHashMap, FxHashSet};
use syncplan_model::RelPath;
use syncplan_model::plan::{Finding, Level};

use crate::fold::Fold;
use crate::identity::Origin;
use crate::way::Way;
use crate::work::Work;

/// Pairs shown in the finding.
const SHOWN: usize = 3;

/// What comes under a name that the store of this side takes for that of something else.
pub(crate) fn collisions(way: &Way<'_>, work: &Work, origins: &[Origin]) -> Option<Finding> {
    let fold = Fold::of(way.target.capabilities);
    if !fold.is_some() {
        return None;
    }
    let (mut coming, mut pairs) = (FxHashMap::default(), Vec::new());
    let new_dirs = work.dirs.iter().map(|dir| &dir.path);
    let new = work.fills.iter().filter(|fill| fill.replaced.is_none()).map(|fill| &fill.path);
    for path in new.chain(new_dirs) {
        if let Some(other) = coming.insert(fold.key(path.as_bytes()), path) {
            pairs.push((other.clone(), path.clone()));
        }
    }
    let moved = origins.iter().filter_map(Origin::moved_from);
    // What is replaced in place keeps its name.
    let removed = work.removals.iter().map(|removal| &removal.path);
    let aside = work.asides.iter().map(|aside| &aside.path);
    let going: FxHashSet<&RelPath> = removed.chain(aside).chain(moved).collect();
    let mut cursor = way.target.snapshot.cursor();
    while let Some(entry) = cursor.current() {
        let found = coming.get(&fold.key(entry.path.as_bytes()));
        if let Some(&new) = found.filter(|&&new| *new != entry.path && !going.contains(&entry.path)) {
            pairs.push((entry.path.clone(), new.clone()));
        }
        cursor.advance();
    }
    finding(way, fold, &pairs)
}

fn finding(way: &Way<'_>, fold: Fold, pairs: &[(RelPath, RelPath)]) -> Option<Finding> {
    let shown: Vec<_> = pairs.iter().take(SHOWN).map(|(a, b)| format!("`{a}` and `{b}`")).collect();
    let more = pairs.len().saturating_sub(SHOWN);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!(
        "the {} side takes these for one name: {}{rest}; rename one of each, or leave it out",
        way.side,
        shown.join(", "),
    );
    let is_case = pairs.iter().any(|(a, b)| is_case_only(a, b));
    let code = if fold.folds_case() && is_case { "case-collision" } else { "unicode-collision" };
    let (code, task) = (code.to_owned(), Some(way.task.name.clone()));
    (!pairs.is_empty()).then_some(Finding { code, level: Level::Hard, task, message, actions: Vec::new() })
}

fn is_case_only(a: &RelPath, b: &RelPath) -> bool {
    a.as_str().zip(b.as_str()).is_some_and(|(a, b)| a.to_lowercase() == b.to_lowercase())
}
