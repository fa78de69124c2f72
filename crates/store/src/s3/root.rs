use http::Method;
use object_store::aws::AwsCredential;
use secrecy::ExposeSecret as _;
use syncplan_model::spec::Addressing;
use syncplan_model::{Facts, RelPath};
use url::Url;

use super::dialect::S3Dialect;
use super::object::described;
use super::provider::{Pages, Traits};
use super::request::object;
use super::settings::S3Settings;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::Described;
use crate::web::{Fault, Request, Wire, text_of};

/// The longest key, in bytes.
pub(super) const LONGEST_KEY: usize = 1024;

/// The folder of a bucket that a store is, and the way to it.
pub(super) struct Root {
    pub(super) wire: Wire,
    pub(super) bucket: String,
    /// How often a download that breaks off goes on.
    pub(super) retries: u32,
    /// What every key begins with: nothing, or a path and a slash.
    pub(super) prefix: Vec<u8>,
    pub(super) pages: Pages,
    pub(super) encodes_keys: bool,
    /// Whether empty objects whose names end in a slash are folders.
    pub(super) has_markers: bool,
}

impl Root {
    pub(super) fn new(settings: &S3Settings, traits: &Traits) -> Result<Self, StoreError> {
        let fail = |reason: String| {
            StoreError::new(StoreErrorKind::Unsupported, "open", settings.bucket.as_bytes()).because(reason)
        };
        let region = settings.region.clone().unwrap_or_else(|| traits.region.to_owned());
        let url = bucket_url(settings, traits, &region).map_err(fail)?;
        let credential = settings.credentials.as_ref().map(|credentials| AwsCredential {
            key_id: credentials.access_key_id.clone(),
            secret_key: credentials.secret_access_key.expose_secret().to_owned(),
            token: credentials.session_token.as_ref().map(|token| token.expose_secret().to_owned()),
        });
        if credential.as_ref().is_some_and(|it| it.token.as_ref().is_some_and(|token| !is_header(token))) {
            return Err(fail("the session token holds characters that no request can carry".to_owned()));
        }
        let prefix =
            settings.prefix.as_ref().map(|prefix| [prefix.as_bytes(), b"/"].concat()).unwrap_or_default();
        let dialect = Box::new(S3Dialect { region, credential, payload: traits.payload });
        let wire = Wire::new(url, &settings.reach, dialect).map_err(|error| fail(text_of(&error)))?;
        let (bucket, retries) = (settings.bucket.clone(), settings.reach.retries);
        Ok(Self {
            wire,
            bucket,
            retries,
            prefix,
            pages: traits.pages,
            encodes_keys: traits.encodes_keys,
            has_markers: settings.directory_markers,
        })
    }

    /// A request for the bucket itself, which is `/bucket` in path style and `/` in a host of its own.
    pub(super) fn request(&self, method: Method) -> Request {
        let in_path = self.wire.url().ends_with(&format!("/{}", self.bucket));
        Request::new(method, if in_path { "" } else { "/" })
    }

    /// A request for a page of a listing.
    pub(super) fn listing(&self, prefix: impl Into<String>) -> Request {
        let request = self.request(Method::GET).query("prefix", prefix);
        match self.pages {
            Pages::Token => request.query("list-type", "2"),
            Pages::Marker => request,
        }
    }

    /// The whole key of what is `below` the root.
    pub(super) fn key_bytes(&self, below: &[u8]) -> Vec<u8> {
        [&self.prefix, below].concat()
    }

    /// The key of a path, if the service can hold it.
    pub(super) fn key(&self, operation: &'static str, path: &RelPath) -> Result<Vec<u8>, StoreError> {
        let refuse =
            |reason| Err(StoreError::new(StoreErrorKind::Unsupported, operation, path).because(reason));
        if path.as_str().is_none() {
            return refuse("object keys are UTF-8, and this name is not");
        }
        let key = self.key_bytes(path.as_bytes());
        if key.len() > LONGEST_KEY {
            return refuse("object keys are at most 1024 bytes long, and this one is longer");
        }
        Ok(key)
    }

    /// What stands at a key.
    pub(super) async fn head(&self, key: &[u8]) -> Result<Option<Facts>, Fault> {
        Ok(self.describe(key).await?.map(|found| found.facts))
    }

    /// What stands at a key, and what is kept beside it.
    pub(super) async fn describe(&self, key: &[u8]) -> Result<Option<Described>, Fault> {
        match self.wire.send(&object(Method::HEAD, key).patient()).await {
            Ok(reply) => described(&reply.headers).map(Some),
            Err(failed) if failed.fault.status() == Some(http::StatusCode::NOT_FOUND) => Ok(None),
            Err(failed) => Err(failed.fault),
        }
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

    pub(super) fn failure(&self, fault: Fault, operation: &'static str, path: &RelPath) -> StoreError {
        fault.of(operation, path, &self.bucket)
    }
}

fn is_header(text: &str) -> bool {
    http::HeaderValue::from_str(text).is_ok()
}

fn bucket_url(settings: &S3Settings, traits: &Traits, region: &str) -> Result<String, String> {
    let endpoint = match (&settings.endpoint, traits.endpoint) {
        (Some(endpoint), _) => endpoint.clone(),
        (None, Some(template)) => template.replace("{region}", region),
        (None, None) => return Err(format!("provider {} needs an endpoint", settings.provider)),
    };
    let mut url: Url = endpoint.parse().map_err(|error| format!("the endpoint is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() || !url.username().is_empty() {
        return Err("the endpoint should be http:// or https:// and a host, without a user".to_owned());
    }
    let bucket = &settings.bucket;
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if bucket.is_empty() || !bucket.chars().all(harmless) || bucket.starts_with('.') {
        return Err("the bucket's name is none".to_owned());
    }
    url.set_query(None);
    url.set_fragment(None);
    let host = url.host_str().unwrap_or_default().to_owned();
    match settings.addressing.unwrap_or(traits.addressing) {
        Addressing::PathStyle => {
            let path = format!("{}/{bucket}", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        // The bucket may be in the endpoint already.
        Addressing::VirtualHosted if host.starts_with(&format!("{bucket}.")) => {}
        Addressing::VirtualHosted => {
            url.set_host(Some(&format!("{bucket}.{host}"))).map_err(|error| error.to_string())?;
        }
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use syncplan_model::spec::Provider;

    use super::super::provider::traits;
    use super::*;

    fn url(provider: Provider, endpoint: Option<&str>) -> Result<String, String> {
        let settings =
            S3Settings { endpoint: endpoint.map(str::to_owned), ..S3Settings::new(provider, "bkt") };
        let traits = traits(provider);
        bucket_url(&settings, &traits, traits.region)
    }

    #[test]
    fn buckets_stand_where_their_provider_wants_them() {
        for (provider, endpoint, wanted) in [
            (Provider::Aws, None, "https://bkt.s3.us-east-1.amazonaws.com"),
            (Provider::Aliyun, None, "https://bkt.s3.oss-cn-hangzhou.aliyuncs.com"),
            (Provider::Aliyun, Some("https://oss-cn-x.aliyuncs.com/"), "https://bkt.oss-cn-x.aliyuncs.com"),
            (
                Provider::Aliyun,
                Some("https://bkt.oss-cn-x.aliyuncs.com"),
                "https://bkt.oss-cn-x.aliyuncs.com",
            ),
            (Provider::Tencent, None, "https://bkt.cos.ap-guangzhou.myqcloud.com"),
            (Provider::Qiniu, None, "https://bkt.s3.cn-east-1.qiniucs.com"),
            (Provider::Huawei, None, "https://bkt.obs.cn-north-4.myhuaweicloud.com"),
            (Provider::Backblaze, None, "https://s3.us-west-004.backblazeb2.com/bkt"),
            (Provider::Wasabi, None, "https://s3.us-east-1.wasabisys.com/bkt"),
            (
                Provider::R2,
                Some("https://id.r2.cloudflarestorage.com"),
                "https://id.r2.cloudflarestorage.com/bkt",
            ),
            (Provider::Minio, Some("http://127.0.0.1:9000"), "http://127.0.0.1:9000/bkt"),
            (Provider::Other, Some("https://h/s3/"), "https://h/s3/bkt"),
        ] {
            assert_eq!(url(provider, endpoint).as_deref(), Ok(wanted));
        }
        for bad in [None, Some("ftp://h"), Some("https://user:secret@h"), Some("h")] {
            assert!(url(Provider::Minio, bad).is_err(), "{bad:?}");
        }
    }
}
