use std::fs::File;
use std::path::Path;

use syncplan_exec::{EventLog, Events};

use crate::args::Global;
use crate::failure::Failure;

/// The stream of `--events`, if somebody wants one. It ends with the command.
pub(crate) struct EventStream(Option<EventLog>);

impl EventStream {
    /// Begins the stream; a file is written anew.
    pub(crate) fn open(global: &Global) -> Result<Self, Failure> {
        let Some(path) = &global.events else { return Ok(Self(None)) };
        if is_stdout(path) {
            return Ok(Self(Some(EventLog::begin(std::io::stdout()))));
        }
        let file = File::create(path).map_err(|error| {
            let text = format!("the events cannot be written to `{}`", path.display());
            Failure::new("syncplan::cli::events", text).because(error)
        })?;
        Ok(Self(Some(EventLog::begin(file))))
    }

    /// Where a run tells what happens, if anybody listens.
    pub(crate) fn events(&self) -> Option<Events> {
        self.0.as_ref().map(EventLog::events)
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.take().map(EventLog::finish)
            && error.kind() != std::io::ErrorKind::BrokenPipe
        {
            tracing::warn!(%error, "the events could not be written to their end");
        }
    }
}

/// Whether stdout belongs to events, so that all else goes to stderr.
pub(crate) fn take_stdout(global: &Global) -> bool {
    global.events.as_deref().is_some_and(is_stdout)
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}
