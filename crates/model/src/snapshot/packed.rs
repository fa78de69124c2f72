use super::page::{blank, decode, encode};
use crate::entry::{Entry, Facts};

impl Facts {
    /// The facts as bytes, packed as in a snapshot's page.
    ///
    /// ```
    /// use syncplan_model::Facts;
    ///
    /// let facts = Facts::file(7);
    /// assert_eq!(Facts::from_packed(&facts.to_packed()), Some(facts));
    /// assert_eq!(Facts::from_packed(b"damaged"), None);
    /// ```
    pub fn to_packed(&self) -> Vec<u8> {
        // An entry of a page, under a path that says nothing.
        let mut out = Vec::with_capacity(64);
        encode(&mut out, b"", &Entry { facts: self.clone(), ..blank() });
        out
    }

    /// Reads what [`Facts::to_packed`] wrote; nothing if the bytes are damaged.
    pub fn from_packed(bytes: &[u8]) -> Option<Self> {
        let mut entry = blank();
        let end = decode(bytes, 0, &mut entry)?;
        (end == bytes.len() && entry.path == blank().path).then_some(entry.facts)
    }
}
