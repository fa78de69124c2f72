use std::borrow::Cow;

use syncplan_model::{Capabilities, Capability};
use unicode_normalization::UnicodeNormalization as _;

/// Which different spellings are one name on a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Fold {
    case: bool,
    unicode: bool,
}

impl Fold {
    pub(crate) fn of(capabilities: &Capabilities) -> Self {
        let has = |capability| capabilities.has(capability);
        Self { case: has(Capability::FoldsCase), unicode: has(Capability::FoldsUnicode) }
    }

    /// Whether there are any.
    pub(crate) fn is_some(self) -> bool {
        self.case || self.unicode
    }

    pub(crate) fn folds_case(self) -> bool {
        self.case
    }

    /// What all spellings of one name have in common. A name that is not UTF-8 is its own.
    pub(crate) fn key(self, path: &[u8]) -> Cow<'_, [u8]> {
        let text = if self.is_some() { std::str::from_utf8(path).ok() } else { None };
        let Some(text) = text else { return Cow::Borrowed(path) };
        let composed = if self.unicode { text.nfc().collect() } else { text.to_owned() };
        let folded = if self.case { composed.to_lowercase() } else { composed };
        Cow::Owned(folded.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_have_one_key() {
        let both = Fold { case: true, unicode: true };
        assert_eq!(both.key("Ä/x".as_bytes()), both.key("a\u{308}/X".as_bytes()));
        let case = Fold { case: true, unicode: false };
        assert_ne!(case.key("ä".as_bytes()), case.key("a\u{308}".as_bytes()));
        assert_eq!(Fold::default().key(b"A"), Cow::Borrowed(b"A".as_slice()));
        assert_eq!(both.key(b"\xffA"), Cow::Borrowed(b"\xffA".as_slice()));
    }
}
