//! A network that breaks, delays and loses: the same comes of it, and nothing is lost.

use std::fs;
use std::time::Duration;

use super::bucket::Bucket;
use super::chance::{Chance, number, seed};
use super::parallel::{Tried, conclude, in_parallel, some_at_once};
use super::proxy::{Fault, Proxy, Request};
use super::scene::Scene;
use super::situation::{Far, Situation, situations};
use super::trial::{APPLY, Reference};

/// They mostly wait.
const AT_ONCE: usize = 8;

const FAULTS: &[Fault] = &[
    Fault::LostAnswer,
    Fault::Refused(500),
    Fault::BrokenUpload,
    Fault::Refused(503),
    Fault::BrokenAnswer,
    Fault::Refused(429),
    Fault::ShortAnswer,
    Fault::Refused(409),
    Fault::Slow(Duration::from_millis(300)),
    Fault::Offline(Duration::from_millis(1500)),
];

impl Fault {
    /// Whether it makes a difference to a request.
    fn concerns(self, request: &Request) -> bool {
        match self {
            Self::BrokenUpload => request.bytes > 1,
            Self::BrokenAnswer | Self::ShortAnswer => request.method == "GET",
            // No server answers so to somebody who only reads.
            Self::Refused(409) => request.method != "GET" && request.method != "HEAD",
            _ => true,
        }
    }
}

/// Each case has one fault, at a request of its own: of that, nobody may notice anything in the end.
#[test]
fn one_fault_changes_nothing() {
    let (faults, seed) = (number("SYNCPLAN_FAULTS", 100), seed());
    let references = references();
    let each = faults.div_ceil(references.len().max(1) as u64);
    let cases =
        references.iter().enumerate().flat_map(|(number, it)| (0..each).map(move |case| (number, it, case)));
    let results = some_at_once(AT_ONCE, cases.collect(), |(number, (reference, requests), case)| {
        let mut chance = Chance::of(seed, (reference.situation.to_string(), case, "one"));
        // Every situation begins with another fault, so that few cases try all of them.
        let fault = FAULTS[(number as u64 * each + case) as usize % FAULTS.len()];
        let from = chance.below(*requests) as usize;
        let mut left = 1;
        try_case(reference, case, 1, move |number, request| {
            let hit = left > 0 && number >= from && fault.concerns(request);
            left -= i32::from(hit);
            hit.then_some(fault)
        })
    });
    conclude(&results, &format!("one fault each: seed {seed}, {} situations", references.len()));
}

/// Many faults may be more than a run puts up with: but runs come to an end, and then all is well.
#[test]
fn many_faults_lose_nothing() {
    let seed = seed();
    let references = references();
    let cases = number("SYNCPLAN_FAULTS", 100).div_ceil(8 * references.len().max(1) as u64);
    let cases = references.iter().flat_map(|it| (0..cases).map(move |case| (it, case)));
    let results = some_at_once(AT_ONCE, cases.collect(), |((reference, _), case)| {
        let mut chance = Chance::of(seed, (reference.situation.to_string(), case, "many"));
        let mut left = 40;
        try_case(reference, case, 8, move |_, request| {
            let fault = FAULTS[chance.below(FAULTS.len() as u64 - 1) as usize];
            let hit = left > 0 && chance.percent(30) && fault.concerns(request);
            left -= i32::from(hit);
            hit.then_some(fault)
        })
    });
    conclude(&results, &format!("many faults each: seed {seed}, {} situations", references.len()));
}

/// Whatever a listing meets: what is planned is what is there, or it is an error.
#[test]
fn a_disturbed_look_plans_the_same_or_nothing() {
    let with_bucket = with_bucket().into_iter().enumerate().collect();
    let results = some_at_once(AT_ONCE, with_bucket, |(number, situation)| {
        let mut tried = Tried { name: situation.to_string(), disturbed: Vec::new(), problems: Vec::new() };
        let Some((scene, proxy)) = behind_proxy(&situation) else { return tried };
        let id = |file: &str| {
            scene.env.read_file(file).split_once("\"plan_id\"").map(|(_, id)| id[..80].to_owned())
        };
        // Each situation with some of them, so that together they meet all.
        for fault in FAULTS.iter().copied().skip(number % 3).step_by(3) {
            let mut left = 1;
            proxy.disturb(move |_, request| {
                let hit = left > 0 && fault.concerns(request);
                left -= i32::from(hit);
                hit.then_some(fault)
            });
            let _ = fs::remove_file(scene.env.path("disturbed.json"));
            let output = scene.env.run(&["plan", "-o", "disturbed.json"]);
            tried.disturbed.extend(proxy.faults().iter().map(|(_, fault)| format!("{fault:?}")));
            let is_same =
                scene.env.path("disturbed.json").exists() && id("disturbed.json") == id("plan.json");
            if !is_same && output.code != Some(1) {
                tried.problems.push(format!("another plan\n{output}"));
            }
        }
        tried
    });
    conclude(&results, "disturbed looks");
}

fn with_bucket() -> Vec<Situation> {
    situations().into_iter().filter(|situation| matches!(situation.far, Far::Bucket(_))).collect()
}

/// What comes of each situation with a bucket, and how many requests that takes.
fn references() -> Vec<(Reference, u64)> {
    let of = |situation: Situation| {
        let reference = Reference::of(situation)?;
        let (scene, proxy) = behind_proxy(&situation)?;
        proxy.disturb(|_, _| None);
        scene.env.run(APPLY);
        let requests = proxy.requests().len() as u64;
        Some((reference, requests))
    };
    in_parallel(with_bucket(), of).into_iter().flatten().collect()
}

/// A situation whose bucket is reached through a proxy, and by everybody else directly.
fn behind_proxy(situation: &Situation) -> Option<(Scene, Proxy)> {
    let Far::Bucket(server) = situation.far else { panic!("{situation} has no bucket") };
    let bucket = Bucket::on(server)?;
    let proxy = Proxy::before(&bucket.endpoint);
    Some((Scene::with_bucket(situation, Some(bucket), &proxy.endpoint), proxy))
}

fn try_case(
    reference: &Reference,
    case: u64,
    runs: u32,
    decide: impl FnMut(usize, &Request) -> Option<Fault> + Send + 'static,
) -> Tried {
    let situation = &reference.situation;
    let mut tried =
        Tried { name: format!("{situation} {case}"), disturbed: Vec::new(), problems: Vec::new() };
    let (mut scene, proxy) = behind_proxy(situation).expect("its server was there before");
    proxy.disturb(decide);
    for run in 1..=runs {
        let output = scene.env.run(APPLY);
        let wrong = reference.judge_exit(&output);
        if wrong.is_none() {
            break;
        }
        tried.problems.extend(reference.judge_instant(&scene));
        // The last run is undisturbed.
        tried.problems.extend(wrong.filter(|_| run == runs));
    }
    let (requests, faults) = (proxy.requests(), proxy.faults());
    tried.disturbed.extend(faults.into_iter().map(|(number, fault)| {
        let Request { method, target, .. } = &requests[number];
        format!("{fault:?} at request {number}: {method} {target}")
    }));
    proxy.disturb(|_, _| None);
    reference.finish(&mut scene, APPLY, &mut tried);
    tried
}
