use std::fmt::Write as _;

use bytes::Bytes;

use crate::web::xml::escape;

/// What a part is known by at the end of its upload: its ETag, and a checksum where one was announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) etag: String,
    pub(super) crc32c: Option<String>,
}

impl Tag {
    /// As text that a journal can keep: no ETag and no checksum has a space in it.
    pub(super) fn to_text(&self) -> String {
        match &self.crc32c {
            Some(crc32c) => format!("{} {crc32c}", self.etag),
            None => self.etag.clone(),
        }
    }

    pub(super) fn of_text(text: &str) -> Self {
        let (etag, crc32c) = text.split_once(' ').map_or((text, None), |(etag, sum)| (etag, Some(sum)));
        Self { etag: etag.to_owned(), crc32c: crc32c.map(str::to_owned) }
    }
}

/// The document that makes parts, in order, an object.
pub(super) fn manifest(tags: &[Tag]) -> Bytes {
    let mut document = String::from("<CompleteMultipartUpload>");
    for (at, tag) in tags.iter().enumerate() {
        let (number, etag) = (at + 1, escape(&tag.etag));
        let _ = write!(document, "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>");
        if let Some(crc32c) = &tag.crc32c {
            let _ = write!(document, "<ChecksumCRC32C>{}</ChecksumCRC32C>", escape(crc32c));
        }
        document.push_str("</Part>");
    }
    document.push_str("</CompleteMultipartUpload>");
    document.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_survive_as_text() {
        let tag =
            |crc32c: Option<&str>| Tag { etag: "\"e-1\"".to_owned(), crc32c: crc32c.map(str::to_owned) };
        for tag in [tag(None), tag(Some("4waSgw=="))] {
            assert_eq!(Tag::of_text(&tag.to_text()), tag);
        }
        let document = manifest(&[tag(Some("4waSgw=="))]);
        let wanted = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;e-1&quot;</ETag>\
                      <ChecksumCRC32C>4waSgw==</ChecksumCRC32C></Part></CompleteMultipartUpload>";
        assert_eq!(document, wanted);
    }
}
