use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};

/// What a server compares content with before it keeps it, besides the hash that is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checksum {
    /// `x-amz-checksum-crc32c`: as good against damage as any, and costs next to nothing.
    Crc32c,
    /// `Content-MD5`, which all of the older services know.
    Md5,
    /// Nothing: the signed hash has to do. Some services refuse every checksum of the newer kind.
    None,
}

/// The headers that a server is to compare content with.
pub(super) const CHECKSUMS: [&str; 2] = ["x-amz-checksum-crc32c", "content-md5"];

impl Checksum {
    /// The header that goes with content, and its value.
    pub(super) fn of(self, content: &[u8]) -> Option<(&'static str, String)> {
        match self {
            Self::Crc32c => Some(("x-amz-checksum-crc32c", crc32c(content))),
            Self::Md5 => Some(("content-md5", BASE64.encode(Md5::digest(content)))),
            Self::None => None,
        }
    }

    /// What has to be announced before the parts of an upload can come with such a checksum.
    pub(super) fn of_upload(self) -> Option<(&'static str, &'static str)> {
        (self == Self::Crc32c).then_some(("x-amz-checksum-algorithm", "CRC32C"))
    }

    /// What has to be said of a part once more at the end of an upload.
    pub(super) fn of_part(self, content: &[u8]) -> Option<String> {
        (self == Self::Crc32c).then(|| crc32c(content))
    }
}

fn crc32c(content: &[u8]) -> String {
    BASE64.encode(crc_fast::crc32_iscsi(content).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standards() {
        // RFC 3720, B.4, for the first; RFC 1321, A.5, for the second.
        let crc32c = Checksum::Crc32c.of(b"123456789");
        assert_eq!(crc32c, Some(("x-amz-checksum-crc32c", BASE64.encode([0xe3, 0x06, 0x92, 0x83]))));
        let md5 = Checksum::Md5.of(b"abc").unwrap().1;
        assert_eq!(BASE64.decode(md5).unwrap()[..4], [0x90, 0x01, 0x50, 0x98]);
        assert_eq!(Checksum::None.of(b"abc"), None);
    }
}
