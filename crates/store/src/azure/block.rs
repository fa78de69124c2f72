use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use crate::web::xml::{Token, Tokens};

/// The id of a block: the draft's name and the number of the part. All ids of a blob have to be of one
/// length, and blocks of all drafts of a blob are in one list.
pub(super) fn block_id(draft: &str, number: u32) -> String {
    BASE64.encode(format!("{draft}-{number:010}"))
}

/// Which part a block is, if it is one of this draft.
pub(super) fn part_of(id: &str, draft: &str) -> Option<u32> {
    let id = String::from_utf8(BASE64.decode(id.trim()).ok()?).ok()?;
    id.strip_prefix(draft)?.strip_prefix('-')?.parse().ok()
}

/// The document that makes blocks, in order, a blob.
pub(super) fn block_list(ids: &[String]) -> Bytes {
    let mut document = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
    for id in ids {
        // Not `Latest`: what is committed already is somebody else's.
        let _ = write!(document, "<Uncommitted>{id}</Uncommitted>");
    }
    document.push_str("</BlockList>");
    document.into()
}

/// The blocks that are not committed, with their sizes; `None` where the document is no list of blocks.
pub(super) fn uncommitted(document: &[u8]) -> Option<Vec<(String, u64)>> {
    let mut blocks = Vec::new();
    let mut path: Vec<Vec<u8>> = Vec::new();
    let (mut text, mut id, mut size) = (String::new(), String::new(), None);
    for token in Tokens::new(document) {
        match token? {
            Token::Open(name) => {
                path.push(name);
                text.clear();
            }
            Token::Text(more) => text.push_str(&more),
            Token::Close(_) => {
                match path.iter().map(Vec::as_slice).collect::<Vec<_>>().as_slice() {
                    [_, b"UncommittedBlocks", b"Block", b"Name"] => text.trim().clone_into(&mut id),
                    [_, b"UncommittedBlocks", b"Block", b"Size"] => size = Some(text.trim().parse().ok()?),
                    [_, b"UncommittedBlocks", b"Block"] => {
                        blocks.push((std::mem::take(&mut id), size.take()?))
                    }
                    [b"BlockList"] => return Some(blocks),
                    [_] => return None,
                    _ => {}
                }
                path.pop();
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_say_what_they_are() {
        let (one, other) = ("0".repeat(32), "1".repeat(32));
        let ids = [block_id(&one, 0), block_id(&one, u32::MAX)];
        assert_eq!(ids[0].len(), ids[1].len());
        assert_eq!(part_of(&ids[1], &one), Some(u32::MAX));
        assert_eq!(part_of(&ids[1], &other), None);
        assert_eq!(part_of("no base64", &one), None);
        // The service takes no more than 64 bytes.
        assert!(BASE64.decode(&ids[0]).unwrap().len() <= 64);
        let document = String::from_utf8(block_list(&ids[..1]).to_vec()).unwrap();
        assert!(document.ends_with(&format!("<BlockList><Uncommitted>{}</Uncommitted></BlockList>", ids[0])));
    }

    #[test]
    fn lists_of_blocks_are_read() {
        let read = |inner: &str| uncommitted(format!("<BlockList>{inner}</BlockList>").as_bytes());
        let block = "<Block><Name>YQ==</Name><Size>7</Size></Block>";
        let both = format!(
            "<CommittedBlocks>{block}</CommittedBlocks><UncommittedBlocks>{block}</UncommittedBlocks>"
        );
        assert_eq!(read(&both), Some(vec![("YQ==".to_owned(), 7)]));
        assert_eq!(read("<CommittedBlocks/>"), Some(Vec::new()));
        assert_eq!(read("<UncommittedBlocks><Block><Name>YQ==</Name></Block></UncommittedBlocks>"), None);
        for broken in ["", "<html></html>", "<BlockList><UncommittedBlocks>"] {
            assert_eq!(uncommitted(broken.as_bytes()), None, "{broken}");
        }
    }
}
