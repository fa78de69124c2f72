use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use syncplan_model::plan::{STAGE_DIR, TRASH_DIR};
use syncplan_model::{EntryKind, RESERVED_DIR, RelPath};

use super::fault::{Fault, status};
use super::lister::{all_names, join};
use super::{Inner, SftpStore};
use crate::error::StoreError;
use crate::store::{Housekeeping, OpenDraft, Reserved};

/// So many folders are looked into side by side.
const SIDE_BY_SIDE: usize = 16;

#[async_trait]
impl Housekeeping for SftpStore {
    fn reserved(&self) -> BoxStream<'_, Result<Reserved, StoreError>> {
        let inner = &*self.inner;
        let level = vec![None];
        // Level by level: the folders of one are looked into side by side.
        futures::stream::unfold(level, async move |level: Vec<Option<RelPath>>| {
            if level.is_empty() {
                return None;
            }
            let looks = level.into_iter().map(|folder| inner.look_into(folder));
            let found: Vec<_> = futures::stream::iter(looks).buffered(SIDE_BY_SIDE).collect().await;
            let (mut all, mut below) = (Vec::new(), Vec::new());
            for found in found {
                match found {
                    Ok((kept, folders)) => {
                        all.extend(kept.into_iter().map(Ok));
                        below.extend(folders.into_iter().map(Some));
                    }
                    Err(error) => all.push(Err(error)),
                }
            }
            Some((futures::stream::iter(all), below))
        })
        .flatten()
        .boxed()
    }

    async fn drafts(&self) -> Result<Vec<OpenDraft>, StoreError> {
        // A draft is a temporary, and has a place among the files.
        Ok(Vec::new())
    }
}

impl Inner {
    /// What of ours stands in a folder, and the folders in it; never through a link.
    async fn look_into(&self, folder: Option<RelPath>) -> Result<(Vec<Reserved>, Vec<RelPath>), StoreError> {
        let looking = async {
            let Some((channel, full)) = self.folder(folder.as_ref()).await? else { return Ok(Vec::new()) };
            all_names(&channel.session, &full).await
        };
        let names = match looking.await {
            // It vanished, or became something else, since its name was read.
            Err(Fault::NoFolder(_)) => Vec::new(),
            Err(fault) if fault.is(status::NO_SUCH_FILE) => Vec::new(),
            names => names.map_err(|fault| {
                fault.at("list", folder.as_ref().map_or(self.location.as_bytes(), RelPath::as_bytes))
            })?,
        };
        let (mut kept, mut folders) = (Vec::new(), Vec::new());
        for (name, attributes) in names {
            let Ok(path) = join(folder.as_ref(), &name) else { continue };
            let facts = attributes.facts();
            if facts.kind == EntryKind::Dir {
                folders.push(path.clone());
            }
            // The folder of all that is kept is not kept itself.
            if path.is_reserved() && path.as_bytes() != RESERVED_DIR.as_bytes() {
                let since =
                    if holds_moved(&path, facts.kind) { attributes.moved() } else { attributes.since() };
                kept.push(Reserved { path, facts, since });
            }
        }
        Ok((kept, folders))
    }
}

/// Whether what stands there was moved there, and has the times that it had elsewhere. Folders are made there.
fn holds_moved(path: &RelPath, kind: EntryKind) -> bool {
    let is_below = |folder: &str| path.ancestors().any(|above| above == folder.as_bytes());
    kind != EntryKind::Dir && (is_below(TRASH_DIR) || is_below(STAGE_DIR))
}
