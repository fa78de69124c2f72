use async_trait::async_trait;
use http::Method;
use serde_json::Value;

use super::object::{FIELDS, object_of};
use super::root::Root;
use crate::bucket::{Order, Page, Pages, Prefix};
use crate::web::Fault;

/// More of a page is not read.
const LONGEST_PAGE: usize = 32 * 1024 * 1024;

#[async_trait]
impl Pages for Root {
    fn bucket(&self) -> &str {
        &self.bucket
    }

    fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    fn order(&self) -> Order {
        Order::of_bytes()
    }

    async fn page(&self, prefix: &[u8], after: Option<&[u8]>, next: Option<&str>) -> Result<Page, Fault> {
        let fields = format!("kind,nextPageToken,items({FIELDS})");
        let mut request = self.objects(Method::GET).query("fields", fields).whole().patient();
        if !prefix.is_empty() {
            request = request.query("prefix", String::from_utf8_lossy(prefix));
        }
        if let Some(after) = after {
            request = request.query("startOffset", String::from_utf8_lossy(after));
        }
        if let Some(next) = next {
            request = request.query("pageToken", next);
        }
        let reply = self.wire.send(&request).await.map_err(|failed| failed.fault)?;
        let document = reply.read_all(LONGEST_PAGE).await?;
        parse(&document).ok_or(Fault::Malformed("the page of the listing is not what the service sends"))
    }
}

/// Reads one page; `None` if it is not one.
fn parse(document: &[u8]) -> Option<Page> {
    let page: Value = serde_json::from_slice(document).ok()?;
    // An error that comes as 200 is an object as well, and would be an empty page.
    if page["kind"] != "storage#objects" {
        return None;
    }
    let objects = match &page["items"] {
        Value::Null => Vec::new(),
        items => items.as_array()?.iter().map(object_of).collect::<Option<_>>()?,
    };
    let next = match &page["nextPageToken"] {
        Value::Null => None,
        next => Some(next.as_str()?.to_owned()).filter(|next| !next.is_empty()),
    };
    Some(Page { objects, next, unordered: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_page_is_no_page() {
        let whole = r#"{"kind":"storage#objects","items":[{"name":"a\u0001","size":"7","generation":"1"}],"nextPageToken":"n"}"#;
        let page = parse(whole.as_bytes()).unwrap();
        assert_eq!((page.objects[0].key.as_slice(), page.next.as_deref()), (b"a\x01".as_slice(), Some("n")));
        assert_eq!(parse(br#"{"kind":"storage#objects"}"#), Some(Page::default()));
        for broken in [
            "",
            "{}",
            r#"{"error":{"code":503}}"#,
            "<html>",
            "[]",
            "7",
            r#"{"kind":"storage#objects","items":[{}]}"#,
            r#"{"kind":"storage#objects","items":{}}"#,
            &whole[..40],
        ] {
            assert_eq!(parse(broken.as_bytes()), None, "{broken}");
        }
    }
}
