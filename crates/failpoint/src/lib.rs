//! Named points of the program at which a test can kill it, for real.
//!
//! Between two system calls a process may die at any line. [`hit`] names the lines at which that hurts
//! most. A binary built with the feature `enabled` reads which of them is to be deadly:
//!
//! | variable | meaning |
//! |---|---|
//! | `SYNCPLAN_FAILPOINT` | `journal/after-intent`, or `journal/after-intent@3` for the third time that it is reached; several are separated by commas |
//! | `SYNCPLAN_FAILPOINT_MARKER` | a file that says afterwards which one it was: the proof that it was reached |
//! | `SYNCPLAN_FAILPOINT_LOG` | a file to which the name of every point is added that is reached |
//!
//! Without the feature a failpoint is nothing at all: no code, no variable, no name in the binary.

#[cfg(feature = "enabled")]
mod trap;

/// The process dies here, by `SIGKILL`, if a test wants it to.
#[inline(always)]
pub fn hit(name: &'static str) {
    #[cfg(feature = "enabled")]
    trap::hit(name);
    #[cfg(not(feature = "enabled"))]
    let _ = name;
}
