//! What a power loss would leave.
//!
//! A process that is killed leaves all that it wrote; a machine that is switched off, only what it was
//! asked to put on the disk. So here the order of the system calls is looked at.

use super::parallel::{Tried, conclude, in_parallel};
use super::situation::{Far, situations};
use super::trial::Reference;

#[test]
fn everything_is_on_the_disk_before_something_relies_on_it() {
    let folders = situations().into_iter().filter(|situation| matches!(situation.far, Far::Folder)).collect();
    let results = in_parallel(folders, |situation| {
        let reference = Reference::of(situation).expect("folders are always there");
        let problems = judge(&reference.calls);
        Tried { name: situation.to_string(), disturbed: Vec::new(), problems }
    });
    conclude(&results, "orders of system calls");
}

/// What is not yet on the disk.
#[derive(Default)]
struct Disk {
    /// Something was written to the journal.
    journal: bool,
    /// Something was done to a side.
    sides: bool,
}

fn judge(calls: &[String]) -> Vec<String> {
    let mut disk = Disk::default();
    let mut problems = Vec::new();
    // What the journal says of coming effects, and the files that are on the disk by themselves.
    let (mut intended, mut synced, mut marks) = (false, Vec::new(), Vec::new());
    for call in calls {
        let (name, subject) = call.split_once(' ').unwrap();
        let is_sync = matches!(name, "fsync" | "fdatasync" | "syncfs");
        if subject.contains("state.db") {
            intended |= is_sync && subject.ends_with("-wal");
            disk.journal = !is_sync && (disk.journal || name == "pwrite64" && subject.ends_with("-wal"));
        } else if is_sync {
            disk.sides &= name != "syncfs";
            synced.push(subject.rsplit('/').next().unwrap());
        } else if subject.contains("/.syncplan/base") {
            // A mark is no content, and left when all that was done is on record.
            if disk.sides {
                problems.push("the journal knows of effects that are not on the disk".to_owned());
                disk.sides = false;
            }
            marks.push(subject.rsplit('/').next().unwrap());
        } else if [".syncplan", "base", "stage"].contains(&subject) {
            // Our own folders, made before there is something in them and removed when nothing is.
        } else if let Some((from, to)) = subject.split_once(" > ") {
            let is_draft = from.starts_with(".syncplan-tmp") && !marks.contains(&from);
            if name == "renameat" && is_draft && !synced.contains(&from) {
                problems.push(format!("{to} was replaced by what is not on the disk yet"));
            }
            disk.sides = true;
        } else if name == "symlinkat" {
            // What it says is part of the folder, which keeps its order by itself.
            synced.push(subject);
            disk.sides = true;
        } else if ["unlinkat", "mkdirat", "utimensat", "fchmod"].contains(&name) {
            disk.sides = true;
        }
        if disk.sides && !intended {
            problems.push(format!("the journal does not know of {call}"));
        }
    }
    if disk.sides {
        problems.push("the run ended before its effects were on the disk".to_owned());
    }
    if disk.journal {
        problems.push("the run ended before its record was on the disk".to_owned());
    }
    problems
}
