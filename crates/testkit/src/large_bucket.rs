use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Objects in one page of a listing, as every S3 has it.
const PAGE: u64 = 1000;

/// A bucket of as many small objects as a test wants, behind a server of its own that speaks as much of S3 as
/// listing and looking take. The objects are made up as they are asked for: no other server can be filled with
/// a million of them in the time of a test.
///
/// Their keys are [`LargeBucket::key`], their content is never served. It stops with the process.
pub struct LargeBucket {
    /// Where it listens.
    pub url: String,
    seen: Arc<Seen>,
}

/// What a bucket holds, and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// How many objects there are.
    pub objects: u64,
    /// A page that would begin with one of these is never served.
    pub broken: Option<Range<u64>>,
    /// Where a listing is to begin is not looked at, unless it goes on with an earlier one.
    pub begins_at_first: bool,
}

#[derive(Default)]
struct Seen {
    pages: AtomicU64,
    heads: AtomicU64,
}

impl LargeBucket {
    /// Listens on a free port of this machine.
    pub fn start(contents: Contents) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let (contents, seen) = (Arc::new(contents), Arc::new(Seen::default()));
        let counted = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (contents, seen) = (Arc::clone(&contents), Arc::clone(&counted));
                // A connection that ends is no failure.
                std::thread::spawn(move || contents.serve(stream, &seen));
            }
        });
        Ok(Self { url, seen })
    }

    /// The key of an object; keys are in the order of numbers.
    pub fn key(number: u64) -> String {
        format!("folder-{:04}/object-{number:07}.bin", number / PAGE)
    }

    /// How long its content is.
    pub fn size(number: u64) -> u64 {
        number % 10
    }

    /// How many pages were asked for.
    pub fn pages(&self) -> u64 {
        self.seen.pages.load(Ordering::Relaxed)
    }

    /// How many objects were looked at by themselves.
    pub fn heads(&self) -> u64 {
        self.seen.heads.load(Ordering::Relaxed)
    }
}

impl Contents {
    fn serve(&self, mut stream: TcpStream, seen: &Seen) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let request = line.clone();
            let mut length = 0;
            while reader.read_line(&mut line)? > 2 {
                let header = line.rsplit_terminator("\r\n").next().unwrap_or_default().to_lowercase();
                if let Some(value) = header.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
            }
            io::copy(&mut io::Read::take(&mut reader, length), &mut io::sink())?;
            stream.write_all(self.answer(&request, seen).as_bytes())?;
        }
    }

    fn answer(&self, request: &str, seen: &Seen) -> String {
        let mut words = request.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let key = path.trim_start_matches('/').split_once('/').map_or("", |(_bucket, key)| key);
        match (method, key) {
            ("GET", "") if query.contains("list-type=2") => {
                seen.pages.fetch_add(1, Ordering::Relaxed);
                self.page(query)
            }
            ("HEAD", key) if !key.is_empty() => {
                seen.heads.fetch_add(1, Ordering::Relaxed);
                self.head(&decode(key))
            }
            _ => reply("404 Not Found", "", "<Error><Code>NoSuchKey</Code></Error>"),
        }
    }

    fn head(&self, key: &str) -> String {
        let number = self.first_at(key, false);
        if number >= self.objects || LargeBucket::key(number) != key {
            return "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned();
        }
        let size = LargeBucket::size(number);
        format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {size}\r\netag: \"{number:032x}\"\r\n\
             last-modified: Sat, 01 Jan 2000 00:00:00 GMT\r\nx-amz-meta-mtime: 946684800\r\n\r\n"
        )
    }

    fn page(&self, query: &str) -> String {
        let value = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(key, _)| *key == name).map(|(_, value)| decode(value)).next().unwrap_or_default()
        };
        let (prefix, token) = (value("prefix"), value("continuation-token"));
        let after = if self.begins_at_first { String::new() } else { value("start-after") };
        let start = match token.parse() {
            Ok(number) => number,
            Err(_) if after < prefix || after.is_empty() => self.first_at(&prefix, false),
            Err(_) => self.first_at(&after, true),
        };
        if self.broken.as_ref().is_some_and(|broken| broken.contains(&start)) {
            return reply("500 Internal Server Error", "", "<Error><Code>InternalError</Code></Error>");
        }
        let most = value("max-keys").parse().unwrap_or(PAGE).min(PAGE);
        let mut xml = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult><Name>bkt</Name><Prefix></Prefix>",
        );
        let mut number = start;
        let mut contents = String::with_capacity(200 << 10);
        while number < self.objects.min(start + most) {
            let (key, size) = (LargeBucket::key(number), LargeBucket::size(number));
            if !key.starts_with(&prefix) {
                break;
            }
            let _ = write!(
                contents,
                "<Contents><Key>{key}</Key><LastModified>2000-01-01T00:00:00.000Z</LastModified>\
                 <ETag>&quot;{number:032x}&quot;</ETag><Size>{size}</Size>\
                 <StorageClass>STANDARD</StorageClass></Contents>"
            );
            number += 1;
        }
        let more = number < self.objects && LargeBucket::key(number).starts_with(&prefix);
        let _ = write!(xml, "<KeyCount>{}</KeyCount><IsTruncated>{more}</IsTruncated>", number - start);
        if more {
            let _ = write!(xml, "<NextContinuationToken>{number}</NextContinuationToken>");
        }
        reply("200 OK", "content-type: application/xml\r\n", &(xml + &contents + "</ListBucketResult>"))
    }

    /// The first object at a key, or behind it.
    fn first_at(&self, key: &str, behind: bool) -> u64 {
        let (mut low, mut high) = (0, self.objects);
        while low < high {
            let middle = low + (high - low) / 2;
            let there = LargeBucket::key(middle);
            let is_before = if behind { there.as_str() <= key } else { there.as_str() < key };
            if is_before { low = middle + 1 } else { high = middle }
        }
        low
    }
}

fn reply(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

/// Percent-encoding undone; keys here are ASCII.
fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        let hex: String = if character == '%' { rest.by_ref().take(2).collect() } else { String::new() };
        match u8::from_str_radix(&hex, 16) {
            Ok(byte) => decoded.push(char::from(byte)),
            Err(_) => decoded.push(character),
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_begin_where_they_are_asked_to() {
        let contents = Contents { objects: 2500, ..Contents::default() };
        let first = |query: &str| {
            let page = contents.page(query);
            let key = page.split("<Key>").nth(1).map(|rest| rest.split('<').next().unwrap().to_owned());
            (key, page.matches("<Contents>").count(), page.contains("<IsTruncated>true"))
        };
        let key = |number| Some(LargeBucket::key(number));
        assert_eq!(first("list-type=2"), (key(0), 1000, true));
        assert_eq!(first("continuation-token=2000"), (key(2000), 500, false));
        assert_eq!(first(&format!("start-after={}", LargeBucket::key(41))), (key(42), 1000, true));
        assert_eq!(first("prefix=folder-0002%2F"), (key(2000), 500, false));
        assert_eq!(first("prefix=other"), (None, 0, false));
    }
}
