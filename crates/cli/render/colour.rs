//! Colour, where it is wanted: on a terminal, or when it is asked for.

use std::fmt;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::args::Colour;

static CHOICE: AtomicU8 = AtomicU8::new(0);

/// Settles the question for the whole process.
pub(crate) fn set(choice: Colour) {
    CHOICE.store(choice as u8, Ordering::Relaxed);
}

pub(crate) fn on_stdout() -> bool {
    wanted(std::io::stdout().is_terminal())
}

pub(crate) fn on_stderr() -> bool {
    wanted(stderr_is_terminal())
}

pub(crate) fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

fn wanted(terminal: bool) -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match CHOICE.load(Ordering::Relaxed) {
        choice if choice == Colour::Always as u8 => true,
        choice if choice == Colour::Never as u8 => false,
        _ if is_set("NO_COLOR") => false,
        _ if std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        _ => terminal,
    }
}

/// What a piece of text is, as far as its colour goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tone {
    Heading,
    Adds,
    Moves,
    Removes,
    Quiet,
}

/// Text for stdout in its colour.
pub(crate) struct Painted<T>(pub(crate) Tone, pub(crate) T);

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !on_stdout() {
            return self.1.fmt(f);
        }
        let code = match self.0 {
            Tone::Heading => "1",
            Tone::Adds => "32",
            Tone::Moves => "36",
            Tone::Removes => "31",
            Tone::Quiet => "2",
        };
        write!(f, "\x1b[{code}m{}\x1b[0m", self.1)
    }
}
