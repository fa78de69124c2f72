//! Folders on servers that speak SFTP.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use syncplan_model::RelPath;
use syncplan_model::spec::{Place, SftpStore as SftpSpec};
use syncplan_store::{KnownHosts, MissingRoot, SftpLogin, SftpSettings, SftpStore, Store};

use super::{Purpose, reach};
use crate::failure::Failure;
use crate::project::Project;
use crate::secret::{self, in_home};

/// Where `ssh` keeps what it knows of hosts; those that are not there know nothing.
const KNOWN_HOSTS: &[&str] =
    &["~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];

/// The keys that `ssh` tries by itself.
const KEYS: &[&str] = &["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"];

pub(super) fn open(
    project: &Project,
    sftp: &SftpSpec,
    place: &Place,
    purpose: Purpose,
    location: String,
) -> Result<Arc<dyn Store>, Failure> {
    let is_described = purpose == Purpose::Describe;
    let settings = SftpSettings {
        host: sftp.host.clone(),
        port: sftp.port,
        user: user(sftp)?,
        root: root(&sftp.root, place.path.as_ref())?,
        missing_root: match purpose {
            Purpose::Read | Purpose::Describe => MissingRoot::Refuse,
            Purpose::Preview => MissingRoot::Empty,
            Purpose::Write => MissingRoot::Create,
        },
        login: if is_described { nobody() } else { login(project, sftp)? },
        known_hosts: if is_described { KnownHosts::default() } else { known_hosts(project, sftp)? },
        proxy_command: sftp.proxy_command.clone(),
        reach: reach(project, &sftp.connection, purpose)?,
    };
    Ok(Arc::new(SftpStore::new(settings, location)))
}

/// The store's root, or a folder below it.
fn root(root: &str, path: Option<&RelPath>) -> Result<String, Failure> {
    let Some(path) = path else { return Ok(root.to_owned()) };
    let path = path.as_str().ok_or_else(|| Failure::usage(format!("`{path}` is not UTF-8")))?;
    Ok(format!("{}/{path}", root.trim_end_matches('/')))
}

fn user(sftp: &SftpSpec) -> Result<String, Failure> {
    let here = || ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    sftp.user.clone().or_else(here).filter(|user| !user.is_empty()).ok_or_else(|| {
        Failure::new("syncplan::store::no-user", "it is not known who logs in on the server")
            .help("add `user \"…\"` to the store, or set USER")
    })
}

fn nobody() -> SftpLogin {
    SftpLogin::Ambient { agent: None, keys: Vec::new() }
}

fn login(project: &Project, sftp: &SftpSpec) -> Result<SftpLogin, Failure> {
    if let Some(identity) = &sftp.identity {
        let passphrase = sftp.passphrase.as_ref();
        return Ok(SftpLogin::Key {
            text: secret::resolve_whole(identity, &project.folder)?,
            passphrase: passphrase.map(|it| secret::resolve(it, &project.folder)).transpose()?,
        });
    }
    if let Some(password) = &sftp.password {
        return Ok(SftpLogin::Password(secret::resolve(password, &project.folder)?));
    }
    // As `ssh` does where nothing is said.
    let agent = std::env::var_os("SSH_AUTH_SOCK").filter(|agent| !agent.is_empty()).map(PathBuf::from);
    let keys = KEYS.iter().filter_map(|name| {
        let text = std::fs::read_to_string(in_home(name)).ok()?;
        Some(((*name).to_owned(), SecretString::from(text)))
    });
    Ok(SftpLogin::Ambient { agent, keys: keys.collect() })
}

fn known_hosts(project: &Project, sftp: &SftpSpec) -> Result<KnownHosts, Failure> {
    let mut known = KnownHosts::default();
    if let Some(file) = &sftp.known_hosts {
        let text = std::fs::read(project.folder.join(in_home(file))).map_err(|error| {
            Failure::new("syncplan::store::known-hosts", format!("the known hosts `{file}` cannot be read"))
                .because(error)
        })?;
        known.add(file, &text);
        return Ok(known);
    }
    for name in KNOWN_HOSTS {
        if let Ok(text) = std::fs::read(Path::new(&in_home(name))) {
            known.add(name, &text);
        }
    }
    Ok(known)
}
