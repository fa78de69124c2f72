use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, StatusCode};
use object_store::CredentialProvider;
use object_store::client::HttpRequest;
use object_store::gcp::GcpCredential;
use serde_json::Value;
use std::sync::Arc;

use crate::error::StoreErrorKind;
use crate::web::{Answer, Dialect, Fault};

/// Knows the token that is good at the moment.
pub(super) type Tokens = Arc<dyn CredentialProvider<Credential = GcpCredential>>;

/// How requests prove whose they are, and what errors mean.
pub(super) struct GcsDialect {
    /// Without any, requests are anonymous.
    pub(super) tokens: Option<Tokens>,
}

#[async_trait]
impl Dialect for GcsDialect {
    async fn authorize(&self, request: &mut HttpRequest) -> Result<(), Fault> {
        let Some(tokens) = &self.tokens else { return Ok(()) };
        let token = tokens.get_credential().await.map_err(|error| Fault::Invalid(Box::new(error)))?;
        let value = HeaderValue::try_from(format!("Bearer {}", token.bearer));
        let mut value = value.map_err(|_| Fault::Invalid("the token is none".into()))?;
        value.set_sensitive(true);
        request.headers_mut().insert(http::header::AUTHORIZATION, value);
        Ok(())
    }

    fn understand(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Answer {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (reason, message) = match serde_json::from_slice::<Value>(body) {
            Ok(said) => (text(&said["error"]["errors"][0]["reason"]), text(&said["error"]["message"])),
            // Where content was asked for, an error is plain text.
            Err(_) => (String::new(), String::from_utf8_lossy(body).trim().to_owned()),
        };
        let mut answer = Answer::new(status, headers);
        answer.kind = kind(status, &reason, &message).unwrap_or(answer.kind);
        answer.saying(reason, message)
    }
}

/// What the words mean, where the status alone would say something else.
fn kind(status: StatusCode, reason: &str, message: &str) -> Option<StoreErrorKind> {
    Some(match (status.as_u16(), reason) {
        // Only the sentence tells a bucket from an object.
        (404, _) if message.contains("bucket does not exist") => StoreErrorKind::NoStore,
        (_, "rateLimitExceeded" | "userRateLimitExceeded" | "slowDown") => StoreErrorKind::Throttled,
        (_, "backendError" | "internalError") => StoreErrorKind::Transient,
        // What arrived is not what was sent.
        (400, _) if message.contains("match calculated") => StoreErrorKind::Transient,
        // Two changes of one object at the same moment.
        (409, _) => StoreErrorKind::Transient,
        (413, _) => StoreErrorKind::Unsupported,
        _ => return None,
    })
}
