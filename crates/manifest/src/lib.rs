//! Reads syncplan's manifests: KDL text becomes a [`SyncSpec`](syncplan_model::SyncSpec), or all of
//! its mistakes at once, each with a stable code, a label on the exact token and the corrected text.
//!
//! The way of the text: [`load`] reads the manifest and its includes through [`Sources`], checks
//! their bounds before the KDL parser sees them, replaces variables, applies the profile, decodes
//! the nodes and checks what they say about each other. Nothing here touches the file system.
//!
//! ```
//! use std::collections::BTreeMap;
//! use syncplan_manifest::{LoadRequest, load};
//!
//! let manifest = r#"
//! syncplan format=1
//! store here kind=local { root "./site"; }
//! store there kind=s3 { bucket "backup"; }
//! task images kind=files {
//!     local here path="images"
//!     remote there path="images"
//!     select "ext(jpg, png) and size > 1MiB"
//! }
//! "#;
//! let files = BTreeMap::from([("syncplan.kdl".to_owned(), manifest.as_bytes().to_vec())]);
//! let loaded = load(&LoadRequest::new("syncplan.kdl", &files)).unwrap();
//! assert_eq!(loaded.spec.tasks[0].name.as_str(), "images");
//! ```

mod bounds;
mod check;
mod code;
mod decode;
mod diagnostics;
mod filter;
mod format;
mod include;
mod load;
mod mask;
mod problem;
mod profile;
mod quantity;
mod source;
mod suggest;
mod support;
mod syntax;
mod text;
mod tree;
mod variables;

pub use bounds::{MAX_DEPTH, MAX_FILE_BYTES, MAX_SKIPPED_DEPTH};
pub use code::{CODES, explain};
pub use decode::setting_names;
pub use diagnostics::{Diagnostic, Diagnostics, Report};
pub use filter::{FilterScope, parse_action_filter, parse_entry_filter};
pub use format::format;
pub use load::{LoadRequest, Loaded, load};
pub use quantity::{parse_date, parse_duration, parse_rate, parse_size};
pub use source::{SourceError, Sources};
pub use support::{check_supported, not_supported_yet};
