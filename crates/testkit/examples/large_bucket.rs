//! A bucket of so many made-up objects, for benchmarks: says where it listens, and ends with its standard input.

use std::io::{self, Read as _, Write as _};

use syncplan_testkit::{Contents, LargeBucket};

fn main() -> io::Result<()> {
    let objects = std::env::args().nth(1).and_then(|count| count.parse().ok());
    let objects = objects.ok_or_else(|| io::Error::other("how many objects?"))?;
    let bucket = LargeBucket::start(Contents { objects, ..Contents::default() })?;
    let mut out = io::stdout();
    writeln!(out, "{}", bucket.url)?;
    out.flush()?;
    io::stdin().read_to_end(&mut Vec::new()).map(|_| ())
}
