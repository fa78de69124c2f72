use secrecy::SecretString;
use syncplan_model::RelPath;

use crate::web::Reach;

/// How a container is reached.
#[derive(Debug, Clone)]
pub struct AzureSettings {
    /// The storage account.
    pub account: String,
    /// The container.
    pub container: String,
    /// The folder in the container that is the store's root.
    pub prefix: Option<RelPath>,
    /// The URL of the account, where it is not Azure's own.
    pub endpoint: Option<String>,
    /// What proves who asks; without one requests are anonymous.
    pub credentials: Option<AzureCredentials>,
    /// How the service is reached.
    pub reach: Reach,
}

/// What proves who asks.
#[derive(Debug, Clone)]
pub enum AzureCredentials {
    /// The account's key: requests are signed with it, and it stays here.
    AccessKey(SecretString),
    /// A shared access signature: it goes with every request.
    SasToken(SecretString),
}

impl AzureSettings {
    /// Azure's own service, without credentials.
    pub fn new(account: impl Into<String>, container: impl Into<String>) -> Self {
        Self {
            account: account.into(),
            container: container.into(),
            prefix: None,
            endpoint: None,
            credentials: None,
            reach: Reach::default(),
        }
    }
}
