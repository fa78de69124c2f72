use super::SecretRef;
use crate::name::StoreName;
use crate::path::RelPath;
use crate::quantity::Period;
use crate::text::text_enum;

/// A place that holds files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Its name in the manifest.
    pub name: StoreName,
    /// What may be done to it.
    pub access: StoreAccess,
    /// Which spellings it takes for one name, besides what is found out.
    pub folds: Folds,
    /// What it is, with its settings.
    pub kind: StoreKind,
}

text_enum! {
    /// What may be done to a store.
    StoreAccess {
        /// Anything.
        ReadWrite = "read-write",
        /// New objects only: nothing is overwritten or deleted.
        AppendOnly = "append-only",
        /// Nothing is written.
        ReadOnly = "read-only",
    }
}

/// Which spellings of a name a store takes for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Folds {
    /// Those that differ in case only.
    pub case: bool,
    /// Those that differ in how letters are composed only.
    pub unicode: bool,
}

impl Folds {
    /// The words of the manifest.
    pub const WORDS: &[&str] = &["case", "unicode"];
}

/// What a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreKind {
    /// A folder of this machine.
    Local(LocalStore),
    /// A bucket that speaks S3.
    S3(Box<S3Store>),
    /// A container of Azure Blob Storage.
    Azure(Box<AzureStore>),
    /// A bucket of Google Cloud Storage.
    Gcs(Box<GcsStore>),
    /// A folder over SFTP.
    Sftp(Box<SftpStore>),
    /// A WebDAV share.
    Webdav(Box<WebdavStore>),
    /// A web site, to read from.
    Http(Box<HttpStore>),
    /// Memory, for tests; it starts empty.
    Memory,
}

/// A folder of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalStore {
    /// The folder; relative ones start at the manifest's folder.
    pub root: String,
}

/// A bucket that speaks S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Store {
    /// Whose S3 it is: decides on what the standard leaves open.
    pub provider: Provider,
    /// The bucket.
    pub bucket: String,
    /// The folder in the bucket that is the store's root.
    pub prefix: Option<RelPath>,
    /// The URL of the service, without the bucket; AWS needs none.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: Option<String>,
    /// Where the bucket's name stands; `None` is what the provider prefers.
    pub addressing: Option<Addressing>,
    /// The id of the key.
    pub access_key_id: Option<SecretRef>,
    /// The key.
    pub secret_access_key: Option<SecretRef>,
    /// The token of a temporary key.
    pub session_token: Option<SecretRef>,
    /// Requests are not signed.
    pub anonymous: bool,
    /// What to do where the service cannot write conditionally.
    pub conditional_writes: ConditionalWrites,
    /// Folders are kept as empty objects whose names end in a slash.
    pub directory_markers: bool,
    /// How the service is reached.
    pub connection: Connection,
}

/// A container of Azure Blob Storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AzureStore {
    /// The storage account.
    pub account: String,
    /// The container.
    pub container: String,
    /// The folder in the container that is the store's root.
    pub prefix: Option<RelPath>,
    /// The URL of the service, where it is not Azure's own.
    pub endpoint: Option<String>,
    /// The account's key.
    pub access_key: Option<SecretRef>,
    /// A shared access signature.
    pub sas_token: Option<SecretRef>,
    /// Requests are not signed.
    pub anonymous: bool,
    /// How the service is reached.
    pub connection: Connection,
}

/// A bucket of Google Cloud Storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcsStore {
    /// The bucket.
    pub bucket: String,
    /// The folder in the bucket that is the store's root.
    pub prefix: Option<RelPath>,
    /// The URL of the service, where it is not Google's own.
    pub endpoint: Option<String>,
    /// The JSON key of a service account.
    pub service_account: Option<SecretRef>,
    /// Requests are not signed.
    pub anonymous: bool,
    /// How the service is reached.
    pub connection: Connection,
}

/// A folder over SFTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SftpStore {
    /// The machine.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Who logs in; `None` is the user of this machine.
    pub user: Option<String>,
    /// The folder there; relative ones start at the user's home.
    pub root: String,
    /// The private key; without one or a password, the agent is asked.
    pub identity: Option<SecretRef>,
    /// What unlocks the private key.
    pub passphrase: Option<SecretRef>,
    /// The user's password.
    pub password: Option<SecretRef>,
    /// The file of known host keys; `None` is the user's own.
    pub known_hosts: Option<String>,
    /// A program, with its arguments, whose input and output are the line to the machine; empty: a
    /// connection of our own.
    pub proxy_command: Vec<String>,
    /// How the machine is reached; it has no certificate.
    pub connection: Connection,
}

/// A WebDAV share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebdavStore {
    /// The URL of the folder that is the store's root.
    pub url: String,
    /// Who logs in.
    pub user: Option<SecretRef>,
    /// The user's password.
    pub password: Option<SecretRef>,
    /// How the server is reached.
    pub connection: Connection,
}

/// A web site, to read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpStore {
    /// The URL of the folder that is the store's root.
    pub url: String,
    /// A file below the URL that lists all others; `None` reads the server's own indexes of folders.
    pub index: Option<RelPath>,
    /// Sent as `Authorization: Bearer`.
    pub bearer_token: Option<SecretRef>,
    /// How the server is reached.
    pub connection: Connection,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// A file of certificates in PEM that are trusted besides the system's.
    pub ca_certificate: Option<String>,
    /// How often a request is repeated before it counts as failed.
    pub retries: u32,
    /// How long one request may take.
    pub timeout: Period,
}

impl Default for Connection {
    fn default() -> Self {
        Self { ca_certificate: None, retries: 5, timeout: Period::from_secs(30) }
    }
}

text_enum! {
    /// Whose S3 it is.
    Provider {
        /// Amazon S3.
        Aws = "aws",
        /// Aliyun OSS.
        Aliyun = "aliyun",
        /// Tencent COS.
        Tencent = "tencent",
        /// Qiniu Kodo.
        Qiniu = "qiniu",
        /// Huawei OBS.
        Huawei = "huawei",
        /// Cloudflare R2.
        R2 = "r2",
        /// MinIO.
        Minio = "minio",
        /// Garage.
        Garage = "garage",
        /// Ceph's object gateway.
        Ceph = "ceph",
        /// Backblaze B2.
        Backblaze = "backblaze",
        /// Wasabi.
        Wasabi = "wasabi",
        /// Any other: only what all of them understand.
        Other = "other",
    }
}

text_enum! {
    /// Where the bucket's name stands in the URL.
    Addressing {
        /// In the path.
        PathStyle = "path-style",
        /// In the host name.
        VirtualHosted = "virtual-hosted",
    }
}

text_enum! {
    /// What to do where a store cannot write conditionally.
    ConditionalWrites {
        /// Refuse to write.
        Require = "require",
        /// Check before writing, and say so.
        Prefer = "prefer",
        /// Never use conditions.
        Off = "off",
    }
}

impl StoreKind {
    /// The words of all kinds.
    pub const WORDS: &[&str] = &["local", "s3", "azure", "gcs", "sftp", "webdav", "http", "memory"];

    /// The word that the manifest uses.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Local(_) => "local",
            Self::S3(_) => "s3",
            Self::Azure(_) => "azure",
            Self::Gcs(_) => "gcs",
            Self::Sftp(_) => "sftp",
            Self::Webdav(_) => "webdav",
            Self::Http(_) => "http",
            Self::Memory => "memory",
        }
    }
}
