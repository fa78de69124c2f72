use async_trait::async_trait;
use jiff::fmt::rfc2822;
use syncplan_model::{Facts, Mtime};

use super::object::{DIGEST, MTIME, etag_token};
use super::root::Root;
use crate::bucket::{Object, Order, Page, Pages, Prefix, digest_of, mtime_of};
use crate::web::xml::{Token, Tokens};
use crate::web::{Fault, decode};

/// More of a page is not read.
const LONGEST_PAGE: usize = 32 * 1024 * 1024;

#[async_trait]
impl Pages for Root {
    fn bucket(&self) -> &str {
        &self.container
    }

    fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// It says no more than that names are in alphabetical order.
    fn order(&self) -> Order {
        Order::of_utf16()
    }

    /// There is no way to begin behind a key: where to go on is only for the service to know.
    async fn page(&self, prefix: &[u8], _after: Option<&[u8]>, next: Option<&str>) -> Result<Page, Fault> {
        let mut request = self.listing(prefix).query("include", "metadata").whole().patient();
        if let Some(next) = next {
            request = request.query("marker", next);
        }
        let reply = self.wire.send(&request).await.map_err(|failed| failed.fault)?;
        let document = reply.read_all(LONGEST_PAGE).await?;
        parse(&document).ok_or(Fault::Malformed("the page of the listing is not what Azure sends"))
    }
}

/// One blob as it is written down.
#[derive(Default)]
struct Blob {
    name: Vec<u8>,
    size: Option<u64>,
    etag: String,
    modified: String,
    mtime: String,
    digest: String,
    folder: bool,
}

/// Reads one page; `None` if it is not one.
fn parse(document: &[u8]) -> Option<Page> {
    let mut page = Page::default();
    let mut path: Vec<Vec<u8>> = Vec::new();
    let mut blob = Blob::default();
    let mut text = String::new();
    let mut encoded = false;
    let mut whole = false;
    let mut tokens = Tokens::new(document);
    while let Some(token) = tokens.next() {
        match token? {
            Token::Open(name) => {
                encoded = tokens.has("Encoded=\"true\"");
                path.push(name);
                text.clear();
                if is(&path, &["EnumerationResults", "Blobs", "Blob"]) {
                    blob = Blob::default();
                }
            }
            Token::Text(more) => text.push_str(&more),
            Token::Close(name) => {
                match path.iter().map(Vec::as_slice).collect::<Vec<_>>().as_slice() {
                    [_, b"Blobs", b"Blob"] => page.objects.push(std::mem::take(&mut blob).object()?),
                    [_, b"Blobs", b"Blob", b"Name"] if encoded => blob.name = decode_name(&text)?,
                    [_, b"Blobs", b"Blob", b"Name"] => blob.name = text.as_bytes().to_vec(),
                    [_, b"Blobs", b"Blob", b"Properties", field] => {
                        page.unordered |= *field == b"ResourceType";
                        blob.set_property(field, &text)?;
                    }
                    [_, b"Blobs", b"Blob", b"Metadata", field] => blob.set_metadata(field, &text),
                    [_, b"NextMarker"] if !text.is_empty() => page.next = Some(text.clone()),
                    [_] => whole = name == b"EnumerationResults",
                    _ => {}
                }
                path.pop();
                text.clear();
            }
        }
    }
    // Half a page looks like a short one, and a short one like the end.
    (whole && path.is_empty()).then_some(page)
}

fn is(path: &[Vec<u8>], wanted: &[&str]) -> bool {
    path.iter().map(Vec::as_slice).eq(wanted.iter().map(|name| name.as_bytes()))
}

/// A `+` in it is one.
fn decode_name(text: &str) -> Option<Vec<u8>> {
    decode(text.replace('+', "%2B").as_bytes())
}

impl Blob {
    fn set_property(&mut self, field: &[u8], text: &str) -> Option<()> {
        match field {
            b"Content-Length" => self.size = Some(text.trim().parse().ok()?),
            b"Etag" => text.clone_into(&mut self.etag),
            b"Last-Modified" => text.clone_into(&mut self.modified),
            b"ResourceType" => self.folder |= text == "directory",
            _ => {}
        }
        Some(())
    }

    /// Names are the same whatever case they are in.
    fn set_metadata(&mut self, field: &[u8], text: &str) {
        if field.eq_ignore_ascii_case(MTIME.as_bytes()) {
            text.clone_into(&mut self.mtime);
        } else if field.eq_ignore_ascii_case(DIGEST.as_bytes()) {
            text.clone_into(&mut self.digest);
        } else if field.eq_ignore_ascii_case(b"hdi_isfolder") {
            self.folder |= text.eq_ignore_ascii_case("true");
        }
    }

    fn object(self) -> Option<Object> {
        // Folders of accounts that have such have no length.
        let size = self.size.or(self.folder.then_some(0))?;
        let facts = Facts {
            token: etag_token(&self.etag),
            mtime: mtime_of(&self.mtime),
            digest: digest_of(&self.digest, size),
            ..Facts::file(size)
        };
        Some(Object { key: self.name, facts, modified: modified(&self.modified), folder: self.folder })
    }
}

fn modified(text: &str) -> Option<Mtime> {
    let time = rfc2822::parse(text.trim()).ok()?.timestamp();
    Some(Mtime { seconds: time.as_second(), nanos: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(blobs: &str, end: &str) -> Option<Page> {
        let start = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\
                     <EnumerationResults ServiceEndpoint=\"https://h/\" ContainerName=\"c\"><Prefix>p</Prefix>";
        parse(format!("{start}<Blobs>{blobs}</Blobs>{end}</EnumerationResults>").as_bytes())
    }

    #[test]
    fn blobs_come_with_what_is_kept_with_them() {
        let blobs = "<Blob><Name> a&amp;b%41+ </Name><Properties><Last-Modified>Sun, 06 Nov 1994 08:49:37 GMT\
                     </Last-Modified><Etag>0x8D</Etag><Content-Length>7</Content-Length><Content-MD5 /></Properties>\
                     <Metadata><Mtime>2023-11-14T22:13:20.5Z</Mtime><other>x</other></Metadata></Blob>\
                     <Blob><Name Encoded=\"true\">a%01%EF%BF%BF+</Name><Properties><Content-Length>0</Content-Length>\
                     </Properties><Metadata><hdi_isfolder>true</hdi_isfolder></Metadata></Blob>";
        let page = page(blobs, "<NextMarker>a&amp;b</NextMarker>").unwrap();
        let [first, second] = page.objects.as_slice() else { panic!("{page:?}") };
        assert_eq!(first.key, b" a&b%41+ ");
        assert_eq!(
            (first.facts.size, first.facts.token.clone()),
            (7, Some(syncplan_model::Token::new("0x8D")))
        );
        assert_eq!(first.facts.mtime, Some(Mtime { seconds: 1_700_000_000, nanos: 500_000_000 }));
        assert_eq!(first.modified, Some(Mtime { seconds: 784_111_777, nanos: 0 }));
        assert_eq!((second.key.as_slice(), second.folder), ("a\u{1}\u{ffff}+".as_bytes(), true));
        assert_eq!((page.next.as_deref(), page.unordered), (Some("a&b"), false));
    }

    #[test]
    fn half_a_page_is_no_page() {
        let blob = "<Blob><Name>a</Name><Properties><Content-Length>1</Content-Length></Properties></Blob>";
        assert!(page(blob, "<NextMarker/>").is_some_and(|page| page.next.is_none()));
        for broken in ["", "<html></html>", "<EnumerationResults><Blobs>", "garbage"] {
            assert_eq!(parse(broken.as_bytes()), None, "{broken}");
        }
        for broken in [
            "<Blob><Name>a</Name></Blob>",
            &blob.replace('1', "many"),
            &blob.replace("Name>a", "Name Encoded=\"true\">%zz"),
        ] {
            assert_eq!(page(broken, ""), None, "{broken}");
        }
    }
}
