use std::collections::BTreeMap;

use syncplan_model::Escaped;

/// Where the manifest and its includes are read from; the command line hands in the file system.
pub trait Sources {
    /// The bytes of a file, by its path relative to the manifest's folder, with `/` between parts.
    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError>;
}

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// There is no such file.
    #[error("the file does not exist")]
    NotFound,
    /// Any other reason, in words.
    #[error("{0}")]
    Other(String),
}

impl Sources for BTreeMap<String, Vec<u8>> {
    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        self.get(path).cloned().ok_or(SourceError::NotFound)
    }
}

/// A file that was read.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    /// The path as it is shown.
    pub(crate) fn shown_path(&self) -> String {
        Escaped(self.path.as_bytes()).to_string()
    }
}
