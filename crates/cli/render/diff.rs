use std::io::{self, BufWriter, Write as _};

use serde_json::json;
use syncplan_model::{RelPath, TaskName};
use syncplan_plan::PathStatus;

/// One line a path, as `rclone check --combined` prints them.
pub(crate) struct Lines {
    out: BufWriter<io::StdoutLock<'static>>,
    with_task: bool,
    json: bool,
}

impl Lines {
    pub(crate) fn new(with_task: bool, json: bool) -> Self {
        Self { out: BufWriter::new(io::stdout().lock()), with_task, json }
    }

    /// A reader that has gone away is no error of ours.
    pub(crate) fn print(&mut self, task: &TaskName, path: &RelPath, status: PathStatus) {
        let sign = sign(status);
        let _ = match (self.json, self.with_task) {
            (true, _) => {
                writeln!(self.out, "{}", json!({ "task": task, "path": path, "status": status.as_str() }))
            }
            (false, true) => writeln!(self.out, "{sign} {task}: {path}"),
            (false, false) => writeln!(self.out, "{sign} {path}"),
        };
    }

    pub(crate) fn flush(mut self) {
        let _ = self.out.flush();
    }
}

fn sign(status: PathStatus) -> char {
    match status {
        PathStatus::Same => '=',
        PathStatus::OnlySource => '+',
        PathStatus::OnlyTarget => '-',
        PathStatus::Different => '*',
        PathStatus::LeftOut => '!',
    }
}
