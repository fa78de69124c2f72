use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use rustix::process::{Signal, getpid, kill_process};

/// A point that is deadly, and how often it may be passed before.
struct Trap {
    name: String,
    left: AtomicU32,
}

static TRAPS: OnceLock<Vec<Trap>> = OnceLock::new();

pub(crate) fn hit(name: &'static str) {
    log(name);
    let traps = TRAPS.get_or_init(|| parse(&std::env::var("SYNCPLAN_FAILPOINT").unwrap_or_default()));
    let trap = traps.iter().find(|trap| trap.name == name);
    if trap.is_some_and(|trap| trap.left.fetch_sub(1, Ordering::SeqCst) == 1) {
        leave_marker(name);
        let _ = kill_process(getpid(), Signal::KILL);
        // Other threads may run for a moment longer, this one does not.
        loop {
            std::thread::park();
        }
    }
}

fn parse(text: &str) -> Vec<Trap> {
    let traps = text.split(',').filter(|trap| !trap.is_empty());
    let of = |trap: &str| {
        let (name, count) = trap.split_once('@').unwrap_or((trap, "1"));
        Trap { name: name.to_owned(), left: AtomicU32::new(count.parse().unwrap_or(1)) }
    };
    traps.map(of).collect()
}

/// Each name is one write, so that what is logged is whole whenever the process dies.
fn log(name: &str) {
    static LOG: OnceLock<Option<Mutex<File>>> = OnceLock::new();
    let open = || {
        let file = std::env::var_os("SYNCPLAN_FAILPOINT_LOG")?;
        OpenOptions::new().append(true).create(true).open(file).ok().map(Mutex::new)
    };
    if let Some(Ok(mut file)) = LOG.get_or_init(open).as_ref().map(Mutex::lock) {
        let _ = file.write_all(format!("{name}\n").as_bytes());
    }
}

/// The marker outlives the process as soon as it is written; a test has no power losses.
fn leave_marker(name: &str) {
    if let Some(file) = std::env::var_os("SYNCPLAN_FAILPOINT_MARKER") {
        let _ = File::create(file).and_then(|mut file| file.write_all(name.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_named_with_how_often_they_are_passed() {
        let traps = parse("a/b,c@3");
        let left: Vec<_> =
            traps.iter().map(|it| (it.name.as_str(), it.left.load(Ordering::SeqCst))).collect();
        assert_eq!(left, [("a/b", 1), ("c", 3)]);
    }
}
