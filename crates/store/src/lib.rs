//! The stores that hold files: one small trait, and each kind behind it.
//!
//! - [`Store`] is what the executor works on, [`Listing`] what the scanner reads: folder by folder
//!   ([`TreeListing`]) or all at once, sorted ([`FlatListing`]).
//! - [`LocalStore`] is a folder of this machine, [`S3Store`], [`AzureStore`] and [`GcsStore`] are buckets,
//!   [`SftpStore`] and [`WebdavStore`] folders on servers, [`HttpStore`] a web site; [`MemoryStore`] is for tests.
//! - What a store can do is data ([`syncplan_model::Capabilities`]); how firmly it holds a
//!   precondition is too ([`Enforcement`]). Nothing asks for a kind.
//! - The module `conformance`, behind the feature of that name, checks all of it on any store.
//!
//! Nothing here plans, and nothing here knows of manifests or plans.

mod absent;
mod attributes;
mod azure;
mod bucket;
mod checksum;
#[cfg(feature = "conformance")]
pub mod conformance;
mod content_type;
mod error;
mod examine;
mod gcs;
mod length;
mod links;
mod local;
mod memory;
mod preserve;
mod retry;
mod s3;
mod sftp;
mod store;
mod web;
mod webdav;
mod website;

pub use absent::AbsentFolder;
pub use attributes::Attributes;
pub use azure::{AzureCredentials, AzureSettings, AzureStore};
pub use checksum::Checksum;
pub use content_type::content_type;
pub use error::{StoreError, StoreErrorKind};
pub use examine::{Examined, Question, Verdict, examine};
pub use gcs::{GcsCredentials, GcsSettings, GcsStore};
pub use links::LinksAsFiles;
pub use local::{FollowingFolder, LocalStore};
pub use memory::MemoryStore;
pub use retry::{Failure, Patience, Retry, insist};
pub use s3::{S3Credentials, S3Settings, S3Store};
pub use sftp::{KnownHosts, MissingRoot, SftpLogin, SftpSettings, SftpStore};
pub use store::{
    Batch, BlockingRead, ContentStream, Described, Enforcement, FlatListing, Guarded, Housekeeping, Listing,
    Metadata, MoveOptions, OpenDraft, Part, PartialWrites, Precondition, Rejected, Reserved, Store,
    TreeListing, WriteOptions, WrittenPart,
};
pub use web::Reach;
pub use webdav::{WebdavCredentials, WebdavSettings, WebdavStore};
pub use website::{HttpSettings, HttpStore};
