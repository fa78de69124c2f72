use http::{HeaderMap, HeaderName, HeaderValue};
use syncplan_model::{Facts, Token};

use crate::bucket::{digest_of, digest_text, mtime_of, mtime_text};
use crate::store::Metadata;
use crate::web::Fault;

/// What the names of metadata begin with in headers.
pub(super) const META: &str = "x-ms-meta-";

/// RFC 3339, as rclone writes it here.
pub(super) const MTIME: &str = "mtime";

/// Names have to be identifiers of C#.
pub(super) const DIGEST: &str = "syncplan_b3";

/// An ETag as a token: listings have it without the quotes that headers have.
pub(super) fn etag_token(etag: &str) -> Option<Token> {
    let etag = etag.trim().trim_matches('"');
    (!etag.is_empty()).then(|| Token::new(etag))
}

/// A token as a condition wants it.
pub(super) fn quoted(token: &Token) -> String {
    format!("\"{}\"", token.as_str())
}

pub(super) fn token_of(headers: &HeaderMap) -> Option<Token> {
    etag_token(text(headers, "etag")?)
}

/// What the headers of a blob say about it.
pub(super) fn facts_of(headers: &HeaderMap) -> Result<Facts, Fault> {
    let size = text(headers, "content-length").and_then(|length| length.parse().ok());
    let size = size.ok_or(Fault::Malformed("a blob has no size"))?;
    Ok(Facts {
        token: token_of(headers),
        mtime: text(headers, "x-ms-meta-mtime").and_then(mtime_of),
        digest: text(headers, "x-ms-meta-syncplan_b3").and_then(|text| digest_of(text, size)),
        ..Facts::file(size)
    })
}

/// What is kept with a blob.
pub(super) fn headers_of(metadata: &Metadata, size: u64) -> HeaderMap {
    let mtime = metadata.mtime.and_then(mtime_text).map(|mtime| (MTIME, mtime));
    let digest = metadata.digest.map(|digest| (DIGEST, digest_text(digest, size)));
    let header = |(name, value): (&str, String)| {
        let name = HeaderName::try_from(format!("{META}{name}")).ok()?;
        Some((name, HeaderValue::try_from(value).ok()?))
    };
    mtime.into_iter().chain(digest).filter_map(header).collect()
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
