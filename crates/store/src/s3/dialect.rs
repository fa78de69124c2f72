use async_trait::async_trait;
use http::{HeaderMap, StatusCode};
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::HttpRequest;

use super::checksum::CHECKSUMS;
use super::provider::Payload;
use crate::error::StoreErrorKind;
use crate::web::{Answer, Dialect, Fault, xml};

/// How requests to an S3 are signed, and what its errors mean.
pub(super) struct S3Dialect {
    pub(super) region: String,
    /// Without one, requests are not signed.
    pub(super) credential: Option<AwsCredential>,
    /// What is signed of content.
    pub(super) payload: Payload,
}

#[async_trait]
impl Dialect for S3Dialect {
    async fn authorize(&self, request: &mut HttpRequest) -> Result<(), Fault> {
        let Some(credential) = &self.credential else { return Ok(()) };
        AwsAuthorizer::new(credential, "s3", &self.region)
            .with_sign_payload(self.signs_content_of(request))
            .try_authorize(request, None)
            .map_err(|error| Fault::Invalid(Box::new(error)))
    }

    fn understand(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Answer {
        // Only these two: signature errors go on with what was signed.
        let [code, message] = xml::texts(body, ["Code", "Message"]);
        let mut answer = Answer::new(status, headers);
        answer.kind = kind(&code).unwrap_or(answer.kind);
        if status.is_redirection() {
            answer.message = "the bucket is in another region, or behind another endpoint".to_owned();
            return answer;
        }
        answer.saying(code, message)
    }

    fn hides_error(&self, body: &[u8]) -> bool {
        let start = &body[..body.len().min(256)];
        start.windows(6).any(|window| window == b"<Error")
    }
}

impl S3Dialect {
    fn signs_content_of(&self, request: &HttpRequest) -> bool {
        let is_checked = CHECKSUMS.iter().any(|header| request.headers().contains_key(*header));
        let is_safe = is_checked && request.uri().scheme() == Some(&http::uri::Scheme::HTTPS);
        self.payload == Payload::Signed || !is_safe
    }
}

/// What a code means, where the status alone would say something else.
fn kind(code: &str) -> Option<StoreErrorKind> {
    Some(match code {
        "NoSuchBucket" => StoreErrorKind::NoStore,
        "QuotaExceeded" | "XMinioStorageFull" | "XAmzStorageFull" | "InsufficientCapacity" => {
            StoreErrorKind::Full
        }
        "InternalError" | "RequestTimeout" | "ConditionalRequestConflict" | "OperationAborted"
        // What arrived is not what was sent.
        | "BadDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch" => {
            StoreErrorKind::Transient
        }
        "SlowDown" | "SlowDownRead" | "SlowDownWrite" | "TooManyRequests" | "RequestLimitExceeded" => {
            StoreErrorKind::Throttled
        }
        "NoSuchUpload" => StoreErrorKind::NotFound,
        "InvalidPart" | "InvalidPartOrder" | "EntityTooSmall" => StoreErrorKind::Changed,
        "ExpiredToken" | "InvalidToken" | "AuthorizationHeaderMalformed" => StoreErrorKind::Denied,
        "FileAlreadyExists" | "ObjectAlreadyExists" | "PreconditionFailed" => StoreErrorKind::Precondition,
        "KeyTooLongError" | "EntityTooLarge" | "NotImplemented" => StoreErrorKind::Unsupported,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_signed_unless_something_else_keeps_it_whole() {
        let signs = |payload, url: &str, header: &str| {
            let request = http::Request::put(url).header(header, "x").body(bytes::Bytes::new().into());
            let dialect = S3Dialect { region: String::new(), credential: None, payload };
            dialect.signs_content_of(&request.unwrap())
        };
        let (checked, crc32c) = (Payload::CheckedOverTls, "x-amz-checksum-crc32c");
        assert!(!signs(checked, "https://h/x", crc32c));
        assert!(signs(checked, "http://h/x", crc32c));
        assert!(signs(checked, "https://h/x", "x-amz-meta-mtime"));
        assert!(signs(Payload::Signed, "https://h/x", crc32c));
    }
}
