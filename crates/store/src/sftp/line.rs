use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Mutex;

use super::attributes::Attributes;
use super::connection::Connection;
use super::fault::{Fault, status};
use super::packet::kind;
use super::session::{Offers, Session};
use super::settings::{MissingRoot, SftpSettings};
use syncplan_model::EntryKind;

/// So many channels of one connection are used: a server works off each one by itself.
const CHANNELS: usize = 4;

/// The way to a server: opened when it is needed, and again when it broke.
pub(super) struct Line {
    settings: Arc<SftpSettings>,
    state: Mutex<State>,
    turn: AtomicUsize,
    offers: OnceLock<Offers>,
}

#[derive(Default)]
struct State {
    connection: Option<Arc<Connection>>,
    channels: [Option<Arc<Channel>>; CHANNELS],
    /// The root as the server itself calls it, once it is known to be there.
    root: Option<Arc<[u8]>>,
    /// Servers may allow fewer channels than are wanted.
    is_single: bool,
}

/// A channel, and where the root is.
pub(super) struct Channel {
    pub(super) session: Session,
    /// Nothing, where the root is missing and taken for empty.
    pub(super) root: Option<Arc<[u8]>>,
    /// It ends with the last channel.
    _connection: Arc<Connection>,
}

impl Line {
    pub(super) fn new(settings: SftpSettings) -> Self {
        Self {
            settings: Arc::new(settings),
            state: Mutex::default(),
            turn: AtomicUsize::new(0),
            offers: OnceLock::new(),
        }
    }

    /// What the server can do, as far as anybody was there.
    pub(super) fn offers(&self) -> Option<Offers> {
        self.offers.get().copied()
    }

    /// A channel that is open.
    pub(super) async fn channel(&self) -> Result<Arc<Channel>, Fault> {
        let mut state = self.state.lock().await;
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % CHANNELS;
        let at = if state.is_single { 0 } else { turn };
        let open =
            |channel: &Option<Arc<Channel>>| channel.clone().filter(|channel| !channel.session.is_broken());
        if let Some(channel) = open(&state.channels[at]) {
            return Ok(channel);
        }
        let connection = self.connection(&mut state).await?;
        let timeout = self.settings.reach.timeout;
        let session = match connection.session(timeout).await {
            Ok(session) => session,
            Err(fault) => {
                // One more than the server allows, perhaps.
                let other = state.channels.iter().find_map(open);
                state.is_single = other.is_some();
                match other {
                    Some(other) => {
                        state.channels[0] = Some(Arc::clone(&other));
                        return Ok(other);
                    }
                    None => {
                        state.connection = None;
                        return Err(fault);
                    }
                }
            }
        };
        let _ = self.offers.set(session.offers);
        if state.root.is_none() {
            state.root = self.find_root(&session).await?;
        }
        let channel = Arc::new(Channel { session, root: state.root.clone(), _connection: connection });
        // A folder that is missing now may be there at the next look.
        if channel.root.is_some() {
            state.channels[at] = Some(Arc::clone(&channel));
        }
        Ok(channel)
    }

    async fn connection(&self, state: &mut State) -> Result<Arc<Connection>, Fault> {
        if let Some(connection) = state.connection.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(Arc::clone(connection));
        }
        let connection = Arc::new(Connection::open(&self.settings).await?);
        state.connection = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// Finds the root, or creates it.
    async fn find_root(&self, session: &Session) -> Result<Option<Arc<[u8]>>, Fault> {
        let wanted = in_home(&self.settings.root);
        let stat = |path: Vec<u8>| async move { session.about(kind::STAT, &path).attributes().await };
        let missing = || Fault::NoRoot(wanted.to_vec());
        let found = match (stat(wanted.to_vec()).await?, self.settings.missing_root) {
            (Some(found), _) => found,
            (None, MissingRoot::Refuse) => return Err(missing()),
            (None, MissingRoot::Empty) => return Ok(None),
            (None, MissingRoot::Create) => {
                create(session, wanted).await?;
                stat(wanted.to_vec()).await?.ok_or_else(missing)?
            }
        };
        if found.kind() != EntryKind::Dir {
            return Err(Fault::NoFolder(wanted.to_vec()));
        }
        let name = session.about(kind::REALPATH, wanted).name().await?;
        let name = match name.as_ref() {
            b"/" => b"".as_slice(),
            name => name.strip_suffix(b"/").unwrap_or(name),
        };
        Ok(Some(name.into()))
    }
}

/// Where paths begin by themselves; nothing here is a shell that knows `~`.
fn in_home(root: &str) -> &[u8] {
    match root {
        "" | "~" | "~/" => b".",
        other => other.strip_prefix("~/").unwrap_or(other).as_bytes(),
    }
}

/// Creates a folder with all above it.
async fn create(session: &Session, path: &[u8]) -> Result<(), Fault> {
    let ends = path.iter().enumerate().filter(|(at, byte)| **byte == b'/' && *at > 0).map(|(at, _)| at);
    for end in ends.chain([path.len()]) {
        let folder = &path[..end];
        let made = session
            .send(kind::MKDIR, folder.len(), |packet| Attributes::default().write(packet.string(folder)))
            .done()
            .await;
        match made {
            Err(fault) if fault.is(status::FAILURE) || fault.is(status::PERMISSION_DENIED) => {
                // It is there, or this is why the last one cannot be made.
                if session.about(kind::STAT, folder).attributes().await?.is_none() {
                    return Err(fault);
                }
            }
            made => made?,
        }
    }
    Ok(())
}
