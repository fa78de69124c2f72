//! Percent-encoding as request signatures want it.

/// Everything but unreserved characters and `keep` becomes `%XX`.
pub(crate) fn encode(bytes: &[u8], keep: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(bytes.len() + bytes.len() / 4);
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(DIGITS[usize::from(byte >> 4)]));
            encoded.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    encoded
}

/// The bytes that [`encode`] or a server encoded; `+` is a space in listings.
///
/// `None` where a `%` is not followed by two digits.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    decode_as(text, b' ')
}

/// The bytes of a part of a URL's path, where `+` is a plus.
pub(crate) fn decode_segment(text: &[u8]) -> Option<Vec<u8>> {
    decode_as(text, b'+')
}

fn decode_as(text: &[u8], plus: u8) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        decoded.push(match byte {
            b'%' => nibble(*rest.next()?)? << 4 | nibble(*rest.next()?)?,
            b'+' => plus,
            byte => byte,
        });
    }
    Some(decoded)
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(encode(&all, b"").as_bytes()), Some(all));
        assert_eq!(encode(b"a b/c+%", b"/"), "a%20b/c%2B%25");
        assert_eq!(decode(b"50%"), None);
        assert_eq!(decode(b"%zz"), None);
    }
}
