//! Opens the places of tasks as stores.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::ExposeSecret as _;
use syncplan_exec::{Access, Restricted};
use syncplan_model::spec::{
    LocalStore as LocalSpec, Place, S3Store as S3Spec, SecretRef, Store as StoreSpec, StoreAccess, StoreKind,
};
use syncplan_model::{Digest, RelPath};
use syncplan_store::{
    AbsentFolder, LocalStore, S3Credentials, S3Settings, S3Store, Store, StoreError, StoreErrorKind,
};

use crate::failure::Failure;
use crate::project::Project;
use crate::secret;

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

fn open_kind(
    project: &Project,
    store: &StoreSpec,
    place: &Place,
    purpose: Purpose,
) -> Result<Arc<dyn Store>, Failure> {
    let location = location(store, place);
    match &store.kind {
        StoreKind::Local(local) => open_folder(&folder_of(project, local, place), location, purpose),
        StoreKind::S3(s3) => {
            let settings = s3_settings(project, s3, place, purpose)?;
            Ok(Arc::new(S3Store::open(&settings, location)?))
        }
        StoreKind::Memory => {
            Err(Failure::usage("a store of kind `memory` forgets everything: it is for tests of the library"))
        }
        other => Err(Failure::usage(format!("stores of kind `{}` are not supported yet", other.as_str()))),
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
        other => other.as_str().to_owned(),
    };
    match root.as_str() {
        "" | "." => place.path.as_ref().map_or_else(|| ".".to_owned(), ToString::to_string),
        root => joined(root, place.path.as_ref()),
    }
}

/// Which server a place is on, as the first digits of a hash; folders are on none.
pub(crate) fn service(project: &Project, place: &Place) -> Option<String> {
    match &project.loaded.spec.store(&place.store)?.kind {
        StoreKind::S3(s3) => {
            let server = format!("{} {:?} {:?}", s3.provider, s3.endpoint, s3.region);
            Some(Digest::of(server.as_bytes()).to_string()[..11].to_owned())
        }
        _ => None,
    }
}

fn joined(root: &str, path: Option<&RelPath>) -> String {
    path.map_or_else(|| root.to_owned(), |path| format!("{root}/{path}"))
}

/// Where a place of a local store is.
pub(crate) fn folder_of(project: &Project, local: &LocalSpec, place: &Place) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    let root = project.folder.join(in_home(&local.root));
    match &place.path {
        Some(path) => root.join(std::ffi::OsStr::from_bytes(path.as_bytes())),
        None => root,
    }
}

/// `~/` is the user's home, as in a shell.
fn in_home(root: &str) -> PathBuf {
    match (root.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(below), Some(home)) => PathBuf::from(home).join(below),
        _ => PathBuf::from(root),
    }
}

fn open_folder(folder: &Path, location: String, purpose: Purpose) -> Result<Arc<dyn Store>, Failure> {
    let opened = match purpose {
        Purpose::Describe => return Ok(Arc::new(AbsentFolder::new(location))),
        Purpose::Read => LocalStore::open(folder, location),
        Purpose::Write => LocalStore::open_or_create(folder, location),
        Purpose::Preview => match LocalStore::open(folder, location.clone()) {
            Err(StoreError { kind: StoreErrorKind::NoStore, .. }) => {
                return Ok(Arc::new(AbsentFolder::new(location)));
            }
            opened => opened,
        },
    };
    Ok(Arc::new(opened?))
}

fn s3_settings(
    project: &Project,
    s3: &S3Spec,
    place: &Place,
    purpose: Purpose,
) -> Result<S3Settings, Failure> {
    let credentials = match purpose {
        Purpose::Describe => None,
        _ => s3_credentials(project, s3)?,
    };
    let ca_certificate = s3.connection.ca_certificate.as_ref().filter(|_| purpose != Purpose::Describe);
    Ok(S3Settings {
        prefix: below(s3.prefix.as_ref(), place.path.as_ref())?,
        endpoint: s3.endpoint.clone(),
        region: s3.region.clone(),
        addressing: s3.addressing,
        credentials,
        ca_certificate: ca_certificate.map(|file| read_certificate(project, file)).transpose()?,
        conditional_writes: s3.conditional_writes,
        retries: s3.connection.retries,
        timeout: s3.connection.timeout.as_duration(),
        ..S3Settings::new(s3.provider, &s3.bucket)
    })
}

fn s3_credentials(project: &Project, s3: &S3Spec) -> Result<Option<S3Credentials>, Failure> {
    let resolve = |reference: &SecretRef| secret::resolve(reference, &project.folder);
    match (&s3.access_key_id, &s3.secret_access_key) {
        _ if s3.anonymous => Ok(None),
        (Some(id), Some(key)) => Ok(Some(S3Credentials {
            access_key_id: resolve(id)?.expose_secret().to_owned(),
            secret_access_key: resolve(key)?,
            session_token: s3.session_token.as_ref().map(resolve).transpose()?,
        })),
        // As every S3 client does where the manifest says nothing.
        _ => from_environment(),
    }
}

fn from_environment() -> Result<Option<S3Credentials>, Failure> {
    let of = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (Some(id), Some(key)) = (of("AWS_ACCESS_KEY_ID"), of("AWS_SECRET_ACCESS_KEY")) else {
        return Err(Failure::new(
            "syncplan::store::no-credentials",
            "the manifest names no credentials for a bucket",
        )
        .help(
            "add `access-key-id env=…` and `secret-access-key env=…` to the store, set AWS_ACCESS_KEY_ID and \
                   AWS_SECRET_ACCESS_KEY, or say `anonymous #true`",
        ));
    };
    let session_token = of("AWS_SESSION_TOKEN").map(Into::into);
    Ok(Some(S3Credentials { access_key_id: id, secret_access_key: key.into(), session_token }))
}

fn below(prefix: Option<&RelPath>, path: Option<&RelPath>) -> Result<Option<RelPath>, Failure> {
    match (prefix, path) {
        (Some(prefix), Some(path)) => prefix.join(path).map(Some).map_err(|error| {
            Failure::usage(format!("`{prefix}/{path}` is no place in a bucket")).because(error)
        }),
        (prefix, path) => Ok(prefix.or(path).cloned()),
    }
}

fn read_certificate(project: &Project, file: &str) -> Result<Vec<u8>, Failure> {
    std::fs::read(project.folder.join(file)).map_err(|error| {
        Failure::new("syncplan::store::certificate", format!("the certificate `{file}` cannot be read"))
            .because(error)
    })
}
