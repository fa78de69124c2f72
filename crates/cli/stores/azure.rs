//! Containers of Azure Blob Storage.

use std::sync::Arc;

use syncplan_model::spec::{AzureStore as AzureSpec, Place};
use syncplan_store::{AzureCredentials, AzureSettings, AzureStore, Store};

use super::{Purpose, below, reach};
use crate::failure::Failure;
use crate::project::Project;
use crate::secret;

pub(super) fn open(
    project: &Project,
    azure: &AzureSpec,
    place: &Place,
    purpose: Purpose,
    location: String,
) -> Result<Arc<dyn Store>, Failure> {
    let settings = AzureSettings {
        prefix: below(azure.prefix.as_ref(), place.path.as_ref())?,
        endpoint: azure.endpoint.clone(),
        credentials: match purpose {
            Purpose::Describe => None,
            _ => credentials(project, azure)?,
        },
        reach: reach(project, &azure.connection, purpose)?,
        ..AzureSettings::new(&azure.account, &azure.container)
    };
    Ok(Arc::new(AzureStore::open(&settings, location)?))
}

fn credentials(project: &Project, azure: &AzureSpec) -> Result<Option<AzureCredentials>, Failure> {
    let resolve = |reference| secret::resolve(reference, &project.folder);
    match (&azure.access_key, &azure.sas_token) {
        _ if azure.anonymous => Ok(None),
        (Some(key), _) => Ok(Some(AzureCredentials::AccessKey(resolve(key)?))),
        (None, Some(token)) => Ok(Some(AzureCredentials::SasToken(resolve(token)?))),
        // As Azure's own tools do where the manifest says nothing.
        (None, None) => from_environment(azure).map(Some),
    }
}

/// What is there for another account is not for this one.
fn from_environment(azure: &AzureSpec) -> Result<AzureCredentials, Failure> {
    let of = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let other = of("AZURE_STORAGE_ACCOUNT").filter(|account| *account != azure.account);
    match (other, of("AZURE_STORAGE_KEY"), of("AZURE_STORAGE_SAS_TOKEN")) {
        (None, Some(key), _) => Ok(AzureCredentials::AccessKey(key.into())),
        (None, None, Some(token)) => Ok(AzureCredentials::SasToken(token.into())),
        (other, ..) => {
            let why =
                other.map(|other| format!(", and AZURE_STORAGE_ACCOUNT is `{other}`")).unwrap_or_default();
            let what = format!("the manifest names no credentials for the account `{}`{why}", azure.account);
            Err(Failure::new("syncplan::store::no-credentials", what).help(
                "add `access-key env=…` or `sas-token env=…` to the store, set AZURE_STORAGE_KEY or \
                 AZURE_STORAGE_SAS_TOKEN, or say `anonymous #true`",
            ))
        }
    }
}
