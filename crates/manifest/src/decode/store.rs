use syncplan_model::spec::{
    Addressing, AzureStore, ConditionalWrites, Connection, Folds, GcsStore, HttpStore, LocalStore, Provider,
    S3Store, SecretRef, SftpStore, Store, StoreAccess, StoreKind, WebdavStore,
};
use syncplan_model::{RelPath, StoreName};

use super::context::{Context, Feature, Owner};
use super::secret;
use super::settings::{Setting, Settings, Shape, settings_of};
use crate::code;
use crate::problem::{Problem, Spanned};
use crate::tree::Node;

const ACCESS: Setting = Setting::one("access", "access append-only");
const FOLDS: Setting = Setting::one("folds", "folds case unicode");
const PREFIX: Setting = Setting::one("prefix", "prefix \"backups/wiki\"");
const ANONYMOUS: Setting = Setting::one("anonymous", "anonymous #true");
const CA: Setting = Setting::one("ca-certificate", "ca-certificate \"certs/ca.pem\"");
const RETRIES: Setting = Setting::one("retries", "retries 5");
const TIMEOUT: Setting = Setting::one("timeout", "timeout \"30s\"");

const LOCAL: &[Setting] = &[Setting::one("root", "root \"./site\""), ACCESS, FOLDS];
const S3: &[Setting] = &[
    Setting::one("provider", "provider aliyun"),
    Setting::one("bucket", "bucket \"backup\""),
    PREFIX,
    Setting::one("endpoint", "endpoint \"https://s3.example.org\""),
    Setting::one("region", "region \"eu-central-1\""),
    Setting::one("addressing", "addressing path-style"),
    Setting::one("access-key-id", "access-key-id env=ACCESS_KEY_ID"),
    Setting::one("secret-access-key", "secret-access-key env=SECRET_ACCESS_KEY"),
    Setting::one("session-token", "session-token env=SESSION_TOKEN"),
    ANONYMOUS,
    Setting::one("conditional-writes", "conditional-writes require"),
    Setting::one("directory-markers", "directory-markers #true"),
    CA,
    RETRIES,
    TIMEOUT,
    ACCESS,
    FOLDS,
];
const AZURE: &[Setting] = &[
    Setting::one("account", "account \"backups\""),
    Setting::one("container", "container \"wiki\""),
    PREFIX,
    Setting::one("endpoint", "endpoint \"https://blob.example.org\""),
    Setting::one("access-key", "access-key env=AZURE_ACCESS_KEY"),
    Setting::one("sas-token", "sas-token env=AZURE_SAS_TOKEN"),
    ANONYMOUS,
    CA,
    RETRIES,
    TIMEOUT,
    ACCESS,
    FOLDS,
];
const GCS: &[Setting] = &[
    Setting::one("bucket", "bucket \"backup\""),
    PREFIX,
    Setting::one("endpoint", "endpoint \"https://storage.example.org\""),
    Setting::one("service-account", "service-account file=\"keys/backup.json\""),
    ANONYMOUS,
    CA,
    RETRIES,
    TIMEOUT,
    ACCESS,
    FOLDS,
];
const SFTP: &[Setting] = &[
    Setting::one("host", "host \"backup.example.org\""),
    Setting::one("port", "port 22"),
    Setting::one("user", "user \"wiki\""),
    Setting::one("root", "root \"/srv/backup\""),
    Setting::one("identity", "identity file=\"~/.ssh/id_ed25519\""),
    Setting::one("passphrase", "passphrase env=SSH_PASSPHRASE"),
    Setting::one("password", "password env=SFTP_PASSWORD"),
    Setting::one("known-hosts", "known-hosts \"known_hosts\""),
    Setting::one("proxy-command", "proxy-command \"ssh\" \"-W\" \"%h:%p\" \"bastion\""),
    RETRIES,
    TIMEOUT,
    ACCESS,
    FOLDS,
];
const WEBDAV: &[Setting] = &[
    Setting::one("url", "url \"https://cloud.example.org/dav\""),
    Setting::one("user", "user env=DAV_USER"),
    Setting::one("password", "password env=DAV_PASSWORD"),
    CA,
    RETRIES,
    TIMEOUT,
    ACCESS,
    FOLDS,
];
const HTTP: &[Setting] = &[
    Setting::one("url", "url \"https://example.org/files\""),
    Setting::one("index", "index \"SHA256SUMS\""),
    Setting::one("bearer-token", "bearer-token env=TOKEN"),
    CA,
    RETRIES,
    TIMEOUT,
    FOLDS,
];
const MEMORY: &[Setting] = &[ACCESS, FOLDS];

pub(super) const ALL: &[&[Setting]] = &[LOCAL, S3, AZURE, GCS, SFTP, WEBDAV, HTTP, MEMORY];

pub(super) fn decode(context: &mut Context, name: StoreName, node: &Node) -> Option<Store> {
    let kind = kind(context, node, StoreKind::WORDS, "store laptop kind=local")?;
    let (word, known) = match kind.value.as_str() {
        "local" => ("local", LOCAL),
        "s3" => ("s3", S3),
        "azure" => ("azure", AZURE),
        "gcs" => ("gcs", GCS),
        "sftp" => ("sftp", SFTP),
        "webdav" => ("webdav", WEBDAV),
        "http" => ("http", HTTP),
        _ => ("memory", MEMORY),
    };
    let owner = Owner::Store(name.to_string());
    context.uses(Feature::Store(word), &owner, kind.span);
    let settings = settings_of(context, node, known, &["kind"]);
    let mut reader = Reader { context, settings, owner };
    let (access, folds) = (reader.access(), reader.folds());
    let kind = match word {
        "local" => reader.local(),
        "s3" => reader.s3(),
        "azure" => reader.azure(),
        "gcs" => reader.gcs(),
        "sftp" => reader.sftp(),
        "webdav" => reader.webdav(),
        "http" => reader.http(),
        _ => Some(StoreKind::Memory),
    }?;
    let access = if word == "http" { StoreAccess::ReadOnly } else { access };
    Some(Store { name, access, folds, kind })
}

/// `kind=…`, one of the words.
pub(super) fn kind(
    context: &mut Context,
    node: &Node,
    words: &[&str],
    example: &str,
) -> Option<Spanned<String>> {
    let as_node = node.children().iter().any(|child| child.name.value == "kind");
    let Some(value) = node.property("kind") else {
        if as_node {
            // Told once, as a property that was given as a node.
            settings_of(context, node, &[], &["kind"]);
            context.problems.retain(|problem| problem.code != code::UNKNOWN_NODE);
            return None;
        }
        context.required_property(node, "kind", example);
        return None;
    };
    let text = context.text_of(value, example)?.clone();
    if words.contains(&text.value.as_str()) {
        return Some(Spanned::new(text.value, text.span));
    }
    context.unknown_word(code::UNKNOWN_KIND, "kind", &text, words);
    None
}

struct Reader<'c, 'n> {
    context: &'c mut Context,
    settings: Settings<'n>,
    owner: Owner,
}

impl Reader<'_, '_> {
    fn local(&mut self) -> Option<StoreKind> {
        Some(StoreKind::Local(LocalStore { root: self.required("root")? }))
    }

    fn s3(&mut self) -> Option<StoreKind> {
        let provider = self.word("provider", Provider::ALL, Provider::as_str).unwrap_or(Provider::Aws);
        let bucket = self.required("bucket");
        let addressing = self.word("addressing", Addressing::ALL, Addressing::as_str);
        let store = S3Store {
            provider,
            bucket: bucket.unwrap_or_default(),
            prefix: self.path("prefix"),
            endpoint: self.endpoint(),
            region: self.optional("region"),
            addressing,
            access_key_id: self.secret("access-key-id"),
            secret_access_key: self.secret("secret-access-key"),
            session_token: self.secret("session-token"),
            anonymous: self.truth("anonymous"),
            conditional_writes: self
                .word("conditional-writes", ConditionalWrites::ALL, ConditionalWrites::as_str)
                .unwrap_or(ConditionalWrites::Prefer),
            directory_markers: self.truth("directory-markers"),
            connection: self.connection(),
        };
        self.pair("access-key-id", "secret-access-key");
        self.virtual_hosted_only(provider, addressing);
        if provider != Provider::Aws {
            self.settings.required(self.context, "endpoint");
        }
        Some(StoreKind::S3(Box::new(store)))
    }

    fn azure(&mut self) -> Option<StoreKind> {
        let (account, container) = (self.required("account"), self.required("container"));
        let store = AzureStore {
            account: account.unwrap_or_default(),
            container: container.unwrap_or_default(),
            prefix: self.path("prefix"),
            endpoint: self.endpoint(),
            access_key: self.secret("access-key"),
            sas_token: self.secret("sas-token"),
            anonymous: self.truth("anonymous"),
            connection: self.connection(),
        };
        self.exclusive("access-key", "sas-token");
        Some(StoreKind::Azure(Box::new(store)))
    }

    fn gcs(&mut self) -> Option<StoreKind> {
        let bucket = self.required("bucket");
        Some(StoreKind::Gcs(Box::new(GcsStore {
            bucket: bucket.unwrap_or_default(),
            prefix: self.path("prefix"),
            endpoint: self.endpoint(),
            service_account: self.secret("service-account"),
            anonymous: self.truth("anonymous"),
            connection: self.connection(),
        })))
    }

    fn sftp(&mut self) -> Option<StoreKind> {
        let host = self.required("host");
        let port = self.number("port", 1..=65_535).and_then(|port| u16::try_from(port).ok());
        let root = self.required("root");
        let store = SftpStore {
            host: host.unwrap_or_default(),
            port: port.unwrap_or(22),
            user: self.optional("user"),
            root: root.unwrap_or_default(),
            identity: self.secret("identity"),
            passphrase: self.secret("passphrase"),
            password: self.secret("password"),
            known_hosts: self.optional("known-hosts"),
            proxy_command: self.program("proxy-command"),
            connection: self.connection(),
        };
        self.exclusive("identity", "password");
        Some(StoreKind::Sftp(Box::new(store)))
    }

    fn webdav(&mut self) -> Option<StoreKind> {
        let url = self.url();
        let store = WebdavStore {
            url: url.unwrap_or_default(),
            user: self.secret("user"),
            password: self.secret("password"),
            connection: self.connection(),
        };
        self.pair("user", "password");
        Some(StoreKind::Webdav(Box::new(store)))
    }

    fn http(&mut self) -> Option<StoreKind> {
        let url = self.url();
        Some(StoreKind::Http(Box::new(HttpStore {
            url: url.unwrap_or_default(),
            index: self.path("index"),
            bearer_token: self.secret("bearer-token"),
            connection: self.connection(),
        })))
    }

    fn connection(&mut self) -> Connection {
        let default = Connection::default();
        let retries = self.number("retries", 0..=100).and_then(|retries| u32::try_from(retries).ok());
        let timeout =
            self.settings.get("timeout").and_then(|(node, example)| self.context.duration(node, example));
        Connection {
            ca_certificate: self.optional("ca-certificate"),
            retries: retries.unwrap_or(default.retries),
            timeout: timeout.unwrap_or(default.timeout),
        }
    }

    fn access(&mut self) -> StoreAccess {
        self.word("access", StoreAccess::ALL, StoreAccess::as_str).unwrap_or(StoreAccess::ReadWrite)
    }

    /// `folds case unicode`
    fn folds(&mut self) -> Folds {
        let mut folds = Folds::default();
        let Some((node, example)) = self.settings.get("folds") else { return folds };
        let shape = Shape { arguments: 1..=2, properties: &[], block: false, example };
        if !self.context.shape(node, &shape) {
            return folds;
        }
        for value in &node.arguments {
            let Some(text) = self.context.text_of(value, example).cloned() else { continue };
            match text.value.as_str() {
                "case" => folds.case = true,
                "unicode" => folds.unicode = true,
                _ => self.context.unknown_word(code::UNKNOWN_VALUE, "folds", &text, Folds::WORDS),
            }
        }
        folds
    }

    fn required(&mut self, name: &'static str) -> Option<String> {
        let (node, example) = self.settings.required(self.context, name)?;
        self.context.string(node, example)
    }

    fn optional(&mut self, name: &'static str) -> Option<String> {
        let (node, example) = self.settings.get(name)?;
        self.context.string(node, example)
    }

    fn word<T: Copy>(&mut self, name: &'static str, all: &[T], word: fn(T) -> &'static str) -> Option<T> {
        let (node, example) = self.settings.get(name)?;
        self.context.word(node, all, word, example)
    }

    fn number(&mut self, name: &'static str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let (node, example) = self.settings.get(name)?;
        let shape = Shape { arguments: 1..=1, properties: &[], block: false, example };
        let fits = self.context.shape(node, &shape);
        fits.then(|| self.context.number(node.arguments.first()?, range, example)).flatten()
    }

    /// A program and its arguments.
    fn program(&mut self, name: &'static str) -> Vec<String> {
        let Some((node, example)) = self.settings.get(name) else { return Vec::new() };
        let shape = Shape { arguments: 1..=usize::MAX, properties: &[], block: false, example };
        if !self.context.shape(node, &shape) {
            return Vec::new();
        }
        let words = node.arguments.iter().map(|value| self.context.text_of(value, example).cloned());
        words.collect::<Vec<_>>().into_iter().flatten().map(|text| text.value).collect()
    }

    fn truth(&mut self, name: &'static str) -> bool {
        let Some((node, example)) = self.settings.get(name) else { return false };
        let shape = Shape { arguments: 1..=1, properties: &[], block: false, example };
        let fits = self.context.shape(node, &shape);
        let value = node.arguments.first().filter(|_| fits);
        value.and_then(|value| self.context.truth(value, example)).unwrap_or(false)
    }

    fn secret(&mut self, name: &'static str) -> Option<SecretRef> {
        let (node, _) = self.settings.get(name)?;
        secret::decode(self.context, node, &self.owner)
    }

    fn path(&mut self, name: &'static str) -> Option<RelPath> {
        let (node, example) = self.settings.get(name)?;
        let text = self.context.text(node, example)?;
        super::task::path(self.context, text)
    }

    fn endpoint(&mut self) -> Option<String> {
        self.settings.get("endpoint").and_then(|(node, example)| self.url_of(node, example))
    }

    fn url(&mut self) -> Option<String> {
        let (node, example) = self.settings.required(self.context, "url")?;
        self.url_of(node, example)
    }

    fn url_of(&mut self, node: &Node, example: &str) -> Option<String> {
        let text = self.context.text(node, example)?;
        let rest = text.value.strip_prefix("https://").or_else(|| text.value.strip_prefix("http://"));
        let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or(""));
        if host.is_none_or(|host| host.is_empty() || host.contains(char::is_whitespace)) {
            let help = match rest {
                None if !text.value.contains("://") => format!("write `\"https://{}\"`", text.value),
                _ => format!("write it like `{example}`"),
            };
            self.context.tell(
                Problem::new(code::BAD_URL, "this is not a URL of the web")
                    .label(text.span, "expected `https://` or `http://` and a host")
                    .help(help),
            );
            return None;
        }
        Some(text.value.clone())
    }

    /// Two settings that need each other.
    fn pair(&mut self, one: &'static str, other: &'static str) {
        let (given, missing) = match (self.settings.get(one), self.settings.get(other)) {
            (Some((node, _)), None) => (node, other),
            (None, Some((node, _))) => (node, one),
            _ => return,
        };
        self.context.tell(
            Problem::new(code::MISSING_NODE, format!("`{}` needs `{missing}` as well", given.name.value))
                .label(given.name.span, "given alone")
                .help(format!("add `{}`", self.settings.example(missing))),
        );
    }

    /// Two settings of which only one can count.
    fn exclusive(&mut self, one: &'static str, other: &'static str) {
        let (Some((first, _)), Some((second, _))) = (self.settings.get(one), self.settings.get(other)) else {
            return;
        };
        self.context.tell(
            Problem::new(code::CONTRADICTION, format!("`{one}` and `{other}` exclude each other"))
                .label(second.name.span, "given as well")
                .label(first.name.span, "given here")
                .help("keep one of the two"),
        );
    }

    /// OSS and COS answer requests with the bucket in the path with an error.
    fn virtual_hosted_only(&mut self, provider: Provider, addressing: Option<Addressing>) {
        let refuses = matches!(provider, Provider::Aliyun | Provider::Tencent);
        let Some((node, _)) = self.settings.get("addressing").filter(|_| refuses) else { return };
        if addressing != Some(Addressing::PathStyle) {
            return;
        }
        let span = node.arguments.first().map_or(node.name.span, |value| value.span);
        self.context.tell(
            Problem::new(code::STORE_LACKS, format!("the provider `{provider}` refuses path-style requests"))
                .label(span, "not with this provider")
                .help("write `addressing virtual-hosted`, or leave it out"),
        );
    }
}
