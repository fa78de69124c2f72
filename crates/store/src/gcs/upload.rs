use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{BufMut as _, Bytes, BytesMut};
use serde_json::{Map, Value, json};

use super::object::FIELDS;
use super::root::Root;
use crate::bucket::new_name;
use crate::web::Request;

impl Root {
    /// A request that puts content, and what is kept with it, at a key. The service compares the content with
    /// its checksum.
    pub(super) fn put(
        &self,
        key: &[u8],
        content_type: &str,
        metadata: &Map<String, Value>,
        content: &Bytes,
    ) -> Request {
        let about = json!({
            "contentType": content_type,
            "crc32c": crc32c(content),
            "metadata": metadata,
        });
        // Random, and so nowhere in the content.
        let boundary = new_name();
        self.upload()
            .query("uploadType", "multipart")
            .query("name", String::from_utf8_lossy(key))
            .query("fields", FIELDS)
            .header("content-type", &format!("multipart/related; boundary={boundary}"))
            .body(related(&boundary, &about.to_string(), content))
            .whole()
    }
}

fn related(boundary: &str, about: &str, content: &Bytes) -> Bytes {
    let head = format!(
        "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{about}\r\n\
         --{boundary}\r\nContent-Type: application/octet-stream\r\n\r\n"
    );
    let end = format!("\r\n--{boundary}--\r\n");
    let mut body = BytesMut::with_capacity(head.len() + content.len() + end.len());
    body.put_slice(head.as_bytes());
    body.put_slice(content);
    body.put_slice(end.as_bytes());
    body.freeze()
}

fn crc32c(content: &[u8]) -> String {
    BASE64.encode(crc_fast::crc32_iscsi(content).to_be_bytes())
}
