//! Large files, interrupted: what has arrived is not sent again, and what is left is never mixed.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::bucket::{Bucket, MOTO, RCLONE};
use super::parallel::say;
use super::picture::Picture;
use super::proxy::{Fault, Proxy, Request};
use super::scene::Scene;
use super::situation::large;

/// What becomes of the parts that do not arrive.
const NOWHERE: Fault = Fault::Silence(Duration::from_secs(60));
const LATE: Fault = Fault::Slow(Duration::from_secs(4));

/// So many parts have arrived when something happens.
const ARRIVED: u64 = 3;

/// What has arrived for so long is on record.
const ON_RECORD: Duration = Duration::from_millis(700);

/// A large file on its way, and a word when so much of it has arrived.
struct Journey {
    scene: Scene,
    proxy: Proxy,
    run: Child,
}

impl Journey {
    /// Sends or fetches a large file on a server that is there, until [`ARRIVED`] parts of it have
    /// arrived, and says what becomes of the others.
    fn begun(name: &str, server: &'static str, others: Fault) -> Option<Self> {
        let situation = large(name, server);
        let bucket = Bucket::on(server)?;
        let proxy = Proxy::before(&bucket.endpoint);
        let scene = Scene::with_bucket(&situation, Some(bucket), &proxy.endpoint);
        let (sender, receiver) = channel();
        proxy.disturb(let_through(ARRIVED, others, sender));
        let mut command = scene.env.command(&["apply", "plan.json"]);
        let run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for(&receiver);
        std::thread::sleep(ON_RECORD);
        Some(Self { scene, proxy, run })
    }

    /// The parts that have arrived, which is the end of disturbing them.
    fn arrived(&self) -> Vec<u64> {
        let requests = self.proxy.requests();
        self.proxy.disturb(|_, _| None);
        requests.iter().filter(|request| request.done).filter_map(part).collect()
    }

    fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        assert!(kill.args(["-s", name, &self.run.id().to_string()]).status().unwrap().success());
    }

    fn kill(&mut self) {
        self.run.kill().unwrap();
        assert_eq!(self.run.wait().unwrap().signal(), Some(9), "it ended before it was killed");
    }

    /// Finishes it, and answers what was transferred for that.
    fn finish(&self) -> Vec<u64> {
        self.scene.env.run(&["apply", "plan.json"]).success();
        let parts = self.proxy.requests().iter().filter_map(part).collect();
        let [local, remote] = self.scene.pictures();
        assert_eq!(contents(&local), contents(&remote));
        assert_eq!(self.scene.leftovers(), Vec::<String>::new());
        self.scene.env.assert_in_sync();
        parts
    }
}

/// How large files are cut.
const PART_SIZE: u64 = 8 << 20;

/// The number of the part that a request brings or asks for, from 0.
fn part(request: &Request) -> Option<u64> {
    let is_content = request.target.split('?').next().is_some_and(|path| path.ends_with("/big"));
    let request = Some(request).filter(|_| is_content)?;
    let range = || request.range().filter(|(from, _)| from % PART_SIZE == 0);
    request.part().map(|number| u64::from(number) - 1).or_else(|| range().map(|(from, _)| from / PART_SIZE))
}

/// Lets the first parts through, and says so when one comes that it does not let through.
fn let_through(
    arrived: u64,
    others: Fault,
    sender: Sender<()>,
) -> impl FnMut(usize, &Request) -> Option<Fault> + Send {
    move |_, request| {
        if part(request)? < arrived {
            return None;
        }
        let _ = sender.send(());
        Some(others)
    }
}

fn wait_for(receiver: &Receiver<()>) {
    receiver.recv_timeout(Duration::from_secs(60)).expect("so much never arrived");
}

fn contents(side: &Picture) -> BTreeMap<String, super::picture::Content> {
    side.things.iter().filter_map(|(path, thing)| Some((path.clone(), thing.content()?))).collect()
}

fn nothing_again(name: &str, server: &'static str) {
    let Some(mut journey) = Journey::begun(name, server, NOWHERE) else { return };
    journey.kill();
    let before = journey.arrived();
    assert!(before.len() as u64 >= ARRIVED, "only {before:?} arrived");
    let after = journey.finish();
    let again: Vec<_> = after.iter().filter(|part| before.contains(part)).collect();
    say(&format!(
        "{server} {name}: {} parts before the kill, {} after it, {} of them again",
        before.len(),
        after.len(),
        again.len()
    ));
    assert!(again.is_empty(), "parts that had arrived were sent again: {again:?} of {before:?}");
    assert!(!after.is_empty(), "there was nothing left to do");
}

#[test]
fn no_part_is_uploaded_again() {
    [MOTO, RCLONE].into_iter().for_each(|server| nothing_again("very-large", server));
}

#[test]
fn no_part_is_downloaded_again() {
    [MOTO, RCLONE].into_iter().for_each(|server| nothing_again("very-large-down", server));
}

#[test]
fn parts_of_an_edited_file_are_never_mixed() {
    let Some(mut journey) = Journey::begun("very-large", MOTO, NOWHERE) else { return };
    journey.kill();
    journey.arrived();
    let env = &journey.scene.env;
    let mut edited = std::fs::read(env.path("site/big")).unwrap();
    edited[0] ^= 1;
    std::fs::write(env.path("site/big"), &edited).unwrap();
    env.run(&["apply", "plan.json"]).code(4);
    let [_, remote] = journey.scene.pictures();
    assert!(!remote.things.contains_key("big"));
    assert_eq!(journey.scene.leftovers(), Vec::<String>::new());
    env.sync();
    let [local, remote] = journey.scene.pictures();
    assert_eq!(contents(&local), contents(&remote));
}

#[test]
fn an_upload_that_somebody_aborted_begins_anew() {
    let Some(mut journey) = Journey::begun("very-large", MOTO, NOWHERE) else { return };
    journey.kill();
    journey.arrived();
    let bucket = journey.scene.bucket.as_ref().unwrap();
    bucket.rclone(&["backend", "cleanup", "-o", "max-age=0s", &bucket.remote()]);
    let parts = journey.finish();
    assert!(parts.contains(&0), "only {parts:?} were sent");
}

#[test]
fn interrupted_it_stops_at_a_part_and_goes_on_there() {
    let Some(mut journey) = Journey::begun("very-large", MOTO, LATE) else { return };
    let begun = Instant::now();
    journey.signal("INT");
    let status = journey.run.wait().unwrap();
    // The parts on their way take 4 s; nobody waits for more than those.
    assert!(begun.elapsed() < Duration::from_secs(7), "it took {:?}", begun.elapsed());
    assert_eq!(status.code(), Some(130));
    let before = journey.arrived();
    let after = journey.finish();
    let again: Vec<_> = after.iter().filter(|part| before.contains(part)).collect();
    assert!(again.is_empty(), "parts that had arrived were sent again: {again:?} of {before:?}");
}

#[test]
fn interrupted_twice_it_stops_at_once() {
    let Some(mut journey) = Journey::begun("very-large", MOTO, NOWHERE) else { return };
    journey.signal("INT");
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    journey.signal("INT");
    journey.run.wait().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3), "it took {:?}", begun.elapsed());
    journey.arrived();
    journey.finish();
}
