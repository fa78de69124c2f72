use std::collections::BTreeMap;

use super::pager::Object;

/// Objects by their keys, until they may go on.
type Waiting = BTreeMap<Vec<u8>, Object>;

/// Brings a listing into the order of bytes.
///
/// Some services compare names as UTF-16: there, a character beyond U+FFFF comes before the last ones
/// below it, in bytes behind them. So a key with such a character waits until the listing has left what
/// the key begins with up to there. Others have an order of their own, where everything has to wait.
#[derive(Debug, Default)]
pub(crate) struct Order {
    utf16: bool,
    /// What keys wait for the listing to leave, each longer than the one before and beginning with it.
    waiting: Vec<(Vec<u8>, Waiting)>,
}

impl Order {
    pub(crate) fn of_bytes() -> Self {
        Self::default()
    }

    pub(crate) fn of_utf16() -> Self {
        Self { utf16: true, ..Self::default() }
    }

    /// Takes what comes next, and answers what can go on now; nothing where a key that waits comes again.
    pub(super) fn take(&mut self, objects: Vec<Object>, unordered: bool) -> Option<Vec<Object>> {
        if !self.utf16 && !unordered {
            return Some(objects);
        }
        let mut sorted = Vec::with_capacity(objects.len());
        for object in objects {
            let key = &object.key;
            while let Some((_, left)) = self.waiting.pop_if(|(left, _)| !key.starts_with(left)) {
                sorted.extend(left.into_values());
            }
            match key.iter().position(|&byte| byte >= 0xf0) {
                _ if unordered => self.wait(0, object)?,
                Some(at) => self.wait(at, object)?,
                None => sorted.push(object),
            }
        }
        Some(sorted)
    }

    fn wait(&mut self, length: usize, object: Object) -> Option<()> {
        let place = self.waiting.iter().position(|(left, _)| left.len() >= length);
        let place = place.unwrap_or(self.waiting.len());
        if self.waiting.get(place).is_none_or(|(left, _)| left.len() != length) {
            self.waiting.insert(place, (object.key[..length].to_vec(), BTreeMap::new()));
        }
        self.waiting[place].1.insert(object.key.clone(), object).is_none().then_some(())
    }

    /// What still waits at the end.
    pub(super) fn end(&mut self) -> Vec<Object> {
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_iter().rev().flat_map(|(_, objects)| objects.into_values()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syncplan_model::Facts;

    fn object(key: &str) -> Object {
        Object { key: key.as_bytes().to_vec(), facts: Facts::file(1), modified: None, folder: false }
    }

    #[test]
    fn utf16_becomes_bytes() {
        let mut keys = vec![
            "a",
            "a/x",
            "a/\u{1f600}",
            "a/\u{1f600}/y",
            "a/\u{e000}",
            "a/\u{e000}\u{1f600}",
            "a/\u{e000}\u{fb01}",
            "a0",
            "b\u{1f600}",
            "b\u{ff5e}",
            "c",
            "\u{1f600}",
            "\u{fb01}",
            "\u{fb01}/\u{10ffff}",
        ];
        let as_utf16 = |text: &str| text.encode_utf16().collect::<Vec<_>>();
        keys.sort_by_key(|key| as_utf16(key));
        assert!(!keys.is_sorted());
        for page in 1..keys.len() {
            let mut order = Order::of_utf16();
            let mut sorted = Vec::new();
            for page in keys.chunks(page) {
                sorted.extend(order.take(page.iter().map(|key| object(key)).collect(), false).unwrap());
            }
            sorted.extend(order.end());
            let sorted: Vec<_> = sorted.into_iter().map(|object| object.key).collect();
            assert!(sorted.is_sorted() && sorted.len() == keys.len(), "in pages of {page}");
        }
    }

    #[test]
    fn an_order_of_its_own_becomes_bytes() {
        // As trees are walked: `a/b` before `a-b`.
        let mut order = Order::of_utf16();
        let pages = [["a", "a/b"], ["a/\u{1f600}", "a-b"], ["a0", "b"]];
        let taken = pages.map(|page| order.take(page.map(object).into(), true).unwrap().len());
        assert_eq!(taken, [0, 0, 0]);
        let sorted: Vec<_> = order.end().into_iter().map(|object| object.key).collect();
        assert!(sorted.is_sorted() && sorted.len() == 6);
        order.take(vec![object("a")], true).unwrap();
        assert!(order.take(vec![object("a")], true).is_none());
    }
}
