use syncplan_model::plan::{Finding, Level};
use syncplan_model::{Capability, EntryKind, Facts, RelPath, TaskName};

use crate::way::Way;

/// Names shown in the finding.
const SHOWN: usize = 3;

/// What the target cannot hold: counted, and the first few named.
#[derive(Default)]
pub(crate) struct Unsupported {
    count: u64,
    first: Vec<(RelPath, &'static str)>,
}

impl Unsupported {
    pub(crate) fn note(&mut self, path: &RelPath, why: &'static str) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push((path.clone(), why));
        }
    }

    /// One advisory finding for the task, if there is anything to say.
    pub(crate) fn finding(&self, task: &TaskName) -> Option<Finding> {
        if self.count == 0 {
            return None;
        }
        let names: Vec<_> = self.first.iter().map(|(path, why)| format!("`{path}` ({why})")).collect();
        let more = self.count - self.first.len() as u64;
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        let message = format!("left out, since the target cannot hold them: {}{rest}", names.join(", "));
        let code = "unsupported".to_owned();
        Some(Finding { code, level: Level::Advisory, task: Some(task.clone()), message, actions: Vec::new() })
    }
}

impl Way<'_> {
    /// Why the target cannot hold something, as a clause; `None` if it can.
    pub(crate) fn unsupported(&self, path: &RelPath, facts: &Facts) -> Option<&'static str> {
        let limits = self.target.capabilities;
        let bytes = path.as_bytes();
        if facts.kind == EntryKind::Symlink && !limits.has(Capability::Symlinks) {
            Some("a symbolic link")
        } else if !limits.has(Capability::ByteNames) && path.as_str().is_none() {
            Some("a name that is not UTF-8")
        } else if bytes.len() > limits.max_path {
            Some("a path that is too long")
        } else if bytes.len() > limits.max_name && path.components().any(|name| name.len() > limits.max_name)
        {
            Some("a name that is too long")
        } else {
            None
        }
    }
}
