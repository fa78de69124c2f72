use syncplan_model::snapshot::{Cursor, OrderError, Problem, ProblemKind};
use syncplan_model::{Entry, EntryKind, RelPath, Snapshot, SnapshotBuilder};
use syncplan_store::Rejected;

use crate::request::ScanRequest;

/// Puts sorted entries into a snapshot, with what the last snapshot knew of those whose token is
/// still the same.
pub(crate) struct Assembly<'a> {
    builder: SnapshotBuilder,
    previous: Option<Cursor<'a>>,
    suspects: Vec<RelPath>,
}

impl<'a> Assembly<'a> {
    pub(crate) fn new(request: &'a ScanRequest) -> Self {
        Self {
            builder: SnapshotBuilder::new(),
            previous: request.previous.as_ref().map(Snapshot::cursor),
            suspects: Vec::new(),
        }
    }

    /// Takes the next entry; it comes back as it was put in.
    pub(crate) fn push(&mut self, entry: &mut Entry) -> Result<(), OrderError> {
        if let Some(previous) = &mut self.previous {
            previous.seek(entry.path.as_bytes());
            if let Some(known) = previous.current().filter(|known| known.path == entry.path) {
                if is_suspect(known, entry) {
                    self.suspects.push(entry.path.clone());
                }
                carry_over(known, entry);
            }
        }
        let kind = entry.facts.kind;
        if kind == EntryKind::Special {
            self.report(
                entry.path.as_bytes().to_vec(),
                ProblemKind::Special,
                "it is a FIFO, a socket or a device",
            );
        }
        self.builder.push(entry)
    }

    pub(crate) fn report(&mut self, name: Vec<u8>, kind: ProblemKind, message: impl Into<String>) {
        self.note(Problem { name, until: None, kind, message: message.into() });
    }

    pub(crate) fn note(&mut self, problem: Problem) {
        self.builder.report(problem);
    }

    pub(crate) fn reject(&mut self, rejected: Rejected) {
        self.report(rejected.name, ProblemKind::Name, rejected.reason);
    }

    /// The snapshot, and what changed although it does not look like it.
    pub(crate) fn finish(self) -> (Snapshot, Vec<RelPath>) {
        (self.builder.finish(), self.suspects)
    }
}

/// The snapshot, with what other machines say of the same place where the token is that of the listing.
/// What is known here comes first: others may be wrong.
pub fn believe(snapshot: &Snapshot, shared: &Snapshot) -> Snapshot {
    let (mut found, mut told, mut builder) = (snapshot.cursor(), shared.cursor(), SnapshotBuilder::new());
    snapshot.problems().iter().cloned().for_each(|problem| builder.report(problem));
    while let Some(entry) = found.current() {
        told.seek(entry.path.as_bytes());
        let mut entry = entry.clone();
        if let Some(told) = told.current().filter(|told| told.path == entry.path) {
            carry_over(told, &mut entry);
        }
        if let Err(error) = builder.push(&entry) {
            unreachable!("the order of a snapshot does not change by what is known: {error}");
        }
        found.advance();
    }
    builder.finish()
}

/// Another token, and the same size and time of modification: other content may have come there with
/// its old time, as when two files change places.
fn is_suspect(known: &Entry, entry: &Entry) -> bool {
    let (known, facts) = (&known.facts, &entry.facts);
    let same_look = facts.kind == known.kind && facts.size == known.size && facts.mtime == known.mtime;
    facts.kind == EntryKind::File && same_look && facts.mtime.is_some() && facts.token != known.token
}

/// A token that is still the same stands for content that is still the same, and so for its
/// hashes, and for a time of modification that the listing does not show.
fn carry_over(known: &Entry, entry: &mut Entry) {
    let (known, facts) = (&known.facts, &mut entry.facts);
    let unchanged = facts.token.is_some() && facts.token == known.token && facts.size == known.size;
    if facts.kind != EntryKind::File || known.kind != EntryKind::File || !unchanged {
        return;
    }
    facts.digest = facts.digest.or(known.digest);
    facts.fingerprint = facts.fingerprint.or(known.fingerprint);
    facts.vouched = facts.vouched.or(known.vouched).filter(|_| facts.digest.is_none());
    facts.mtime = facts.mtime.or(known.mtime);
}
