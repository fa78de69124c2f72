use std::path::Path;
use std::sync::Arc;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::ssh_key::{Algorithm, HashAlg};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg};
use secrecy::{ExposeSecret as _, SecretString};
use syncplan_model::Escaped;

use super::connection::Watch;
use super::fault::Fault;
use super::settings::{SftpLogin, SftpSettings};

/// So many keys are shown to a server; most end the connection at the sixth.
const MOST_KEYS: usize = 5;

/// The rounds of questions that are answered.
const ROUNDS: usize = 4;

type Client = Handle<Watch>;

/// Logs in as the settings say.
pub(super) async fn log_in(client: &mut Client, settings: &SftpSettings) -> Result<(), Fault> {
    let mut tried = Vec::new();
    let is_in = match &settings.login {
        SftpLogin::Key { text, passphrase } => {
            let key = private_key(text, passphrase.as_ref())?;
            tried.push(format!("the key {}", key.fingerprint(HashAlg::Sha256)));
            by_key(client, &settings.user, key).await?
        }
        SftpLogin::Password(password) => {
            tried.push("the password".to_owned());
            by_password(client, &settings.user, password).await?
        }
        SftpLogin::Ambient { agent, keys } => {
            let by_agent = match agent {
                Some(agent) => by_agent(client, &settings.user, agent, &mut tried).await?,
                None => false,
            };
            by_agent || by_keys(client, &settings.user, keys, &mut tried).await?
        }
    };
    if is_in {
        return Ok(());
    }
    let user = Escaped(settings.user.as_bytes());
    Err(Fault::Login(match tried.as_slice() {
        [] => format!(
            "there is no key to log in as `{user}` with: name one (`identity file=…`), a password, or start an agent"
        ),
        tried => format!("the server does not let `{user}` in; tried: {}", tried.join(", ")),
    }))
}

fn private_key(text: &SecretString, passphrase: Option<&SecretString>) -> Result<PrivateKey, Fault> {
    let passphrase = passphrase.map(|passphrase| passphrase.expose_secret());
    russh::keys::decode_secret_key(text.expose_secret(), passphrase).map_err(|error| {
        Fault::Login(match error {
            russh::keys::Error::KeyIsEncrypted => {
                "the private key is locked: name its `passphrase`".to_owned()
            }
            // What could not be read is a secret: only how it failed is told.
            _ if passphrase.is_some() => {
                "the private key cannot be read; is the passphrase right?".to_owned()
            }
            _ => "the private key cannot be read".to_owned(),
        })
    })
}

async fn by_key(client: &mut Client, user: &str, key: PrivateKey) -> Result<bool, Fault> {
    let Ok(hash) = hash_of(client, &key.algorithm()).await? else { return Ok(false) };
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
    Ok(client.authenticate_publickey(user, key).await?.success())
}

/// How a key of this kind signs; RSA with SHA-2, or not at all.
async fn hash_of(client: &Client, kind: &Algorithm) -> Result<Result<Option<HashAlg>, ()>, Fault> {
    if !matches!(kind, Algorithm::Rsa { .. }) {
        return Ok(Ok(None));
    }
    Ok(match client.best_supported_rsa_hash().await? {
        // Servers that do not say what they take know it since 2016.
        None => Ok(Some(HashAlg::Sha256)),
        Some(None) => Err(()),
        Some(hash) => Ok(hash),
    })
}

async fn by_keys(
    client: &mut Client,
    user: &str,
    keys: &[(String, SecretString)],
    tried: &mut Vec<String>,
) -> Result<bool, Fault> {
    for (name, text) in keys {
        let Ok(key) = private_key(text, None) else {
            tried.push(format!("{name} (locked or not readable)"));
            continue;
        };
        tried.push(name.clone());
        if by_key(client, user, key).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn by_agent(
    client: &mut Client,
    user: &str,
    agent: &Path,
    tried: &mut Vec<String>,
) -> Result<bool, Fault> {
    let Ok(mut agent) = AgentClient::connect_uds(agent).await else {
        tried.push("the agent (it does not answer)".to_owned());
        return Ok(false);
    };
    let Ok(identities) = agent.request_identities().await else { return Ok(false) };
    let keys = identities.into_iter().filter_map(|identity| match identity {
        AgentIdentity::PublicKey { key, comment } => Some((key, comment)),
        AgentIdentity::Certificate { .. } => None,
    });
    for (key, comment) in keys.take(MOST_KEYS) {
        tried.push(format!("the agent's key `{}`", Escaped(comment.as_bytes())));
        let Ok(hash) = hash_of(client, &key.algorithm()).await? else { continue };
        match client.authenticate_publickey_with(user, key, hash, &mut agent).await {
            Ok(AuthResult::Success) => return Ok(true),
            Ok(AuthResult::Failure { .. }) => {}
            Err(error) => tracing::debug!(%error, "the agent does not sign"),
        }
    }
    Ok(false)
}

async fn by_password(client: &mut Client, user: &str, password: &SecretString) -> Result<bool, Fault> {
    let tried = client.authenticate_password(user, password.expose_secret()).await?;
    let AuthResult::Failure { remaining_methods, .. } = tried else { return Ok(true) };
    if !remaining_methods.contains(&russh::MethodKind::KeyboardInteractive) {
        return Ok(false);
    }
    let mut asked = client.authenticate_keyboard_interactive_start(user, None).await?;
    for _ in 0..ROUNDS {
        let prompts = match asked {
            KeyboardInteractiveAuthResponse::Success => return Ok(true),
            KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
        };
        // One hidden question is for the password; others nobody here can answer.
        let answers = match prompts.as_slice() {
            [] => Vec::new(),
            [only] if !only.echo => vec![password.expose_secret().to_owned()],
            _ => return Ok(false),
        };
        asked = client.authenticate_keyboard_interactive_respond(answers).await?;
    }
    Ok(false)
}
