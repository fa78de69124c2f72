use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use syncplan_model::{Capability, RESERVED_DIR, RelPath, TEMPORARY_PREFIX};
use syncplan_store::{Metadata, Precondition, Store, StoreError, StoreErrorKind, WriteOptions};

use crate::error::chain;
use crate::expiry::remove_file;
use syncplan_store::{Retry, insist};

const FORMAT: &str = "syncplan.base";

/// More than any mark of ours is long.
const LONGEST: u64 = 4096;

/// What a side says of the base that was made with it, as one line of JSON.
#[derive(Serialize, Deserialize)]
struct Note {
    format: String,
    lineage: String,
    /// As text, as all 64-bit numbers.
    serial: String,
}

/// Which serial of a line of bases the store knows; nothing, if it knows none of them.
///
/// It is how one notices that another store stands in the place of the one that the base was made
/// with, or an older copy of it. What is no mark of ours says nothing, and is warned of.
///
/// The lineage is 32 hexadecimal digits; anything else is an error.
pub async fn read_mark(store: &dyn Store, lineage: &str) -> Result<Option<u64>, StoreError> {
    let path = path("read the mark of the base", lineage)?;
    let look = async || -> Result<Option<u64>, StoreError> {
        let content = insist(&Retry::default(), || read(store, &path).boxed()).await?;
        Ok(content.and_then(|content| parse(&content, lineage)))
    };
    // An answer that lost its end, and says so of its length, looks like another content: that has to come twice.
    let found = match look().await {
        Ok(None) => look().await,
        found => found,
    };
    match found {
        Ok(serial) => {
            if serial.is_none() {
                tracing::warn!(%path, "it should say which base the store was synced with, and does not");
            }
            Ok(serial)
        }
        Err(error) if error.kind == StoreErrorKind::NotFound => Ok(None),
        Err(error) if is_no_file(error.kind) => {
            tracing::warn!(error = chain(&error), "which base the store was synced with cannot be read");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Has the store know this serial of a line of bases, whatever it knew before.
pub async fn write_mark(store: &dyn Store, lineage: &str, serial: u64) -> Result<(), StoreError> {
    const OPERATION: &str = "write the mark of the base";

    let path = path(OPERATION, lineage)?;
    let note = Note { format: FORMAT.to_owned(), lineage: lineage.to_owned(), serial: serial.to_string() };
    let mut line = serde_json::to_vec(&note)
        .map_err(|error| StoreError::new(StoreErrorKind::Other, OPERATION, &path).because(error))?;
    line.push(b'\n');
    let temporary = temporary(store, OPERATION, lineage).await?;
    let (size, line) = (line.len() as u64, Bytes::from(line));
    let (precondition, metadata) = (Precondition::Any, Metadata::default());
    let options = WriteOptions { size, precondition, metadata, temporary };
    let write = || {
        let content = futures::stream::iter([Ok(line.clone())]).boxed();
        store.write(&path, content, options.clone())
    };
    insist(&Retry::default(), write).await?;
    store.sync().await
}

/// The name of the temporary, where one is needed: always the same, so that one that was left by whoever was
/// killed is found, and goes.
async fn temporary(
    store: &dyn Store,
    operation: &'static str,
    lineage: &str,
) -> Result<Option<RelPath>, StoreError> {
    if !store.capabilities().has(Capability::Directories) {
        return Ok(None);
    }
    let temporary = path(operation, lineage)?.with_file_name(format!("{TEMPORARY_PREFIX}{lineage}"));
    let refuse = |error| StoreError::new(StoreErrorKind::Other, operation, lineage).because(error);
    let temporary = temporary.map_err(refuse)?;
    remove_file(store, &temporary).await?;
    Ok(Some(temporary))
}

/// A lineage may come from a file that somebody wrote: it names nothing but a mark.
fn path(operation: &'static str, lineage: &str) -> Result<RelPath, StoreError> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let refuse = || StoreError::new(StoreErrorKind::Unsupported, operation, lineage);
    if lineage.len() != 32 || !lineage.bytes().all(is_digit) {
        return Err(refuse().because("a lineage is 32 lowercase hexadecimal digits"));
    }
    RelPath::new(format!("{RESERVED_DIR}/base/{lineage}")).map_err(|error| refuse().because(error))
}

/// The content, if it is not too long to be a mark.
async fn read(store: &dyn Store, path: &RelPath) -> Result<Option<Vec<u8>>, StoreError> {
    let mut content = store.read(path, Some(0..LONGEST + 1), None).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = content.try_next().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > LONGEST {
            return Ok(None);
        }
    }
    Ok(Some(bytes))
}

fn parse(content: &[u8], lineage: &str) -> Option<u64> {
    let note: Note = serde_json::from_slice(content).ok()?;
    (note.format == FORMAT && note.lineage == lineage).then(|| note.serial.parse().ok())?
}

/// Something stands there that nobody can read a mark from.
fn is_no_file(kind: StoreErrorKind) -> bool {
    matches!(kind, StoreErrorKind::NotDirectory | StoreErrorKind::Unsupported | StoreErrorKind::Changed)
}

#[cfg(test)]
mod tests {
    use syncplan_store::{LocalStore, MemoryStore};

    use super::*;

    const LINEAGE: &str = "00112233445566778899aabbccddeeff";

    async fn put(store: &dyn Store, content: &str) {
        let size = content.len() as u64;
        let (precondition, metadata) = (Precondition::Any, Metadata::default());
        let options = WriteOptions { size, precondition, metadata, temporary: None };
        let content = futures::stream::iter([Ok(content.to_owned().into())]).boxed();
        store.write(&path("write", LINEAGE).unwrap(), content, options).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let local = LocalStore::open(folder.path(), "local".to_owned()).unwrap();
        for store in [&MemoryStore::new("memory") as &dyn Store, &local] {
            assert_eq!(read_mark(store, LINEAGE).await.unwrap(), None);
            for serial in [1, u64::MAX, 3] {
                write_mark(store, LINEAGE, serial).await.unwrap();
                assert_eq!(read_mark(store, LINEAGE).await.unwrap(), Some(serial));
            }
            assert_eq!(read_mark(store, &LINEAGE.replace('0', "1")).await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn what_is_no_mark_says_nothing() {
        let store = MemoryStore::new("memory");
        let ours = |format, lineage, serial| {
            format!("{{\"format\":\"{format}\",\"lineage\":\"{lineage}\",\"serial\":\"{serial}\"}}")
        };
        for hostile in [
            String::new(),
            "\u{feff}not json".to_owned(),
            ours("syncplan.plan", LINEAGE, "1"),
            ours(FORMAT, "ffffffffffffffffffffffffffffffff", "1"),
            ours(FORMAT, LINEAGE, "-1"),
            ours(FORMAT, LINEAGE, "99999999999999999999"),
            ours(FORMAT, LINEAGE, "1") + &" ".repeat(5000),
        ] {
            put(&store, &hostile).await;
            assert_eq!(read_mark(&store, LINEAGE).await.unwrap(), None, "{hostile}");
        }
        put(&store, &(ours(FORMAT, LINEAGE, "1") + "\n")).await;
        assert_eq!(read_mark(&store, LINEAGE).await.unwrap(), Some(1));
    }

    #[tokio::test]
    async fn what_is_no_file_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path(), "local".to_owned()).unwrap();
        std::fs::create_dir_all(folder.path().join(".syncplan/base").join(LINEAGE)).unwrap();
        assert_eq!(read_mark(&store, LINEAGE).await.unwrap(), None);
        std::fs::remove_dir_all(folder.path().join(".syncplan")).unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join(".syncplan")).unwrap();
        assert_eq!(read_mark(&store, LINEAGE).await.unwrap(), None);
        assert!(write_mark(&store, LINEAGE, 1).await.is_err());
    }

    #[tokio::test]
    async fn a_lineage_names_nothing_else() {
        let store = MemoryStore::new("memory");
        for hostile in ["", "../../../../etc/passwd", "x", &"A".repeat(32), &"a/".repeat(16)] {
            assert!(read_mark(&store, hostile).await.is_err(), "{hostile}");
            assert!(write_mark(&store, hostile, 1).await.is_err(), "{hostile}");
        }
    }
}
