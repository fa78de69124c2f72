//! Lists of files that stand beside them.

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
        let mut index = Self::default();
        match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => return Err("the list of files is empty"),
            Some(b'[') if text.ends_with(b"]") || text.trim_ascii_end().ends_with(b"]") => {
                index.read_json(text)?;
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
            let path = behind_sum(line).unwrap_or(line);
            let path = path.strip_prefix(b"./").unwrap_or(path);
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

/// The path of `<sum>  <path>` or `<sum> *<path>`.
fn behind_sum(line: &[u8]) -> Option<&[u8]> {
    let end = line.iter().position(|byte| !byte.is_ascii_hexdigit())?;
    let path = line[end..].strip_prefix(b"  ").or_else(|| line[end..].strip_prefix(b" *"))?;
    [32, 40, 56, 64, 96, 128].contains(&end).then_some(path)
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
        for bad in ["", "\n \n", "[{\"Name\":\"a\"}]", "[1]"] {
            assert!(Index::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn hostile_paths_are_left_alone() {
        let index = Index::read(b"../x\n/etc/x\na//b\nok\nx/../y\nn\0l\n").unwrap();
        assert_eq!(index.files.len(), 1);
        assert_eq!(index.rejected.len(), 5);
    }
}
