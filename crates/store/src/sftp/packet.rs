use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use super::fault::Fault;

/// The numbers of the requests and answers that version 3 of the protocol knows
/// (draft-ietf-secsh-filexfer-02), as far as they are used.
pub(super) mod kind {
    pub(in crate::sftp) const INIT: u8 = 1;
    pub(in crate::sftp) const VERSION: u8 = 2;
    pub(in crate::sftp) const OPEN: u8 = 3;
    pub(in crate::sftp) const CLOSE: u8 = 4;
    pub(in crate::sftp) const READ: u8 = 5;
    pub(in crate::sftp) const WRITE: u8 = 6;
    pub(in crate::sftp) const LSTAT: u8 = 7;
    pub(in crate::sftp) const FSTAT: u8 = 8;
    pub(in crate::sftp) const SETSTAT: u8 = 9;
    pub(in crate::sftp) const FSETSTAT: u8 = 10;
    pub(in crate::sftp) const OPENDIR: u8 = 11;
    pub(in crate::sftp) const READDIR: u8 = 12;
    pub(in crate::sftp) const REMOVE: u8 = 13;
    pub(in crate::sftp) const MKDIR: u8 = 14;
    pub(in crate::sftp) const RMDIR: u8 = 15;
    pub(in crate::sftp) const REALPATH: u8 = 16;
    pub(in crate::sftp) const STAT: u8 = 17;
    pub(in crate::sftp) const RENAME: u8 = 18;
    pub(in crate::sftp) const READLINK: u8 = 19;
    pub(in crate::sftp) const SYMLINK: u8 = 20;
    pub(in crate::sftp) const STATUS: u8 = 101;
    pub(in crate::sftp) const HANDLE: u8 = 102;
    pub(in crate::sftp) const DATA: u8 = 103;
    pub(in crate::sftp) const NAME: u8 = 104;
    pub(in crate::sftp) const ATTRS: u8 = 105;
    pub(in crate::sftp) const EXTENDED: u8 = 200;
    pub(in crate::sftp) const EXTENDED_REPLY: u8 = 201;
}

/// What a file is opened for.
pub(super) mod flags {
    pub(in crate::sftp) const READ: u32 = 0x01;
    pub(in crate::sftp) const WRITE: u32 = 0x02;
    pub(in crate::sftp) const CREATE: u32 = 0x08;
    pub(in crate::sftp) const EXCLUSIVE: u32 = 0x20;
}

/// A request as it goes over the line: its length, its kind, its number and what it asks.
pub(super) struct Packet(BytesMut);

impl Packet {
    /// Room for the length is left at the beginning.
    pub(super) fn new(kind: u8, room: usize) -> Self {
        let mut bytes = BytesMut::with_capacity(room + 32);
        bytes.put_u32(0);
        bytes.put_u8(kind);
        Self(bytes)
    }

    pub(super) fn u32(mut self, value: u32) -> Self {
        self.0.put_u32(value);
        self
    }

    pub(super) fn u64(mut self, value: u64) -> Self {
        self.0.put_u64(value);
        self
    }

    /// Bytes with their length before them. Names are bytes here: nothing is taken for text.
    pub(super) fn string(mut self, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.0.put_u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.0.put_slice(value);
        self
    }

    pub(super) fn finish(mut self) -> Bytes {
        let length = u32::try_from(self.0.len() - 4).unwrap_or(u32::MAX);
        self.0[..4].copy_from_slice(&length.to_be_bytes());
        self.0.freeze()
    }
}

/// What is left to read of an answer.
pub(super) struct Reader(Bytes);

impl Reader {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        self.0.try_get_u32().map_err(|_| SHORT)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Fault> {
        self.0.try_get_u64().map_err(|_| SHORT)
    }

    pub(super) fn string(&mut self) -> Result<Bytes, Fault> {
        let length = self.u32()? as usize;
        if length > self.0.len() {
            return Err(SHORT);
        }
        Ok(self.0.split_to(length))
    }
}

const SHORT: Fault = Fault::Malformed("an answer is shorter than it says");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        let packet = Packet::new(kind::OPEN, 0).u32(7).string(b"a\xff").u64(1 << 40).finish();
        assert_eq!(packet[..5], [0, 0, 0, 19, kind::OPEN]);
        let mut reader = Reader::new(packet.slice(5..));
        assert_eq!(reader.u32().unwrap(), 7);
        assert_eq!(reader.string().unwrap().as_ref(), b"a\xff");
        assert_eq!(reader.u64().unwrap(), 1 << 40);
        assert!(reader.is_empty());
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for bytes in [&[][..], &[0, 0, 0], &[0, 0, 0, 5, 1], &[255, 255, 255, 255, 1]] {
            assert!(Reader::new(Bytes::copy_from_slice(bytes)).string().is_err());
        }
    }
}
