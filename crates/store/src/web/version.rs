//! How servers of the web tell one content from another.

use http::HeaderMap;
use syncplan_model::{Mtime, Token};

use super::time::http_date;

/// The token of content with this ETag, or without one with this time and size: better than nothing.
pub(crate) fn version(etag: Option<&str>, mtime: Option<Mtime>, size: u64) -> Option<Token> {
    match etag.map(bare).filter(|etag| !etag.is_empty()) {
        Some(etag) => Some(Token::new(etag)),
        None => mtime.map(|mtime| Token::new(format!("{mtime}/{size}"))),
    }
}

/// Whether a token is made of time and size.
pub(crate) fn is_weak(token: &Token) -> bool {
    token
        .as_str()
        .split_once('/')
        .is_some_and(|(mtime, size)| mtime.parse::<Mtime>().is_ok() && size.parse::<u64>().is_ok())
}

/// What the headers of an answer with content say of the whole: its token, its time, its size.
pub(crate) fn described(headers: &HeaderMap) -> (Option<Token>, Option<Mtime>, Option<u64>) {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let whole = text(http::header::CONTENT_RANGE).and_then(|range| range.rsplit('/').next());
    let size = whole.or_else(|| text(http::header::CONTENT_LENGTH)).and_then(|size| size.trim().parse().ok());
    let mtime = text(http::header::LAST_MODIFIED).and_then(http_date);
    let etag = text(http::header::ETAG);
    let token = match size {
        Some(size) => version(etag, mtime, size),
        None => version(etag, None, 0),
    };
    (token, mtime, size)
}

/// An ETag without its quotes. Whether it is a weak one changes with time on some servers.
fn bare(etag: &str) -> &str {
    let etag = etag.trim();
    etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_etag_or_what_there_is() {
        let mtime = Some(Mtime { seconds: 7, nanos: 0 });
        let token = |etag| version(etag, mtime, 3).unwrap();
        assert_eq!(token(Some("W/\"a-b\"")), token(Some("\"a-b\"")));
        assert_eq!(token(None).as_str(), "7/3");
        assert!(is_weak(&token(Some("\"\""))));
        assert!(!is_weak(&token(Some("\"a/3\""))));
        assert_eq!(version(None, None, 3), None);
    }
}
