//! Buckets that speak S3.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use syncplan_model::spec::{Place, S3Store as S3Spec, SecretRef};
use syncplan_store::{S3Credentials, S3Settings, S3Store, Store};

use super::{Purpose, below, reach};
use crate::failure::Failure;
use crate::project::Project;
use crate::secret;

pub(super) fn open(
    project: &Project,
    s3: &S3Spec,
    place: &Place,
    purpose: Purpose,
    location: String,
) -> Result<Arc<dyn Store>, Failure> {
    let settings = S3Settings {
        prefix: below(s3.prefix.as_ref(), place.path.as_ref())?,
        endpoint: s3.endpoint.clone(),
        region: s3.region.clone(),
        addressing: s3.addressing,
        credentials: match purpose {
            Purpose::Describe => None,
            _ => credentials(project, s3)?,
        },
        conditional_writes: s3.conditional_writes,
        directory_markers: s3.directory_markers,
        reach: reach(project, &s3.connection, purpose)?,
        ..S3Settings::new(s3.provider, &s3.bucket)
    };
    Ok(Arc::new(S3Store::open(&settings, location)?))
}

fn credentials(project: &Project, s3: &S3Spec) -> Result<Option<S3Credentials>, Failure> {
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
