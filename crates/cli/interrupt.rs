//! Ctrl-C and SIGTERM: the first stops politely, the second at once.

use syncplan_exec::Cancel;
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Exit;
use crate::render;

/// Cancelled by the first signal: no new action begins, and those under way come to their end.
///
/// The second signal ends the process on the spot; the journal copes.
pub(crate) fn cancel() -> std::io::Result<Cancel> {
    let cancel = Cancel::new();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let said = cancel.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            if said.is_cancelled() {
                std::process::exit(Exit::Interrupted as i32);
            }
            said.cancel();
            render::stderr("stopping: what is under way is finished first; once more stops at once");
        }
    });
    Ok(cancel)
}
