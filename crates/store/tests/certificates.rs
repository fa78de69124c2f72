//! Servers that cannot prove who they are.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use syncplan_model::spec::Provider;
use syncplan_store::{Reach, S3Credentials, S3Settings, S3Store, Store as _, StoreErrorKind};

/// A server on this machine with a certificate; it says where it listens, and what it is asked.
const SERVER: &str = r#"
import http.server, ssl, sys
class Bucket(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("asked", flush=True)
        body = b"<ListBucketResult></ListBucketResult>"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"#;

struct Server {
    process: Child,
    output: BufReader<std::process::ChildStdout>,
    url: String,
}

impl Server {
    fn start(certificate: &Path, key: &Path) -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", SERVER]).args([certificate, key]);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut port = String::new();
        output.read_line(&mut port).unwrap();
        Self { process, output, url: format!("https://127.0.0.1:{}", port.trim()) }
    }

    /// Ends it; what it was asked.
    fn end(mut self) -> String {
        self.process.kill().unwrap();
        let _ = self.process.wait();
        let mut asked = String::new();
        std::io::Read::read_to_string(&mut self.output, &mut asked).unwrap();
        asked
    }
}

/// Certificates made for this test, in a folder of its own.
struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    /// `None` where there is no openssl and none was promised.
    fn new() -> Option<Self> {
        let there = Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_ok();
        assert!(there || std::env::var_os("CI").is_none(), "openssl is not there");
        let authority = Self { folder: tempfile::tempdir().unwrap() };
        if !there {
            return None;
        }
        authority.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=authority",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
        ]);
        Some(authority)
    }

    fn openssl(&self, args: &[&str]) {
        let output = Command::new("openssl").args(args).current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A server with a certificate of ours for such a name, valid between two days.
    fn server(&self, name: &str, from: &str, until: &str) -> Server {
        std::fs::write(self.path("extensions"), format!("subjectAltName={name}\n")).unwrap();
        self.openssl(&[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=server",
            "-keyout",
            "server.key",
            "-out",
            "server.csr",
        ]);
        std::fs::write(self.path("index"), "").unwrap();
        std::fs::write(self.path("serial"), "01\n").unwrap();
        std::fs::write(
            self.path("ca.conf"),
            "[ca]\ndefault_ca=a\n[a]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n\
             policy=p\nunique_subject=no\n[p]\ncommonName=supplied\n",
        )
        .unwrap();
        self.openssl(&[
            "ca",
            "-batch",
            "-config",
            "ca.conf",
            "-cert",
            "ca.pem",
            "-keyfile",
            "ca.key",
            "-startdate",
            from,
            "-enddate",
            until,
            "-extfile",
            "extensions",
            "-in",
            "server.csr",
            "-out",
            "server.pem",
            "-notext",
        ]);
        Server::start(&self.path("server.pem"), &self.path("server.key"))
    }
}

const LONG_AGO: &str = "20200101000000Z";
const FAR_AWAY: &str = "20990101000000Z";

async fn reach(server: &Server, trusted: Option<&Authority>) -> Result<(), (StoreErrorKind, String)> {
    let ca_certificate = trusted.map(|authority| std::fs::read(authority.path("ca.pem")).unwrap());
    let settings = S3Settings {
        endpoint: Some(server.url.clone()),
        credentials: Some(S3Credentials {
            access_key_id: "id".to_owned(),
            secret_access_key: "canary-secret".into(),
            session_token: None,
        }),
        reach: Reach { ca_certificate, retries: 0, timeout: Duration::from_secs(10) },
        ..S3Settings::new(Provider::Other, "bkt")
    };
    let store = S3Store::open(&settings, "bucket".to_owned()).unwrap();
    store.check().await.map_err(|error| {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        assert!(!text.contains("canary"), "{text}");
        (error.kind, text)
    })
}

#[tokio::test]
async fn a_certificate_that_is_trusted_is_enough() {
    let Some(authority) = Authority::new() else { return };
    let server = authority.server("IP:127.0.0.1", LONG_AGO, FAR_AWAY);
    reach(&server, Some(&authority)).await.unwrap();
    assert_eq!(server.end(), "asked\n");
}

#[tokio::test]
async fn servers_that_prove_nothing_are_asked_nothing() {
    let Some(authority) = Authority::new() else { return };
    for (trusted, name, until, why) in [
        (false, "IP:127.0.0.1", FAR_AWAY, "UnknownIssuer"),
        (true, "IP:127.0.0.2", FAR_AWAY, "not valid for"),
        (true, "DNS:other.example", FAR_AWAY, "not valid for"),
        (true, "IP:127.0.0.1", "20210101000000Z", "expired"),
    ] {
        let server = authority.server(name, LONG_AGO, until);
        let (kind, text) = reach(&server, trusted.then_some(&authority)).await.unwrap_err();
        assert_eq!(kind, StoreErrorKind::Unreachable, "{text}");
        assert!(text.contains(why), "{text}");
        assert_eq!(server.end(), "", "{name} until {until}");
    }
}
