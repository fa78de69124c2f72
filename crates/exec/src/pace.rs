use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// However much goes wrong within this time, it counts as one sign that too much is asked.
const WINDOW: Duration = Duration::from_secs(1);

/// How much is asked of one store at once.
///
/// It grows by one with every round of successes, and falls to a half when the store says that it is
/// too much, or stumbles: additive increase, multiplicative decrease, as TCP does it.
#[derive(Debug)]
pub(crate) struct Pace {
    most: f64,
    flow: Mutex<Flow>,
    freed: Notify,
}

#[derive(Debug)]
struct Flow {
    limit: f64,
    busy: usize,
    /// Until then nothing more is asked.
    paused: Option<Instant>,
    /// Until then no sign counts any more.
    lowered: Option<Instant>,
}

/// A place among those who ask something of a store.
pub(crate) struct Slot<'a> {
    pace: &'a Pace,
}

impl Pace {
    /// At most so much at once.
    pub(crate) fn new(most: usize) -> Self {
        let most = most.max(1) as f64;
        let flow = Flow { limit: most, busy: 0, paused: None, lowered: None };
        Self { most, flow: Mutex::new(flow), freed: Notify::new() }
    }

    /// Waits for its turn.
    pub(crate) async fn enter(&self) -> Slot<'_> {
        loop {
            let freed = self.freed.notified();
            match self.try_enter(Instant::now()) {
                Entry::Free => return Slot { pace: self },
                Entry::Full => freed.await,
                Entry::Paused(until) => sleep_until(until).await,
            }
        }
    }

    /// Too much was asked, or the store stumbled; `pause` is how long it wants to be left alone. Answers how much is
    /// asked of it at once from now on, if that is less than before.
    pub(crate) fn slow_down(&self, pause: Option<Duration>) -> Option<usize> {
        let (mut flow, now) = (self.flow(), Instant::now());
        if let Some(until) = pause.map(|pause| now + pause) {
            flow.paused = Some(flow.paused.map_or(until, |earlier| earlier.max(until)));
        }
        if flow.lowered.is_some_and(|until| now < until) {
            return None;
        }
        flow.lowered = Some(now + WINDOW.max(pause.unwrap_or_default()));
        // What is allowed and not used says nothing about what is too much.
        let used = flow.limit.min((flow.busy as f64).max(1.0));
        flow.limit = (used / 2.0).max(1.0);
        Some(flow.limit as usize)
    }

    fn try_enter(&self, now: Instant) -> Entry {
        let mut flow = self.flow();
        if let Some(until) = flow.paused {
            if now < until {
                return Entry::Paused(until);
            }
            flow.paused = None;
        }
        if flow.busy >= flow.limit as usize {
            return Entry::Full;
        }
        flow.busy += 1;
        let more = flow.busy < flow.limit as usize;
        drop(flow);
        if more {
            // There may be room for another who waits: who was woken lets the next one know.
            self.freed.notify_one();
        }
        Entry::Free
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Entry {
    Free,
    Full,
    Paused(Instant),
}

impl Slot<'_> {
    /// What was asked for was answered.
    pub(crate) fn succeeded(self) {
        let mut flow = self.pace.flow();
        if flow.limit < self.pace.most {
            flow.limit = (flow.limit + 1.0 / flow.limit).min(self.pace.most);
        }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.pace.flow().busy -= 1;
        self.pace.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_enter_than_there_is_room_for() {
        let pace = Arc::new(Pace::new(3));
        let (busy, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let work = (0..50).map(|_| {
            let (pace, busy, peak) = (Arc::clone(&pace), Arc::clone(&busy), Arc::clone(&peak));
            tokio::spawn(async move {
                let slot = pace.enter().await;
                peak.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
                busy.fetch_sub(1, Ordering::SeqCst);
                slot.succeeded();
            })
        });
        let began = Instant::now();
        futures::future::join_all(work).await;
        assert_eq!(peak.load(Ordering::SeqCst), 3);
        // All three places were used all the time.
        assert_eq!(began.elapsed(), Duration::from_millis(170));
    }

    #[tokio::test(start_paused = true)]
    async fn it_halves_once_in_a_while_and_grows_again() {
        let pace = Pace::new(8);
        let mut slots = Vec::new();
        for _ in 0..8 {
            slots.push(pace.enter().await);
        }
        assert_eq!((pace.slow_down(None), pace.slow_down(None)), (Some(4), None));
        tokio::time::advance(WINDOW).await;
        assert_eq!(pace.slow_down(None), Some(2));
        slots.clear();
        for _ in 0..100 {
            pace.enter().await.succeeded();
        }
        assert_eq!(pace.flow().limit as usize, 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_wants_to_be_left_alone_is() {
        let pace = Pace::new(8);
        let began = Instant::now();
        pace.slow_down(Some(Duration::from_secs(7)));
        drop(pace.enter().await);
        assert_eq!(began.elapsed(), Duration::from_secs(7));
    }
}
