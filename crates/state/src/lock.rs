use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;

use crate::error::StateError;

/// Held while a plan is applied. The kernel lets go of it with the process, however that ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// How often a lock that this very process had is tried again, and how soon: a program that it is just
/// starting holds all its files for the blink before it is that program.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

impl Lock {
    /// Takes the lock `file`, or says who has it.
    pub(crate) fn take(file: &Path) -> Result<Self, StateError> {
        for _ in 0..TRIES {
            match Self::try_take(file) {
                Err(StateError::Locked { pid, .. }) if pid == Some(std::process::id()) => {
                    std::thread::sleep(PAUSE);
                }
                result => return result,
            }
        }
        Self::try_take(file)
    }

    fn try_take(file: &Path) -> Result<Self, StateError> {
        let fail = |source| StateError::File { operation: "lock", file: file.to_owned(), source };
        let no_follow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).custom_flags(no_follow);
        let mut handle = options.open(file).map_err(fail)?;
        match rustix::fs::flock(&handle, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(StateError::Locked { pid: read_pid(&mut handle), file: file.to_owned() });
            }
            Err(errno) => return Err(fail(errno.into())),
        }
        write_pid(&mut handle).map_err(fail)?;
        Ok(Self { _file: handle })
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}
