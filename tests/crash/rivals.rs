//! Several programs at once on one task.

use std::process::Child;

use super::parallel::{Tried, conclude, in_parallel};
use super::scene::Scene;
use super::situation::{Far, situations};
use super::trial::{APPLY, Reference};

const RIVALS: usize = 4;

/// One of them does it; the others find it locked, or done.
#[test]
fn of_several_at_once_one_does_it() {
    let cases = situations().into_iter().filter(|it| matches!(it.far, Far::Folder)).step_by(3).collect();
    let results = in_parallel(cases, |situation| {
        let reference = Reference::of(situation).expect("folders are always there");
        let mut scene = Scene::of(&situation).expect("folders are always there");
        let mut tried = Tried { name: situation.to_string(), disturbed: Vec::new(), problems: Vec::new() };
        let rivals: Vec<Child> = (0..RIVALS).map(|_| scene.env.command(APPLY).spawn().unwrap()).collect();
        for rival in rivals {
            let output = rival.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            match output.status.code() {
                Some(6) if said.contains("pid") || said.contains("process") => {
                    tried.disturbed.push("locked out".to_owned())
                }
                Some(0 | 5) => {}
                code => tried.problems.push(format!("a rival ended with {code:?}: {said}")),
            }
        }
        reference.finish(&mut scene, APPLY, &mut tried);
        tried
    });
    conclude(&results, "rivals");
}
