use rustc_hash::FxHashSet;
use syncplan_model::RelPath;
use syncplan_model::plan::Reason;

use crate::work::{NewDir, Work};

/// Adds the directories that nothing lists and that something is to stand in: filtered-out parents,
/// and those that the source, a store without directories, only implies.
pub(crate) fn add_missing(work: &mut Work) {
    let mut known: FxHashSet<Vec<u8>> = work.dirs.iter().map(|dir| dir.path.as_bytes().to_vec()).collect();
    let mut missing = Vec::new();
    let dirs = work.dirs.iter().map(|dir| (&dir.path, dir.home));
    for (path, home) in work.fills.iter().map(|fill| (&fill.path, fill.home)).chain(dirs) {
        // Above one that is known all others are, or will be, looked at from there.
        for above in path.ancestors().take_while(|above| above.len() > home) {
            if known.contains(above) {
                break;
            }
            known.insert(above.to_vec());
            missing.push((above.to_vec(), home));
        }
    }
    let new = missing.into_iter().filter_map(|(path, home)| Some((RelPath::new(path).ok()?, home)));
    work.dirs.extend(new.map(|(path, home)| NewDir { path, reason: Reason::PARENT, home, is_listed: false }));
    work.dirs.sort_by(|a, b| a.path.cmp(&b.path));
}
