//! Many cases on all cores, and what is said about them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One case: how it was disturbed, and what did not hold.
pub(crate) struct Tried {
    pub(crate) name: String,
    pub(crate) disturbed: Vec<String>,
    pub(crate) problems: Vec<String>,
}

/// Prints what went wrong, and in how many cases nothing did; panics if anything did.
#[track_caller]
pub(crate) fn conclude(results: &[Tried], figures: &str) {
    let wrong: Vec<_> = results.iter().filter(|tried| !tried.problems.is_empty()).collect();
    for Tried { name, disturbed, problems } in &wrong {
        say(&format!("{name}\n  {}\n  {}", disturbed.join("\n  "), problems.join("\n  ")));
    }
    let disturbed: usize = results.iter().map(|tried| tried.disturbed.len()).sum();
    say(&format!(
        "{figures}, {} cases, disturbed {disturbed} times: {} went wrong",
        results.len(),
        wrong.len()
    ));
    assert!(wrong.is_empty());
}

/// On all cores; the results come in the order of what is given.
pub(crate) fn in_parallel<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    some_at_once(std::thread::available_parallelism().map_or(2, usize::from), items, work)
}

/// So many at once, which may be more than there are cores where they mostly wait.
pub(crate) fn some_at_once<T: Send, R: Send>(
    at_once: usize,
    items: Vec<T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let items: Vec<_> = items.into_iter().map(|item| Mutex::new(Some(item))).collect();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    let result = work(item.lock().unwrap().take().unwrap());
                    results.lock().unwrap().push((at, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

#[expect(clippy::print_stderr, reason = "it is for whoever runs the tests")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}
