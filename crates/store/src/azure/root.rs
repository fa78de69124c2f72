use std::ops::Range;

use http::{HeaderMap, Method};
use object_store::azure::{AzureAccessKey, AzureCredential, split_sas};
use secrecy::{ExposeSecret as _, SecretString};
use syncplan_model::{Facts, RelPath, Token};
use url::Url;

use super::dialect::AzureDialect;
use super::object::{facts_of, quoted, token_of};
use super::settings::{AzureCredentials, AzureSettings};
use crate::bucket::{Prefix, Source};
use crate::error::{StoreError, StoreErrorKind};
use crate::web::{Fault, Request, Wire, encode, text_of};

/// The folder of a container that a store is, and the way to it.
pub(super) struct Root {
    pub(super) wire: Wire,
    pub(super) container: String,
    pub(super) retries: u32,
    pub(super) prefix: Prefix,
    /// What has to stand in the URL of a copy's source: `?` and a signature, or nothing.
    source_query: SecretString,
}

impl Root {
    pub(super) fn new(settings: &AzureSettings) -> Result<Self, StoreError> {
        let fail = |reason: String| {
            StoreError::new(StoreErrorKind::Unsupported, "open", settings.container.as_bytes())
                .because(reason)
        };
        let url = container_url(settings).map_err(fail)?;
        let credential = credential(settings).map_err(|reason| fail(reason.to_owned()))?;
        let source_query = match &credential {
            Some(AzureCredential::SASToken(pairs)) => {
                let pairs = pairs.iter().map(|(name, value)| {
                    format!("{}={}", encode(name.as_bytes(), b""), encode(value.as_bytes(), b""))
                });
                format!("?{}", pairs.collect::<Vec<_>>().join("&"))
            }
            _ => String::new(),
        };
        let dialect = Box::new(AzureDialect { account: settings.account.clone(), credential });
        let wire = Wire::new(url, &settings.reach, dialect).map_err(|error| fail(text_of(&error)))?;
        Ok(Self {
            wire,
            container: settings.container.clone(),
            retries: settings.reach.retries,
            prefix: Prefix::new(settings.prefix.as_ref(), mistaken),
            source_query: source_query.into(),
        })
    }

    /// A request for a list of what is in the container.
    pub(super) fn listing(&self, prefix: &[u8]) -> Request {
        Request::new(Method::GET, "")
            .query("restype", "container")
            .query("comp", "list")
            .query("prefix", String::from_utf8_lossy(prefix))
    }

    pub(super) fn key(&self, operation: &'static str, path: &RelPath) -> Result<Vec<u8>, StoreError> {
        self.prefix.key(operation, path)
    }

    /// Where a copy finds its source.
    pub(super) fn source_url(&self, key: &[u8]) -> SecretString {
        let (url, query) = (self.wire.url(), self.source_query.expose_secret());
        format!("{url}/{}{query}", encode(key, b"/")).into()
    }

    /// What the headers of the blob at a key are.
    pub(super) async fn headers(&self, key: &[u8]) -> Result<Option<HeaderMap>, Fault> {
        match self.wire.send(&object(Method::HEAD, key).patient()).await {
            Ok(reply) => Ok(Some(reply.headers)),
            Err(failed) if failed.fault.kind() == StoreErrorKind::NotFound => Ok(None),
            Err(failed) => Err(failed.fault),
        }
    }

    /// What stands at a key.
    pub(super) async fn head(&self, key: &[u8]) -> Result<Option<Facts>, Fault> {
        self.headers(key).await?.map(|headers| facts_of(&headers)).transpose()
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

impl Source for Root {
    fn wire(&self) -> &Wire {
        &self.wire
    }

    fn retries(&self) -> u32 {
        self.retries
    }

    fn get(&self, path: &RelPath, key: &[u8], range: Option<&Range<u64>>, expect: Option<&Token>) -> Request {
        let mut request = object_at(Method::GET, key, path);
        if let Some(range) = range {
            request = request.header("x-ms-range", &format!("bytes={}-{}", range.start, range.end - 1));
        }
        match expect {
            Some(token) => request.header("if-match", &quoted(token)),
            None => request,
        }
    }

    fn token(&self, headers: &HeaderMap) -> Option<Token> {
        token_of(headers)
    }

    fn failure(&self, fault: Fault, operation: &'static str, path: &RelPath) -> StoreError {
        fault.of(operation, path, &self.container)
    }
}

/// A request for the blob of a key.
pub(super) fn object(method: Method, key: &[u8]) -> Request {
    Request::new(method, format!("/{}", encode(key, b"/")))
}

/// A request for the blob at `path`. Those of our own (marks, leases) are nobody's transfer: whoever
/// needs one waits for it.
pub(super) fn object_at(method: Method, key: &[u8], path: &RelPath) -> Request {
    let request = object(method, key);
    if path.is_reserved() { request.patient() } else { request }
}

/// Azure takes some names for others: a write to one would replace what has the other.
fn mistaken(path: &str) -> Option<&'static str> {
    if path.contains(char::is_control) {
        Some("Azure knows no control characters in names")
    } else if path.contains('\\') {
        Some("Azure takes a backslash for a slash")
    } else if path.split('/').any(|name| name.ends_with('.')) {
        Some("Azure leaves out the dot at the end of a name")
    } else {
        None
    }
}

fn credential(settings: &AzureSettings) -> Result<Option<AzureCredential>, &'static str> {
    Ok(Some(match &settings.credentials {
        None => return Ok(None),
        Some(AzureCredentials::AccessKey(key)) => {
            // The error would show a part of it.
            let key = AzureAccessKey::try_new(key.expose_secret().trim());
            AzureCredential::AccessKey(key.map_err(|_| "the account's key is not base64")?)
        }
        Some(AzureCredentials::SasToken(token)) => {
            let pairs = split_sas(token.expose_secret().trim());
            let pairs = pairs.map_err(|_| "the shared access signature is none")?;
            if !pairs.iter().any(|(name, _)| name == "sig") {
                return Err("the shared access signature is none: it has no `sig`");
            }
            AzureCredential::SASToken(pairs)
        }
    }))
}

fn container_url(settings: &AzureSettings) -> Result<String, String> {
    let AzureSettings { account, container, .. } = settings;
    let harmless = |text: &str, also: &[char]| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || also.contains(&c))
    };
    if !harmless(account, &[]) {
        return Err("the account's name is none: it has lower-case letters and digits only".to_owned());
    }
    if !harmless(container, &['-', '$']) {
        return Err("the container's name is none".to_owned());
    }
    let endpoint =
        settings.endpoint.clone().unwrap_or_else(|| format!("https://{account}.blob.core.windows.net"));
    let bearer = matches!(settings.credentials, Some(AzureCredentials::SasToken(_)));
    let mut url = crate::bucket::endpoint(&endpoint, bearer)?;
    let path = format!("{}/{container}", url.path().trim_end_matches('/'));
    Url::set_path(&mut url, &path);
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(endpoint: Option<&str>, credentials: Option<AzureCredentials>) -> Result<String, String> {
        let endpoint = endpoint.map(str::to_owned);
        container_url(&AzureSettings { endpoint, credentials, ..AzureSettings::new("acc", "box") })
    }

    #[test]
    fn containers_stand_below_their_account() {
        for (endpoint, wanted) in [
            (None, "https://acc.blob.core.windows.net/box"),
            (Some("http://127.0.0.1:10000/acc"), "http://127.0.0.1:10000/acc/box"),
            (Some("https://h/"), "https://h/box"),
        ] {
            assert_eq!(url(endpoint, None).as_deref(), Ok(wanted));
        }
        for bad in ["ftp://h", "https://user:secret@h", "h", "https://h/?sv=1&sig=canary"] {
            assert!(!url(Some(bad), None).unwrap_err().contains("canary"), "{bad:?}");
        }
    }

    #[test]
    fn a_signature_never_goes_out_in_the_clear() {
        let sas = || Some(AzureCredentials::SasToken("sv=1&sig=x".into()));
        assert!(url(Some("http://10.0.0.1/acc"), sas()).is_err());
        for fine in ["http://127.0.0.1:1/acc", "http://[::1]:1/acc", "http://localhost/acc", "https://h/acc"]
        {
            assert!(url(Some(fine), sas()).is_ok(), "{fine}");
        }
        let key = Some(AzureCredentials::AccessKey("a2V5".into()));
        assert!(url(Some("http://10.0.0.1/acc"), key).is_ok());
    }

    #[test]
    fn names_that_azure_mistakes_are_refused() {
        for bad in ["a\\b", "a.", "a./b", "...", "a\nb", "a\u{7f}", "a\u{81}"] {
            assert!(mistaken(bad).is_some(), "{bad}");
        }
        assert_eq!(mistaken("a.b/.c/d"), None);
    }
}
