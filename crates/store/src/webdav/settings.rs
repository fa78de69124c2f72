use secrecy::SecretString;
use syncplan_model::RelPath;

use crate::web::Reach;

/// How a WebDAV folder is reached.
#[derive(Debug, Clone)]
pub struct WebdavSettings {
    /// The URL of a folder that is there.
    pub url: String,
    /// The folder below it that is the store's root.
    pub folder: Option<RelPath>,
    /// Who asks, by Basic authentication; nobody without it.
    pub credentials: Option<WebdavCredentials>,
    /// Whether the folder below the URL may be missing: it is empty then, and made by the first write.
    pub may_be_missing: bool,
    /// How the server is reached.
    pub reach: Reach,
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct WebdavCredentials {
    /// The user.
    pub user: String,
    /// The user's password.
    pub password: SecretString,
}

impl WebdavSettings {
    /// A folder that has to be there, for anybody.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            folder: None,
            credentials: None,
            may_be_missing: false,
            reach: Reach::default(),
        }
    }
}
