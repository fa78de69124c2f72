use std::collections::VecDeque;

use bytes::Bytes;
use syncplan_model::{Entry, EntryKind, Facts, RESERVED_DIR, RelPath};

use super::attributes::{Attributes, link_facts};
use super::fault::{Fault, status};
use super::line::Channel;
use super::packet::kind;
use super::place::joined;
use super::session::Session;
use super::{Inner, is_temporary};
use crate::error::StoreError;
use crate::store::{Batch, Rejected};

/// So many pages of a folder are asked for at once.
const PAGES: usize = 4;

/// No folder has so many names; a server that goes on repeats itself.
const MOST_NAMES: usize = 50_000_000;

/// The length of links that are asked for at once.
const LINKS: usize = 64;

impl Inner {
    /// Lists one folder; one that is not listed to its end is an error.
    pub(super) async fn read_dir(&self, dir: Option<&RelPath>) -> Result<Batch, StoreError> {
        let fail = |fault: Fault| fault.at("list", dir.map_or(self.location.as_bytes(), RelPath::as_bytes));
        let Some((channel, full)) = self.folder(dir).await.map_err(fail)? else {
            return Ok(Batch::default());
        };
        let names = all_names(&channel.session, &full).await.map_err(fail)?;
        batch(dir, &channel.session, &full, names).await.map_err(fail)
    }

    /// A folder on the server, and a channel to it; nothing if the root is missing and taken for empty.
    pub(super) async fn folder(
        &self,
        dir: Option<&RelPath>,
    ) -> Result<Option<(std::sync::Arc<Channel>, Vec<u8>)>, Fault> {
        let Some(dir) = dir else {
            let channel = self.line.channel().await?;
            let root = channel.root.clone();
            return Ok(
                root.map(|root| (channel, if root.is_empty() { b"/".to_vec() } else { root.to_vec() }))
            );
        };
        let place = self.place(dir).await?;
        // It may be a link by now, and the server would follow it.
        match place.channel.session.lstat(&place.full).await?.map(|found| found.kind()) {
            Some(EntryKind::Dir) => Ok(Some((place.channel, place.full))),
            Some(_) => Err(Fault::NoFolder(place.full)),
            None => Err(Fault::status(status::NO_SUCH_FILE)),
        }
    }
}

/// What the names in a folder stand for, with the texts of links.
async fn batch(
    dir: Option<&RelPath>,
    session: &Session,
    full: &[u8],
    names: Vec<(Bytes, Attributes)>,
) -> Result<Batch, Fault> {
    let mut batch = Batch::default();
    let mut links = VecDeque::new();
    for (name, attributes) in names {
        if is_left_out(dir, &name) {
            continue;
        }
        let path = match join(dir, &name) {
            Ok(path) => path,
            Err(reason) => {
                batch.rejected.push(Rejected { name: whole_name(dir, &name), reason });
                continue;
            }
        };
        if attributes.kind() == EntryKind::Symlink {
            let asked = session.about(kind::READLINK, &joined(full, &name));
            links.push_back((path, attributes, asked));
        } else {
            batch.entries.push(Entry { path, facts: attributes.facts() });
        }
        if links.len() >= LINKS {
            batch.entries.extend(next_link(&mut links).await?);
        }
    }
    while !links.is_empty() {
        batch.entries.extend(next_link(&mut links).await?);
    }
    Ok(batch)
}

type AskedLink = (RelPath, Attributes, super::session::Pending);

async fn next_link(links: &mut VecDeque<AskedLink>) -> Result<Option<Entry>, Fault> {
    let Some((path, attributes, asked)) = links.pop_front() else { return Ok(None) };
    match asked.name().await {
        Ok(text) => Ok(Some(Entry { path, facts: link_facts(&attributes, &text) })),
        // It vanished after its name was read.
        Err(fault) if fault.is(status::NO_SUCH_FILE) => Ok(None),
        // Its name is known and nothing else: whoever plans must leave it alone, not take it as gone.
        Err(Fault::Status { .. }) => Ok(Some(Entry { path, facts: Facts::new(EntryKind::Unreadable) })),
        Err(fault) => Err(fault),
    }
}

/// Everything in a folder but the folder itself and the one above it.
pub(super) async fn all_names(session: &Session, full: &[u8]) -> Result<Vec<(Bytes, Attributes)>, Fault> {
    let handle = session.open_dir(full).await?;
    let ask = || handle.send(kind::READDIR, 0, |packet| packet);
    let mut names = Vec::new();
    // Most folders end with their second page; larger ones are asked for more at once.
    let mut asked: VecDeque<_> = (0..2).map(|_| ask()).collect();
    while let Some(page) = asked.pop_front() {
        let mut page = match page.expect(kind::NAME).await {
            Err(fault) if fault.is(status::EOF) => return Ok(names),
            page => page?,
        };
        let count = page.u32()?;
        if count == 0 {
            return Err(Fault::Malformed("a page of a folder has no names, and is not its end"));
        }
        for _ in 0..count {
            let (name, _long) = (page.string()?, page.string()?);
            let attributes = Attributes::read(&mut page)?;
            if !matches!(name.as_ref(), b"." | b"..") {
                // The answer that it is a part of is not kept for it.
                names.push((Bytes::copy_from_slice(&name), attributes));
            }
        }
        if names.len() > MOST_NAMES {
            return Err(Fault::Malformed("a folder does not end"));
        }
        while asked.len() < PAGES {
            asked.push_back(ask());
        }
    }
    Err(Fault::Malformed("a folder has no end"))
}

fn is_left_out(dir: Option<&RelPath>, name: &[u8]) -> bool {
    is_temporary(name) || (dir.is_none() && name == RESERVED_DIR.as_bytes())
}

/// The path of a name in a folder. What a server calls a name may be anything: one with a slash in it
/// leads elsewhere.
pub(super) fn join(dir: Option<&RelPath>, name: &[u8]) -> Result<RelPath, String> {
    if name.contains(&b'/') {
        return Err("the name has a slash in it".to_owned());
    }
    let path = dir.map_or_else(|| RelPath::new(name), |dir| dir.join(name));
    path.map_err(|error| error.to_string())
}

fn whole_name(dir: Option<&RelPath>, name: &[u8]) -> Vec<u8> {
    let dir = dir.map(|dir| [dir.as_bytes(), b"/"].concat()).unwrap_or_default();
    [&dir, name].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sftp::packet::Packet;
    use crate::sftp::session::tests::{Fake, begin};

    fn page(names: &[&[u8]]) -> Packet {
        let packet = Packet::new(kind::NAME, 0).u32(names.len() as u32);
        let attributes = Attributes { mode: Some(0o100_644), times: Some((1, 2)), ..Attributes::default() };
        names.iter().fold(packet, |packet, name| attributes.write(packet.string(name).string("long")))
    }

    fn status(code: u32) -> Packet {
        Packet::new(kind::STATUS, 0).u32(code).string("").string("")
    }

    async fn list(answers: Vec<Packet>) -> Result<Batch, Fault> {
        let handle = Packet::new(kind::HANDLE, 0).string("h");
        let session = begin(Fake::answering([handle].into_iter().chain(answers))).await.unwrap();
        let names = all_names(&session, b"/root/d").await?;
        batch(Some(&RelPath::new("d").unwrap()), &session, b"/root/d", names).await
    }

    #[tokio::test]
    async fn names_that_lead_elsewhere_spoil_nothing() {
        let hostile: &[&[u8]] = &[
            b"../m",
            b"x/..",
            b"/etc/x",
            b"a/b",
            b"a//b",
            b"",
            b"nul\0byte",
            b"../../../.bashrc",
            b"data/../x",
            b"dir/",
        ];
        let mut names = vec![b".".as_slice(), b"..", b"good", b"\xff", b"a\\..\\b", b".syncplan-tmp-1-2"];
        names.extend(hostile);
        let batch = list(vec![page(&names), status(status::EOF)]).await.unwrap();
        let found: Vec<_> = batch.entries.iter().map(|entry| entry.path.as_bytes().to_vec()).collect();
        assert_eq!(found, [b"d/good".to_vec(), b"d/\xff".to_vec(), b"d/a\\..\\b".to_vec()]);
        let rejected: Vec<_> = batch.rejected.iter().map(|rejected| rejected.name.clone()).collect();
        let wanted: Vec<_> = hostile.iter().map(|name| [b"d/", *name].concat()).collect();
        assert_eq!(rejected, wanted);
    }

    #[tokio::test]
    async fn a_listing_that_is_not_whole_is_an_error() {
        let whole = list(vec![page(&[b"a"]), page(&[b"b"]), status(status::EOF)]).await.unwrap();
        assert_eq!(whole.entries.len(), 2);
        assert!(list(vec![page(&[b"a"]), status(status::FAILURE)]).await.is_err());
        assert!(list(vec![page(&[b"a"]), page(&[])]).await.is_err());
        assert!(list(vec![page(&[b"a"])]).await.is_err_and(|fault| fault.is_doubtful()));
        let short = Packet::new(kind::NAME, 0).u32(2).string("a").string("long").u32(0);
        assert!(list(vec![short]).await.is_err());
    }
}
