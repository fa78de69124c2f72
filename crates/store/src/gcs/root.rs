use std::ops::Range;

use http::{HeaderMap, Method};
use object_store::gcp::GoogleCloudStorageBuilder;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use std::sync::Arc;
use syncplan_model::{Facts, RelPath, Token};

use super::dialect::{GcsDialect, Tokens};
use super::object::{FIELDS, generations, object_of, token_of};
use super::settings::{GcsCredentials, GcsSettings};
use crate::bucket::{Prefix, Source};
use crate::error::{StoreError, StoreErrorKind};
use crate::store::Precondition;
use crate::web::{Fault, Reply, Request, Wire, encode, text_of};

/// Google's own service.
const GOOGLE: &str = "https://storage.googleapis.com";

/// The longest answer about one object.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// The folder of a bucket that a store is, and the way to it.
pub(super) struct Root {
    pub(super) wire: Wire,
    pub(super) bucket: String,
    pub(super) retries: u32,
    pub(super) prefix: Prefix,
    /// Whether it is Google's own service, which is known to honour conditions.
    pub(super) genuine: bool,
}

impl Root {
    pub(super) fn new(settings: &GcsSettings) -> Result<Self, StoreError> {
        let fail = |reason: String| {
            StoreError::new(StoreErrorKind::Unsupported, "open", settings.bucket.as_bytes()).because(reason)
        };
        let bearer = settings.credentials.is_some();
        let endpoint = settings.endpoint.as_deref().unwrap_or(GOOGLE);
        let url = crate::bucket::endpoint(endpoint, bearer).map_err(fail)?;
        let harmless = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let bucket = settings.bucket.clone();
        if bucket.is_empty() || !bucket.chars().all(harmless) || bucket.starts_with('.') {
            return Err(fail("the bucket's name is none".to_owned()));
        }
        let tokens = settings.credentials.as_ref().map(|it| tokens(it, &bucket)).transpose().map_err(fail)?;
        let url = url.as_str().trim_end_matches('/').to_owned();
        let wire = Wire::new(url, &settings.reach, Box::new(GcsDialect { tokens }));
        Ok(Self {
            wire: wire.map_err(|error| fail(text_of(&error)))?,
            bucket,
            retries: settings.reach.retries,
            prefix: Prefix::new(settings.prefix.as_ref(), mistaken),
            genuine: settings.endpoint.is_none(),
        })
    }

    /// A request for all objects.
    pub(super) fn objects(&self, method: Method) -> Request {
        Request::new(method, format!("/storage/v1/b/{}/o", self.bucket))
    }

    /// A request to upload one.
    pub(super) fn upload(&self) -> Request {
        Request::new(Method::POST, format!("/upload/storage/v1/b/{}/o", self.bucket))
    }

    /// A request for the object of a key, or for what can be done with it.
    pub(super) fn object(&self, method: Method, key: &[u8], what: &str) -> Request {
        let key = encode(key, b"");
        Request::new(method, format!("/storage/v1/b/{}/o/{key}{what}", self.bucket))
    }

    /// The same for the object at `path`. Those of our own (marks, leases) are nobody's transfer: whoever
    /// needs one waits for it.
    pub(super) fn object_at(&self, method: Method, key: &[u8], path: &RelPath) -> Request {
        let request = self.object(method, key, "");
        if path.is_reserved() { request.patient() } else { request }
    }

    pub(super) fn key(&self, operation: &'static str, path: &RelPath) -> Result<Vec<u8>, StoreError> {
        self.prefix.key(operation, path)
    }

    /// What is said about the object at a key.
    pub(super) async fn resource(&self, key: &[u8]) -> Result<Option<Value>, Fault> {
        let request = self.object(Method::GET, key, "").query("fields", FIELDS).whole().patient();
        match self.wire.send(&request).await {
            Ok(reply) => answer(reply).await.map(Some),
            Err(failed) if failed.fault.kind() == StoreErrorKind::NotFound => Ok(None),
            Err(failed) => Err(failed.fault),
        }
    }

    /// What stands at a key.
    pub(super) async fn head(&self, key: &[u8]) -> Result<Option<Facts>, Fault> {
        self.resource(key).await?.map(|resource| facts_of(&resource)).transpose()
    }

    /// What stands at a path, for an operation on it.
    pub(super) async fn look(
        &self,
        operation: &'static str,
        path: &RelPath,
    ) -> Result<Option<Facts>, StoreError> {
        let key = self.key(operation, path)?;
        self.head(&key).await.map_err(|fault| self.failure(fault, operation, path))
    }
}

/// What an answer says.
pub(super) async fn answer(reply: Reply) -> Result<Value, Fault> {
    let text = reply.read_all(LONGEST_ANSWER).await?;
    serde_json::from_slice(&text).map_err(|_| Fault::Malformed("it is not JSON"))
}

pub(super) fn facts_of(resource: &Value) -> Result<Facts, Fault> {
    object_of(resource).map(|object| object.facts).ok_or(Fault::Malformed("it is not about an object"))
}

/// The request with a precondition on what it is for.
pub(super) fn conditional(request: Request, precondition: &Precondition) -> Request {
    match precondition {
        Precondition::Absent => request.query("ifGenerationMatch", "0"),
        Precondition::Token(token) => matching(request, token),
        Precondition::Any => request,
    }
}

/// The request, if what it is for still has the token.
pub(super) fn matching(request: Request, token: &Token) -> Request {
    let (generation, metageneration) = generations(token);
    request.query("ifGenerationMatch", generation).query("ifMetagenerationMatch", metageneration)
}

impl Source for Root {
    fn wire(&self) -> &Wire {
        &self.wire
    }

    fn retries(&self) -> u32 {
        self.retries
    }

    fn get(&self, path: &RelPath, key: &[u8], range: Option<&Range<u64>>, expect: Option<&Token>) -> Request {
        // What is stored compressed is to come as it is stored.
        let mut request = self.object_at(Method::GET, key, path).header("accept-encoding", "gzip");
        if let Some(range) = range {
            request = request.header("range", &format!("bytes={}-{}", range.start, range.end - 1));
        }
        let request = request.query("alt", "media");
        match expect {
            Some(token) => matching(request, token),
            None => request,
        }
    }

    fn token(&self, headers: &HeaderMap) -> Option<Token> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        token_of(text("x-goog-generation")?, text("x-goog-metageneration").unwrap_or_default())
    }

    fn failure(&self, fault: Fault, operation: &'static str, path: &RelPath) -> StoreError {
        fault.of(operation, path, &self.bucket)
    }
}

fn mistaken(path: &str) -> Option<&'static str> {
    path.contains(['\r', '\n']).then_some("Google Cloud Storage knows no line breaks in names")
}

/// What errors say of a key is not repeated: it may be a part of it.
fn tokens(credentials: &GcsCredentials, bucket: &str) -> Result<Tokens, String> {
    let builder = GoogleCloudStorageBuilder::new().with_bucket_name(bucket);
    let (builder, what) = match credentials {
        GcsCredentials::ServiceAccount(key) => {
            (builder.with_service_account_key(key.expose_secret()), "the key of the service account")
        }
        GcsCredentials::ApplicationDefault(file) => {
            (builder.with_application_credentials(file), "the file of the application's credentials")
        }
    };
    let built = builder.build().map_err(|_| format!("{what} cannot be read, or is no such JSON"))?;
    Ok(Arc::clone(built.credentials()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_never_goes_out_in_the_clear() {
        let open = |endpoint: &str, credentials| {
            let endpoint = Some(endpoint.to_owned());
            Root::new(&GcsSettings { endpoint, credentials, ..GcsSettings::new("bkt") }).map(|_| ())
        };
        let key = || Some(GcsCredentials::ServiceAccount("canary, and no JSON".into()));
        let error = text_of(&open("http://10.0.0.1", key()).unwrap_err());
        assert!(error.contains("https://"), "{error}");
        let error = text_of(&open("https://h", key()).unwrap_err());
        assert!(error.contains("no such JSON") && !error.contains("canary"), "{error}");
        assert!(open("http://10.0.0.1", None).is_ok());
    }
}
