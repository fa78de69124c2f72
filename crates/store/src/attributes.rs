use std::collections::BTreeMap;

use syncplan_model::RelPath;

use crate::content_type::{content_type, says_nothing};

/// What is kept beside an object for others than syncplan: how it is served, and what other programs noted
/// with it.
///
/// Stores whose [`Store::keeps_attributes`](crate::Store::keeps_attributes) is true keep all of it when an
/// object is copied, moved, replaced, or brought there from another store that has attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Expires`, as it was written.
    pub expires: Option<String>,
    /// What other programs noted, by names in lower case without the service's own prefix. What syncplan itself
    /// notes is not here: see [`Metadata`](crate::Metadata).
    pub user: BTreeMap<String, String>,
}

/// What other programs note of the *content*: with other content it would be a lie. `mtime` is ours as well.
const OF_CONTENT: [&str; 24] = [
    "md5",
    "md5chksum",
    "content-md5",
    "sha1",
    "sha256",
    "large_file_sha1",
    "s3cmd-attrs",
    "mtime",
    "btime",
    "src_last_modified_millis",
    "goog-reserved-file-mtime",
    "aws-sha256",
    "sha512",
    "crc32c",
    "blake3",
    // What content was encrypted with before it was sent.
    "x-amz-key",
    "x-amz-key-v2",
    "x-amz-iv",
    "x-amz-matdesc",
    "x-amz-cek-alg",
    "x-amz-wrap-alg",
    "x-amz-tag-len",
    "x-amz-unencrypted-content-length",
    "x-amz-unencrypted-content-md5",
];

impl Attributes {
    /// What a write of `path` leaves there: what it brings; or else what stands there before it, as far as that is
    /// no note of the former content. A type that nobody gave follows from the name.
    pub fn of_write(path: &RelPath, brought: Option<&Self>, replaced: Option<&Self>) -> Self {
        let mut attributes = match (brought, replaced) {
            (Some(brought), _) => brought.clone(),
            (None, Some(replaced)) => replaced.for_other_content(),
            (None, None) => Self::default(),
        };
        if attributes.content_type.as_deref().is_none_or(says_nothing) {
            attributes.content_type = Some(content_type(path).to_owned());
        }
        attributes
    }

    fn for_other_content(&self) -> Self {
        let mut attributes = self.clone();
        attributes.user.retain(|name, _| !OF_CONTENT.contains(&name.as_str()));
        attributes
    }

    /// Everything that is served as a header of its own, by the header's name.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("content-type", &self.content_type),
            ("content-encoding", &self.content_encoding),
            ("content-language", &self.content_language),
            ("content-disposition", &self.content_disposition),
            ("cache-control", &self.cache_control),
            ("expires", &self.expires),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }

    /// Takes what is served as a header of its own; other headers are none of these.
    pub fn set_header(&mut self, name: &str, value: &str) {
        let field = match name {
            "content-type" => &mut self.content_type,
            "content-encoding" => &mut self.content_encoding,
            "content-language" => &mut self.content_language,
            "content-disposition" => &mut self.content_disposition,
            "cache-control" => &mut self.cache_control,
            "expires" => &mut self.expires,
            _ => return,
        };
        *field = (!value.is_empty()).then(|| value.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(content_type: Option<&str>, user: &[(&str, &str)]) -> Attributes {
        Attributes {
            content_type: content_type.map(str::to_owned),
            user: user.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
            ..Attributes::default()
        }
    }

    fn written(name: &str, brought: Option<&Attributes>, replaced: Option<&Attributes>) -> Attributes {
        Attributes::of_write(&RelPath::new(name).unwrap(), brought, replaced)
    }

    #[test]
    fn a_type_comes_from_the_name_where_nobody_gave_one() {
        assert_eq!(written("a.html", None, None), noted(Some("text/html"), &[]));
        let own = noted(Some("text/x-own"), &[]);
        let nothing = noted(Some("binary/octet-stream"), &[]);
        assert_eq!(written("a.html", Some(&own), None), own);
        assert_eq!(written("a.html", None, Some(&own)), own);
        assert_eq!(written("a.html", None, Some(&nothing)).content_type.as_deref(), Some("text/html"));
    }

    #[test]
    fn other_content_keeps_what_is_no_note_of_the_former() {
        let found = noted(Some("text/x-own"), &[("colour", "red"), ("md5chksum", "x"), ("mtime", "1")]);
        assert_eq!(written("a", None, Some(&found)), noted(Some("text/x-own"), &[("colour", "red")]));
        // What is brought belongs to the content that comes with it.
        assert_eq!(written("a", Some(&found), Some(&noted(None, &[("other", "")]))), found);
    }

    #[test]
    fn headers_come_back() {
        let mut attributes = Attributes::default();
        for (name, value) in [("content-type", "a/b"), ("expires", "then"), ("cache-control", "no-store")] {
            attributes.set_header(name, value);
        }
        attributes.set_header("etag", "no attribute");
        let mut again = Attributes::default();
        attributes.headers().for_each(|(name, value)| again.set_header(name, value));
        assert_eq!(again, attributes);
        assert_eq!(attributes.headers().count(), 3);
    }
}
