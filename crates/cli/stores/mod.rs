//! Opens the places of tasks as stores.

mod azure;
mod gcs;
mod http;
mod local;
mod s3;
mod sftp;
mod webdav;

use std::sync::Arc;

use syncplan_exec::{Access, Restricted};
use syncplan_model::plan::Side;
use syncplan_model::spec::{
    Connection, Direction, FilesTask, Mode, Place, Store as StoreSpec, StoreAccess, StoreKind, Symlinks,
};
use syncplan_model::{Capabilities, Capability, Digest, RelPath};
use syncplan_store::{LinksAsFiles, Reach, Store};

pub(crate) use self::local::folder_of;
use crate::failure::Failure;
use crate::looker::place;
use crate::project::Project;

/// What a place is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be read; it has to be there.
    Read,
    /// To be looked at as a target: a folder that is not there yet is taken as empty.
    Preview,
    /// To be written; a folder that is not there is created.
    Write,
    /// To know what it can do; nothing is asked of it, and no secret is needed.
    Describe,
}

/// A place of a task, opened.
pub(crate) fn open(project: &Project, place: &Place, purpose: Purpose) -> Result<Arc<dyn Store>, Failure> {
    let spec = &project.loaded.spec;
    let store = spec.store(&place.store);
    let store =
        store.ok_or_else(|| Failure::usage(format!("the manifest has no store `{}`", place.store)))?;
    if store.access == StoreAccess::ReadOnly && purpose == Purpose::Write {
        return Err(Failure::usage(format!(
            "the store `{}` is read-only, and the plan would write to it",
            store.name
        )));
    }
    let opened = open_kind(project, store, place, purpose)?;
    Ok(match store.access {
        StoreAccess::ReadWrite => opened,
        StoreAccess::ReadOnly => Arc::new(Restricted::new(opened, Access::Read)),
        StoreAccess::AppendOnly => Arc::new(Restricted::new(opened, Access::Append)),
    })
}

/// One side of a task, opened the way the task takes symbolic links. `direction` overrules the task's.
pub(crate) fn open_side(
    project: &Project,
    task: &FilesTask,
    direction: Option<Direction>,
    side: Side,
    purpose: Purpose,
) -> Result<Arc<dyn Store>, Failure> {
    let place = place(task, side);
    match task.symlinks {
        Symlinks::Keep | Symlinks::Skip => open(project, place, purpose),
        Symlinks::Follow => {
            let source = match direction.unwrap_or(task.direction) {
                Direction::Push => Side::Local,
                Direction::Fetch => Side::Remote,
            };
            let folder = project.loaded.spec.store(&place.store).and_then(|store| match &store.kind {
                StoreKind::Local(local) => Some((folder_of(project, local, place), location(store, place))),
                _ => None,
            });
            match folder {
                Some((folder, location)) if side == source && task.mode != Mode::TwoWay => {
                    local::open_following(&folder, location, purpose)
                }
                _ => open(project, place, purpose),
            }
        }
        Symlinks::RcloneLink => {
            let opened = open(project, place, purpose)?;
            let other = open(project, self::place(task, side.other()), Purpose::Describe)?;
            let keeps = |store: &dyn Store| store.capabilities().has(Capability::Symlinks);
            Ok(match keeps(&*opened) && !keeps(&*other) {
                true => Arc::new(LinksAsFiles::new(opened)),
                false => opened,
            })
        }
    }
}

/// What a place can do, with what the manifest says of it.
pub(crate) fn capabilities(project: &Project, place: &Place, store: &dyn Store) -> Capabilities {
    let folds = project.loaded.spec.store(&place.store).map(|store| store.folds).unwrap_or_default();
    let known = store.capabilities().clone();
    let known = if folds.case { known.with(Capability::FoldsCase) } else { known };
    if folds.unicode { known.with(Capability::FoldsUnicode) } else { known }
}

fn open_kind(
    project: &Project,
    store: &StoreSpec,
    place: &Place,
    purpose: Purpose,
) -> Result<Arc<dyn Store>, Failure> {
    let location = location(store, place);
    match &store.kind {
        StoreKind::Local(local) => local::open(&folder_of(project, local, place), location, purpose),
        StoreKind::S3(s3) => s3::open(project, s3, place, purpose, location),
        StoreKind::Sftp(sftp) => sftp::open(project, sftp, place, purpose, location),
        StoreKind::Webdav(webdav) => webdav::open(project, webdav, place, purpose, location),
        StoreKind::Http(http) => http::open(project, http, place, purpose, location),
        StoreKind::Azure(azure) => azure::open(project, azure, place, purpose, location),
        StoreKind::Gcs(gcs) => gcs::open(project, gcs, place, purpose, location),
        StoreKind::Memory => {
            Err(Failure::usage("a store of kind `memory` forgets everything: it is for tests of the library"))
        }
    }
}

/// Where a place is, for people and for plan.json: relative to the manifest's folder, or bucket and
/// prefix. An absolute folder is named by a hash, since plans travel and folders do not.
pub(crate) fn location(store: &StoreSpec, place: &Place) -> String {
    let root = match &store.kind {
        StoreKind::Local(local) => match local.root.strip_prefix('/') {
            None => local.root.trim_start_matches("./").trim_end_matches('/').to_owned(),
            Some(_) => format!("folder-{}", &Digest::of(local.root.as_bytes()).to_string()[3..11]),
        },
        StoreKind::S3(s3) => joined(&s3.bucket, s3.prefix.as_ref()),
        StoreKind::Sftp(sftp) => format!("{}:{}", sftp.host, sftp.root.trim_end_matches('/')),
        StoreKind::Webdav(webdav) => shown(&webdav.url).to_owned(),
        StoreKind::Http(http) => shown(&http.url).to_owned(),
        StoreKind::Azure(azure) => joined(&azure.container, azure.prefix.as_ref()),
        StoreKind::Gcs(gcs) => joined(&gcs.bucket, gcs.prefix.as_ref()),
        other => other.as_str().to_owned(),
    };
    match root.as_str() {
        "" | "." => place.path.as_ref().map_or_else(|| ".".to_owned(), ToString::to_string),
        root => joined(root, place.path.as_ref()),
    }
}

/// Which server a place is on, as the first digits of a hash; folders are on none.
pub(crate) fn service(project: &Project, place: &Place) -> Option<String> {
    let server = match &project.loaded.spec.store(&place.store)?.kind {
        StoreKind::S3(s3) => format!("{} {:?} {:?}", s3.provider, s3.endpoint, s3.region),
        StoreKind::Azure(azure) => format!("azure {} {:?}", azure.account, azure.endpoint),
        StoreKind::Gcs(gcs) => format!("gcs {:?}", gcs.endpoint),
        StoreKind::Sftp(sftp) => format!("{} {} {:?}", sftp.host, sftp.port, sftp.user),
        // The place is a URL already; this tells users apart, who may see different files there.
        StoreKind::Webdav(webdav) => format!("{} {:?}", shown(&webdav.url), webdav.user),
        StoreKind::Http(http) => format!("{} {:?}", shown(&http.url), http.index),
        StoreKind::Local(_) | StoreKind::Memory => return None,
    };
    Some(Digest::of(server.as_bytes()).to_string()[..11].to_owned())
}

/// A URL without what should not be in it, but might: a user, a password, a signature.
fn shown(url: &str) -> &str {
    let url = url.split(['?', '#']).next().unwrap_or(url);
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = url.find('/').unwrap_or(url.len());
    let url = url[..end].rfind('@').map_or(url, |at| &url[at + 1..]);
    url.trim_end_matches('/')
}

fn joined(root: &str, path: Option<&RelPath>) -> String {
    path.map_or_else(|| root.to_owned(), |path| format!("{root}/{path}"))
}

/// The folder below a store's own prefix that a place is.
fn below(prefix: Option<&RelPath>, path: Option<&RelPath>) -> Result<Option<RelPath>, Failure> {
    match (prefix, path) {
        (Some(prefix), Some(path)) => prefix.join(path).map(Some).map_err(|error| {
            Failure::usage(format!("`{prefix}/{path}` is no place in a bucket")).because(error)
        }),
        (prefix, path) => Ok(prefix.or(path).cloned()),
    }
}

/// How a server is reached; its certificate is read only where somebody goes there.
fn reach(project: &Project, connection: &Connection, purpose: Purpose) -> Result<Reach, Failure> {
    let file = connection.ca_certificate.as_ref().filter(|_| purpose != Purpose::Describe);
    Ok(Reach {
        ca_certificate: file.map(|file| read_certificate(project, file)).transpose()?,
        retries: connection.retries,
        timeout: connection.timeout.as_duration(),
    })
}

fn read_certificate(project: &Project, file: &str) -> Result<Vec<u8>, Failure> {
    std::fs::read(project.folder.join(file)).map_err(|error| {
        Failure::new("syncplan::store::certificate", format!("the certificate `{file}` cannot be read"))
            .because(error)
    })
}
