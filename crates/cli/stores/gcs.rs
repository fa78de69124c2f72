//! Buckets of Google Cloud Storage.

use std::sync::Arc;

use syncplan_model::spec::{GcsStore as GcsSpec, Place};
use syncplan_store::{GcsCredentials, GcsSettings, GcsStore, Store};

use super::{Purpose, below, reach};
use crate::failure::Failure;
use crate::project::Project;
use crate::secret;

pub(super) fn open(
    project: &Project,
    gcs: &GcsSpec,
    place: &Place,
    purpose: Purpose,
    location: String,
) -> Result<Arc<dyn Store>, Failure> {
    let settings = GcsSettings {
        prefix: below(gcs.prefix.as_ref(), place.path.as_ref())?,
        endpoint: gcs.endpoint.clone(),
        credentials: match purpose {
            Purpose::Describe => None,
            _ => credentials(project, gcs)?,
        },
        reach: reach(project, &gcs.connection, purpose)?,
        ..GcsSettings::new(&gcs.bucket)
    };
    Ok(Arc::new(GcsStore::open(&settings, location)?))
}

fn credentials(project: &Project, gcs: &GcsSpec) -> Result<Option<GcsCredentials>, Failure> {
    match &gcs.service_account {
        _ if gcs.anonymous => Ok(None),
        Some(key) => {
            let key = secret::resolve_whole(key, &project.folder)?;
            Ok(Some(GcsCredentials::ServiceAccount(key)))
        }
        // As Google's own tools do where the manifest says nothing.
        None => from_environment().map(Some),
    }
}

fn from_environment() -> Result<GcsCredentials, Failure> {
    let file = std::env::var("GOOGLE_APPLICATION_CREDENTIALS").ok().filter(|file| !file.is_empty());
    file.map(GcsCredentials::ApplicationDefault).ok_or_else(|| {
        Failure::new("syncplan::store::no-credentials", "the manifest names no credentials for a bucket")
            .help(
                "add `service-account file=…` to the store, set GOOGLE_APPLICATION_CREDENTIALS, or say \
             `anonymous #true`",
            )
    })
}
