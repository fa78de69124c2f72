use http::Method;
use syncplan_model::RelPath;

use super::checksum::Checksum;
use crate::web::{Request, encode};

/// A request for the object of a key.
pub(super) fn object(method: Method, key: &[u8]) -> Request {
    Request::new(method, format!("/{}", encode(key, b"/")))
}

/// A request for the object at `path`. Those of our own (marks, leases) are nobody's transfer: whoever
/// needs one waits for it.
pub(super) fn object_at(method: Method, key: &[u8], path: &RelPath) -> Request {
    let request = object(method, key);
    if path.is_reserved() { request.patient() } else { request }
}

/// The request, with what the server is to compare its body with; that has to be there already.
pub(super) fn checked_by(request: Request, checksum: Checksum) -> Request {
    match checksum.of(request.content()) {
        Some((header, value)) => request.header(header, &value),
        None => request,
    }
}
