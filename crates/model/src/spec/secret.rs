/// Where a secret is kept; never the secret itself. It is resolved when a store opens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SecretRef {
    /// `env=NAME`: an environment variable.
    Env(String),
    /// `file="PATH"`: the first line of a file, relative to the manifest's folder.
    File(String),
    /// `command="PROGRAM ARG …"`: the first line of a program's output; split at spaces, no shell.
    Command(Vec<String>),
    /// `keyring="NAME"`: an entry of the desktop's keyring.
    Keyring(String),
}
