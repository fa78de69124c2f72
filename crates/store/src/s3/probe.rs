use bytes::Bytes;
use http::Method;
use syncplan_model::Token;

use super::S3Store;
use super::object::quoted;
use super::request::object;
use crate::error::{StoreError, StoreErrorKind};
use crate::web::{Failed, Fault, Request};

/// An ETag that no object has.
const NO_ETAG: &str = "00000000000000000000000000000000";

/// What a server was seen to do, whatever its documents say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Honoured {
    /// How a put can be told not to replace anything.
    pub(super) create: Option<Create>,
    /// `If-Match` on a put.
    pub(super) replace: bool,
    /// `If-Match` on a delete.
    pub(super) delete: bool,
    /// `x-amz-copy-source-if-match` on a copy.
    pub(super) copy_source: bool,
}

/// How a put can be told not to replace anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Create {
    /// `If-None-Match: *`
    Standard,
    /// The provider's own header, set to `true`.
    Own(&'static str),
}

impl Create {
    pub(super) fn add_to(self, request: Request) -> Request {
        match self {
            Self::Standard => request.header("if-none-match", "*"),
            Self::Own(header) => request.header(header, "true"),
        }
    }
}

impl S3Store {
    /// What the server honours, found out once on an object of our own below the reserved prefix.
    pub(super) async fn honoured(&self) -> Result<Honoured, StoreError> {
        let found = self.honoured.get_or_try_init(|| self.find_out()).await;
        found.copied().map_err(|fault| fault.of("probe", self.root.bucket.as_bytes(), &self.root.bucket))
    }

    /// Whether it is known to honour some condition: what such a server says of itself is believed.
    pub(super) fn is_believed(&self) -> bool {
        self.honoured.get().is_some_and(|honoured| *honoured != Honoured::default())
    }

    async fn find_out(&self) -> Result<Honoured, Fault> {
        let key = self.root.key_bytes(format!(".syncplan/probe-{}", self.run).as_bytes());
        let put = || object(Method::PUT, &key).body(Bytes::from_static(b"probe")).patient();
        self.root.wire.send(&put()).await.map_err(|failed| failed.fault)?;
        let mut honoured = Honoured::default();
        let own = self.traits.forbid_overwrite.map(Create::Own);
        let standard = self.traits.may_honour_conditions.then_some(Create::Standard);
        for create in [standard, own].into_iter().flatten() {
            if honoured.create.is_none() && self.is_refused(create.add_to(put())).await? {
                honoured.create = Some(create);
            }
        }
        if self.traits.may_honour_conditions {
            let no_etag = quoted(&Token::new(NO_ETAG));
            honoured.replace = self.is_refused(put().header("if-match", &no_etag)).await?;
            // Onto itself: a server that lies about it does no harm.
            let copy = self.copying(object(Method::PUT, &key), &key, Some(&Token::new(NO_ETAG)));
            let copy = copy.header("x-amz-metadata-directive", "REPLACE").patient();
            honoured.copy_source = self.is_refused(copy).await?;
            let delete = object(Method::DELETE, &key).header("if-match", &no_etag).patient();
            let _removal = self.removals.begin().await;
            honoured.delete = self.is_refused(delete).await?;
        }
        // Where nothing may be deleted, the probe stays; it is below the reserved prefix.
        let removal = self.removals.begin().await;
        let _ = self.root.wire.send(&object(Method::DELETE, &key)).await;
        drop(removal);
        tracing::debug!(bucket = self.root.bucket, ?honoured, "what the server honours");
        Ok(honoured)
    }

    /// Whether a request fails because of its condition, and for no other reason.
    async fn is_refused(&self, request: Request) -> Result<bool, Fault> {
        match self.root.wire.send(&request).await {
            Ok(_) => Ok(false),
            Err(Failed { fault, .. }) => match fault.kind() {
                StoreErrorKind::Precondition => Ok(true),
                StoreErrorKind::Unreachable | StoreErrorKind::Transient | StoreErrorKind::Throttled => {
                    Err(fault)
                }
                // Providers answer an own header with 409, and one that they do not know with 4xx or 501.
                _ => Ok(fault.status() == Some(http::StatusCode::CONFLICT)),
            },
        }
    }
}
