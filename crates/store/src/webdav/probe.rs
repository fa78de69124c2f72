use bytes::Bytes;
use http::Method;
use syncplan_model::{Facts, Mtime, RelPath};

use super::WebdavStore;
use super::root::method;
use crate::error::{StoreError, StoreErrorKind};
use crate::web::{Failed, Fault, Origin, Request, is_weak};

/// A time that no server would come to by itself.
const LONG_AGO: Mtime = Mtime { seconds: 1_000_000_000, nanos: 0 };

/// A time before there was any.
const BEFORE_ALL: Mtime = Mtime { seconds: -86_401, nanos: 0 };

/// What a server was seen to do, whatever its documents say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Honoured {
    /// `Overwrite: F` on a move.
    pub(super) no_overwrite: bool,
    /// `If-Match` on a delete.
    pub(super) delete: bool,
    /// `Content-Range` on a put, which changes a part of what is there.
    pub(super) ranges: bool,
    /// `X-OC-Mtime` on a put: when content was modified.
    pub(super) put_time: bool,
    /// The property `lastmodified`, which says the same of what is there.
    pub(super) patch_time: bool,
    /// Other content of the same size and time has the same token.
    pub(super) weak: bool,
}

impl Honoured {
    /// Whether times of modification are kept.
    pub(super) fn keeps_times(self) -> bool {
        self.put_time || self.patch_time
    }

    /// A put with the time of its content, where that works.
    pub(super) fn timed(self, put: Request, mtime: Option<Mtime>) -> Request {
        match mtime {
            // Some servers refuse the first day of 1970 and all before.
            Some(mtime) if self.put_time && mtime.seconds > 86_400 => {
                put.header("x-oc-mtime", &mtime.seconds.to_string())
            }
            _ => put,
        }
    }
}

impl WebdavStore {
    /// What the server honours, found out once on a file of our own below the reserved folder.
    pub(super) async fn honoured(&self) -> Result<Honoured, StoreError> {
        let found = self.honoured.get_or_try_init(|| Box::pin(self.find_out())).await;
        found.copied()
    }

    async fn find_out(&self) -> Result<Honoured, StoreError> {
        let path = |name: &str| {
            RelPath::new(format!(".syncplan/probe-{}{name}", self.run))
                .map_err(|error| StoreError::new(StoreErrorKind::Other, "probe", name).because(error))
        };
        let [one, other] = [path("")?, path("-moved")?];
        self.root.ensure_folder("probe", &one, one.parent().as_ref()).await?;
        let found = self.try_out(&one, &other).await;
        for path in [&one, &other] {
            let _ = self.root.wire.send(&Request::new(Method::DELETE, self.root.place(Some(path)))).await;
        }
        let honoured = found.map_err(|fault| self.root.failure(fault, "probe", &one))?;
        tracing::debug!(store = &*self.root.store, ?honoured, "what the server honours");
        Ok(honoured)
    }

    async fn try_out(&self, one: &RelPath, other: &RelPath) -> Result<Honoured, Fault> {
        let mut honoured = Honoured::default();
        let place = self.root.place(Some(one));
        let put = |content: &'static str| {
            Request::new(Method::PUT, place.clone()).body(Bytes::from_static(content.as_bytes())).patient()
        };
        let timed = |request: Request| request.header("x-oc-mtime", &LONG_AGO.to_string());
        // Servers that know the header and dislike it are told apart from those that ignore it.
        if self.is_refused(timed(put("aaaa"))).await? {
            self.send(put("aaaa")).await?;
        }
        let first = self.seen(one).await?;
        let keeps = first.mtime == Some(LONG_AGO);
        self.send(if keeps { timed(put("bbbb")) } else { put("bbbb") }).await?;
        let second = self.seen(one).await?;
        honoured.weak = second.token == first.token || second.token.as_ref().is_none_or(is_weak);

        let mv = |overwrite| {
            Request::new(method("MOVE"), place.clone())
                .header("destination", &self.root.url(&self.root.place(Some(other))))
                .header("overwrite", overwrite)
                .patient()
        };
        honoured.put_time = keeps;
        honoured.patch_time = match self.patch_time(one, BEFORE_ALL).await {
            Ok(()) => self.seen(one).await?.mtime == Some(BEFORE_ALL),
            // Some servers forbid it to those who may write: the time is not kept there, and that is all.
            Err(Fault::Answer(answer)) if !answer.kind.is_momentary() => false,
            Err(fault) => return Err(fault),
        };
        self.send(mv("T")).await?;
        self.send(put("cccc")).await?;
        honoured.no_overwrite = self.is_refused(mv("F")).await?;
        if honoured.no_overwrite {
            honoured.ranges = self.changes_parts(one, put("xx")).await?;
            honoured.delete = self.deletes_on_condition(other).await?;
        }
        Ok(honoured)
    }

    /// Has a file say that it was modified at this time; servers that cannot do it do nothing.
    pub(super) async fn patch_time(&self, path: &RelPath, mtime: Mtime) -> Result<(), Fault> {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><D:propertyupdate xmlns:D=\"DAV:\"><D:set><D:prop>\
             <D:lastmodified>{}</D:lastmodified></D:prop></D:set></D:propertyupdate>",
            mtime.seconds
        );
        let request = Request::new(method("PROPPATCH"), self.root.place(Some(path)))
            .header("content-type", "application/xml; charset=utf-8")
            .body(body.into());
        self.is_refused(request).await.map(drop)
    }

    /// Whether two bytes in the middle can be written alone.
    async fn changes_parts(&self, path: &RelPath, put: Request) -> Result<bool, Fault> {
        if self.is_refused(put.header("content-range", "bytes 1-2/*")).await? {
            return Ok(false);
        }
        let reply = self.root.wire.send(&Request::new(Method::GET, self.root.place(Some(path)))).await;
        let reply = reply.map_err(|failed| failed.fault)?;
        Ok(reply.read_all(64).await.is_ok_and(|content| content == "cxxc"))
    }

    async fn deletes_on_condition(&self, path: &RelPath) -> Result<bool, Fault> {
        let Some(token) = self.seen(path).await?.token else { return Ok(false) };
        let delete = |tag: &str| {
            Request::new(Method::DELETE, self.root.place(Some(path)))
                .header("if-match", &format!("\"{tag}\""))
        };
        Ok(self.is_refused(delete("no-such-tag")).await? && !self.is_refused(delete(token.as_str())).await?)
    }

    async fn seen(&self, path: &RelPath) -> Result<Facts, Fault> {
        let found = self.root.ask_one(Some(path), false).await?;
        found.ok_or(Fault::Malformed("what was just written is not there"))
    }

    async fn send(&self, request: Request) -> Result<(), Fault> {
        self.root.wire.send(&request).await.map(drop).map_err(|failed| failed.fault)
    }

    /// Whether the server does not do it, for a reason that is not one of the moment.
    async fn is_refused(&self, request: Request) -> Result<bool, Fault> {
        match self.root.wire.send(&request).await {
            Ok(_) => Ok(false),
            Err(Failed { fault, .. }) => match fault {
                Fault::Answer(ref answer) if !answer.kind.is_momentary() => match answer.kind {
                    StoreErrorKind::Denied | StoreErrorKind::Full => Err(fault),
                    _ => Ok(true),
                },
                fault => Err(fault),
            },
        }
    }

    /// Content as it is read.
    pub(super) fn origin(&self, path: &RelPath, place: String) -> Origin {
        Origin {
            wire: self.root.wire.clone(),
            place,
            path: path.clone(),
            store: self.root.store.clone(),
            retries: self.root.retries,
            follows: false,
        }
    }
}
