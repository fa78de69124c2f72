use serde_json::{Map, Value, json};
use syncplan_model::{Facts, Mtime, Token};

use crate::bucket::{Object, digest_of, digest_text, mtime_of, mtime_text};
use crate::store::Metadata;
use crate::web::moment;

/// All that is ever asked about an object.
pub(super) const FIELDS: &str = "name,size,generation,metageneration,metadata,updated,md5Hash,crc32c";

/// RFC 3339, as rclone writes it here.
const MTIME: &str = "mtime";

/// Seconds, as Google's own tools write them.
const GSUTIL_MTIME: &str = "goog-reserved-file-mtime";

const DIGEST: &str = "syncplan-b3";

/// What an object is at the moment: its content by its generation, and what is kept with it by a number that
/// begins at 1 with each generation and is left out there.
pub(super) fn token_of(generation: &str, metageneration: &str) -> Option<Token> {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match (number(generation), metageneration) {
        (false, _) => None,
        (true, "" | "1") => Some(Token::new(generation)),
        (true, meta) => number(meta).then(|| Token::new(format!("{generation}.{meta}"))),
    }
}

/// The generation and the number of a token.
pub(super) fn generations(token: &Token) -> (&str, &str) {
    token.as_str().split_once('.').unwrap_or((token.as_str(), "1"))
}

/// Numbers are text, as a rule.
fn number(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What is said about an object; `None` if it is not about one.
pub(super) fn object_of(resource: &Value) -> Option<Object> {
    let size = number(&resource["size"])?.parse().ok()?;
    let kept = |name: &str| resource["metadata"][name].as_str();
    let token =
        token_of(&number(&resource["generation"])?, &number(&resource["metageneration"]).unwrap_or_default());
    let facts = Facts {
        token,
        mtime: kept(MTIME).and_then(mtime_of).or_else(|| kept(GSUTIL_MTIME).and_then(mtime_of)),
        digest: kept(DIGEST).and_then(|text| digest_of(text, size)),
        ..Facts::file(size)
    };
    Some(Object {
        key: resource["name"].as_str()?.as_bytes().to_vec(),
        facts,
        modified: resource["updated"].as_str().and_then(moment),
        folder: false,
    })
}

/// What is kept with an object.
pub(super) fn metadata_of(metadata: &Metadata, size: u64) -> Map<String, Value> {
    let mut kept = Map::new();
    if let Some(mtime) = metadata.mtime {
        kept.extend(mtime_text(mtime).map(|text| (MTIME.to_owned(), json!(text))));
        kept.insert(GSUTIL_MTIME.to_owned(), json!(seconds(mtime)));
    }
    if let Some(digest) = metadata.digest {
        kept.insert(DIGEST.to_owned(), json!(digest_text(digest, size)));
    }
    kept
}

fn seconds(mtime: Mtime) -> String {
    mtime.seconds.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use syncplan_model::Digest;

    #[test]
    fn what_is_kept_comes_back() {
        let mtime = Some(Mtime { seconds: 1_700_000_000, nanos: 5 });
        let metadata = Metadata { mtime, digest: Some(Digest::of(b"x")), ..Metadata::default() };
        let mut resource = json!({
            "name": "a/é", "size": "1", "generation": "17", "metageneration": "1",
            "updated": "2023-11-14T22:13:20.5Z", "metadata": metadata_of(&metadata, 1),
        });
        let object = object_of(&resource).unwrap();
        assert_eq!((object.facts.mtime, object.facts.digest), (mtime, metadata.digest));
        assert_eq!((object.key.as_slice(), object.facts.token), ("a/é".as_bytes(), Some(Token::new("17"))));
        assert_eq!(object.modified, Some(Mtime { seconds: 1_700_000_000, nanos: 500_000_000 }));

        resource["metageneration"] = json!("3");
        resource["size"] = json!(2);
        resource["metadata"][MTIME] = Value::Null;
        let object = object_of(&resource).unwrap();
        assert_eq!(object.facts.token.as_ref().map(generations), Some(("17", "3")));
        assert_eq!(object.facts.mtime, Some(Mtime { seconds: 1_700_000_000, nanos: 0 }));
        // Someone put other content there and kept the metadata.
        assert_eq!(object.facts.digest, None);
        for missing in ["name", "size", "generation"] {
            let mut broken = resource.clone();
            broken[missing] = Value::Null;
            assert!(object_of(&broken).is_none(), "{missing}");
        }
    }
}
