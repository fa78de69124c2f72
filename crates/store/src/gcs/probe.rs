use bytes::Bytes;
use http::Method;
use serde_json::Map;
use syncplan_model::Token;

use super::GcsStore;
use super::root::matching;
use crate::bucket::new_name;
use crate::error::{StoreError, StoreErrorKind};
use crate::web::{Failed, Fault, Request};

impl GcsStore {
    /// Whether the server holds conditions by itself, found out once on an object of our own below the reserved
    /// prefix.
    pub(super) async fn honoured(&self) -> Result<bool, StoreError> {
        let found = self.honoured.get_or_try_init(|| self.find_out()).await;
        found.copied().map_err(|fault| fault.of("probe", self.root.bucket.as_bytes(), &self.root.bucket))
    }

    async fn find_out(&self) -> Result<bool, Fault> {
        let root = &self.root;
        let key = root.prefix.key_of(format!(".syncplan/probe-{}", new_name()).as_bytes());
        let put = || root.put(&key, "text/plain", &Map::new(), &Bytes::from_static(b"probe")).patient();
        root.wire.send(&put()).await.map_err(|failed| failed.fault)?;
        // A generation that no object has.
        let other = Token::new("1");
        let onto_itself = format!("/rewriteTo/b/{}/o/{}", root.bucket, crate::web::encode(&key, b""));
        let rewrite = || root.object(Method::POST, &key, &onto_itself).patient();
        let refused = [
            put().query("ifGenerationMatch", "0"),
            matching(put(), &other),
            rewrite().query("ifGenerationMatch", "0"),
            rewrite().query("ifSourceGenerationMatch", "1"),
            matching(root.object(Method::DELETE, &key, "").patient(), &other),
        ];
        let mut honoured = true;
        for request in &refused {
            honoured = honoured && self.is_refused(request).await?;
        }
        // Where nothing may be deleted, the probe stays; it is below the reserved prefix.
        let _ = root.wire.send(&root.object(Method::DELETE, &key, "")).await;
        tracing::debug!(bucket = root.bucket, honoured, "whether the server honours conditions");
        Ok(honoured)
    }

    /// Whether a request fails because of its condition, and for no other reason.
    async fn is_refused(&self, request: &Request) -> Result<bool, Fault> {
        match self.root.wire.send(request).await {
            Ok(_) => Ok(false),
            Err(Failed { fault, .. }) => match fault.kind() {
                StoreErrorKind::Precondition => Ok(true),
                kind if kind.is_momentary() => Err(fault),
                _ => Ok(false),
            },
        }
    }
}
