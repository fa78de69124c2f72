//! What went wrong: the smallest of each kind, so that somebody can think about it.

use std::collections::BTreeMap;
use std::sync::Mutex;

#[derive(Default)]
pub(crate) struct Failures(Mutex<BTreeMap<String, Kind>>);

struct Kind {
    count: u64,
    size: usize,
    smallest: String,
}

/// One thing that went wrong.
#[derive(Debug)]
pub(crate) struct Failure {
    /// In general: the same for all of a kind.
    pub(crate) kind: String,
    /// In this case.
    pub(crate) detail: String,
}

impl Failure {
    pub(crate) fn new(kind: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind: kind.into(), detail: detail.into() }
    }
}

impl Failures {
    pub(crate) fn add(&self, failure: Failure, size: usize, case: &str) {
        let mut kinds = self.0.lock().unwrap();
        let shown = || format!("{case}\n    {}", failure.detail.replace('\n', "\n    "));
        let kind =
            kinds.entry(failure.kind.clone()).or_insert_with(|| Kind { count: 0, size, smallest: shown() });
        kind.count += 1;
        if size < kind.size {
            (kind.size, kind.smallest) = (size, shown());
        }
    }

    /// Fails if there is anything.
    pub(crate) fn judge(self) {
        let kinds = self.0.into_inner().unwrap();
        let lines: Vec<_> =
            kinds.iter().map(|(kind, it)| format!("{} × {kind}\n  {}", it.count, it.smallest)).collect();
        assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    }
}
