use std::collections::HashSet;
use std::hash::Hash;

/// Most rows in one statement: SQLite binds at most 32,766 values, and more would not be faster.
const MOST: usize = 512;

/// Cuts rows into runs whose lengths are powers of two, so that few different statements are
/// prepared, each once.
pub(crate) fn in_runs<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let longest = rows.len().min(MOST);
        if longest == 0 {
            return None;
        }
        let (run, rest) = rows.split_at(1 << longest.ilog2());
        rows = rest;
        Some(run)
    })
}

/// The last row of each key, in order: what comes later counts, and PostgreSQL writes no row twice in one
/// statement.
pub(crate) fn last_of<'a, T, K: Eq + Hash>(rows: &'a [T], key: impl Fn(&'a T) -> K) -> Vec<&'a T> {
    let mut seen = HashSet::with_capacity(rows.len());
    let mut last: Vec<&'a T> = rows.iter().rev().filter(|row| seen.insert(key(row))).collect();
    last.reverse();
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_later_counts() {
        let rows = [("a", 1), ("b", 2), ("a", 3)];
        assert_eq!(last_of(&rows, |(name, _)| *name), [&("b", 2), &("a", 3)]);
    }

    #[test]
    fn runs_hold_every_row_once() {
        for len in [0, 1, 3, 511, 512, 513, 1300] {
            let rows: Vec<usize> = (0..len).collect();
            let runs: Vec<&[usize]> = in_runs(&rows).collect();
            assert!(runs.iter().all(|run| run.len().is_power_of_two() && run.len() <= MOST));
            assert_eq!(runs.concat(), rows);
        }
    }
}
