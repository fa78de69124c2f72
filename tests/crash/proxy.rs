//! A network that is not to be relied on: it stands between the program and a server.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The server never sees it, and answers with this status all the same.
    Refused(u16),
    /// The connection breaks when a half has been sent.
    BrokenUpload,
    /// The server does as it is told, and nobody hears of it.
    LostAnswer,
    /// The connection breaks in the middle of the answer.
    BrokenAnswer,
    /// The answer's content has lost its end, and its length says so.
    ShortAnswer,
    /// It takes a while.
    Slow(Duration),
    /// It gets nowhere, which shows only when the connection breaks after all that time.
    Silence(Duration),
    /// From here on nobody is there for a while.
    Offline(Duration),
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    /// How many bytes of content came with it.
    pub(crate) bytes: u64,
    /// Whether an answer went back that says that it was done.
    pub(crate) done: bool,
    head: String,
    content: Vec<u8>,
}

/// Decides on the request of this number, counted from 0.
type Decide = Box<dyn FnMut(usize, &Request) -> Option<Fault> + Send>;

struct Inner {
    server: String,
    decide: Decide,
    requests: Vec<Request>,
    offline_until: Option<Instant>,
    faults: Vec<(usize, Fault)>,
}

/// Listens as long as the test runs; its connections end with the program that made them.
pub(crate) struct Proxy {
    pub(crate) endpoint: String,
    inner: Arc<Mutex<Inner>>,
}

impl Proxy {
    /// In front of a server, and harmless until told otherwise.
    pub(crate) fn before(endpoint: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inner = Inner {
            server: endpoint.strip_prefix("http://").unwrap().to_owned(),
            decide: Box::new(|_, _| None),
            requests: Vec::new(),
            offline_until: None,
            faults: Vec::new(),
        };
        let inner = Arc::new(Mutex::new(inner));
        let proxy = Self { endpoint: format!("http://{}", listener.local_addr().unwrap()), inner };
        let inner = Arc::clone(&proxy.inner);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let inner = Arc::clone(&inner);
                // A connection that breaks is what this is for.
                thread::spawn(move || drop(serve(&inner, client)));
            }
        });
        proxy
    }

    /// Counts from zero, and asks what is to happen to each request.
    pub(crate) fn disturb(&self, decide: impl FnMut(usize, &Request) -> Option<Fault> + Send + 'static) {
        let mut inner = self.inner.lock().unwrap();
        (inner.decide, inner.requests, inner.faults) = (Box::new(decide), Vec::new(), Vec::new());
        inner.offline_until = None;
    }

    /// The requests since then.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.inner.lock().unwrap().requests.clone()
    }

    /// Which of them were disturbed, by their numbers.
    pub(crate) fn faults(&self) -> Vec<(usize, Fault)> {
        self.inner.lock().unwrap().faults.clone()
    }
}

impl Request {
    /// The number of the part that it uploads.
    pub(crate) fn part(&self) -> Option<u32> {
        let (_, query) = self.target.split_once('?')?;
        let number = query.split('&').find_map(|pair| pair.strip_prefix("partNumber="))?;
        (self.method == "PUT").then(|| number.parse().unwrap())
    }

    /// The bytes that it asks for, if it does not ask for all.
    pub(crate) fn range(&self) -> Option<(u64, u64)> {
        let range = header(&self.head, "range").filter(|_| self.method == "GET")?;
        let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some((from.parse().ok()?, to.parse().ok()?))
    }
}

/// One request for each connection, so that every fault hits exactly one.
fn serve(inner: &Mutex<Inner>, mut client: TcpStream) -> io::Result<()> {
    let is_offline = |inner: &Inner| inner.offline_until.is_some_and(|until| Instant::now() < until);
    if is_offline(&inner.lock().unwrap()) {
        return client.shutdown(Shutdown::Both);
    }
    let request = read_request(&mut client)?;
    let (number, fault, server) = {
        let mut inner = inner.lock().unwrap();
        let number = inner.requests.len();
        inner.requests.push(Request { content: Vec::new(), ..request.clone() });
        let fault = (inner.decide)(number, &request);
        inner.faults.extend(fault.map(|fault| (number, fault)));
        if let Some(Fault::Offline(pause)) = fault {
            inner.offline_until = Some(Instant::now() + pause);
        }
        (number, fault, inner.server.clone())
    };
    match fault {
        Some(Fault::Offline(_)) => client.shutdown(Shutdown::Both),
        Some(Fault::Silence(pause)) => {
            thread::sleep(pause);
            client.shutdown(Shutdown::Both)
        }
        Some(Fault::Refused(status)) => client.write_all(refusal(status).as_bytes()),
        Some(Fault::BrokenUpload) => {
            let mut upstream = TcpStream::connect(server)?;
            upstream.write_all(request.head.as_bytes())?;
            upstream.write_all(&request.content[..request.content.len() / 2])?;
            upstream.shutdown(Shutdown::Both)?;
            client.shutdown(Shutdown::Both)
        }
        Some(Fault::LostAnswer) => {
            forward(&server, &request)?;
            client.shutdown(Shutdown::Both)
        }
        Some(Fault::BrokenAnswer) => {
            let answer = forward(&server, &request)?;
            let head = head_length(&answer).unwrap_or(answer.len());
            client.write_all(&answer[..head + (answer.len() - head) / 2])?;
            client.shutdown(Shutdown::Both)
        }
        Some(Fault::ShortAnswer) => client.write_all(&shortened(&forward(&server, &request)?)),
        Some(Fault::Slow(pause)) => {
            thread::sleep(pause);
            answer(inner, number, &mut client, &forward(&server, &request)?)
        }
        None => answer(inner, number, &mut client, &forward(&server, &request)?),
    }
}

/// Answers, and notes that it did before the program can know.
fn answer(inner: &Mutex<Inner>, number: usize, client: &mut TcpStream, answer: &[u8]) -> io::Result<()> {
    let is_done = answer.starts_with(b"HTTP/1.1 2") || answer.starts_with(b"HTTP/1.0 2");
    if let Some(request) = inner.lock().unwrap().requests.get_mut(number) {
        request.done = is_done;
    }
    client.write_all(answer)
}

fn read_request(client: &mut TcpStream) -> io::Result<Request> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(length) = head_length(&bytes) {
            break length;
        }
        read_more(client, &mut bytes)?;
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let length = header(&text, "content-length").map_or(0, |length| length.parse().unwrap());
    if header(&text, "expect").is_some() {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    while bytes.len() < head + length {
        read_more(client, &mut bytes)?;
    }
    let mut words = text.split(' ');
    let (method, target) =
        (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    Ok(Request {
        method,
        target,
        bytes: length as u64,
        done: false,
        head: text,
        content: bytes.split_off(head),
    })
}

fn read_more(client: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut more = [0; 64 << 10];
    match client.read(&mut more)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => {
            bytes.extend_from_slice(&more[..count]);
            Ok(())
        }
    }
}

/// The server's whole answer; it is asked to hang up after it.
fn forward(server: &str, request: &Request) -> io::Result<Vec<u8>> {
    let mut upstream = TcpStream::connect(server)?;
    let (first, rest) = request.head.split_once("\r\n").unwrap_or_default();
    let rest: String = rest
        .split_inclusive("\r\n")
        .filter(|line| {
            !["connection:", "expect:"].iter().any(|name| line.to_ascii_lowercase().starts_with(name))
        })
        .collect();
    upstream.write_all(format!("{first}\r\nConnection: close\r\n{rest}").as_bytes())?;
    upstream.write_all(&request.content)?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    Ok(answer)
}

fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let pairs = head.lines().filter_map(|line| line.split_once(':'));
    pairs.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn refusal(status: u16) -> String {
    let code = match status {
        409 => "OperationAborted",
        429 => "TooManyRequests",
        500 => "InternalError",
        _ => "SlowDown",
    };
    let content =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>not now</Message></Error>");
    // Only who is asked to come again later is told when.
    let after = if matches!(status, 429 | 503) { "Retry-After: 1\r\n" } else { "" };
    format!(
        "HTTP/1.1 {status} {code}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n{after}Connection: close\r\n\r\n{content}",
        content.len()
    )
}

/// The answer with its content's last third cut off, as if it had never been there.
fn shortened(answer: &[u8]) -> Vec<u8> {
    let Some(head) = head_length(answer) else { return answer.to_vec() };
    let (text, content) = (String::from_utf8_lossy(&answer[..head]), &answer[head..]);
    let content = &content[..content.len() - content.len() / 3];
    let lines =
        text.trim_end().lines().filter(|line| !line.to_ascii_lowercase().starts_with("content-length:"));
    let head = lines.collect::<Vec<_>>().join("\r\n");
    [format!("{head}\r\nContent-Length: {}\r\n\r\n", content.len()).as_bytes(), content].concat()
}
