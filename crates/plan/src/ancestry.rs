/// What is remembered of the paths above the current one, while paths come in byte order.
///
/// A folder's content does not follow it at once: `a`, `a.x`, `a/b` is the order of bytes. But all
/// that can come between a path and what is below it begins with that path, so that the paths that
/// may still have something below them are always prefixes of the current one: a stack of lengths.
pub(crate) struct Ancestry<T> {
    path: Vec<u8>,
    levels: Vec<(usize, T)>,
}

impl<T> Default for Ancestry<T> {
    fn default() -> Self {
        Self { path: Vec::new(), levels: Vec::new() }
    }
}

impl<T> Ancestry<T> {
    /// Goes on to a path behind all before it, and forgets what nothing more can be below of.
    pub(crate) fn enter(&mut self, path: &[u8]) {
        let shared = self.path.iter().zip(path).take_while(|(a, b)| a == b).count();
        while self
            .levels
            .last()
            .is_some_and(|&(len, _)| len > shared || path.get(len).is_none_or(|&b| b > b'/'))
        {
            self.levels.pop();
        }
        self.path.truncate(shared);
        self.path.extend_from_slice(&path[shared..]);
    }

    /// Remembers something of the path entered last.
    pub(crate) fn push(&mut self, value: T) {
        self.levels.push((self.path.len(), value));
    }

    /// What is remembered of the paths above the one entered last, nearest first, with their lengths.
    pub(crate) fn above(&self) -> impl Iterator<Item = (usize, &T)> {
        let is_above = |&&(len, _): &&(usize, T)| self.path.get(len) == Some(&b'/');
        self.levels.iter().rev().filter(is_above).map(|(len, value)| (*len, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_that_comes_late_finds_its_folder() {
        let mut ancestry = Ancestry::default();
        let mut above = Vec::new();
        for path in ["a", "a!", "a!/x", "a.x", "a/b", "a/b!", "a/b/c", "ab", "ab/c", "b"] {
            ancestry.enter(path.as_bytes());
            let names: Vec<_> = ancestry.above().map(|(_, name)| *name).collect();
            above.push(format!("{path}: {}", names.join(" ")));
            ancestry.push(path);
        }
        let expected = [
            "a: ",
            "a!: ",
            "a!/x: a!",
            "a.x: ",
            "a/b: a",
            "a/b!: a",
            "a/b/c: a/b a",
            "ab: ",
            "ab/c: ab",
            "b: ",
        ];
        assert_eq!(above, expected);
    }
}
