//! What buckets of different services have in common: keys below a prefix, listings page by page,
//! downloads that go on where they broke, content cut into parts.

mod cut;
mod download;
mod draft;
mod endpoint;
mod metadata;
mod order;
mod pager;
mod prefix;

pub(crate) use self::cut::{collect, parts};
pub(crate) use self::download::{Source, read};
pub(crate) use self::draft::{DRAFTS, Drafts, new_name};
pub(crate) use self::endpoint::endpoint;
pub(crate) use self::metadata::{digest_of, digest_text, mtime_of, mtime_text};
pub(crate) use self::order::Order;
pub(crate) use self::pager::{Object, Page, Pages, list, reserved};
pub(crate) use self::prefix::Prefix;

/// Parts of this length, or longer ones if there would be more of them than `most`.
pub(crate) fn fitting(part: u64, size: u64, most: u64) -> u64 {
    const MIB: u64 = 1024 * 1024;
    part.max(size.div_ceil(most).next_multiple_of(MIB))
}
