//! Ctrl-C and SIGTERM: the first stops politely, the second at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use syncplan_exec::Cancel;
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Exit;
use crate::render;

/// What signals do to a command.
#[derive(Clone)]
pub(crate) struct Interrupt {
    cancel: Cancel,
    busy: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens from now on.
    ///
    /// While nothing is carried out, a signal ends the process on the spot. While a plan is, the first
    /// one only keeps new actions from beginning; the second one ends the process, and the journal copes.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let own = Self { cancel: Cancel::new(), busy: Arc::default() };
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let said = own.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
                if said.cancel.is_cancelled() || !said.busy.load(Ordering::SeqCst) {
                    std::process::exit(Exit::Interrupted as i32);
                }
                said.cancel.cancel();
                render::stderr("stopping: what is under way is finished first; once more stops at once");
            }
        });
        Ok(own)
    }

    /// What a run is cancelled by.
    pub(crate) fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// Something is carried out until the answer is dropped.
    pub(crate) fn busy(&self) -> Busy {
        self.busy.store(true, Ordering::SeqCst);
        Busy(Arc::clone(&self.busy))
    }
}

/// While it lives, a first signal is a polite one.
pub(crate) struct Busy(Arc<AtomicBool>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}
