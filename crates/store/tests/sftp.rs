//! The suite on real servers that speak SFTP; `tests/run` starts them and says where they are.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::TryStreamExt as _;
use syncplan_store::conformance::conformance;
use syncplan_store::{
    Enforcement, Guarded, KnownHosts, MissingRoot, Reach, SftpLogin, SftpSettings, SftpStore, Store,
    StoreErrorKind,
};

#[tokio::test(flavor = "multi_thread")]
async fn openssh() {
    let Some(settings) = sshd() else { return };
    let (store, again) = open_twice(settings).await;
    let found = [Guarded::Create, Guarded::Replace].map(|operation| store.enforcement(operation));
    assert_eq!(found, [Enforcement::Atomic, Enforcement::Weak]);
    let report = conformance(&store, &again, "conformance").await;
    assert_eq!(report.failures(), [""; 0], "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rclone() {
    let Some(settings) = rclone_server() else { return };
    let (store, again) = open_twice(settings).await;
    // It announces hard links and makes none.
    assert_eq!(store.enforcement(Guarded::Create), Enforcement::Checked);
    let report = conformance(&store, &again, "conformance").await;
    // It takes composed and decomposed letters for one, makes no links, and keeps no permissions.
    let known = [
        "names_that_look_alike",
        "symbolic_links",
        "symbolic_links_are_kept",
        "metadata_alone",
        "permissions",
    ];
    assert_eq!(report.failures(), known, "{report}");
}

async fn open_twice(settings: SftpSettings) -> (SftpStore, SftpStore) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let root = format!("{}/run {now:x}/é+&", settings.root);
    let settings = SftpSettings { root, missing_root: MissingRoot::Create, ..settings };
    let open = || SftpStore::new(settings.clone(), "folder".to_owned());
    let store = open();
    store.check().await.unwrap();
    (store, open())
}

/// OpenSSH, by the key that it knows.
fn sshd() -> Option<SftpSettings> {
    let port = server("SYNCPLAN_TEST_SSHD")?.parse().unwrap();
    let root = keys()?.join("data").to_str().unwrap().to_owned();
    let user =
        std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "root".to_owned());
    Some(SftpSettings { port, root, user, ..settings(key("id", None)) })
}

/// `rclone serve sftp`, by a password.
fn rclone_server() -> Option<SftpSettings> {
    let port = server("SYNCPLAN_TEST_SFTP_RCLONE")?.parse().unwrap();
    let login = SftpLogin::Password("testsecret".into());
    Some(SftpSettings { port, user: "tester".to_owned(), ..settings(login) })
}

fn settings(login: SftpLogin) -> SftpSettings {
    let mut known_hosts = KnownHosts::default();
    if let Some(keys) = keys() {
        known_hosts.add("known_hosts", &std::fs::read(keys.join("known_hosts")).unwrap());
    }
    SftpSettings {
        host: "127.0.0.1".to_owned(),
        port: 22,
        user: "nobody".to_owned(),
        root: ".".to_owned(),
        missing_root: MissingRoot::Refuse,
        login,
        known_hosts,
        proxy_command: Vec::new(),
        reach: Reach { timeout: Duration::from_secs(20), retries: 2, ..Reach::default() },
    }
}

fn key(name: &str, passphrase: Option<&str>) -> SftpLogin {
    let text = std::fs::read_to_string(keys().unwrap().join(name)).unwrap();
    SftpLogin::Key { text: text.into(), passphrase: passphrase.map(Into::into) }
}

fn keys() -> Option<PathBuf> {
    server("SYNCPLAN_TEST_SFTP").map(PathBuf::from)
}

/// What is said of a server. In CI one that is missing is a failure, elsewhere it is said.
#[expect(clippy::print_stderr, reason = "a test that was not run must say so")]
fn server(variable: &str) -> Option<String> {
    let value = std::env::var(variable).ok();
    if value.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{variable} is not set: start this through tests/run");
        eprintln!("not run: {variable} is not set; tests/run starts the server");
    }
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_shows_the_key_that_is_known() {
    let Some(settings) = sshd() else { return };
    let text = std::fs::read_to_string(keys().unwrap().join("known_hosts")).unwrap();
    for kind in ["ssh-ed25519", "ecdsa-sha2-nistp256"] {
        let lines: Vec<_> = text.lines().filter(|line| line.contains(kind)).collect();
        let mut known_hosts = KnownHosts::default();
        known_hosts.add("known_hosts", lines.join("\n").as_bytes());
        let store = SftpStore::new(SftpSettings { known_hosts, ..settings.clone() }, "folder".to_owned());
        store.check().await.unwrap();
    }
}

/// Every server may end a connection at any time: what only looks goes on, and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_connection_was_cut_goes_on() {
    let Some(settings) = sshd() else { return };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = (listener.local_addr().unwrap().port(), settings.port);
    // It goes between, and hangs up after so many bytes, twice.
    let between = tokio::spawn(async move {
        for most in [4 << 20, 12 << 20, u64::MAX] {
            let (client, _) = listener.accept().await.unwrap();
            let server = tokio::net::TcpStream::connect(("127.0.0.1", far)).await.unwrap();
            let ((mut from_client, mut to_client), (from_server, mut to_server)) =
                (client.into_split(), server.into_split());
            let up = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
            let mut limited = tokio::io::AsyncReadExt::take(from_server, most);
            drop(tokio::io::copy(&mut limited, &mut to_client).await);
            up.abort();
        }
    });
    let text = std::fs::read_to_string(keys().unwrap().join("known_hosts")).unwrap();
    let mut known_hosts = KnownHosts::default();
    known_hosts.add("known_hosts", text.replace(&format!("]:{far} "), &format!("]:{near} ")).as_bytes());
    let folder = tempfile::tempdir_in(keys().unwrap().join("data")).unwrap();
    let content: Vec<u8> = (0..32_u32 << 20).map(|at| (at ^ (at >> 9)) as u8).collect();
    std::fs::write(folder.path().join("large"), &content).unwrap();
    let root = folder.path().to_str().unwrap().to_owned();
    let settings = SftpSettings { port: near, known_hosts, root, ..settings };
    let store = SftpStore::new(settings, "folder".to_owned());
    let path = syncplan_model::RelPath::new("large").unwrap();
    let chunks: Vec<_> = store.read(&path, None, None).await.unwrap().try_collect().await.unwrap();
    assert!(chunks.concat() == content);
    assert!(store.stat(&path).await.unwrap().is_some());
    between.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_root_is_said() {
    let Some(settings) = sshd() else { return };
    let root = format!("{}/no-such-folder", settings.root);
    let missing = SftpStore::new(SftpSettings { root, ..settings }, "folder".to_owned());
    assert_eq!(missing.check().await.unwrap_err().kind, StoreErrorKind::NoStore);
}
