//! A server that answers whatever a test wants it to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use syncplan_model::spec::Provider;
use syncplan_store::{Reach, S3Credentials, S3Settings, S3Store};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Answers requests with what `answer` makes of each head, and remembers the heads.
pub(crate) struct Fake {
    pub(crate) url: String,
    pub(crate) heads: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    pub(crate) async fn start(answer: impl Fn(&str, usize) -> String + Send + Sync + 'static) -> Self {
        Self::start_reading(move |head, _, number| answer(head, number)).await
    }

    /// A server that looks at the bodies as well.
    pub(crate) async fn start_reading(
        answer: impl Fn(&str, &[u8], usize) -> String + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&heads), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&answer)));
            }
        });
        Self { url, heads }
    }

    pub(crate) fn store(&self) -> S3Store {
        self.store_with(|_| {})
    }

    pub(crate) fn store_with(&self, change: impl FnOnce(&mut S3Settings)) -> S3Store {
        let mut settings = S3Settings {
            endpoint: Some(self.url.clone()),
            credentials: Some(S3Credentials {
                access_key_id: "id".to_owned(),
                secret_access_key: "canary-secret".into(),
                session_token: Some("canary-token".into()),
            }),
            reach: Reach { retries: 2, timeout: Duration::from_secs(5), ..Reach::default() },
            ..S3Settings::new(Provider::Other, "bkt")
        };
        change(&mut settings);
        S3Store::open(&settings, "bucket".to_owned()).unwrap()
    }

    pub(crate) fn requests(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<String>>>,
    answer: Arc<impl Fn(&str, &[u8], usize) -> String>,
) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).await.is_ok() {
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.unwrap();
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push(head.clone());
        seen.len()
    };
    let _ = stream.write_all(answer(&head, &body, number).as_bytes()).await;
    let _ = stream.shutdown().await;
}

pub(crate) fn reply(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}", body.len())
}
