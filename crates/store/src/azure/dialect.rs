use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, StatusCode};
use object_store::azure::{AzureAuthorizer, AzureCredential};
use object_store::client::HttpRequest;

use crate::error::StoreErrorKind;
use crate::web::{Answer, Dialect, Fault, xml};

/// The version of the protocol that requests are made in.
const VERSION: HeaderValue = HeaderValue::from_static("2023-11-03");

/// How requests to an account prove whose they are, and what its errors mean.
pub(super) struct AzureDialect {
    pub(super) account: String,
    /// Without one, requests are anonymous.
    pub(super) credential: Option<AzureCredential>,
}

#[async_trait]
impl Dialect for AzureDialect {
    async fn authorize(&self, request: &mut HttpRequest) -> Result<(), Fault> {
        request.headers_mut().insert("x-ms-version", VERSION);
        let Some(credential) = &self.credential else { return Ok(()) };
        // What is signed has to be text.
        if request.headers().values().any(|value| value.to_str().is_err()) {
            return Err(Fault::Invalid("a header is not ASCII".into()));
        }
        AzureAuthorizer::new(credential, &self.account)
            .try_authorize(request)
            .map_err(|error| Fault::Invalid(Box::new(error)))
    }

    fn understand(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Answer {
        // Only these two: errors of authentication go on with what was signed.
        let [mut code, message] = xml::texts(body, ["Code", "Message"]);
        // An answer to HEAD has no body.
        if let Some(header) = headers.get("x-ms-error-code").and_then(|code| code.to_str().ok()) {
            header.clone_into(&mut code);
        }
        let mut answer = Answer::new(status, headers);
        answer.kind = kind(&code).unwrap_or(answer.kind);
        // The rest of a message is the number of the request and the time.
        let message = message.lines().next().unwrap_or_default();
        // Some servers repeat what they were asked for, signature and all.
        let message = if message.contains("sig=") { String::new() } else { message.to_owned() };
        answer.saying(code, message)
    }
}

/// What a code means, where the status alone would say something else.
fn kind(code: &str) -> Option<StoreErrorKind> {
    Some(match code {
        "ContainerNotFound" | "ContainerBeingDeleted" | "ContainerDisabled" => StoreErrorKind::NoStore,
        "AccountIsDisabled" | "NoAuthenticationInformation" | "AuthenticationFailed" | "InvalidAuthenticationInfo"
        | "UnauthorizedBlobOverwrite" | "ImmutableBlob" | "BlobImmutableDueToPolicy" => StoreErrorKind::Denied,
        "BlobAlreadyExists" | "ConditionNotMet" | "SourceConditionNotMet" | "TargetConditionNotMet" => {
            StoreErrorKind::Precondition
        }
        // Planning again does not help: somebody holds on to it.
        code if code.starts_with("Lease") => StoreErrorKind::Denied,
        "InvalidBlockList" | "InvalidBlobOrBlock" => StoreErrorKind::Changed,
        "InternalError" | "OperationTimedOut" | "PendingCopyOperation"
        // What arrived is not what was sent.
        | "Md5Mismatch" | "Crc64Mismatch" => StoreErrorKind::Transient,
        "ServerBusy" | "AccountIopsOverLimit" | "BlobOperationRateLimitExceeded" => StoreErrorKind::Throttled,
        "RequestBodyTooLarge" | "OutOfRangeInput" | "InvalidUri" | "InvalidResourceName" => {
            StoreErrorKind::Unsupported
        }
        _ => return None,
    })
}
