use http::{HeaderMap, HeaderName, HeaderValue};
use syncplan_model::{Digest, Facts, Mtime, Token};

use crate::attributes::Attributes;
use crate::store::{Described, Metadata};
use crate::web::Fault;

/// What the names of everything that users keep with an object begin with.
const USER: &str = "x-amz-meta-";

/// Decimal seconds since 1970, as rclone writes and reads them.
const MTIME: HeaderName = HeaderName::from_static("x-amz-meta-mtime");

/// The digest and the size of the content it was taken of: whoever changes one without the other
/// is not believed. Some services allow nothing but letters, digits and `-` in a name.
const DIGEST: HeaderName = HeaderName::from_static("x-amz-meta-syncplan-b3");

/// An ETag as a token: quoted or not, weak or not, it is the same one.
pub(super) fn etag_token(etag: &str) -> Option<Token> {
    let etag = etag.trim().trim_start_matches("W/").trim_matches('"');
    (!etag.is_empty()).then(|| Token::new(etag))
}

/// A token as a condition wants it.
pub(super) fn quoted(token: &Token) -> String {
    format!("\"{}\"", token.as_str())
}

pub(super) fn token_of(headers: &HeaderMap) -> Option<Token> {
    etag_token(text(headers, &http::header::ETAG)?)
}

/// What the headers of an object say about it.
pub(super) fn facts_of(headers: &HeaderMap) -> Result<Facts, Fault> {
    let size = text(headers, &http::header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
    let size = size.ok_or(Fault::Malformed("an object has no size"))?;
    Ok(Facts {
        token: token_of(headers),
        mtime: text(headers, &MTIME).and_then(mtime),
        digest: text(headers, &DIGEST).and_then(|text| digest(text, size)),
        ..Facts::file(size)
    })
}

/// What the headers of an object say about it, and keep for others.
pub(super) fn described(headers: &HeaderMap) -> Result<Described, Fault> {
    Ok(Described { facts: facts_of(headers)?, attributes: Some(attributes_of(headers)) })
}

fn attributes_of(headers: &HeaderMap) -> Attributes {
    let mut attributes = Attributes::default();
    for (name, value) in headers.iter().filter(|(name, _)| ![MTIME, DIGEST].contains(name)) {
        // No header that a signature covers can be anything but UTF-8.
        let Ok(value) = std::str::from_utf8(value.as_bytes()) else { continue };
        match name.as_str().strip_prefix(USER) {
            Some(user) => _ = attributes.user.insert(user.to_owned(), value.to_owned()),
            None => attributes.set_header(name.as_str(), value),
        }
    }
    attributes
}

/// What is kept with an object.
pub(super) fn headers_of(metadata: &Metadata, attributes: &Attributes, size: u64) -> HeaderMap {
    let kept = attributes.headers().map(|(name, value)| (HeaderName::from_static(name), value.to_owned()));
    let user = attributes.user.iter().filter_map(|(name, value)| {
        Some((HeaderName::from_bytes(format!("{USER}{name}").as_bytes()).ok()?, value.clone()))
    });
    let mtime = metadata.mtime.map(|mtime| (MTIME, mtime.to_string()));
    let digest = metadata.digest.map(|digest| (DIGEST, format!("{digest}-{size}").replace(':', "-")));
    // Ours come last: they hold, whatever else says so.
    let mut headers = HeaderMap::new();
    for (name, value) in kept.chain(user).chain(mtime).chain(digest) {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.insert(name, value);
        }
    }
    headers
}

/// rclone writes times before 1970 as it writes the others; finer times than ours are cut.
fn mtime(text: &str) -> Option<Mtime> {
    let text = text.trim();
    let end = text.find('.').map_or(text.len(), |dot| text.len().min(dot + 10));
    text.get(..end)?.parse().ok()
}

fn digest(text: &str, size: u64) -> Option<Digest> {
    let (digest, of_size) = text.rsplit_once('-')?;
    if of_size.parse() != Ok(size) {
        return None;
    }
    digest.replacen('-', ":", 1).parse().ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_comes_back() {
        let metadata = Metadata {
            mtime: Some(Mtime { seconds: 1_700_000_000, nanos: 5 }),
            mode: None,
            digest: Some(Digest::of(b"x")),
            attributes: None,
        };
        let mut headers = headers_of(&metadata, &Attributes::default(), 1);
        headers.insert("content-length", HeaderValue::from_static("1"));
        let facts = facts_of(&headers).unwrap();
        assert_eq!((facts.mtime, facts.digest), (metadata.mtime, metadata.digest));
        // Someone put other content there and kept the metadata.
        headers.insert("content-length", HeaderValue::from_static("2"));
        assert_eq!(facts_of(&headers).unwrap().digest, None);
    }

    #[test]
    fn attributes_come_back_and_ours_hold() {
        let mut attributes =
            Attributes { cache_control: Some("no-store".to_owned()), ..Attributes::default() };
        for (name, value) in [("colour", "grün"), ("mtime", "1"), ("no name", "x"), ("split", "a\r\nb: c")] {
            attributes.user.insert(name.to_owned(), value.to_owned());
        }
        let mtime = Some(Mtime { seconds: 2, nanos: 0 });
        let mut headers = headers_of(&Metadata { mtime, ..Metadata::default() }, &attributes, 0);
        headers.insert("content-length", HeaderValue::from_static("0"));
        headers.insert("x-amz-meta-bytes", HeaderValue::from_bytes(b"\xff").unwrap());
        let found = described(&headers).unwrap();
        assert_eq!(found.facts.mtime, mtime);
        attributes.user.retain(|name, _| name == "colour");
        assert_eq!(found.attributes, Some(attributes));
    }

    #[test]
    fn etags_are_normalised() {
        for etag in ["\"abc\"", "abc", "W/\"abc\"", " \"abc\" "] {
            assert_eq!(etag_token(etag), Some(Token::new("abc")));
        }
        assert_eq!(etag_token("\"\""), None);
    }
}
