use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use http::Method;
use syncplan_model::{RESERVED_DIR, RelPath};

use super::S3Store;
use super::listing::Pager;
use crate::error::StoreError;
use crate::store::{Housekeeping, OpenDraft, Reserved};
use crate::web::xml::{records, texts};
use crate::web::{Fault, decode, moment};

/// The longest page of a list of uploads.
const LONGEST_PAGE: usize = 8 * 1024 * 1024;

#[async_trait]
impl Housekeeping for S3Store {
    fn reserved(&self) -> BoxStream<'_, Result<Reserved, StoreError>> {
        let folder = self.root.key_bytes(format!("{RESERVED_DIR}/").as_bytes());
        let pager = Pager::new(Arc::clone(&self.root), folder, None);
        stream::unfold(pager, async |mut pager| Some((pager.next().await?, pager)))
            .map(|page| match page {
                Ok(objects) => objects.into_iter().filter_map(|it| self.root.reserved(it)).map(Ok).collect(),
                Err(error) => vec![Err(error)],
            })
            .flat_map(stream::iter)
            .boxed()
    }

    async fn drafts(&self) -> Result<Vec<OpenDraft>, StoreError> {
        let bucket = &self.root.bucket;
        let mut drafts = Vec::new();
        let mut marker = None;
        loop {
            let page = self.uploads(marker.as_ref()).await;
            let page = page.map_err(|fault| fault.of("list the uploads of", bucket.as_bytes(), bucket))?;
            drafts.extend(page.uploads.into_iter().filter_map(|upload| self.draft(upload)));
            if page.next.is_none() || page.next == marker {
                return Ok(drafts);
            }
            marker = page.next;
        }
    }
}

/// A page of the uploads that were begun and not ended.
struct Page {
    uploads: Vec<[String; 3]>,
    /// Where the next one begins, if there is one: behind this key and this upload.
    next: Option<[String; 2]>,
}

impl S3Store {
    async fn uploads(&self, after: Option<&[String; 2]>) -> Result<Page, Fault> {
        let mut request = self
            .root
            .request(Method::GET)
            .query("uploads", "")
            .query("encoding-type", "url")
            .query("prefix", String::from_utf8_lossy(&self.root.prefix));
        if let Some([key, upload]) = after {
            request = request.query("key-marker", key).query("upload-id-marker", upload);
        }
        let reply = self.root.wire.send(&request.whole().patient()).await.map_err(|failed| failed.fault)?;
        let document = reply.read_all(LONGEST_PAGE).await?;
        let uploads =
            records(&document, "ListMultipartUploadsResult", "Upload", ["Key", "UploadId", "Initiated"]);
        let mut uploads = uploads.ok_or(Fault::Malformed("the list of uploads is none"))?;
        let [truncated, encoding, mut key, upload] =
            texts(&document, ["IsTruncated", "EncodingType", "NextKeyMarker", "NextUploadIdMarker"]);
        if encoding == "url" {
            key = decoded(&key);
            uploads.iter_mut().for_each(|[key, ..]| *key = decoded(key));
        }
        Ok(Page { uploads, next: (truncated == "true").then_some([key, upload]) })
    }

    /// An upload as a draft, if it is one of something below the root.
    fn draft(&self, [key, upload, begun]: [String; 3]) -> Option<OpenDraft> {
        let below = key.as_bytes().strip_prefix(self.root.prefix.as_slice())?;
        let path = RelPath::new(below).ok()?;
        Some(OpenDraft { path, draft: upload, since: moment(&begun) })
    }
}

/// A key that is not encoded after all is taken as it is.
fn decoded(key: &str) -> String {
    decode(key.as_bytes()).and_then(|key| String::from_utf8(key).ok()).unwrap_or_else(|| key.to_owned())
}
