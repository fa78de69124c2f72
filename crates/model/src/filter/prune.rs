use super::term::{Term, is_under};
use super::tree::Filter;
use crate::path::is_below;

impl Filter {
    /// What the filter says of *everything* below a folder: true, false, or `None` when it depends.
    pub(super) fn below(&self, folder: &[u8]) -> Option<bool> {
        match self {
            Self::All => Some(true),
            Self::None => Some(false),
            Self::Not(inner) => inner.below(folder).map(|all| !all),
            Self::And(parts) => every(parts.iter().map(|part| part.below(folder)), false),
            Self::Or(parts) => every(parts.iter().map(|part| part.below(folder)), true),
            Self::Term(term) => term.below(folder),
            Self::Named(named) => named.filter().below(folder),
        }
    }
}

impl Term {
    fn below(&self, folder: &[u8]) -> Option<bool> {
        match self {
            Self::Under(root) if is_under(folder, root) => Some(true),
            // The root may still come further down.
            Self::Under(root) if is_below(root.as_bytes(), folder) => None,
            Self::Under(_) => Some(false),
            Self::Hidden if folder.split(|&b| b == b'/').any(|name| name.starts_with(b".")) => Some(true),
            _ => None,
        }
    }
}

/// One `decisive` answer decides; all answers the other way decide as well.
fn every(answers: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut outcome = Some(!decisive);
    for answer in answers {
        match answer {
            Some(answer) if answer == decisive => return Some(decisive),
            Some(_) => {}
            None => outcome = None,
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Glob;
    use crate::path::RelPath;

    fn under(path: &str) -> Filter {
        Filter::Term(Term::Under(RelPath::new(path).unwrap()))
    }

    #[test]
    fn a_scan_turns_back_only_where_nothing_can_match() {
        assert_eq!(under("a/b").below(b"a"), None);
        assert_eq!(under("a/b").below(b"a/b"), Some(true));
        assert_eq!(under("a/b").below(b"a/b/c"), Some(true));
        assert_eq!(under("a/b").below(b"a/bc"), Some(false));
        let tmp = Filter::Term(Term::Name(Glob::new("*.tmp").unwrap()));
        let neither = Filter::Not(Box::new(Filter::Or(vec![tmp.clone(), under("cache")])));
        assert_eq!(neither.below(b"cache/x"), Some(false));
        assert_eq!(neither.below(b"x"), None);
        assert_eq!(Filter::And(vec![tmp, Filter::Term(Term::Hidden)]).below(b"a/.git"), None);
    }
}
