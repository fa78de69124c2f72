//! Folders on WebDAV servers.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use syncplan_model::spec::{Place, WebdavStore as WebdavSpec};
use syncplan_store::{Store, WebdavCredentials, WebdavSettings, WebdavStore};

use super::{Purpose, reach};
use crate::failure::Failure;
use crate::project::Project;
use crate::secret;

pub(super) fn open(
    project: &Project,
    webdav: &WebdavSpec,
    place: &Place,
    purpose: Purpose,
    location: String,
) -> Result<Arc<dyn Store>, Failure> {
    let settings = WebdavSettings {
        folder: place.path.clone(),
        credentials: match purpose {
            Purpose::Describe => None,
            _ => credentials(project, webdav)?,
        },
        // What is read has to be there.
        may_be_missing: purpose != Purpose::Read,
        reach: reach(project, &webdav.connection, purpose)?,
        ..WebdavSettings::new(&webdav.url)
    };
    Ok(Arc::new(WebdavStore::open(&settings, location)?))
}

fn credentials(project: &Project, webdav: &WebdavSpec) -> Result<Option<WebdavCredentials>, Failure> {
    let resolve = |reference| secret::resolve(reference, &project.folder);
    let (Some(user), Some(password)) = (&webdav.user, &webdav.password) else { return Ok(None) };
    let user = resolve(user)?.expose_secret().to_owned();
    Ok(Some(WebdavCredentials { user, password: resolve(password)? }))
}
