use async_trait::async_trait;
use http::{HeaderMap, StatusCode};
use object_store::client::HttpRequest;

use super::fault::{Answer, Fault};

/// What differs between services that are reached over HTTP.
#[async_trait]
pub(crate) trait Dialect: Send + Sync {
    /// Has a request prove whose it is, right before it is sent; once for each try.
    async fn authorize(&self, request: &mut HttpRequest) -> Result<(), Fault>;

    /// What an answer that is an error says. `body` is as much of it as is read, and may be anything.
    fn understand(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Answer;

    /// Whether the body of an answer that claims to be none is an error after all.
    fn hides_error(&self, _body: &[u8]) -> bool {
        false
    }
}
