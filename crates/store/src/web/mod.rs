//! Requests over HTTP, as every store behind a URL makes them.
//!
//! A [`Wire`] sends a [`Request`] to one service, tries again what may work the next time, and never
//! follows a redirect. What differs between services is their [`Dialect`]: how a request proves whose it is,
//! and what an error says.

mod address;
mod client;
mod dialect;
mod download;
mod encode;
mod fault;
mod place;
mod plain;
mod redirect;
mod reply;
mod request;
mod time;
mod upload;
mod version;
mod wire;
pub(crate) mod xml;

pub(crate) use self::address::{Address, READ_ALONG};
pub use self::client::Reach;
pub(crate) use self::client::text_of;
pub(crate) use self::dialect::Dialect;
pub(crate) use self::download::Origin;
pub(crate) use self::encode::{decode, encode};
pub(crate) use self::fault::{Answer, Failed, Fault};
pub(crate) use self::place::{Named, Place};
pub(crate) use self::plain::Plain;
pub(crate) use self::redirect::send_following;
pub(crate) use self::reply::Reply;
pub(crate) use self::request::Request;
pub(crate) use self::time::{http_date, moment};
pub(crate) use self::upload::Upload;
pub(crate) use self::version::{described, is_weak, version};
pub(crate) use self::wire::Wire;
