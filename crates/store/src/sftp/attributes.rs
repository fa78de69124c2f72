use syncplan_model::{Digest, EntryKind, Facts, LinkTarget, Mtime, Token};

use super::fault::Fault;
use super::packet::{Packet, Reader};

/// The bits of a mode that are kept: setuid, setgid and sticky never travel.
const PERMISSIONS: u32 = 0o777;

const SIZE: u32 = 0x01;
const OWNER: u32 = 0x02;
const MODE: u32 = 0x04;
const TIMES: u32 = 0x08;
const EXTENDED: u32 = 0x8000_0000;

/// Times from 2072 on are taken for times before 1970: the protocol has 32 bits without a sign, and
/// servers cut what does not fit.
const BEFORE_1970: u32 = 0xC000_0000;

/// What the server says of something, or is told of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) size: Option<u64>,
    pub(super) mode: Option<u32>,
    /// When it was last read and last modified, in seconds since 1970.
    pub(super) times: Option<(u32, u32)>,
}

impl Attributes {
    pub(super) fn read(reader: &mut Reader) -> Result<Self, Fault> {
        let flags = reader.u32()?;
        let mut found = Self::default();
        if flags & SIZE != 0 {
            found.size = Some(reader.u64()?);
        }
        if flags & OWNER != 0 {
            reader.u32()?;
            reader.u32()?;
        }
        if flags & MODE != 0 {
            found.mode = Some(reader.u32()?);
        }
        if flags & TIMES != 0 {
            found.times = Some((reader.u32()?, reader.u32()?));
        }
        if flags & EXTENDED != 0 {
            for _ in 0..reader.u32()? {
                reader.string()?;
                reader.string()?;
            }
        }
        Ok(found)
    }

    pub(super) fn write(self, packet: Packet) -> Packet {
        let flag = |is_given: bool, flag| if is_given { flag } else { 0 };
        let flags = flag(self.mode.is_some(), MODE) | flag(self.times.is_some(), TIMES);
        let packet = packet.u32(flags);
        let packet = self.mode.into_iter().fold(packet, Packet::u32);
        self.times.into_iter().fold(packet, |packet, (accessed, modified)| packet.u32(accessed).u32(modified))
    }

    /// What it is. Servers that keep no modes say nothing of it: then it is a file.
    pub(super) fn kind(&self) -> EntryKind {
        match self.mode.map(|mode| mode & 0o170_000) {
            None | Some(0 | 0o100_000) => EntryKind::File,
            Some(0o040_000) => EntryKind::Dir,
            Some(0o120_000) => EntryKind::Symlink,
            Some(_) => EntryKind::Special,
        }
    }

    pub(super) fn mtime(&self) -> Option<Mtime> {
        self.times.map(|(_, modified)| Mtime { seconds: seconds(modified), nanos: 0 })
    }

    /// Since when it stands there at least: whatever takes a name of ours is given this time as the
    /// time of its last reading, and reading only makes it later.
    pub(super) fn since(&self) -> Option<Mtime> {
        let (accessed, modified) = self.times?;
        Some(Mtime { seconds: seconds(accessed).max(seconds(modified)), nanos: 0 })
    }

    /// The same for what was moved there with the time of its last change: that tells nothing, and only a later
    /// one of its last reading can be ours. A server that keeps none of ours leaves it without an age.
    pub(super) fn moved(&self) -> Option<Mtime> {
        let (accessed, modified) = self.times?;
        (seconds(accessed) > seconds(modified)).then(|| Mtime { seconds: seconds(accessed), nanos: 0 })
    }

    /// As facts; the text of a link is still missing. A file without a size is not an empty one: too little is told
    /// of it, and it is left alone.
    pub(super) fn facts(&self) -> Facts {
        match (self.kind(), self.size) {
            (EntryKind::File, None) => Facts::new(EntryKind::Unreadable),
            (EntryKind::File, Some(size)) => Facts {
                token: self.token(),
                mtime: self.mtime(),
                mode: self.mode.map(|mode| mode & PERMISSIONS),
                ..Facts::file(size)
            },
            (EntryKind::Symlink, _) => Facts { mtime: self.mtime(), ..Facts::new(EntryKind::Symlink) },
            (kind, _) => Facts::new(kind),
        }
    }

    /// Length and second of the last change: all that the protocol tells. Two changes in one second
    /// that leave the length have one token.
    fn token(&self) -> Option<Token> {
        let (_, modified) = self.times?;
        Some(Token::new(format!("{:x}.{:x}", modified, self.size?)))
    }
}

/// The facts of a link: its text is all that it is.
pub(super) fn link_facts(attributes: &Attributes, text: &[u8]) -> Facts {
    let digest = Digest::of(text).to_string();
    Facts {
        token: Some(Token::new(format!("link-{}", &digest[3..19]))),
        target: Some(LinkTarget::new(text)),
        ..attributes.facts()
    }
}

/// The permissions that are sent with a mode.
pub(super) fn permissions(mode: u32) -> u32 {
    mode & PERMISSIONS
}

/// A time as the protocol has it; what does not fit into 32 bits cannot be kept.
pub(super) fn protocol_time(mtime: Mtime) -> Option<u32> {
    match mtime.seconds {
        0.. => u32::try_from(mtime.seconds).ok().filter(|seconds| *seconds < BEFORE_1970),
        before => i32::try_from(before).ok().map(i32::cast_unsigned).filter(|bits| *bits >= BEFORE_1970),
    }
}

fn seconds(bits: u32) -> i64 {
    if bits >= BEFORE_1970 { i64::from(bits.cast_signed()) } else { i64::from(bits) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_as_they_went() {
        for wanted in [0, 1, 1_700_000_000, 3_221_225_471, -1, -86_401, -1_073_741_824] {
            let bits = protocol_time(Mtime { seconds: wanted, nanos: 5 }).unwrap();
            assert_eq!(seconds(bits), wanted);
        }
        for none in [3_221_225_472, 1 << 40, -1_073_741_825, -(1 << 40)] {
            assert_eq!(protocol_time(Mtime { seconds: none, nanos: 0 }), None);
        }
    }

    #[test]
    fn what_is_told_is_understood() {
        let told = Attributes { size: None, mode: Some(0o640), times: Some((1, 2)) };
        let packet = told.write(Packet::new(0, 0)).finish();
        assert_eq!(Attributes::read(&mut Reader::new(packet.slice(5..))).unwrap(), told);
    }

    #[test]
    fn special_files_and_their_bits_are_told() {
        let of = |mode| Attributes { size: Some(0), mode: Some(mode), ..Attributes::default() };
        assert_eq!(of(0o010_644).kind(), EntryKind::Special);
        assert_eq!(of(0o140_644).kind(), EntryKind::Special);
        assert_eq!(of(0o104_755).facts().mode, Some(0o755));
    }

    #[test]
    fn a_file_without_a_size_is_not_an_empty_one() {
        for mode in [None, Some(0), Some(0o644), Some(0o100_644)] {
            let found = Attributes { size: None, mode, times: Some((1, 2)) };
            assert_eq!(found.facts(), Facts::new(EntryKind::Unreadable));
        }
    }

    #[test]
    fn only_a_time_of_our_own_is_an_age() {
        let moved = |accessed, modified| {
            Attributes { times: Some((accessed, modified)), ..Attributes::default() }.moved()
        };
        assert_eq!(moved(9, 7), Some(Mtime { seconds: 9, nanos: 0 }));
        assert_eq!(moved(0, u32::MAX), Some(Mtime { seconds: 0, nanos: 0 }));
        assert_eq!((moved(7, 7), moved(5, 7)), (None, None));
    }
}
