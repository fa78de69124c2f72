use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use syncplan_model::{Rate, TaskName};
use syncplan_store::{ContentStream, StoreError};
use tokio::time::{Instant, sleep_until};

use crate::job::Job;

/// What was not used of a rate is made up for to this extent.
const SLACK: Duration = Duration::from_millis(100);

/// Content passes in pieces that take so long at most: one over so many of a second.
const PIECES: u64 = 10;

/// How fast content may pass, in all and for each task.
pub(crate) struct Bandwidth {
    run: Option<Arc<Allowance>>,
    tasks: HashMap<TaskName, Arc<Allowance>>,
}

/// The limits that hold for the content of one task; none, for most.
#[derive(Clone)]
pub(crate) struct Limits(Vec<Arc<Allowance>>);

/// Bytes that become available at a steady rate, for whoever asks first.
#[derive(Debug)]
struct Allowance {
    rate: u64,
    /// Until when all of it is spoken for.
    taken: Mutex<Instant>,
}

impl Bandwidth {
    pub(crate) fn of(job: &Job) -> Self {
        let allowance = |rate: Rate| Arc::new(Allowance::new(rate));
        let of_task = |(task, rate): (&TaskName, Rate)| (task.clone(), allowance(rate));
        let limited = job.sides.iter().filter_map(|(task, sides)| Some((task, sides.bandwidth?)));
        Self { run: job.options.bandwidth.map(allowance), tasks: limited.map(of_task).collect() }
    }

    pub(crate) fn of_task(&self, task: &TaskName) -> Limits {
        Limits(self.run.iter().chain(self.tasks.get(task)).cloned().collect())
    }
}

impl Limits {
    /// The same content, as fast as it may pass.
    pub(crate) fn hold(self, content: ContentStream) -> ContentStream {
        let Some(slowest) = self.0.iter().map(|allowance| allowance.rate).min() else { return content };
        let most = usize::try_from((slowest / PIECES).max(1)).unwrap_or(usize::MAX);
        let pieces = content.map_ok(move |chunk| cut(chunk, most)).try_flatten();
        let limits = Arc::new(self);
        pieces
            .and_then(move |piece| {
                let limits = Arc::clone(&limits);
                async move {
                    limits.pass(piece.len() as u64).await;
                    Ok(piece)
                }
            })
            .boxed()
    }

    async fn pass(&self, bytes: u64) {
        for allowance in &self.0 {
            allowance.take(bytes).await;
        }
    }
}

/// A chunk in pieces of at most so many bytes.
fn cut(mut chunk: Bytes, most: usize) -> impl Stream<Item = Result<Bytes, StoreError>> {
    stream::iter(std::iter::from_fn(move || {
        let piece = chunk.split_to(most.min(chunk.len()));
        (!piece.is_empty()).then_some(Ok(piece))
    }))
}

impl Allowance {
    fn new(rate: Rate) -> Self {
        Self { rate: rate.bytes_per_second(), taken: Mutex::new(Instant::now()) }
    }

    /// Waits until these bytes may pass. Those who wait are served in the order in which they came.
    async fn take(&self, bytes: u64) {
        sleep_until(self.reserve(bytes, Instant::now())).await;
    }

    fn reserve(&self, bytes: u64, now: Instant) -> Instant {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        *taken = (*taken).max(earliest) + Duration::from_secs_f64(bytes as f64 / self.rate as f64);
        *taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(rates: &[u64]) -> Limits {
        let allowance = |&rate| Arc::new(Allowance::new(Rate::per_second(rate).unwrap()));
        Limits(rates.iter().map(allowance).collect())
    }

    fn content(chunks: &[usize]) -> ContentStream {
        let chunks: Vec<_> = chunks.iter().map(|&length| Ok(Bytes::from(vec![7; length]))).collect();
        stream::iter(chunks).boxed()
    }

    /// How much passed by each tenth of a second.
    async fn passed(mut content: ContentStream) -> Vec<usize> {
        let (began, mut sums) = (Instant::now(), Vec::new());
        let mut sum = 0;
        while let Some(piece) = content.try_next().await.unwrap() {
            sum += piece.len();
            let tenth = (began.elapsed().as_millis() / 100) as usize;
            sums.resize(tenth + 1, sum);
            sums[tenth] = sum;
        }
        sums
    }

    #[tokio::test(start_paused = true)]
    async fn large_chunks_pass_evenly() {
        let sums = passed(limits(&[1000]).hold(content(&[5000, 5000]))).await;
        assert!((98..=101).contains(&sums.len()), "{}", sums.len());
        for (tenth, &sum) in sums.iter().enumerate() {
            assert!(sum <= (tenth + 2) * 100, "{sum} after {tenth} tenths of a second");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_narrowest_limit_holds() {
        let began = Instant::now();
        passed(limits(&[10_000, 1000]).hold(content(&[3000]))).await;
        assert!((2.8..3.2).contains(&began.elapsed().as_secs_f64()), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_share_a_limit_get_as_much() {
        let shared = limits(&[1000]);
        let began = Instant::now();
        let one = async |limits: Limits| {
            passed(limits.hold(content(&[2000]))).await;
            began.elapsed().as_secs_f64()
        };
        let (a, b) = futures::join!(one(shared.clone()), one(shared));
        assert!((3.6..4.2).contains(&a) && (3.6..4.2).contains(&b), "{a} {b}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_used_is_no_credit() {
        let shared = limits(&[1000]);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let began = Instant::now();
        passed(shared.hold(content(&[1000]))).await;
        assert!(began.elapsed() >= Duration::from_millis(850), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn the_content_stays_the_same() {
        let chunks: Vec<_> = limits(&[3]).hold(content(&[4, 0, 3])).try_collect().await.unwrap();
        assert_eq!(chunks.concat(), vec![7; 7]);
        let unlimited: Vec<_> = limits(&[]).hold(content(&[4, 3])).try_collect().await.unwrap();
        assert_eq!(unlimited.len(), 2);
    }
}
