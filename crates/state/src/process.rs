use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

/// A process, so that another one can tell for certain when it is gone.
///
/// Its number alone would not do: it is given to other processes later, and means another process in
/// another container, or after the machine was started again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub(crate) pid: i64,
    /// Which start of which machine it belongs to.
    pub(crate) boot: Option<String>,
    /// Where its number means something.
    pub(crate) namespace: Option<String>,
    /// When it began, in ticks since the boot.
    pub(crate) started: Option<i64>,
    /// Which of its journals; it is of no use elsewhere.
    #[serde(skip)]
    pub(crate) journal: i64,
}

impl Process {
    /// This one, with one of its journals. What the system does not tell stays unknown, and then nobody can prove it gone.
    pub(crate) fn of(journal: &Presence) -> Self {
        Self::current(journal.0)
    }

    /// This one.
    pub fn this() -> Self {
        Self::current(0)
    }

    /// Its number, for people.
    pub fn pid(&self) -> i64 {
        self.pid
    }

    fn current(journal: i64) -> Self {
        let pid = i64::from(std::process::id());
        Self {
            pid,
            boot: fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned()),
            namespace: fs::read_link("/proc/self/ns/pid").ok().map(|it| it.to_string_lossy().into_owned()),
            // A /proc of another namespace has other numbers, and would tell of other processes.
            started: Stat::read("self").filter(|stat| stat.pid == pid).map(|stat| stat.started),
            journal,
        }
    }

    /// Whether it is certain that this process does nothing any more, as far as it can be told here.
    ///
    /// `one_kernel` says that it cannot be on another machine: then one of another boot ended with it.
    pub fn is_gone(&self, one_kernel: bool) -> bool {
        let here = Self::current(self.journal);
        let all = [&self.boot, &self.namespace, &here.boot, &here.namespace];
        if all.iter().any(|it| it.is_none()) || self.started.is_none() || here.started.is_none() {
            return false;
        }
        if self.boot != here.boot {
            return one_kernel;
        }
        if self.namespace != here.namespace {
            return false;
        }
        if self == &here {
            return !is_present(self.journal);
        }
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return false };
        if test_kill_process(pid) == Err(Errno::SRCH) {
            return true;
        }
        // Processes of other people may be hidden, but not gone.
        let stat = Stat::read(&self.pid.to_string()).filter(|stat| stat.pid == self.pid);
        stat.is_some_and(|stat| stat.ended || Some(stat.started) != self.started)
    }
}

/// What the kernel tells of a process in `/proc/PID/stat`.
struct Stat {
    pid: i64,
    /// It is over, and only its parent has not asked yet how it ended.
    ended: bool,
    started: i64,
}

impl Stat {
    fn read(process: &str) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    /// `PID (NAME) STATE …`; the name may hold anything, even brackets.
    fn parse(text: &str) -> Option<Self> {
        let (pid, rest) = text.split_once(" (")?;
        let mut fields = rest.rsplit_once(") ")?.1.split(' ');
        let state = fields.next()?;
        // The 22nd field of all.
        let started = fields.nth(18)?;
        Some(Self {
            pid: pid.parse().ok()?,
            ended: matches!(state, "Z" | "X" | "x"),
            started: started.parse().ok()?,
        })
    }
}

/// The journals that are open in this process. One that is dropped holds nothing any more, even if the
/// state could not be told in time.
static PRESENT: Mutex<BTreeSet<i64>> = Mutex::new(BTreeSet::new());

/// An open journal of this process, by a number that no other one has.
#[derive(Debug)]
pub(crate) struct Presence(i64);

impl Presence {
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let number = i64::from_ne_bytes(getrandom::u64()?.to_ne_bytes());
        present(|all| all.insert(number));
        Ok(Self(number))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        present(|all| all.remove(&self.0));
    }
}

fn is_present(number: i64) -> bool {
    present(|all| all.contains(&number))
}

fn present<T>(with: impl FnOnce(&mut BTreeSet<i64>) -> T) -> T {
    with(&mut PRESENT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn of_child(pid: u32) -> Process {
        let started = Stat::read(&pid.to_string()).unwrap().started;
        Process { pid: i64::from(pid), started: Some(started), ..Process::current(1) }
    }

    #[test]
    fn a_name_may_hold_anything() {
        let text = format!("7 (a) Z 1 (b) S {} 99 0", ["0"; 18].join(" "));
        let stat = Stat::parse(&text).unwrap();
        assert_eq!((stat.pid, stat.ended, stat.started), (7, false, 99));
    }

    #[test]
    fn a_process_is_gone_when_it_was_killed_even_before_its_parent_knows() {
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        let process = of_child(child.id());
        assert!(!process.is_gone(true));
        assert!(Process { started: Some(1), ..process.clone() }.is_gone(false), "its number was given away");
        child.kill().unwrap();
        while !process.is_gone(false) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(process.is_gone(false));
    }

    #[test]
    fn nothing_is_proven_of_elsewhere_and_of_the_unknown() {
        let ended = Process { pid: i64::from(i32::MAX), started: Some(1), ..Process::current(1) };
        assert!(ended.is_gone(false));
        let unknown = [
            Process { boot: None, ..ended.clone() },
            Process { namespace: None, ..ended.clone() },
            Process { started: None, ..ended.clone() },
            Process { namespace: Some("pid:[1]".into()), ..ended.clone() },
        ];
        for process in unknown {
            assert!(!process.is_gone(true), "{process:?}");
        }
        let of_another_boot = Process { boot: Some("another".into()), ..ended };
        assert!(!of_another_boot.is_gone(false) && of_another_boot.is_gone(true));
    }

    #[test]
    fn a_dropped_journal_holds_nothing() {
        let presence = Presence::new().unwrap();
        let process = Process::of(&presence);
        assert!(!process.is_gone(false));
        drop(presence);
        assert!(process.is_gone(false));
    }
}
