use async_trait::async_trait;
use http::{HeaderMap, StatusCode};
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::HttpRequest;

use crate::error::StoreErrorKind;
use crate::web::{Answer, Dialect, Fault, xml};

/// How requests to an S3 are signed, and what its errors mean.
pub(super) struct S3Dialect {
    pub(super) region: String,
    /// Without one, requests are not signed.
    pub(super) credential: Option<AwsCredential>,
}

#[async_trait]
impl Dialect for S3Dialect {
    async fn authorize(&self, request: &mut HttpRequest) -> Result<(), Fault> {
        let Some(credential) = &self.credential else { return Ok(()) };
        AwsAuthorizer::new(credential, "s3", &self.region)
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
