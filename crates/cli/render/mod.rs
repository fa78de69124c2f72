//! What people read.

pub(crate) mod colour;
pub(crate) mod conflict;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod facts;
pub(crate) mod gc;
pub(crate) mod history;
pub(crate) mod log;
pub(crate) mod outcome;
mod pace;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod time;
pub(crate) mod undo;
pub(crate) mod why;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether stdout belongs to something else.
static STDOUT_IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// From now on results go to stderr.
pub(crate) fn leave_stdout() {
    STDOUT_IS_TAKEN.store(true, Ordering::Relaxed);
}

/// Writes results to stdout. A reader that has gone away is no error of ours.
pub(crate) fn stdout(text: &str) {
    if STDOUT_IS_TAKEN.load(Ordering::Relaxed) {
        return stderr(text);
    }
    let _ = write(&mut io::stdout().lock(), text);
}

/// Writes everything else to stderr.
pub(crate) fn stderr(text: &str) {
    let _ = write(&mut io::stderr().lock(), text);
}

fn write(out: &mut impl io::Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') && !text.is_empty() {
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// How wide diagnostics are drawn.
pub(crate) fn width() -> usize {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(window) if window.ws_col >= 40 => usize::from(window.ws_col).min(120),
        _ => 100,
    }
}

/// A size for people: `0 B`, `1.2 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A number for people: `1,234,567`.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What a scan met and left alone, on stderr: the first ones, and how many there are.
pub(crate) fn problems(snapshot: &syncplan_model::Snapshot) {
    const NAMED: usize = 10;
    let problems = snapshot.problems();
    for problem in problems.iter().take(NAMED) {
        tracing::warn!("left alone: {problem}");
    }
    if problems.len() > NAMED {
        tracing::warn!(
            "and {} more were left alone: `syncplan scan --json` lists them",
            number((problems.len() - NAMED) as u64)
        );
    }
}

/// How many of a list were not named.
fn rest(text: &mut String, total: usize, most: usize) {
    use std::fmt::Write as _;
    if total > most {
        let _ = writeln!(text, "  … and {} more: `syncplan show` lists them", number((total - most) as u64));
    }
}

/// `1 file`, `2 files`.
pub(crate) fn count(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(value), if value == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_numbers_read_well() {
        let sizes = [0, 1023, 1024, 1536, 1 << 20, (1 << 20) - 1, u64::MAX].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "1.0 MiB", "16.0 EiB"]);
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([count(1, "file", "files"), count(0, "file", "files")], ["1 file", "0 files"]);
    }
}
