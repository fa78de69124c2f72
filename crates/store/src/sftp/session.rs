use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::attributes::Attributes;
use super::fault::{Fault, status};
use super::packet::{Packet, Reader, kind};

/// The longest answer that is taken.
const MOST: usize = 1 << 20;

/// So many files and folders are open at once: servers stop at 100 or a little more.
const HANDLES: usize = 64;

/// So much is handed to the connection at once, however small the requests are.
const COALESCED: usize = 256 << 10;

/// One channel to a server: requests go out in order, and every answer finds who asked.
///
/// Names are bytes from end to end.
pub(super) struct Session {
    shared: Arc<Shared>,
    handles: Arc<Semaphore>,
    pub(super) offers: Offers,
}

struct Shared {
    outgoing: mpsc::UnboundedSender<Bytes>,
    state: Mutex<State>,
    next: AtomicU32,
    timeout: Duration,
    /// Requests under way that may take long on the server's side, with nothing else answered meanwhile.
    slow: AtomicUsize,
}

struct State {
    waiting: HashMap<u32, oneshot::Sender<Answer>>,
    /// When the server was last heard of.
    heard: Instant,
    is_broken: bool,
}

/// What a server can do besides version 3 of the protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Offers {
    pub(super) posix_rename: bool,
    pub(super) hardlink: bool,
    pub(super) fsync: bool,
    pub(super) statvfs: bool,
    pub(super) copy_data: bool,
}

/// An answer: its kind, and what comes after its number.
type Answer = (u8, Bytes);

/// A request that is on its way: dropped, its answer goes nowhere.
pub(super) struct Pending {
    shared: Arc<Shared>,
    id: u32,
    answer: oneshot::Receiver<Answer>,
    slow: Option<Slow>,
}

/// That something under way may take long.
struct Slow(Arc<Shared>);

/// An open file or folder: dropped, it is closed.
pub(super) struct Handle {
    shared: Arc<Shared>,
    bytes: Bytes,
    is_open: bool,
    _room: OwnedSemaphorePermit,
}

impl Session {
    /// Speaks over a stream that is connected to a server's subsystem.
    pub(super) async fn begin(
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        timeout: Duration,
    ) -> Result<Self, Fault> {
        let (mut input, mut output) = tokio::io::split(stream);
        let hello = Packet::new(kind::INIT, 0).u32(3).finish();
        let mut buffer = BytesMut::new();
        let greeting = async {
            output.write_all(&hello).await.map_err(|_| Fault::Broken)?;
            output.flush().await.map_err(|_| Fault::Broken)?;
            frame(&mut input, &mut buffer).await
        };
        let greeting = tokio::time::timeout(timeout, greeting).await.map_err(|_| Fault::Silence)??;
        let offers = offers(greeting)?;
        let (outgoing, requests) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            outgoing,
            state: Mutex::new(State { waiting: HashMap::new(), heard: Instant::now(), is_broken: false }),
            next: AtomicU32::new(0),
            timeout,
            slow: AtomicUsize::new(0),
        });
        // The two tasks end with the connection or with the last who could ask.
        let reading = Arc::downgrade(&shared);
        let writing = reading.clone();
        tokio::spawn(async move {
            while let Ok(answer) = frame(&mut input, &mut buffer).await {
                let Some(shared) = reading.upgrade() else { return };
                if shared.deliver(answer).is_err() {
                    break;
                }
            }
            if let Some(shared) = reading.upgrade() {
                shared.give_up();
            }
        });
        tokio::spawn(async move {
            if send_all(requests, output).await.is_err()
                && let Some(shared) = writing.upgrade()
            {
                shared.give_up();
            }
        });
        let mut session = Self { shared, handles: Arc::new(Semaphore::new(HANDLES)), offers };
        session.offers.hardlink = session.offers.hardlink && session.makes_links().await?;
        Ok(session)
    }

    /// Servers announce links and make none: one of nothing to nothing tells.
    async fn makes_links(&self) -> Result<bool, Fault> {
        let asked = self.extended("hardlink@openssh.com", |packet| packet.string("").string(""));
        match asked.done().await {
            Err(fault) if fault.is(status::OP_UNSUPPORTED) => Ok(false),
            Ok(()) | Err(Fault::Status { .. }) => Ok(true),
            Err(fault) => Err(fault),
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.shared.state().is_broken || self.shared.outgoing.is_closed()
    }

    /// Sends a request now; its answer is waited for by whoever wants it.
    pub(super) fn send(&self, kind: u8, room: usize, fill: impl FnOnce(Packet) -> Packet) -> Pending {
        self.shared.send(kind, room, fill)
    }

    /// The same, for what may keep the server from answering anything for a while.
    pub(super) fn send_slow(&self, kind: u8, fill: impl FnOnce(Packet) -> Packet) -> Pending {
        self.shared.slow.fetch_add(1, Ordering::AcqRel);
        let slow = Slow(Arc::clone(&self.shared));
        let mut pending = self.shared.send(kind, 64, fill);
        pending.slow = Some(slow);
        pending
    }

    /// A request by its extension's name.
    pub(super) fn extended(&self, name: &str, fill: impl FnOnce(Packet) -> Packet) -> Pending {
        self.send(kind::EXTENDED, 256, |packet| fill(packet.string(name)))
    }

    /// Asks something about a path.
    pub(super) fn about(&self, kind: u8, path: &[u8]) -> Pending {
        self.send(kind, path.len(), |packet| packet.string(path))
    }

    pub(super) async fn open(
        &self,
        path: &[u8],
        flags: u32,
        attributes: Attributes,
    ) -> Result<Handle, Fault> {
        let ask =
            || self.send(kind::OPEN, path.len(), |packet| attributes.write(packet.string(path).u32(flags)));
        self.handle(ask).await
    }

    pub(super) async fn open_dir(&self, path: &[u8]) -> Result<Handle, Fault> {
        self.handle(|| self.about(kind::OPENDIR, path)).await
    }

    async fn handle(&self, ask: impl FnOnce() -> Pending) -> Result<Handle, Fault> {
        let room = Arc::clone(&self.handles).acquire_owned().await.map_err(|_| Fault::Broken)?;
        let bytes = ask().expect(kind::HANDLE).await?.string()?;
        Ok(Handle { shared: Arc::clone(&self.shared), bytes, is_open: true, _room: room })
    }

    /// What stands at a path, links not followed; `None` if nothing does.
    pub(super) async fn lstat(&self, path: &[u8]) -> Result<Option<Attributes>, Fault> {
        self.about(kind::LSTAT, path).attributes().await
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(self: &Arc<Self>, kind: u8, room: usize, fill: impl FnOnce(Packet) -> Packet) -> Pending {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let packet = fill(Packet::new(kind, room).u32(id)).finish();
        let (sender, answer) = oneshot::channel();
        {
            let mut state = self.state();
            // The silence begins when something is asked, not when the last answer came.
            if state.waiting.is_empty() {
                state.heard = Instant::now();
            }
            if !state.is_broken {
                state.waiting.insert(id, sender);
            }
        }
        if self.outgoing.send(packet).is_err() {
            self.give_up();
        }
        Pending { shared: Arc::clone(self), id, answer, slow: None }
    }

    /// Hands an answer to whoever asked.
    fn deliver(self: &Arc<Self>, mut answer: Bytes) -> Result<(), Fault> {
        if answer.len() < 5 {
            return Err(Fault::Malformed("an answer has no number"));
        }
        let (kind, id) = (answer.get_u8(), answer.get_u32());
        let waiting = {
            let mut state = self.state();
            state.heard = Instant::now();
            state.waiting.remove(&id)
        };
        let left = match waiting {
            Some(waiting) => waiting.send((kind, answer)).err(),
            None => Some((kind, answer)),
        };
        // Nobody waits any more for what was opened: it is closed again.
        if let Some((kind::HANDLE, answer)) = left {
            let handle = Reader::new(answer).string()?;
            drop(self.send(kind::CLOSE, handle.len(), |packet| packet.string(&handle)));
        }
        Ok(())
    }

    /// The connection is gone: nobody waits any longer.
    fn give_up(&self) {
        let mut state = self.state();
        state.is_broken = true;
        state.waiting.clear();
    }

    /// When the server has been silent for too long.
    fn deadline(&self) -> Instant {
        self.state().heard + self.timeout
    }
}

impl Pending {
    /// The answer, whatever it is.
    async fn answer(mut self) -> Result<Answer, Fault> {
        loop {
            match timeout_at(self.shared.deadline(), &mut self.answer).await {
                Ok(answer) => return answer.map_err(|_| Fault::Broken),
                Err(_) => {
                    let is_slow = self.shared.slow.load(Ordering::Acquire) > 0;
                    if is_slow {
                        // Whether it is there at all, the connection finds out by itself.
                        self.shared.state().heard = Instant::now();
                    } else if Instant::now() >= self.shared.deadline() {
                        self.shared.give_up();
                        return Err(Fault::Silence);
                    }
                }
            }
        }
    }

    /// The answer of this kind; a status instead of it is a failure.
    pub(super) async fn expect(self, wanted: u8) -> Result<Reader, Fault> {
        let (kind, answer) = self.answer().await?;
        let mut reader = Reader::new(answer);
        if kind == wanted {
            return Ok(reader);
        }
        if kind != kind::STATUS {
            return Err(Fault::Malformed("it is of another kind than was asked for"));
        }
        match reader.u32()? {
            status::OK => Err(Fault::Malformed("it says that all is well and nothing else")),
            code => Err(refusal(code, reader)),
        }
    }

    /// That it was done.
    pub(super) async fn done(self) -> Result<(), Fault> {
        let (kind, answer) = self.answer().await?;
        let mut reader = Reader::new(answer);
        if kind != kind::STATUS {
            return Err(Fault::Malformed("it is of another kind than was asked for"));
        }
        match reader.u32()? {
            status::OK => Ok(()),
            code => Err(refusal(code, reader)),
        }
    }

    /// What something is; `None` if nothing is there.
    pub(super) async fn attributes(self) -> Result<Option<Attributes>, Fault> {
        match self.expect(kind::ATTRS).await {
            Ok(mut reader) => Attributes::read(&mut reader).map(Some),
            Err(fault) if fault.is(status::NO_SUCH_FILE) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The one name in the answer.
    pub(super) async fn name(self) -> Result<Bytes, Fault> {
        let mut reader = self.expect(kind::NAME).await?;
        match reader.u32()? {
            0 => Err(Fault::Malformed("a name was asked for, and none is in it")),
            _ => reader.string(),
        }
    }
}

fn refusal(code: u32, mut reader: Reader) -> Fault {
    // Old servers leave the words out.
    let message = reader.string().map(|words| words.to_vec()).unwrap_or_default();
    Fault::Status { code, message }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.shared.state().waiting.remove(&self.id);
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.0.slow.fetch_sub(1, Ordering::AcqRel);
        self.0.state().heard = Instant::now();
    }
}

impl Handle {
    /// Asks something about what is open.
    pub(super) fn send(&self, kind: u8, room: usize, fill: impl FnOnce(Packet) -> Packet) -> Pending {
        self.shared.send(kind, room + self.bytes.len(), |packet| fill(packet.string(&self.bytes)))
    }

    pub(super) fn read(&self, offset: u64, length: u32) -> Pending {
        self.send(kind::READ, 16, |packet| packet.u64(offset).u32(length))
    }

    pub(super) fn write(&self, offset: u64, content: &[u8]) -> Pending {
        self.send(kind::WRITE, 16 + content.len(), |packet| packet.u64(offset).string(content))
    }

    pub(super) fn stat(&self) -> Pending {
        self.send(kind::FSTAT, 0, |packet| packet)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Closes it; what was written and could not be kept may be told only now.
    pub(super) fn close(mut self) -> Pending {
        self.is_open = false;
        self.send(kind::CLOSE, 0, |packet| packet)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.is_open {
            drop(self.send(kind::CLOSE, 0, |packet| packet));
        }
    }
}

/// Sends what is asked, many small requests as one piece.
async fn send_all(
    mut requests: mpsc::UnboundedReceiver<Bytes>,
    mut output: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    while let Some(first) = requests.recv().await {
        let mut piece = BytesMut::new();
        let mut next = Some(first);
        while let Some(request) = next {
            piece.extend_from_slice(&request);
            next = if piece.len() < COALESCED { requests.try_recv().ok() } else { None };
        }
        output.write_all(&piece).await?;
        output.flush().await?;
    }
    output.shutdown().await
}

/// The next answer, without its length.
async fn frame(input: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> Result<Bytes, Fault> {
    loop {
        if let Some(length) = buffer.first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            if length > MOST {
                return Err(Fault::Malformed("an answer is longer than any may be"));
            }
            if buffer.len() >= 4 + length {
                buffer.advance(4);
                return Ok(buffer.split_to(length).freeze());
            }
            buffer.reserve(4 + length - buffer.len());
        }
        buffer.reserve(64 << 10);
        match input.read_buf(buffer).await {
            Ok(0) | Err(_) => return Err(Fault::Broken),
            Ok(_) => {}
        }
    }
}

fn offers(mut greeting: Bytes) -> Result<Offers, Fault> {
    if greeting.is_empty() || greeting.get_u8() != kind::VERSION {
        return Err(Fault::Malformed("it does not say which version it speaks"));
    }
    let mut reader = Reader::new(greeting);
    if reader.u32()? < 3 {
        return Err(Fault::Malformed("it speaks an old version of SFTP"));
    }
    let mut offers = Offers::default();
    while !reader.is_empty() {
        let (name, _version) = (reader.string()?, reader.string()?);
        match name.as_ref() {
            b"posix-rename@openssh.com" => offers.posix_rename = true,
            b"hardlink@openssh.com" => offers.hardlink = true,
            b"fsync@openssh.com" => offers.fsync = true,
            b"statvfs@openssh.com" => offers.statvfs = true,
            b"copy-data" => offers.copy_data = true,
            _ => {}
        }
    }
    Ok(offers)
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::VecDeque;

    use tokio::io::DuplexStream;

    use super::*;

    /// A server that gives prepared answers, one to each request, then hangs up.
    pub(in crate::sftp) struct Fake {
        answers: VecDeque<Bytes>,
    }

    impl Fake {
        /// The answers without their numbers, which are those of the requests.
        pub(in crate::sftp) fn answering(answers: impl IntoIterator<Item = Packet>) -> Self {
            Self { answers: answers.into_iter().map(Packet::finish).collect() }
        }

        async fn serve(mut self, mut stream: DuplexStream) {
            let mut buffer = BytesMut::new();
            drop(frame(&mut stream, &mut buffer).await);
            let version = Packet::new(kind::VERSION, 0).u32(3).finish();
            stream.write_all(&version).await.unwrap();
            while let Ok(request) = frame(&mut stream, &mut buffer).await {
                let Some(answer) = self.answers.pop_front() else { return };
                let length = u32::try_from(answer.len()).unwrap();
                let packet = [&length.to_be_bytes(), &answer[4..5], &request[1..5], &answer[5..]].concat();
                if stream.write_all(&packet).await.is_err() {
                    return;
                }
            }
        }
    }

    pub(in crate::sftp) async fn begin(fake: Fake) -> Result<Session, Fault> {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        tokio::spawn(fake.serve(theirs));
        Session::begin(ours, Duration::from_secs(5)).await
    }

    fn status(code: u32) -> Packet {
        Packet::new(kind::STATUS, 0).u32(code).string("no\x1b[2K").string("")
    }

    #[tokio::test]
    async fn every_answer_finds_who_asked() {
        let session = begin(Fake::answering([status(2), status(0), status(4)])).await.unwrap();
        let asked: Vec<_> = (0..3).map(|_| session.about(kind::REMOVE, b"x")).collect();
        let answers = futures::future::join_all(asked.into_iter().map(Pending::done)).await;
        let is: Vec<_> = answers
            .iter()
            .map(|answer| answer.as_ref().map_or_else(Fault::kind, |()| crate::StoreErrorKind::Precondition))
            .collect();
        use crate::StoreErrorKind::{NotFound, Other, Precondition};
        assert_eq!(is, [NotFound, Precondition, Other]);
        // What a server says is shown escaped.
        assert!(!answers[2].as_ref().unwrap_err().to_string().contains('\x1b'));
    }

    #[tokio::test]
    async fn a_broken_connection_is_told_to_all_who_wait() {
        let session = begin(Fake::answering([status(0)])).await.unwrap();
        let asked: Vec<_> = (0..3).map(|_| session.about(kind::REMOVE, b"x")).collect();
        let answers = futures::future::join_all(asked.into_iter().map(Pending::done)).await;
        assert!(
            answers[0].is_ok() && answers[1..].iter().all(|it| it.as_ref().is_err_and(Fault::is_doubtful))
        );
        assert!(session.is_broken());
        assert!(session.lstat(b"x").await.is_err_and(|fault| fault.is_doubtful()));
    }

    #[tokio::test]
    async fn a_silent_server_is_given_up() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let version = Packet::new(kind::VERSION, 0).u32(3).finish();
        theirs.write_all(&version).await.unwrap();
        let session = Session::begin(ours, Duration::from_millis(300)).await.unwrap();
        let begun = Instant::now();
        assert!(matches!(session.lstat(b"x").await, Err(Fault::Silence)));
        assert!(begun.elapsed() < Duration::from_secs(30) && session.is_broken());
    }

    #[tokio::test]
    async fn answers_that_make_no_sense_are_refused() {
        let odd = Packet::new(kind::DATA, 0).u32(9).string("");
        let session = begin(Fake::answering([odd, Packet::new(kind::ATTRS, 0).u32(1)])).await.unwrap();
        assert!(matches!(session.lstat(b"x").await, Err(Fault::Malformed(_))));
        assert!(matches!(session.lstat(b"x").await, Err(Fault::Malformed(_))));
        let mut long = BytesMut::from(&(u32::MAX).to_be_bytes()[..]);
        long.extend_from_slice(b"xxxxx");
        assert!(matches!(frame(&mut &long[..0], &mut long.clone()).await, Err(Fault::Malformed(_))));
    }
}
