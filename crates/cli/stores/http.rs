//! Web sites.

use std::sync::Arc;

use syncplan_model::spec::{HttpStore as HttpSpec, Place};
use syncplan_store::{HttpSettings, HttpStore, Store};

use super::{Purpose, reach};
use crate::failure::Failure;
use crate::project::Project;
use crate::secret;

pub(super) fn open(
    project: &Project,
    http: &HttpSpec,
    place: &Place,
    purpose: Purpose,
    location: String,
) -> Result<Arc<dyn Store>, Failure> {
    let token = http.bearer_token.as_ref().filter(|_| purpose != Purpose::Describe);
    let settings = HttpSettings {
        folder: place.path.clone(),
        index: http.index.clone(),
        bearer_token: token.map(|token| secret::resolve(token, &project.folder)).transpose()?,
        reach: reach(project, &http.connection, purpose)?,
        ..HttpSettings::new(&http.url)
    };
    Ok(Arc::new(HttpStore::open(&settings, location)?))
}
