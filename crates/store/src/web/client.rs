use std::error::Error;
use std::time::Duration;

/// How a server is reached.
#[derive(Debug, Clone)]
pub struct Reach {
    /// Certificates in PEM that are trusted besides the system's.
    pub ca_certificate: Option<Vec<u8>>,
    /// How often a request is repeated before it counts as failed.
    pub retries: u32,
    /// How long a server may keep silent.
    pub timeout: Duration,
}

impl Default for Reach {
    fn default() -> Self {
        Self { ca_certificate: None, retries: 5, timeout: Duration::from_secs(30) }
    }
}

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The client that all requests to one service share.
pub(super) fn client(reach: &Reach) -> Result<reqwest::Client, reqwest::Error> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("syncplan/", env!("CARGO_PKG_VERSION")))
        // A redirect would carry what proves who asks to wherever it points.
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT.min(reach.timeout))
        // An upload may take long, as long as somebody takes what is sent.
        .tcp_user_timeout(reach.timeout)
        .http1_only();
    if let Some(pem) = &reach.ca_certificate {
        builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem)?);
    }
    builder.build()
}

/// An error with its causes.
pub(crate) fn text_of(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
