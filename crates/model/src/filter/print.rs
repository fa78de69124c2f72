use std::fmt::{self, Display as _, Write as _};

use super::term::Term;
use super::tree::Filter;

/// As the manifest has it; parsing the text gives the same filter again.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all()"),
            Self::None => f.write_str("none()"),
            Self::Not(inner) => write!(f, "not {}", Operand(inner)),
            Self::And(parts) => joined(f, parts, " and "),
            Self::Or(parts) => {
                // `and` binds tighter than `or`: its parts need no parentheses here.
                separated(f, parts, " or ", |f, part| match part {
                    Self::And(_) => part.fmt(f),
                    _ => Operand(part).fmt(f),
                })
            }
            Self::Term(term) => term.fmt(f),
            Self::Named(named) => named.name().fmt(f),
        }
    }
}

/// A part of something that binds tightly.
struct Operand<'a>(&'a Filter);

impl fmt::Display for Operand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Filter::And(_) | Filter::Or(_) => write!(f, "({})", self.0),
            _ => self.0.fmt(f),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Glob(glob) => write!(f, "glob({})", Quoted(glob.as_str())),
            Self::Name(glob) => write!(f, "name({})", Quoted(glob.as_str())),
            Self::Ext(extensions) => {
                call(f, "ext", extensions, |f, extension| Word(extension.as_str()).fmt(f))
            }
            Self::Under(folder) => {
                let text = String::from_utf8_lossy(folder.as_bytes());
                write!(f, "under({})", Quoted(&text))
            }
            Self::Regex(regex) => write!(f, "regex({})", Quoted(regex.as_str())),
            Self::Size(comparison, size) => write!(f, "size {comparison} {size}"),
            Self::Age(comparison, period) => write!(f, "age {comparison} {period}"),
            Self::Mtime(comparison, date) => write!(f, "mtime {comparison} {date}"),
            Self::Kind(kind) => write!(f, "kind = {kind}"),
            Self::Hidden => f.write_str("hidden()"),
            Self::Empty => f.write_str("empty()"),
            Self::Op(ops) => call(f, "op", ops, |f, op| write!(f, "{op}")),
            Self::Task(tasks) => call(f, "task", tasks, |f, task| write!(f, "{task}")),
            Self::Side(side) => write!(f, "side({side})"),
            Self::Risk(risks) => call(f, "risk", risks, |f, risk| write!(f, "{risk}")),
        }
    }
}

/// Text in single quotes, nothing in it escaped but the quote.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('\'')?;
        for c in self.0.chars() {
            match c {
                // Doubled, as in SQL: a backslash belongs to the pattern.
                '\'' => f.write_str("''")?,
                _ => f.write_char(c)?,
            }
        }
        f.write_char('\'')
    }
}

/// A word where it can be one, else in quotes.
struct Word<'a>(&'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let starts = self.0.starts_with(|c: char| c.is_ascii_alphanumeric());
        let plain = self.0.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if starts && plain { f.write_str(self.0) } else { Quoted(self.0).fmt(f) }
    }
}

type Write<T> = fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result;

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Filter], operator: &str) -> fmt::Result {
    separated(f, parts, operator, |f, part| Operand(part).fmt(f))
}

fn call<T>(f: &mut fmt::Formatter<'_>, name: &str, items: &[T], write: Write<T>) -> fmt::Result {
    write!(f, "{name}(")?;
    separated(f, items, ", ", write)?;
    f.write_char(')')
}

fn separated<T>(f: &mut fmt::Formatter<'_>, items: &[T], between: &str, write: Write<T>) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        write(f, item)?;
    }
    Ok(())
}
