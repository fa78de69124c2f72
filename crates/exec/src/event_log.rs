use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use syncplan_model::plan::{Action, ActionId};

use crate::event::{Event, Events};
use crate::record::Record;

/// So often at most a line tells how far an action is.
const INTERVAL: Duration = Duration::from_millis(250);

/// Whoever reads so many lines behind is not told how far actions are until it has caught up.
const BACKLOG: usize = 1024;

/// Writes events as lines of JSON: see `docs/events.md`.
///
/// The lines are written by a thread of their own, so that a slow reader slows no run down. What can
/// be left out, how far an action is, is told a few times a second at most.
pub struct EventLog {
    desk: Arc<Desk>,
    writer: JoinHandle<io::Result<()>>,
}

/// Where lines are made.
struct Desk {
    lines: Sender<Option<String>>,
    waiting: Arc<AtomicUsize>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    run: Option<i64>,
    under_way: HashMap<ActionId, Passed>,
}

/// How far an action is, and when somebody was told.
struct Passed {
    bytes: u64,
    told: Instant,
}

impl EventLog {
    /// Begins a stream.
    pub fn begin(target: impl Write + Send + 'static) -> Self {
        let (lines, queue) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let taken = Arc::clone(&waiting);
        let writer = std::thread::spawn(move || write(target, &queue, &taken));
        let desk = Arc::new(Desk { lines, waiting, seen: Mutex::default() });
        desk.send(Record::head().to_line());
        Self { desk, writer }
    }

    /// Where the events go that are to be written.
    pub fn events(&self) -> Events {
        let desk = Arc::clone(&self.desk);
        Arc::new(move |event| desk.take(event))
    }

    /// Waits until everything is written. An error is the first that was met: nothing was written after
    /// it.
    pub fn finish(self) -> io::Result<()> {
        // Whoever still sends events is not listened to any more.
        let _ = self.desk.lines.send(None);
        self.writer.join().unwrap_or_else(|_| Err(io::Error::other("the writer of events failed")))
    }
}

impl Desk {
    fn take(&self, event: Event<'_>) {
        let Some((run, passed)) = self.note(event) else { return };
        self.send(Record::of(event, run, passed).to_line());
    }

    /// The run, and how much of the action passed so far; nothing if nobody has to be told.
    fn note(&self, event: Event<'_>) -> Option<(Option<i64>, u64)> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = match event {
            Event::RunStarted { run, .. } => {
                seen.run = run.map(|run| run.number());
                0
            }
            Event::ActionStarted { action } => {
                seen.under_way.insert(action.id, Passed { bytes: 0, told: Instant::now() });
                0
            }
            Event::Progress { action, bytes } => seen.pass(action, bytes, self.is_behind())?,
            Event::ActionFinished { action, .. } => {
                seen.under_way.remove(&action.id).map_or(0, |passed| passed.bytes)
            }
            _ => 0,
        };
        Some((seen.run, passed))
    }

    fn send(&self, line: String) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // The writer ends early when it cannot write; whoever finishes the stream hears of it.
        let _ = self.lines.send(Some(line));
    }

    fn is_behind(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > BACKLOG
    }
}

impl Seen {
    fn pass(&mut self, action: &Action, bytes: u64, behind: bool) -> Option<u64> {
        let passed = self.under_way.get_mut(&action.id)?;
        passed.bytes += bytes;
        if behind || passed.told.elapsed() < INTERVAL {
            return None;
        }
        passed.told = Instant::now();
        Some(passed.bytes)
    }
}

/// Writes lines until the last one, and has them seen as soon as no other waits.
fn write(mut target: impl Write, lines: &Receiver<Option<String>>, waiting: &AtomicUsize) -> io::Result<()> {
    while let Ok(Some(mut line)) = lines.recv() {
        loop {
            waiting.fetch_sub(1, Ordering::Relaxed);
            target.write_all(line.as_bytes())?;
            match lines.try_recv() {
                Ok(Some(next)) => line = next,
                Ok(None) => return target.flush(),
                Err(_) => break,
            }
        }
        target.flush()?;
    }
    target.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stream_begins_with_what_it_is() {
        let page = Page::default();
        let log = EventLog::begin(page.clone());
        (log.events())(Event::Offline { store: "s3://b", message: "no route" });
        log.finish().unwrap();
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["format"], "syncplan.events");
        assert_eq!((&lines[1]["event"], &lines[1]["store"]), (&"offline".into(), &"s3://b".into()));
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn what_cannot_be_written_is_told_at_the_end() {
        let log = EventLog::begin(Full);
        let events = log.events();
        assert!(log.finish().is_err());
        events(Event::Offline { store: "s3://b", message: "no route" });
    }
}
