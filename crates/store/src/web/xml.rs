//! The little of XML that services answer with.

use quick_xml::Reader;
use quick_xml::events::Event;

/// What a document is made of, as far as it matters here: attributes never do.
pub(crate) enum Token {
    Open(Vec<u8>),
    Text(String),
    Close(Vec<u8>),
}

/// The parts of a document in order; `None` marks a document that is none, and ends them.
pub(crate) struct Tokens<'a> {
    reader: Reader<&'a [u8]>,
    ended: bool,
    /// The element that was opened last, as it stands there.
    opened: Vec<u8>,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(document: &'a [u8]) -> Self {
        Self { reader: Reader::from_reader(document), ended: false, opened: Vec::new() }
    }

    /// Whether the element that was opened last has an attribute like this, as in `Encoded="true"`.
    pub(crate) fn has(&self, attribute: &str) -> bool {
        self.opened.windows(attribute.len()).any(|part| part == attribute.as_bytes())
    }
}

impl Iterator for Tokens<'_> {
    type Item = Option<Token>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let token = match self.reader.read_event() {
                Ok(Event::Eof) => {
                    self.ended = true;
                    return None;
                }
                Ok(Event::Start(tag)) => {
                    self.opened = local(&*tag);
                    Some(Token::Open(local(tag.local_name().as_ref())))
                }
                Ok(Event::End(tag)) => Some(Token::Close(local(tag.local_name().as_ref()))),
                Ok(Event::Text(text)) => Some(Token::Text(text.xml10_content().into_owned())),
                Ok(Event::CData(text)) => Some(Token::Text(text.xml10_content().into_owned())),
                Ok(Event::GeneralRef(reference)) => match reference.resolve_char_ref() {
                    Ok(Some(c)) => Some(Token::Text(c.to_string())),
                    _ => quick_xml::escape::resolve_xml_entity(&reference)
                        .map(|text| Token::Text(text.to_owned())),
                },
                // Declarations, comments, and empty elements, which say nothing.
                Ok(_) => continue,
                Err(_) => None,
            };
            self.ended = token.is_none();
            return Some(token);
        }
        None
    }
}

fn local(name: impl AsRef<[u8]>) -> Vec<u8> {
    name.as_ref().to_vec()
}

/// The first text of each of the named elements, wherever they stand; empty where there is none.
pub(crate) fn texts<const N: usize>(document: &[u8], names: [&str; N]) -> [String; N] {
    let mut found = [const { String::new() }; N];
    let mut open = None;
    for token in Tokens::new(document).flatten() {
        match token {
            Token::Open(name) => open = names.iter().position(|wanted| wanted.as_bytes() == name),
            Token::Text(text) => {
                if let Some(at) = open {
                    found[at].push_str(&text);
                }
            }
            Token::Close(_) => open = None,
        }
    }
    found
}

/// The texts of the named children of every `element` right below the root; empty where one has none.
/// Nothing if the document is not a whole one, whose root's name begins with `root`.
pub(crate) fn records<const N: usize>(
    document: &[u8],
    root: &str,
    element: &str,
    names: [&str; N],
) -> Option<Vec<[String; N]>> {
    let mut records = Vec::new();
    let mut path: Vec<Vec<u8>> = Vec::new();
    let mut text = String::new();
    for token in Tokens::new(document) {
        match token? {
            Token::Open(name) => {
                path.push(name);
                text.clear();
                match path.as_slice() {
                    [first] if !first.starts_with(root.as_bytes()) => return None,
                    [_, second] if second == element.as_bytes() => records.push([const { String::new() }; N]),
                    _ => {}
                }
            }
            Token::Text(more) => text.push_str(&more),
            Token::Close(_) => {
                if let [_, parent, name] = path.as_slice()
                    && parent == element.as_bytes()
                    && let Some(at) = names.iter().position(|wanted| wanted.as_bytes() == name)
                {
                    records.last_mut()?[at].push_str(text.trim());
                }
                path.pop();
                if path.is_empty() {
                    return Some(records);
                }
            }
        }
    }
    None
}

/// Text as it may stand in an element.
pub(crate) fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_with_their_own_children_only() {
        let read = |document: &str| records(document.as_bytes(), "List", "Item", ["Key", "Size"]);
        let document = "<List><Key>no</Key><Item><Owner><Key>no</Key></Owner><Key> a&amp;b </Key></Item>\
                        <Item><Size>3</Size><Key>c</Key></Item></List>";
        let found = read(document).unwrap();
        assert_eq!(found, [["a&b".to_owned(), String::new()], ["c".to_owned(), "3".to_owned()]]);
        assert_eq!(read("<List></List>"), Some(Vec::new()));
        for broken in ["", "<html></html>", "<List><Item><Key>a</Key></Item>", "garbage"] {
            assert_eq!(read(broken), None, "{broken}");
        }
    }
}
