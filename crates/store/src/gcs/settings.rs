use secrecy::SecretString;
use syncplan_model::RelPath;

use crate::web::Reach;

/// How a bucket is reached.
#[derive(Debug, Clone)]
pub struct GcsSettings {
    /// The bucket.
    pub bucket: String,
    /// The folder in the bucket that is the store's root.
    pub prefix: Option<RelPath>,
    /// The URL of the service, where it is not Google's own.
    pub endpoint: Option<String>,
    /// What proves who asks; without one requests are anonymous.
    pub credentials: Option<GcsCredentials>,
    /// How the service is reached.
    pub reach: Reach,
}

/// What proves who asks.
#[derive(Debug, Clone)]
pub enum GcsCredentials {
    /// The JSON key of a service account.
    ServiceAccount(SecretString),
    /// The file of a user or a service account, as Google's tools keep it.
    ApplicationDefault(String),
}

impl GcsSettings {
    /// Google's own service, without credentials.
    pub fn new(bucket: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            prefix: None,
            endpoint: None,
            credentials: None,
            reach: Reach::default(),
        }
    }
}
