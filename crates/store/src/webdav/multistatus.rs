//! What a server says of resources (RFC 4918, 13).

use quick_xml::NsReader;
use quick_xml::events::Event;
use quick_xml::name::{Namespace, ResolveResult};
use syncplan_model::{EntryKind, Facts, Mtime};

use crate::web::{http_date, version};

/// Elements of an answer lie this deep at most, with room for what servers add.
const DEEPEST: usize = 64;

/// The properties that are asked for, as the body of a PROPFIND.
pub(super) const PROPERTIES: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
    <D:propfind xmlns:D=\"DAV:\"><D:prop><D:resourcetype/><D:getcontentlength/><D:getlastmodified/>\
    <D:getetag/></D:prop></D:propfind>";

/// One resource, as far as the server told.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    /// Where it is, as it was written.
    pub(super) href: String,
    /// What went wrong with it, or with nothing but it.
    pub(super) status: Option<u16>,
    properties: Properties,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Properties {
    is_folder: bool,
    size: Option<u64>,
    mtime: Option<Mtime>,
    etag: Option<String>,
}

impl Resource {
    /// What stands there; something that cannot be read where the server does not say enough.
    pub(super) fn facts(&self) -> Facts {
        let Properties { is_folder, size, mtime, ref etag } = self.properties;
        let failed = self.status.is_some_and(|status| !(200..300).contains(&status));
        match size {
            _ if failed => Facts::new(EntryKind::Unreadable),
            _ if is_folder => Facts::new(EntryKind::Dir),
            Some(size) => Facts { token: version(etag.as_deref(), mtime, size), mtime, ..Facts::file(size) },
            None => Facts::new(EntryKind::Unreadable),
        }
    }
}

/// Elements that mean something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Multistatus,
    Response,
    Href,
    Status,
    Propstat,
    Prop,
    ResourceType,
    Collection,
    Length,
    Modified,
    Etag,
    Other,
}

impl Element {
    fn of(namespace: &ResolveResult<'_>, name: &str) -> Self {
        if *namespace != ResolveResult::Bound(Namespace("DAV:")) {
            return Self::Other;
        }
        match name {
            "multistatus" => Self::Multistatus,
            "response" => Self::Response,
            "href" => Self::Href,
            "status" => Self::Status,
            "propstat" => Self::Propstat,
            "prop" => Self::Prop,
            "resourcetype" => Self::ResourceType,
            "collection" => Self::Collection,
            "getcontentlength" => Self::Length,
            "getlastmodified" => Self::Modified,
            "getetag" => Self::Etag,
            _ => Self::Other,
        }
    }
}

/// All resources of an answer; nothing if it is not a whole one.
pub(super) fn resources(document: &[u8]) -> Option<Vec<Resource>> {
    let mut reader = NsReader::from_reader(document);
    reader.config_mut().expand_empty_elements = true;
    let mut reading = Reading::default();
    loop {
        let (namespace, event) = reader.read_resolved_event().ok()?;
        match event {
            Event::Start(tag) => {
                let element = Element::of(&namespace, tag.local_name().as_ref());
                reading.open(element)?;
            }
            Event::End(_) if reading.close()? => return Some(reading.found),
            Event::End(_) => {}
            Event::Text(text) => reading.text.push_str(&text.xml10_content()),
            Event::CData(text) => reading.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(c)) => reading.text.push(c),
                _ => reading.text.push_str(quick_xml::escape::resolve_xml_entity(&reference)?),
            },
            Event::Eof => return None,
            // Declarations and comments.
            _ => {}
        }
    }
}

#[derive(Default)]
struct Reading {
    path: Vec<Element>,
    text: String,
    found: Vec<Resource>,
    /// What a group of properties says, before its status is known.
    group: Properties,
    group_status: Option<u16>,
}

impl Reading {
    fn open(&mut self, element: Element) -> Option<()> {
        if self.path.len() >= DEEPEST || (self.path.is_empty() && element != Element::Multistatus) {
            return None;
        }
        self.path.push(element);
        self.text.clear();
        match self.path.as_slice() {
            [Element::Multistatus, Element::Response] => self.found.push(Resource::default()),
            [_, Element::Response, Element::Propstat] => {
                (self.group, self.group_status) = (Properties::default(), None);
            }
            [.., Element::Propstat, Element::Prop, Element::ResourceType, Element::Collection] => {
                self.group.is_folder = true;
            }
            _ => {}
        }
        Some(())
    }

    /// Whether that was the end of the document.
    fn close(&mut self) -> Option<bool> {
        use Element::{Etag, Href, Length, Modified, Prop, Propstat, Response, Status};
        let text = self.text.trim();
        match self.path.as_slice() {
            [_, Response, Href] => {
                let resource = self.found.last_mut()?;
                if resource.href.is_empty() {
                    text.clone_into(&mut resource.href);
                }
            }
            [_, Response, Status] => self.found.last_mut()?.status = Some(status(text)?),
            [_, Response, Propstat, Status] => self.group_status = Some(status(text)?),
            [_, Response, Propstat, Prop, Length] => self.group.size = text.parse().ok(),
            [_, Response, Propstat, Prop, Modified] => self.group.mtime = http_date(text),
            [_, Response, Propstat, Prop, Etag] => self.group.etag = Some(text.to_owned()),
            [_, Response, Propstat] if self.group_status.is_none_or(|status| status / 100 == 2) => {
                self.found.last_mut()?.properties = std::mem::take(&mut self.group);
            }
            _ => {}
        }
        self.text.clear();
        self.path.pop();
        Some(self.path.is_empty())
    }
}

/// `404` of `HTTP/1.1 404 Not Found`.
fn status(line: &str) -> Option<u16> {
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"<?xml version="1.0"?><!-- a -->
        <x:multistatus xmlns:x="DAV:" xmlns:o="http://owncloud.org/ns">
          <x:response><x:href>/dav/</x:href><x:propstat><x:prop><x:resourcetype><x:collection/></x:resourcetype>
            </x:prop><x:status>HTTP/1.1 200 OK</x:status></x:propstat></x:response>
          <response xmlns="DAV:"><href>/dav/a&amp;b%20c</href>
            <propstat><prop><getetag/><o:getcontentlength>9</o:getcontentlength></prop>
              <status>HTTP/1.1 404 Not Found</status></propstat>
            <propstat><prop><resourcetype/><getcontentlength>3</getcontentlength>
              <getlastmodified>Tue, 14 Nov 2023 22:13:20 GMT</getlastmodified><getetag>W/"e"</getetag></prop>
              <status>HTTP/1.1 200 OK</status></propstat></response>
          <x:response><x:href>/dav/x</x:href><x:status>HTTP/1.1 403 Forbidden</x:status></x:response>
        </x:multistatus>"#;

    #[test]
    fn namespaces_count_and_prefixes_do_not() {
        let found = resources(DOCUMENT.as_bytes()).unwrap();
        let hrefs: Vec<_> = found.iter().map(|it| it.href.as_str()).collect();
        assert_eq!(hrefs, ["/dav/", "/dav/a&b%20c", "/dav/x"]);
        let [folder, file, failed] = [0, 1, 2].map(|at: usize| found[at].facts());
        assert_eq!(folder, Facts::new(EntryKind::Dir));
        assert_eq!((file.size, file.token.unwrap().as_str()), (3, "e"));
        assert_eq!(file.mtime, Some(Mtime { seconds: 1_700_000_000, nanos: 0 }));
        assert_eq!(failed, Facts::new(EntryKind::Unreadable));
    }

    #[test]
    fn half_an_answer_is_none() {
        let whole = DOCUMENT.trim();
        for end in [0, 1, 100, 500, whole.len() - 1] {
            assert_eq!(resources(&whole.as_bytes()[..end]), None, "{end}");
        }
        for other in [
            "<html/>",
            "<multistatus/>",
            "<m xmlns='DAV:'/>",
            "<!DOCTYPE d [<!ENTITY e 'x'>]><multistatus xmlns='DAV:'><response><href>&e;</href></response></multistatus>",
        ] {
            assert_eq!(resources(other.as_bytes()), None, "{other}");
        }
        assert_eq!(resources(b"<multistatus xmlns='DAV:'/>"), Some(Vec::new()));
        let deep = format!("<multistatus xmlns='DAV:'>{}", "<a>".repeat(1000));
        assert_eq!(resources(deep.as_bytes()), None);
    }
}
