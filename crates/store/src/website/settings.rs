use secrecy::SecretString;
use syncplan_model::RelPath;

use crate::web::Reach;

/// How a web site is reached.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The URL of a folder.
    pub url: String,
    /// The folder below it that is the store's root.
    pub folder: Option<RelPath>,
    /// A file below the URL that lists all others; without one the server's own indexes of folders are read.
    pub index: Option<RelPath>,
    /// Sent as `Authorization: Bearer`.
    pub bearer_token: Option<SecretString>,
    /// How the server is reached.
    pub reach: Reach,
}

impl HttpSettings {
    /// A folder for anybody, with the server's own indexes.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), folder: None, index: None, bearer_token: None, reach: Reach::default() }
    }
}
