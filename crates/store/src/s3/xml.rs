//! The little of XML that S3 answers with.

use quick_xml::Reader;
use quick_xml::events::Event;

/// What a document is made of, as far as it matters here: attributes never do.
pub(super) enum Token {
    Open(Vec<u8>),
    Text(String),
    Close(Vec<u8>),
}

/// The parts of a document in order; `None` marks a document that is none, and ends them.
pub(super) struct Tokens<'a> {
    reader: Reader<&'a [u8]>,
    ended: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(document: &'a [u8]) -> Self {
        Self { reader: Reader::from_reader(document), ended: false }
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
                Ok(Event::Start(tag)) => Some(Token::Open(local(tag.local_name().as_ref()))),
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
pub(super) fn texts<const N: usize>(document: &[u8], names: [&str; N]) -> [String; N] {
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

/// Text as it may stand in an element.
pub(super) fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}
