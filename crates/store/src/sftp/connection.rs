use std::borrow::Cow;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use russh::cipher;
use russh::client::{Config, Handle, Handler};
use russh::keys::PublicKeyOrCertificate;
use syncplan_model::Escaped;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::fault::Fault;
use super::known_hosts::{Distrust, host_key_kinds};
use super::login::log_in;
use super::session::Session;
use super::settings::SftpSettings;

/// How much the server may send before anybody took what it sent.
const WINDOW: u32 = 16 << 20;

/// The fastest first: all are safe.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

/// A connection to a server: dropped, it ends, and with it the program that it goes through.
pub(super) struct Connection {
    client: Handle<Watch>,
}

/// Looks at who answers.
pub(super) struct Watch {
    settings: Arc<SftpSettings>,
}

impl Handler for Watch {
    type Error = Fault;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Fault> {
        let SftpSettings { host, port, known_hosts, .. } = &*self.settings;
        let checked = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => known_hosts.check(host, *port, key),
            PublicKeyOrCertificate::Certificate(_) => Err(Distrust(format!(
                "`{host}` shows a certificate, and certificates of hosts are not supported"
            ))),
        };
        checked.map(|()| true).map_err(|Distrust(why)| Fault::Untrusted(why))
    }
}

impl Connection {
    /// Connects, looks who is there, and logs in.
    pub(super) async fn open(settings: &Arc<SftpSettings>) -> Result<Self, Fault> {
        let opening = async {
            let watch = Watch { settings: Arc::clone(settings) };
            let config = Arc::new(config(settings));
            let stream = line(settings).await?;
            let shown = russh::client::connect_stream(config, stream, watch).await;
            let mut client = shown.map_err(|fault| unreachable_if_broken(fault, settings))?;
            log_in(&mut client, settings).await.map_err(|fault| unreachable_if_broken(fault, settings))?;
            Ok(Self { client })
        };
        match tokio::time::timeout(settings.reach.timeout, opening).await {
            Ok(opened) => opened,
            Err(late) => Err(Fault::Unreachable { place: place(settings), source: late.into() }),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// A channel that speaks SFTP.
    pub(super) async fn session(&self, timeout: Duration) -> Result<Session, Fault> {
        let opening = async {
            let channel = self.client.channel_open_session().await?;
            channel.request_subsystem(true, "sftp").await?;
            Session::begin(channel.into_stream(), timeout).await
        };
        tokio::time::timeout(timeout, opening).await.map_err(|_| Fault::Silence)?
    }
}

/// A server that hangs up before it let us in cannot be reached, whatever it means by that.
fn unreachable_if_broken(fault: Fault, settings: &SftpSettings) -> Fault {
    match fault {
        Fault::Broken | Fault::Silence => {
            Fault::Unreachable { place: place(settings), source: Box::new(fault) }
        }
        other => other,
    }
}

fn place(settings: &SftpSettings) -> String {
    format!("{}:{}", Escaped(settings.host.as_bytes()), settings.port)
}

fn config(settings: &SftpSettings) -> Config {
    let known = settings.known_hosts.kinds(&settings.host, settings.port);
    Config {
        window_size: WINDOW,
        // Three of these without an answer are a dead line.
        keepalive_interval: Some(settings.reach.timeout / 4),
        keepalive_max: 3,
        nodelay: true,
        preferred: russh::Preferred {
            cipher: Cow::Borrowed(CIPHERS),
            key: Cow::Owned(host_key_kinds(&known)),
            ..russh::Preferred::DEFAULT
        },
        ..Config::default()
    }
}

/// What connections go over.
trait Line: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Line for T {}

/// The line to the server: a TCP connection, or a program.
async fn line(settings: &SftpSettings) -> Result<Box<dyn Line>, Fault> {
    let failed =
        |source: std::io::Error| Fault::Unreachable { place: place(settings), source: source.into() };
    if let Some((program, arguments)) = settings.proxy_command.split_first() {
        let arguments = arguments.iter().map(|argument| filled_in(argument, settings));
        return Ok(Box::new(Program::start(program, arguments).map_err(failed)?));
    }
    let stream = TcpStream::connect((settings.host.as_str(), settings.port)).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    Ok(Box::new(stream))
}

/// An argument with the host for `%h`, the port for `%p`, the user for `%r`, and `%` for `%%`. It stays one
/// argument whatever is in them: no shell reads it.
fn filled_in(argument: &str, settings: &SftpSettings) -> String {
    let mut filled = String::with_capacity(argument.len());
    let mut letters = argument.chars();
    while let Some(letter) = letters.next() {
        match (letter, letters.clone().next()) {
            ('%', Some('h')) => filled.push_str(&settings.host),
            ('%', Some('p')) => filled.push_str(&settings.port.to_string()),
            ('%', Some('r')) => filled.push_str(&settings.user),
            ('%', Some('%')) => filled.push('%'),
            _ => {
                filled.push(letter);
                continue;
            }
        }
        letters.next();
    }
    filled
}

/// A program whose input and output are the line; it ends with the connection.
struct Program {
    pipes: tokio::io::Join<tokio::process::ChildStdout, tokio::process::ChildStdin>,
    _child: tokio::process::Child,
}

impl Program {
    fn start(program: &str, arguments: impl Iterator<Item = String>) -> std::io::Result<Self> {
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let (Some(output), Some(input)) = (child.stdout.take(), child.stdin.take()) else {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        };
        Ok(Self { pipes: tokio::io::join(output, input), _child: child })
    }
}

impl AsyncRead for Program {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.pipes).poll_read(context, buffer)
    }
}

impl AsyncWrite for Program {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffer: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.pipes).poll_write(context, buffer)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.pipes).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.pipes).poll_shutdown(context)
    }
}
