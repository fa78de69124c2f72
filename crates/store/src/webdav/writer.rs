use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use http::Method;
use syncplan_model::{EntryKind, Facts, Mtime, RelPath, TEMPORARY_PREFIX};

use super::root::method;
use super::{PRECISION, WebdavStore};
use crate::error::{StoreError, StoreErrorKind};
use crate::length::Length;
use crate::retry::{Patience, Retry};
use crate::store::{ContentStream, Precondition, WriteOptions};
use crate::web::{Fault, Request, Upload};

/// Content up to so many bytes is held in memory, so that it can be sent again.
const SMALL: u64 = 1024 * 1024;

/// The number of the next temporary of this process.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl WebdavStore {
    /// Puts content beside its target, and moves it there.
    pub(super) async fn write_content(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        self.root.file("write", path)?;
        let honoured = self.honoured().await?;
        if options.size > SMALL {
            // It may be seen now that all of it would be in vain.
            self.root.check_target("write", path, &options.precondition).await?;
        }
        self.root.ensure_folder("write", path, path.parent().as_ref()).await?;
        let temporary = self.temporary("write", path, options.temporary.as_ref())?;
        let request = Request::new(Method::PUT, self.root.place(Some(&temporary)))
            .header("content-type", "application/octet-stream");
        let request = honoured.timed(request, options.metadata.mtime);
        let put = match options.size {
            0..=SMALL => self.put_whole(path, request, content, options.size).await,
            _ => self.put_stream(path, &request, content, options.size).await,
        };
        let done = match put {
            Ok(()) => {
                syncplan_failpoint::hit("webdav/put");
                self.install(path, &temporary, options).await
            }
            Err(error) => Err(error),
        };
        if done.is_err() {
            self.clear(&temporary).await;
        }
        done
    }

    /// The name of the temporary beside a path: what whoever runs a plan wants, or one of our own.
    pub(super) fn temporary(
        &self,
        operation: &'static str,
        path: &RelPath,
        wanted: Option<&RelPath>,
    ) -> Result<RelPath, StoreError> {
        if let Some(wanted) = wanted {
            self.root.file(operation, wanted)?;
            return Ok(wanted.clone());
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{TEMPORARY_PREFIX}{}-{number}", self.run);
        path.with_file_name(name)
            .map_err(|error| StoreError::new(StoreErrorKind::Unsupported, operation, path).because(error))
    }

    async fn put_whole(
        &self,
        path: &RelPath,
        request: Request,
        mut content: ContentStream,
        size: u64,
    ) -> Result<(), StoreError> {
        let mut length = Length::new(size);
        let mut all = BytesMut::new();
        while let Some(chunk) = content.next().await {
            let chunk = chunk?;
            length.add(path, &chunk)?;
            all.extend_from_slice(&chunk);
        }
        length.end(path)?;
        match self.root.wire.send(&request.body(all.freeze())).await {
            Ok(_) => Ok(()),
            Err(failed) => Err(self.unwritten(path, failed.fault)),
        }
    }

    async fn put_stream(
        &self,
        path: &RelPath,
        request: &Request,
        content: ContentStream,
        size: u64,
    ) -> Result<(), StoreError> {
        let broken = Arc::new(Mutex::new(None));
        let content = measured(path.clone(), content, size, Arc::clone(&broken));
        let sent = self.root.wire.upload(request, size, content).await;
        // What went wrong with the content is why the server did not get it.
        if let Some(error) = broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        sent.map(drop).map_err(|fault| self.unwritten(path, fault))
    }

    /// A folder that went away meanwhile is made again by whoever tries again.
    pub(super) fn unwritten(&self, path: &RelPath, fault: Fault) -> StoreError {
        if fault.kind() != StoreErrorKind::NotFound {
            return self.root.failure(fault, "write", path);
        }
        self.root.forget_folders();
        StoreError::new(StoreErrorKind::Transient, "write", path).because(fault)
    }

    /// Has a temporary stand at `path`, if what stands there is what was expected.
    pub(super) async fn install(
        &self,
        path: &RelPath,
        temporary: &RelPath,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        self.stamp("write", temporary, options.metadata.mtime, None).await?;
        // Some servers, and proxies before them, take content that broke off for whole.
        let arrived = |found: Option<Facts>| {
            let found = found.filter(|found| (found.kind, found.size) == (EntryKind::File, options.size));
            found.ok_or_else(|| {
                StoreError::new(StoreErrorKind::Transient, "write", path)
                    .because("what arrived is not as long as what was sent")
            })
        };
        self.move_over("write", temporary, path, &options.precondition, arrived).await?;
        syncplan_failpoint::hit("webdav/moved");
        let found = self.root.look("write", path).await?.filter(|found| found.size == options.size);
        found.ok_or_else(|| StoreError::new(StoreErrorKind::Changed, "write", path))
    }

    /// Moves a file over what is expected at its target. `is_it` says whether what stands at `from` is what is to
    /// be moved; it is answered.
    ///
    /// A move that is only repeated may go over what somebody saved meanwhile. One that failed for the moment is
    /// therefore tried again here with looks of its own, and content is not sent again because of it.
    pub(super) async fn move_over(
        &self,
        operation: &'static str,
        from: &RelPath,
        to: &RelPath,
        precondition: &Precondition,
        is_it: impl Fn(Option<Facts>) -> Result<Facts, StoreError> + Send + Sync,
    ) -> Result<Facts, StoreError> {
        let retry = self.retry();
        let mut patience = Patience::new(&retry);
        let mut tried: Option<Facts> = None;
        loop {
            let found = self.root.look(operation, from).await?;
            let moved = match (found, tried) {
                // The move before worked after all, and later than it was looked at.
                (None, Some(moved)) => {
                    let there = self.root.look(operation, to).await?;
                    let is_there = there.is_some_and(|it| (it.kind, it.size) == (moved.kind, moved.size));
                    let changed = || StoreError::new(StoreErrorKind::Changed, operation, to);
                    return is_there.then_some(moved).ok_or_else(changed);
                }
                (found, None) => is_it(found)?,
                (found, Some(_)) => {
                    let found = is_it(found)?;
                    // The folder may be what went away.
                    self.root.ensure_folder(operation, to, to.parent().as_ref()).await?;
                    found
                }
            };
            let replaced = self.root.check_target(operation, to, precondition).await?;
            let Err(error) = self.move_file(operation, from, to, replaced.is_some()).await else {
                return Ok(moved);
            };
            let Some(wait) = patience.after(&error) else { return Err(error) };
            tokio::time::sleep(wait).await;
            tried = Some(moved);
        }
    }

    /// How often what is sent once is tried again here.
    pub(super) fn retry(&self) -> Retry {
        Retry { times: self.root.retries, ..Retry::default() }
    }

    /// Has a temporary have the time that its target will have, where the server keeps times and did not get this
    /// one with the content. `found` is what the temporary is known to be.
    pub(super) async fn stamp(
        &self,
        operation: &'static str,
        temporary: &RelPath,
        mtime: Option<Mtime>,
        found: Option<&Facts>,
    ) -> Result<(), StoreError> {
        let honoured = self.honoured().await?;
        let Some(mtime) = mtime.filter(|_| honoured.patch_time) else { return Ok(()) };
        let has_it = match found {
            Some(found) => found.mtime.is_some_and(|found| found.agrees_with(mtime, PRECISION)),
            None => honoured.put_time && mtime.seconds > 86_400,
        };
        if has_it {
            return Ok(());
        }
        let patched = self.patch_time(temporary, mtime).await;
        patched.map_err(|fault| self.root.failure(fault, operation, temporary))
    }

    /// Moves a file; `replaces` says whether something stands at its target.
    async fn move_file(
        &self,
        operation: &'static str,
        from: &RelPath,
        to: &RelPath,
        replaces: bool,
    ) -> Result<(), StoreError> {
        let place = |path| self.root.place(Some(path));
        let request = Request::new(method("MOVE"), place(from))
            .header("destination", &self.root.url(&place(to)))
            .header("overwrite", if replaces { "T" } else { "F" })
            .single();
        self.send_move(operation, from, to, &request).await
    }

    /// Moves an empty folder, or one that was thought to be; the slash says that it is one.
    pub(super) async fn move_folder(
        &self,
        operation: &'static str,
        from: &RelPath,
        to: &RelPath,
    ) -> Result<(), StoreError> {
        let place = |path| format!("{}/", self.root.place(Some(path)));
        let request = Request::new(method("MOVE"), place(from))
            .header("destination", &self.root.url(&place(to)))
            .header("overwrite", "F")
            .single();
        self.send_move(operation, from, to, &request).await
    }

    async fn send_move(
        &self,
        operation: &'static str,
        from: &RelPath,
        to: &RelPath,
        request: &Request,
    ) -> Result<(), StoreError> {
        let failed = match self.root.wire.send(request).await {
            Ok(reply) if reply.status != http::StatusCode::MULTI_STATUS => return Ok(()),
            Ok(_) => {
                return Err(self.root.failure(Fault::Malformed("not all of it was moved"), operation, to));
            }
            Err(failed) => failed,
        };
        // Its answer may have been lost: what is no longer there was moved, since nobody else knows of it.
        if failed.fault.kind().is_momentary()
            && matches!(self.root.look(operation, from).await, Ok(None))
            && matches!(self.root.look(operation, to).await, Ok(Some(_)))
        {
            return Ok(());
        }
        Err(match failed.fault.kind() {
            // Whoever asked looked at it: it came or went meanwhile.
            StoreErrorKind::Precondition => {
                StoreError::new(StoreErrorKind::Precondition, operation, to).because(failed.fault)
            }
            StoreErrorKind::NotFound => {
                self.root.forget_folders();
                StoreError::new(StoreErrorKind::Transient, operation, to).because(failed.fault)
            }
            _ => self.root.failure(failed.fault, operation, to),
        })
    }

    /// Removes a temporary that is not needed; what is left is collected some day.
    pub(super) async fn clear(&self, temporary: &RelPath) {
        let _ = self.root.wire.send(&Request::new(Method::DELETE, self.root.place(Some(temporary)))).await;
    }
}

/// Content that is exactly as long as announced, or ends in an error before the server has all of it. The last
/// chunk waits for the end: a server that has enough asks for no more.
fn measured(
    path: RelPath,
    content: ContentStream,
    size: u64,
    broken: Arc<Mutex<Option<StoreError>>>,
) -> Upload {
    struct State {
        path: RelPath,
        content: ContentStream,
        length: Length,
        held: Option<Bytes>,
        broken: Arc<Mutex<Option<StoreError>>>,
        ended: bool,
    }
    impl State {
        async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
            loop {
                match self.content.next().await {
                    Some(chunk) => {
                        let chunk = chunk?;
                        self.length.add(&self.path, &chunk)?;
                        if let Some(before) = self.held.replace(chunk) {
                            return Ok(Some(before));
                        }
                    }
                    None => {
                        self.length.end(&self.path)?;
                        self.ended = true;
                        return Ok(self.held.take());
                    }
                }
            }
        }
    }
    let state = State { path, content, length: Length::new(size), held: None, broken, ended: false };
    futures::stream::unfold(state, async |mut state| {
        if state.ended {
            return None;
        }
        match state.next().await {
            Ok(chunk) => Some((Ok(chunk?), state)),
            Err(error) => {
                state.ended = true;
                *state.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Some((Err(std::io::Error::other("the content broke off")), state))
            }
        }
    })
    .boxed()
}
