//! The values that every part of syncplan shares.
//!
//! Paths that cannot leave a root ([`RelPath`]), what is known about a place ([`Facts`]), the
//! sorted index of one side ([`Snapshot`]), what a manifest says ([`spec`]), and what is to be done
//! about it ([`plan`]). Nothing here touches the file system, the network or the clock.

mod capabilities;
mod content;
mod digest;
mod entry;
mod escape;
pub mod filter;
mod hex;
mod mtime;
mod name;
mod path;
pub mod plan;
mod quantity;
mod sample;
pub mod snapshot;
pub mod spec;
mod text;
mod token;
mod vouched;

pub use capabilities::{Capabilities, Capability};
pub use content::{ContentHasher, ContentHashes, SampleHasher};
pub use digest::{Digest, DigestError, Fingerprint};
pub use entry::{Entry, EntryKind, Facts, LinkTarget};
pub use escape::Escaped;
pub use filter::{ActionFilter, ActionView, EntryFilter, EntryView, Filter};
pub use mtime::{Mtime, MtimeError};
pub use name::{
    DatabaseName, FilterName, NameError, NotifyName, ProfileName, ScheduleName, StoreName, TaskName,
    VariableName,
};
pub use path::{MAX_PATH_BYTES, PathError, RESERVED_DIR, RelPath, TEMPORARY_PREFIX, is_below};
pub use plan::{Action, Plan};
pub use quantity::{ByteSize, Date, PERIOD_UNITS, Period, Rate, SIZE_UNITS};
pub use sample::SampleSpec;
pub use snapshot::{Snapshot, SnapshotBuilder};
pub use spec::SyncSpec;
pub use text::UnknownName;
pub use token::Token;
pub use vouched::Vouched;
