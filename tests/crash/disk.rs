//! A disk that is full: of the target, and of the state.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::environment::TestEnvironment;
use super::parallel::{Tried, conclude};
use super::points::kill_at;
use super::scene::Scene;
use super::situation::{Far, Situation, situations};
use super::trial::{APPLY, Reference};

/// So much is free, in KiB, when a run begins.
const FREE: &[u64] = &[0, 4, 12, 24, 40, 64, 100, 160, 300];

/// Situations that write to both sides, to the trash, and into new folders.
const SITUATIONS: &[&str] =
    &["folder/of-everything", "folder/kept-both-of-kinds", "folder/large", "folder/swapped"];

#[test]
fn a_full_disk_loses_nothing() {
    let mut results = Vec::new();
    for situation in situations().into_iter().filter(|it| SITUATIONS.contains(&it.to_string().as_str())) {
        let reference = Reference::of(situation).expect("folders are always there");
        for full in ["backup", ".syncplan"] {
            for free in FREE {
                let Some(tried) = try_with(&reference, &situation, full, *free) else { return };
                results.push(tried);
            }
        }
    }
    conclude(&results, "full disks");
}

/// What moves from one disk to another is copied, and then removed.
const BETWEEN_DISKS: Situation = Situation {
    name: "between-disks",
    far: Far::Folder,
    settings: &["mode mirror"],
    base: "a=one m/k=1 n=2",
    local: "a>m/a",
    remote: "",
};

#[test]
fn killed_between_two_disks_it_goes_on() {
    let reference = Reference::of(BETWEEN_DISKS).expect("folders are always there");
    let mut disk = None;
    // Unmounted before its folder is removed: what is declared last goes first.
    let mut scene = Scene::prepared(&BETWEEN_DISKS, |env| disk = SmallDisk::at(env, "backup/m"));
    let Some(_disk) = disk else { return };
    let mut tried = Tried { name: BETWEEN_DISKS.to_string(), disturbed: Vec::new(), problems: Vec::new() };
    assert!(kill_at(&scene, "exec/moved-half", 1), "it did not go from one disk to the other");
    tried.problems.extend(reference.judge_instant(&scene));
    reference.finish(&mut scene, APPLY, &mut tried);
    conclude(&[tried], "two disks");
}

fn try_with(reference: &Reference, situation: &Situation, full: &str, free: u64) -> Option<Tried> {
    let mut disk = None;
    // Unmounted before its folder is removed: what is declared last goes first.
    let mut scene = Scene::prepared(situation, |env| disk = SmallDisk::at(env, full));
    let disk = disk?;
    let mut tried = Tried {
        name: format!("{situation}, {free} KiB free in {full}"),
        disturbed: Vec::new(),
        problems: Vec::new(),
    };
    disk.fill(free);
    let output = scene.env.run(APPLY);
    match output.code {
        Some(0) => {}
        Some(1 | 5) => tried.disturbed.push(output.to_string()),
        _ => tried.problems.push(output.to_string()),
    }
    disk.empty();
    tried.problems.extend(reference.judge_instant(&scene));
    reference.finish(&mut scene, APPLY, &mut tried);
    Some(tried)
}

/// A disk of 16 MiB, mounted as long as this lives.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where mounting is not allowed: to anybody but root, and in most containers. In CI it is.
    fn at(env: &TestEnvironment, folder: &str) -> Option<Self> {
        let path = env.path(folder);
        fs::create_dir_all(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(&path);
        let is_mounted = mount.output().unwrap().status.success();
        assert!(is_mounted || std::env::var_os("CI").is_none(), "the tests of CI may mount a small disk");
        is_mounted.then_some(Self(path))
    }

    /// Leaves so many KiB free.
    fn fill(&self, free: u64) {
        let available = available(&self.0);
        fs::write(self.filler(), vec![0; (available.saturating_sub(free) << 10) as usize]).unwrap();
    }

    fn empty(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    /// Where nobody looks for content.
    fn filler(&self) -> PathBuf {
        let own = self.0.join(".syncplan");
        if own.is_dir() { own.join("base-filler") } else { self.0.join("filler") }
    }
}

/// In KiB.
fn available(path: &Path) -> u64 {
    let output = Command::new("df").args(["--output=avail", "-k"]).arg(path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().last().unwrap().trim().parse().unwrap()
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
