use std::path::PathBuf;

use secrecy::SecretString;

use super::known_hosts::KnownHosts;
use crate::web::Reach;

/// A folder on a server, and how it is reached.
#[derive(Debug, Clone)]
pub struct SftpSettings {
    /// The machine.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who logs in.
    pub user: String,
    /// The folder there that is the store's root; relative ones start at the user's home.
    pub root: String,
    /// What to do where that folder is not there.
    pub missing_root: MissingRoot,
    /// How the user proves to be who it is.
    pub login: SftpLogin,
    /// What is known of the server's key.
    pub known_hosts: KnownHosts,
    /// A program, with its arguments, whose input and output are the line to the server.
    pub proxy_command: Vec<String>,
    /// How long it may keep silent, and how often looks are repeated.
    pub reach: Reach,
}

/// What to do where the root is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingRoot {
    /// It is an error.
    Refuse,
    /// It is taken for an empty folder, and nothing is written.
    Empty,
    /// It is created by the first write.
    Create,
}

/// How a user proves to be who it is.
#[derive(Debug, Clone)]
pub enum SftpLogin {
    /// By a private key, as text.
    Key {
        /// In PEM or OpenSSH's own form.
        text: SecretString,
        /// What unlocks it.
        passphrase: Option<SecretString>,
    },
    /// By a password.
    Password(SecretString),
    /// By what this user has at hand, as `ssh` does.
    Ambient {
        /// Where an agent listens.
        agent: Option<PathBuf>,
        /// The user's own keys, with what they are called.
        keys: Vec<(String, SecretString)>,
    },
}
