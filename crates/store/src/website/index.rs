//! Lists of files that stand beside them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;
use syncplan_model::RelPath;

use crate::store::Rejected;

/// What a list says.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) files: BTreeSet<RelPath>,
    pub(super) rejected: Vec<Rejected>,
}

impl Index {
    /// A list as `rclone lsjson -R`, `sha256sum` and its like, or `find` write it; the error is a clause.
    pub(super) fn read(text: &[u8]) -> Result<Self, &'static str> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        // UTF-16 has some in every name of usual letters.
        if text.contains(&0) {
            return Err("the list of files is no text: it has null bytes");
        }
        let mut index = Self::default();
        match text.trim_ascii_start().first() {
            None => return Err("the list of files is empty"),
            Some(b'<') => return Err("the list of files is a page, and no list"),
            Some(b'{') => return Err("the list of files is a JSON object, and no list"),
            // Half of it is no list of lines.
            Some(b'[') => index.read_json(text)?,
            // What was cut might still look like a path.
            Some(_) if !text.ends_with(b"\n") => {
                return Err("the last line of the list of files has no end: the list may not be whole");
            }
            Some(_) => index.read_lines(text),
        }
        Ok(index)
    }

    fn read_json(&mut self, text: &[u8]) -> Result<(), &'static str> {
        let entries: Vec<Value> = serde_json::from_slice(text).map_err(|_| "the list of files is no JSON")?;
        for entry in entries {
            let path = entry.get("Path").and_then(Value::as_str);
            let path = path.ok_or("the list of files has an entry without a `Path`")?;
            if entry.get("IsDir").and_then(Value::as_bool) != Some(true) {
                self.add(path.as_bytes());
            }
        }
        Ok(())
    }

    fn read_lines(&mut self, text: &[u8]) {
        for line in text.split(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let path = match path_of(line) {
                Ok(path) => path,
                Err(reason) => {
                    self.rejected.push(Rejected { name: line.to_vec(), reason: reason.to_owned() });
                    continue;
                }
            };
            let path = path.strip_prefix(b"./").unwrap_or(&path);
            // So `find` writes the folder itself, and folders.
            if !path.is_empty() && path != b"." && !path.ends_with(b"/") {
                self.add(path);
            }
        }
    }

    fn add(&mut self, path: &[u8]) {
        match RelPath::new(path) {
            Ok(path) => {
                self.files.insert(path);
            }
            Err(error) => {
                self.rejected.push(Rejected { name: path.to_vec(), reason: error.to_string() });
            }
        }
    }
}

/// The path that a line names; the error is a clause.
fn path_of(line: &[u8]) -> Result<Cow<'_, [u8]>, &'static str> {
    let named = |line| behind_sum(line).or_else(|| before_sum(line));
    // So GNU says that the path has escapes; without a sum it is a part of the name.
    match line.strip_prefix(b"\\").and_then(named) {
        Some(escaped) => unescaped(escaped).map(Cow::Owned).ok_or("its name is not escaped as names are"),
        None => Ok(Cow::Borrowed(named(line).unwrap_or(line))),
    }
}

/// The path of `<sum>  <path>` or `<sum> *<path>`.
fn behind_sum(line: &[u8]) -> Option<&[u8]> {
    let end = line.iter().position(|byte| !byte.is_ascii_hexdigit())?;
    let path = line[end..].strip_prefix(b"  ").or_else(|| line[end..].strip_prefix(b" *"))?;
    is_sum(&line[..end]).then_some(path)
}

/// The path of `SHA256 (<path>) = <sum>`, as BSD and `sha256sum --tag` write it.
fn before_sum(line: &[u8]) -> Option<&[u8]> {
    let end = line.iter().position(|byte| !byte.is_ascii_alphanumeric() && !b"-/".contains(byte))?;
    let start = line.iter().rposition(|byte| !byte.is_ascii_hexdigit())? + 1;
    let path = line[..start].strip_suffix(b") = ")?.get(end..)?.strip_prefix(b" (")?;
    (end > 0 && is_sum(&line[start..])).then_some(path)
}

fn is_sum(text: &[u8]) -> bool {
    [32, 40, 56, 64, 96, 128].contains(&text.len()) && text.iter().all(u8::is_ascii_hexdigit)
}

/// A path without GNU's escapes.
fn unescaped(path: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = path.iter();
    let mut plain = Vec::with_capacity(path.len());
    while let Some(&byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next()? {
                b'\\' => b'\\',
                b'n' => b'\n',
                b'r' => b'\r',
                _ => return None,
            },
            byte => byte,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        Index::read(text.as_bytes()).unwrap().files.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lists_are_read_as_they_are_found() {
        let sum = "0123456789abcdef".repeat(4);
        assert_eq!(read(&format!("{sum}  a b\n{sum} *./c/d\n")), ["a b", "c/d"]);
        assert_eq!(read("./\n.\n./a\r\nb/c\n\nabc  d\n"), ["a", "abc  d", "b/c"]);
        let json = r#"[{"Path":"a","Size":1,"IsDir":false},{"Path":"d","IsDir":true},{"Path":"d/b"}]"#;
        assert_eq!(read(json), ["a", "d/b"]);
        assert_eq!(read("\u{feff}a\n"), ["a"]);
        assert_eq!(read(&format!("\u{feff}{json}")), ["a", "d/b"]);
        for bad in ["", "\n \n", "\u{feff}", "[{\"Name\":\"a\"}]", "[1]"] {
            assert!(Index::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_may_not_be_whole_is_an_error() {
        let json = r#"[{"Path":"a"},
            {"Path":"d/b"}]"#;
        assert_eq!(read(json), ["a", "d/b"]);
        for cut in 0..json.len() {
            assert!(Index::read(&json.as_bytes()[..cut]).is_err(), "{}", &json[..cut]);
        }
        for bad in ["a\nb", "a", "a\0b\n", "a\n\0\n", "<html>\na\n", " {\"a\":\n1}\n", "[\na\n"] {
            assert!(Index::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn sums_may_stand_behind_and_paths_be_escaped() {
        let sum = "0123456789abcdef".repeat(4);
        assert_eq!(
            read(&format!("SHA256 (a (1) = b) = {sum}\nBLAKE2b-256 (./c/d) = {sum}\n")),
            ["a (1) = b", "c/d"]
        );
        for other in ["SHA256 (a) = 12", " (a) = 12", "SHA256 (a)", "SHA256"] {
            assert_eq!(read(&format!("{other}\n")), [other]);
        }
        assert_eq!(read(&format!(" (a) = {sum}\n")), [format!(" (a) = {sum}")]);
        let text = format!(
            "\\{sum}  a\\\\b\n\\{sum} *c\\nd\n\\SHA256 (e\\r) = {sum}\n{sum}  f\\n\n\\g\\n\n\\{sum}  h\\i\n\\{sum}  j\\\n"
        );
        let index = Index::read(text.as_bytes()).unwrap();
        let found: Vec<_> = index.files.iter().map(RelPath::as_bytes).collect();
        assert_eq!(found, [b"\\g\\n".as_slice(), b"a\\b", b"c\nd", b"e\r", b"f\\n"]);
        assert_eq!(index.rejected.len(), 2);
    }

    #[test]
    fn hostile_paths_are_left_alone() {
        let index = Index::read(b"../x\n/etc/x\na//b\nok\nx/../y\n").unwrap();
        assert_eq!(index.files.len(), 1);
        assert_eq!(index.rejected.len(), 4);
    }
}
