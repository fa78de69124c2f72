//! No text makes the loader panic, and none makes it slow.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its corpus has failed")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use syncplan_manifest::{LoadRequest, format, load};

/// What the corpus is mutated with: all that opens something, and some that is nothing.
const PIECES: &[&str] = &[
    "{",
    "}",
    "\"",
    "\"\"\"",
    "#\"",
    "\"#",
    "/-",
    "/*",
    "*/",
    "//",
    "\\",
    "\n",
    "\r",
    ";",
    "=",
    "(",
    ")",
    "${",
    "}",
    "$${",
    "'",
    "not ",
    " and ",
    " or ",
    "#true",
    "\u{feff}",
    "\u{202e}",
    "é",
    "\0",
    "-",
    "5",
    "\t",
    "\"\"\"\n",
    "[",
    ",",
    "include \"syncplan.kdl\"\n",
];

fn try_load(text: &[u8]) {
    let files = BTreeMap::from([("syncplan.kdl".to_owned(), text.to_vec())]);
    let started = Instant::now();
    let loaded = load(&LoadRequest::new("syncplan.kdl", &files));
    let in_time = |what: &str, seconds| {
        let shown = String::from_utf8_lossy(&text[..text.len().min(200)]);
        assert!(
            started.elapsed() < Duration::from_secs(seconds),
            "{what}: {:?} for {shown:?}",
            started.elapsed()
        );
    };
    in_time("loading", 20);
    if let Ok(text) = std::str::from_utf8(text) {
        let _ = format(text);
    }
    in_time("formatting", 40);
    // Rendering looks at every label. Miette takes its time for long lines.
    if let Err(diagnostics) = loaded
        && text.len() < 20_000
    {
        assert!(diagnostics.iter().len() > 0);
        let _ = format!("{:?}", miette::Report::new(diagnostics));
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let groups = ["broken", "valid", "warned", "unsupported"]
        .into_iter()
        .flat_map(|group| std::fs::read_dir(corpus.join(group)).unwrap());
    let mut paths: Vec<_> = groups.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths.push(corpus.join("valid/example/syncplan.kdl"));
    paths.iter().map(|path| std::fs::read(path).unwrap()).filter(|text| text.len() < 8_000).collect()
}

#[test]
fn mutations_of_the_corpus_are_survived() {
    // xorshift64: the same cases in every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize % below.max(1)
    };
    let seeds = seeds();
    for _ in 0..1_000 {
        let mut text = seeds[next(seeds.len())].clone();
        for _ in 0..=next(6) {
            let at = next(text.len() + 1);
            match next(4) {
                0 => {
                    let piece = PIECES[next(PIECES.len())].repeat(1 + next(3));
                    text.splice(at..at, piece.into_bytes());
                }
                1 => {
                    let end = (at + next(20)).min(text.len());
                    text.drain(at..end);
                }
                2 => {
                    let end = (at + next(60)).min(text.len());
                    let copy = text[at..end].to_vec();
                    let to = next(text.len() + 1);
                    text.splice(to..to, copy);
                }
                _ => {
                    if let Some(byte) = text.get_mut(at) {
                        *byte ^= 1 << next(8);
                    }
                }
            }
        }
        try_load(&text);
    }
}

#[test]
fn repetitions_are_survived() {
    for piece in PIECES.iter().chain(&[
        "a {", "a /-{\n", "a \"", "a;", "a b=", "a=", "1 ", ") ", "] ", "x {}\n", "/- a {\n", "a (b)", "#",
    ]) {
        for times in [18, 3_000] {
            try_load(piece.repeat(times).as_bytes());
            try_load(format!("syncplan format=1\nfilter a \"{}\"\n", piece.repeat(times)).as_bytes());
            try_load(format!("syncplan format=1\nfilter a #\"{}\"#\n", piece.repeat(times)).as_bytes());
        }
    }
}

#[test]
fn the_limits_hold_at_once() {
    let started = Instant::now();
    try_load("a /-{\n".repeat(18).as_bytes());
    try_load("a {\n".repeat(3_000).as_bytes());
    try_load("/*".repeat(10_000).as_bytes());
    try_load(" ".repeat(2 << 20).as_bytes());
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn nesting_up_to_the_limit_is_fast() {
    let nested = format!("syncplan format=1\n{}b{}", "a { ".repeat(64), " }".repeat(64));
    let started = Instant::now();
    try_load(nested.as_bytes());
    try_load(format!("{}{}", "a { ".repeat(64), "5x }".repeat(64)).as_bytes());
    try_load(format!("{}{}", "a /-{ \n".repeat(4), "5x }".repeat(4)).as_bytes());
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
