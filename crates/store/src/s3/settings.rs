use secrecy::SecretString;
use syncplan_model::RelPath;
use syncplan_model::spec::{Addressing, ConditionalWrites, Provider};

use crate::web::Reach;

/// How a bucket is reached.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// Whose S3 it is: decides on what is not given here.
    pub provider: Provider,
    /// The bucket.
    pub bucket: String,
    /// The folder in the bucket that is the store's root.
    pub prefix: Option<RelPath>,
    /// The URL of the service without the bucket, for providers that have no one address.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: Option<String>,
    /// Where the bucket's name stands in the URL.
    pub addressing: Option<Addressing>,
    /// What requests are signed with; without one they are not signed.
    pub credentials: Option<S3Credentials>,
    /// What to do where the service does not honour conditions on a write.
    pub conditional_writes: ConditionalWrites,
    /// Folders are kept as empty objects whose names end in a slash; without it such are not even listed.
    pub directory_markers: bool,
    /// How the service is reached.
    pub reach: Reach,
}

/// What requests are signed with.
#[derive(Debug, Clone)]
pub struct S3Credentials {
    /// The id of the key.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: SecretString,
    /// The token that comes with a temporary key.
    pub session_token: Option<SecretString>,
}

impl S3Settings {
    /// What the provider prefers, without credentials.
    pub fn new(provider: Provider, bucket: impl Into<String>) -> Self {
        Self {
            provider,
            bucket: bucket.into(),
            prefix: None,
            endpoint: None,
            region: None,
            addressing: None,
            credentials: None,
            conditional_writes: ConditionalWrites::Prefer,
            directory_markers: false,
            reach: Reach::default(),
        }
    }
}
