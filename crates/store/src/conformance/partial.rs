use bytes::Bytes;
use futures::TryStreamExt as _;
use syncplan_model::{Capability, Digest, Mtime, RelPath};

use super::scope::{Check, Failure, Scope, collect, ensure, expect_error, options, pattern, token};
use crate::error::StoreErrorKind;
use crate::store::{Metadata, Part, PartialWrites, Precondition, Store, WriteOptions, WrittenPart};

/// Content on its way in parts: two whole ones and a shorter one.
struct Draft<'a> {
    writes: &'a dyn PartialWrites,
    path: RelPath,
    content: Vec<u8>,
    part_size: usize,
    options: WriteOptions,
    name: String,
}

impl<'a> Draft<'a> {
    /// Nothing where the store has no partial writes.
    async fn begin(scope: &Scope<'a>, name: &str, precondition: Precondition) -> Check<Option<Self>> {
        let Some(writes) = scope.store.partial_writes() else { return Ok(None) };
        let part = writes.part_size(writes.threshold() + 1);
        let size = part * 2 + part / 2;
        ensure!(writes.part_size(size) == part, "parts of {size} bytes are not {part} bytes long");
        let content = pattern(size as usize);
        let mtime = Some(Mtime { seconds: 1_700_000_000, nanos: 0 });
        let metadata = Metadata { mtime, mode: None, digest: Some(Digest::of(&content)), attributes: None };
        let options = WriteOptions { metadata, ..options(size, precondition) };
        let path = scope.path(name)?;
        let name = writes.begin(&path, &options).await?;
        Ok(Some(Self { writes, path, content, part_size: part as usize, options, name }))
    }

    fn part(&self, number: u32) -> &[u8] {
        let start = number as usize * self.part_size;
        &self.content[start..self.content.len().min(start + self.part_size)]
    }

    async fn put(&self, number: u32) -> Check<String> {
        self.put_other(number, self.part(number)).await
    }

    async fn put_other(&self, number: u32, content: &[u8]) -> Check<String> {
        let part = Part { number, offset: u64::from(number) * self.part_size as u64 };
        let content = Bytes::copy_from_slice(content);
        Ok(self.writes.put(&self.path, &self.name, part, content).await?)
    }

    async fn parts(&self) -> Check<Option<Vec<WrittenPart>>> {
        Ok(self.writes.parts(&self.path, &self.name).await?)
    }

    async fn expect_finished(&self, scope: &Scope<'_>, tags: &[String]) -> Check {
        let facts = self.writes.finish(&self.path, &self.name, tags, &self.options).await?;
        let found = scope.store.stat(&self.path).await?;
        ensure!(
            found.as_ref().is_some_and(|found| found.token == facts.token && found.size == facts.size),
            "{found:?} is there and not {facts:?}"
        );
        if scope.has(Capability::SetMtime) {
            let mtime = found.and_then(|found| found.mtime);
            ensure!(mtime == self.options.metadata.mtime, "it has the time {mtime:?}");
        }
        let read = collect(scope.store.read(&self.path, None, facts.token.as_ref()).await?).await?;
        ensure!(read == self.content, "{} bytes were read that are not those that were put", read.len());
        self.expect_gone().await?;
        ensure!(scope.list().await?.len() == 1, "something is left beside it");
        Ok(())
    }

    async fn expect_gone(&self) -> Check {
        let left = self.parts().await?;
        ensure!(left.is_none(), "a draft that is done with still has parts: {left:?}");
        Ok(())
    }

    /// Whether whoever collects what is left over finds it.
    async fn is_kept(&self, store: &dyn Store) -> Check<bool> {
        let housekeeping = store.housekeeping().ok_or_else(|| Failure::new("nobody can collect a draft"))?;
        let drafts = housekeeping.drafts().await?;
        let beside = self.path.with_file_name(&self.name)?;
        let reserved: Vec<_> = housekeeping.reserved().try_collect().await?;
        let open = drafts.iter().any(|open| open.draft == self.name && open.path == self.path);
        Ok(open || reserved.iter().any(|reserved| reserved.path == beside))
    }
}

pub(super) async fn parts_become_a_file(scope: &Scope<'_>) -> Check {
    let Some(draft) = Draft::begin(scope, "file", Precondition::Absent).await? else { return Ok(()) };
    let last = draft.put(2).await?;
    let first = draft.put(0).await?;
    scope.expect_absent("file").await?;
    ensure!(scope.list().await?.is_empty(), "a draft is listed");
    let middle = draft.put(1).await?;
    draft.expect_finished(scope, &[first, middle, last]).await
}

pub(super) async fn a_part_that_is_put_again_replaces_the_first(scope: &Scope<'_>) -> Check {
    let Some(draft) = Draft::begin(scope, "file", Precondition::Any).await? else { return Ok(()) };
    draft.put_other(0, &vec![7; draft.part_size]).await?;
    draft.put_other(2, &draft.part(2)[..100]).await?;
    let mut tags = Vec::new();
    for number in 0..3 {
        tags.push(draft.put(number).await?);
    }
    draft.expect_finished(scope, &tags).await
}

/// As after a crash: whoever goes on knows the draft by name, and its parts by what the store says.
pub(super) async fn another_goes_on_with_a_draft(scope: &Scope<'_>) -> Check {
    let Some(begun) = Draft::begin(scope, "file", Precondition::Absent).await? else { return Ok(()) };
    begun.put(0).await?;
    begun.put(1).await?;
    let writes = scope.again.partial_writes().ok_or_else(|| Failure::new("another cannot go on"))?;
    let draft = Draft { writes, ..begun };
    let found = draft.parts().await?.unwrap_or_default();
    let sizes: Vec<_> = found.iter().map(|part| (part.number, part.size)).collect();
    let whole = draft.part_size as u64;
    ensure!(sizes == [(0, whole), (1, whole)], "the parts {sizes:?} are there");
    if writes.reads_back() {
        let range = whole - 10..whole + 10;
        let read = collect(writes.read_back(&draft.path, &draft.name, range.clone()).await?).await?;
        let put = &draft.content[range.start as usize..range.end as usize];
        ensure!(read == put, "what was put is not what is read back");
    }
    let mut tags: Vec<_> = found.into_iter().map(|part| part.tag).collect();
    tags.push(draft.put(2).await?);
    draft.expect_finished(scope, &tags).await
}

pub(super) async fn a_draft_begins_and_ends_as_expected(scope: &Scope<'_>) -> Check {
    if scope.store.partial_writes().is_none() {
        return Ok(());
    }
    let first = token(&scope.write("file", "first").await?)?;
    let begun = Draft::begin(scope, "file", Precondition::Absent).await;
    ensure!(begun.is_err(), "a draft was begun where something stands");
    let Some(draft) = Draft::begin(scope, "file", Precondition::Token(first)).await? else { return Ok(()) };
    let tags = [draft.put(0).await?, draft.put(1).await?, draft.put(2).await?];
    scope.write("file", "second").await?;
    let finished = draft.writes.finish(&draft.path, &draft.name, &tags, &draft.options).await;
    expect_error(finished, StoreErrorKind::Precondition)?;
    scope.expect_content("file", "second").await?;
    draft.writes.abandon(&draft.path, &draft.name).await?;
    draft.expect_gone().await?;
    ensure!(scope.list().await?.len() == 1, "something is left beside it");
    Ok(())
}

pub(super) async fn a_draft_that_lacks_something_is_not_finished(scope: &Scope<'_>) -> Check {
    let Some(draft) = Draft::begin(scope, "file", Precondition::Any).await? else { return Ok(()) };
    let tags = [draft.put(0).await?, draft.put(1).await?];
    let finished = draft.writes.finish(&draft.path, &draft.name, &tags, &draft.options).await;
    expect_error(finished, StoreErrorKind::Changed)?;
    draft.writes.abandon(&draft.path, &draft.name).await?;
    scope.expect_absent("file").await
}

pub(super) async fn a_draft_that_is_gone_is_not_found(scope: &Scope<'_>) -> Check {
    let Some(draft) = Draft::begin(scope, "file", Precondition::Any).await? else { return Ok(()) };
    let tags = [draft.put(0).await?, draft.put(1).await?, draft.put(2).await?];
    draft.writes.abandon(&draft.path, &draft.name).await?;
    let part = Part { number: 0, offset: 0 };
    let put = draft.writes.put(&draft.path, &draft.name, part, Bytes::from_static(b"x")).await;
    expect_error(put, StoreErrorKind::NotFound)?;
    let finished = draft.writes.finish(&draft.path, &draft.name, &tags, &draft.options).await;
    expect_error(finished, StoreErrorKind::NotFound)?;
    scope.expect_absent("file").await
}

pub(super) async fn drafts_are_found_until_they_are_abandoned(scope: &Scope<'_>) -> Check {
    let Some(draft) = Draft::begin(scope, "folder/file", Precondition::Absent).await? else { return Ok(()) };
    draft.put(0).await?;
    ensure!(draft.is_kept(scope.again).await?, "nobody finds a draft that is left over");
    draft.writes.abandon(&draft.path, &draft.name).await?;
    draft.expect_gone().await?;
    ensure!(!draft.is_kept(scope.again).await?, "a draft is found that was abandoned");
    draft.writes.abandon(&draft.path, &draft.name).await?;
    scope.expect_absent("folder/file").await
}
