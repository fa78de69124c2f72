use std::fmt;
use std::io::{self, BufRead};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, DigestError};

/// The identity of a plan: BLAKE3 over its canonical text.
///
/// The canonical text is, for every top-level member but `plan_id` and `meta`, in the order of the
/// document, the member with all white space outside of strings removed, and a comma. It catches
/// damage and careless edits; it authenticates nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanId(Digest);

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for PlanId {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        text.parse().map(Self)
    }
}

/// Hashes members as plan.json's writer writes them: compact, line feeds only between parts.
#[derive(Default)]
pub(super) struct CanonicalHasher(blake3::Hasher);

impl CanonicalHasher {
    pub(super) fn finish(mut self) -> PlanId {
        self.0.update(b",");
        PlanId(Digest::from(self.0.finalize()))
    }
}

impl io::Write for CanonicalHasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for run in bytes.split(|&byte| byte == b'\n') {
            self.0.update(run);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a [`Splitter`] hands over.
pub(super) enum Part<'a> {
    /// A member that is no array, whole.
    Whole(&'a [u8]),
    /// A member that is an array begins.
    Array,
    /// One element of that array.
    Element(&'a [u8]),
}

/// A document that does not fall into the parts of one JSON object.
#[derive(Debug, thiserror::Error)]
pub(super) enum SplitError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("line {line}: {problem}")]
    Syntax { line: u64, problem: String },
}

/// The largest member, or element of an array, that is taken.
const MAX_PART: usize = 64 << 20;

/// The longest name of a member.
const MAX_KEY: usize = 64;

/// Cuts a JSON object into its members, and members that are arrays into their elements, while it
/// hashes the canonical text: one pass, and never more than one part in memory.
///
/// It knows strings, brackets and white space; whether a part is JSON is for who takes it to say.
pub(super) struct Splitter<F> {
    take: F,
    hasher: blake3::Hasher,
    canonical: Vec<u8>,
    state: State,
    key: String,
    part: Vec<u8>,
    depth: u32,
    array: Option<Array>,
    line: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    /// Behind `{`.
    FirstKey,
    /// Behind `,`.
    Key,
    InKey,
    Colon,
    ValueStart,
    Value,
    InString,
    Escape,
    End,
}

#[derive(Clone, Copy, Default)]
struct Array {
    elements: u64,
    closed: bool,
}

impl<F: FnMut(&str, Part<'_>) -> Result<(), String>> Splitter<F> {
    pub(super) fn new(take: F) -> Self {
        Self {
            take,
            hasher: blake3::Hasher::new(),
            canonical: Vec::new(),
            state: State::Start,
            key: String::new(),
            part: Vec::new(),
            depth: 0,
            array: None,
            line: 1,
        }
    }

    /// Reads to the end and answers the document's identity.
    pub(super) fn run(mut self, mut input: impl BufRead) -> Result<PlanId, SplitError> {
        loop {
            let chunk = input.fill_buf()?;
            let len = chunk.len();
            if len == 0 {
                break;
            }
            let taken = chunk.iter().try_for_each(|&byte| self.byte(byte));
            taken.map_err(|problem| SplitError::Syntax { line: self.line, problem })?;
            self.hasher.update(&self.canonical);
            self.canonical.clear();
            input.consume(len);
        }
        if self.state != State::End {
            let problem = "the document ends too early".to_owned();
            return Err(SplitError::Syntax { line: self.line, problem });
        }
        Ok(PlanId(Digest::from(self.hasher.finalize())))
    }

    fn byte(&mut self, byte: u8) -> Result<(), String> {
        self.line += u64::from(byte == b'\n');
        match self.state {
            State::InString | State::Escape => self.in_string(byte),
            State::InKey if byte == b'"' => self.state = State::Colon,
            State::InKey => self.in_key(byte)?,
            _ if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => {}
            State::Start if byte == b'{' => self.state = State::FirstKey,
            State::FirstKey if byte == b'}' => self.state = State::End,
            State::FirstKey | State::Key if byte == b'"' => {
                self.key.clear();
                self.state = State::InKey;
            }
            State::Colon if byte == b':' => self.state = State::ValueStart,
            State::ValueStart if !matches!(byte, b',' | b'}' | b']') => self.value_start(byte)?,
            State::Value if self.depth == 0 && matches!(byte, b',' | b'}') => self.end_of_member(byte)?,
            State::Value => self.value(byte)?,
            _ => return Err(format!("`{}` is out of place", byte.escape_ascii())),
        }
        Ok(())
    }

    fn in_key(&mut self, byte: u8) -> Result<(), String> {
        if !(byte.is_ascii_alphanumeric() || byte == b'_') || self.key.len() == MAX_KEY {
            return Err("a member of the document has a name that no plan has".to_owned());
        }
        self.key.push(char::from(byte));
        Ok(())
    }

    fn in_string(&mut self, byte: u8) {
        self.state = match (self.state, byte) {
            (State::InString, b'\\') => State::Escape,
            (State::InString, b'"') => State::Value,
            _ => State::InString,
        };
        self.keep(byte);
    }

    fn value_start(&mut self, byte: u8) -> Result<(), String> {
        self.state = State::Value;
        self.array = (byte == b'[').then(Array::default);
        if self.is_hashed() {
            let key = [b"\"", self.key.as_bytes(), b"\":"].concat();
            self.canonical.extend_from_slice(&key);
        }
        if self.array.is_some() {
            (self.take)(&self.key, Part::Array)?;
        }
        self.value(byte)
    }

    /// A byte of a value, outside of strings and no white space.
    fn value(&mut self, byte: u8) -> Result<(), String> {
        if self.array.is_some_and(|array| array.closed) {
            return Err(format!("`{}` is out of place", byte.escape_ascii()));
        }
        match byte {
            b'"' => self.state = State::InString,
            b'[' | b'{' => {
                self.depth += 1;
                if self.depth == 1 && self.array.is_some() {
                    self.hash(byte);
                    return Ok(());
                }
            }
            b']' | b'}' => {
                self.depth = self.depth.checked_sub(1).ok_or("a bracket is closed that was never opened")?;
                if self.depth == 0 && self.array.is_some() {
                    self.hash(byte);
                    return self.end_of_array(byte);
                }
            }
            b',' if self.depth == 1 && self.array.is_some() => {
                self.hash(byte);
                return self.end_of_element();
            }
            _ => {}
        }
        self.keep(byte);
        if self.part.len() > MAX_PART {
            Err("a part of it is too large to be a plan's".to_owned())
        } else {
            Ok(())
        }
    }

    fn end_of_element(&mut self) -> Result<(), String> {
        if self.part.is_empty() {
            return Err("an element of a list is missing".to_owned());
        }
        if let Some(array) = &mut self.array {
            array.elements += 1;
        }
        let taken = (self.take)(&self.key, Part::Element(&self.part));
        self.part.clear();
        taken
    }

    fn end_of_array(&mut self, byte: u8) -> Result<(), String> {
        let empty = self.part.is_empty() && self.array.is_some_and(|array| array.elements == 0);
        if byte != b']' {
            return Err("a list is closed by `}`".to_owned());
        }
        if !empty {
            self.end_of_element()?;
        }
        if let Some(array) = &mut self.array {
            array.closed = true;
        }
        Ok(())
    }

    fn end_of_member(&mut self, byte: u8) -> Result<(), String> {
        if self.array.is_none() {
            (self.take)(&self.key, Part::Whole(&self.part))?;
            self.part.clear();
        }
        self.hash(b',');
        self.state = if byte == b',' { State::Key } else { State::End };
        Ok(())
    }

    fn keep(&mut self, byte: u8) {
        self.hash(byte);
        self.part.push(byte);
    }

    fn hash(&mut self, byte: u8) {
        if self.is_hashed() {
            self.canonical.push(byte);
        }
    }

    fn is_hashed(&self) -> bool {
        !matches!(self.key.as_str(), "plan_id" | "meta")
    }
}
