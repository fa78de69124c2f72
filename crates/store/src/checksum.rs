use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// A hash of all of the content of a file that its store keeps, whoever wrote the file.
///
/// Whoever has the same content somewhere else can tell by it that both are the same, without reading
/// this one. The contrary it does not tell: what looks like the MD5 of an object may be something else
/// (the ETag of an encrypted one), or may never have been true (what a client said of its content).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Checksum {
    /// The MD5 of the content.
    Md5([u8; 16]),
    /// The MD5 of the MD5s of its parts, which are equally long, the last one aside.
    Md5OfParts {
        /// The MD5.
        md5: [u8; 16],
        /// How many parts there are.
        parts: u32,
    },
    /// The CRC-32C (Castagnoli) of the content.
    Crc32c(u32),
    /// The SHA-1 of the content.
    Sha1([u8; 20]),
    /// The SHA-256 of the content.
    Sha256([u8; 32]),
}

impl Checksum {
    /// What an ETag of the S3 family says, quoted or not: an MD5 in hexadecimal digits, with `-` and the
    /// number of parts behind it where the object was uploaded in parts.
    ///
    /// ```
    /// use syncplan_store::Checksum;
    ///
    /// let of_parts = Checksum::of_etag("\"9B2CF535F27731C974343645A3985328-3\"").unwrap();
    /// assert_eq!(of_parts.to_string(), "md5:9b2cf535f27731c974343645a3985328-3");
    /// assert_eq!(Checksum::of_etag("0x8D4BCC2E4835CD0"), None);
    /// ```
    pub fn of_etag(etag: &str) -> Option<Self> {
        let etag = etag.trim().trim_matches('"');
        match etag.split_once('-') {
            None => hex(etag).map(Self::Md5),
            Some((md5, parts)) => {
                let parts = parts.parse().ok().filter(|parts| (1..=10_000).contains(parts))?;
                Some(Self::Md5OfParts { md5: hex(md5)?, parts })
            }
        }
    }

    /// The MD5 of a `Content-MD5` header, or of `md5Hash`: in Base64.
    pub fn of_base64_md5(text: &str) -> Option<Self> {
        base64(text).map(Self::Md5)
    }

    /// A CRC-32C as Google and Amazon write it: big-endian, in Base64.
    pub fn of_base64_crc32c(text: &str) -> Option<Self> {
        base64(text).map(|crc| Self::Crc32c(u32::from_be_bytes(crc)))
    }

    /// What ownCloud and Nextcloud say in `oc:checksums` or `OC-Checksum`, such as `SHA1:… MD5:…
    /// ADLER32:…`: the strongest of those that are known here.
    pub fn of_oc(text: &str) -> Option<Self> {
        let named = |word: &str| {
            let (name, value) = word.split_once(':')?;
            match name.to_ascii_uppercase().as_str() {
                "SHA256" => Some((2, Self::Sha256(hex(value)?))),
                "SHA1" => Some((1, Self::Sha1(hex(value)?))),
                "MD5" => Some((0, Self::Md5(hex(value)?))),
                _ => None,
            }
        };
        text.split_whitespace().filter_map(named).max_by_key(|(rank, _)| *rank).map(|(_, checksum)| checksum)
    }
}

/// Hexadecimal digits, large or small.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok());
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

fn base64<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64.decode(text.trim()).ok()?.try_into().ok()
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hex = |name: &str, bytes: &[u8]| {
            f.write_str(name)?;
            bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
        };
        match self {
            Self::Md5(md5) => hex("md5:", md5),
            Self::Md5OfParts { md5, parts } => {
                hex("md5:", md5)?;
                f.write_char('-')?;
                fmt::Display::fmt(parts, f)
            }
            Self::Crc32c(crc) => hex("crc32c:", &crc.to_be_bytes()),
            Self::Sha1(sha1) => hex("sha1:", sha1),
            Self::Sha256(sha256) => hex("sha256:", sha256),
        }
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_checksum_is_none() {
        let md5 = "9b2cf535f27731c974343645a3985328";
        for etag in ["", "\"\"", "abc", &md5[1..], "zb2cf535f27731c974343645a3985328"] {
            assert_eq!(Checksum::of_etag(etag), None, "{etag}");
        }
        for parts in ["", "0", "-1", "x", "10001", "99999999999"] {
            assert_eq!(Checksum::of_etag(&format!("{md5}-{parts}")), None, "{parts}");
        }
        assert_eq!(Checksum::of_base64_md5("AAAA"), None);
        assert_eq!(Checksum::of_base64_crc32c("not base64"), None);
        for text in ["", "SHA1", "SHA1:12", "ADLER32:12345678", "MD5:"] {
            assert_eq!(Checksum::of_oc(text), None, "{text}");
        }
    }

    #[test]
    fn services_write_checksums_in_their_own_ways() {
        let md5 = Checksum::of_etag("900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(Checksum::of_base64_md5("kAFQmDzST7DWlj99KOF/cg=="), md5);
        assert_eq!(Checksum::of_oc("MD5:900150983CD24FB0D6963F7D28E17F72 ADLER32:024d0127"), md5);
        let sha1 = "SHA1:a9993e364706816aba3e25717850c26c9cd0d89d";
        let both = format!("md5:900150983cd24fb0d6963f7d28e17f72 {sha1}");
        assert_eq!(Checksum::of_oc(&both).unwrap().to_string(), sha1.to_lowercase());
        assert_eq!(Checksum::of_base64_crc32c("4waSgw=="), Some(Checksum::Crc32c(0xe306_9283)));
    }
}
