//! Requests over HTTP, as every store behind a URL makes them.
//!
//! A [`Wire`] sends a [`Request`] to one service, tries again what may work the next time, and never
//! follows a redirect. What differs between services is their [`Dialect`]: how a request proves whose it is,
//! and what an error says.

mod client;
mod dialect;
mod encode;
mod fault;
mod reply;
mod request;
mod time;
mod wire;
pub(crate) mod xml;

pub use self::client::Reach;
pub(crate) use self::client::text_of;
pub(crate) use self::dialect::Dialect;
pub(crate) use self::encode::{decode, encode};
pub(crate) use self::fault::{Answer, Failed, Fault};
pub(crate) use self::reply::Reply;
pub(crate) use self::request::Request;
pub(crate) use self::time::moment;
pub(crate) use self::wire::Wire;
