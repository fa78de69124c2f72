use std::fmt::{self, Write as _};

/// Shows bytes from outside to a person: nothing in them can steer a terminal or reorder a line.
///
/// Control characters, bidirectional marks and other invisible format characters become escapes,
///
/// ```
/// use syncplan_model::Escaped;
///
/// assert_eq!(Escaped(b"caf\xc3\xa9").to_string(), "café");
/// assert_eq!(Escaped(b"\x1b]0;x\x07").to_string(), r"\u{1b}]0;x\u{7}");
/// assert_eq!(Escaped("evil\u{202e}gpj".as_bytes()).to_string(), r"evil\u{202e}gpj");
/// ```
#[derive(Clone, Copy)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if is_unsafe(c) { write!(f, "\\u{{{:x}}}", u32::from(c))? } else { f.write_char(c)? }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
