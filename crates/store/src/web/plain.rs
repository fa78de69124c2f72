use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderValue, StatusCode};
use object_store::client::HttpRequest;
use secrecy::{ExposeSecret as _, SecretString};

use super::dialect::Dialect;
use super::fault::{Answer, Fault};
use super::xml;
use crate::error::StoreErrorKind;

/// Servers of the web, which sign nothing: a user and a password, a token, or nothing at all.
pub(crate) struct Plain {
    /// Never shown: it is marked as sensitive.
    authorization: Option<HeaderValue>,
}

impl Plain {
    /// Nothing proves who asks.
    pub(crate) fn anonymous() -> Self {
        Self { authorization: None }
    }

    /// Basic authentication; `None` where a user's name cannot be told from the password.
    pub(crate) fn basic(user: &str, password: &SecretString) -> Option<Self> {
        if user.contains(':') {
            return None;
        }
        let both = SecretString::from(format!("{user}:{}", password.expose_secret()));
        Self::of(format!("Basic {}", BASE64.encode(both.expose_secret())))
    }

    /// A token; `None` where no header can hold it.
    pub(crate) fn bearer(token: &SecretString) -> Option<Self> {
        Self::of(format!("Bearer {}", token.expose_secret()))
    }

    fn of(value: String) -> Option<Self> {
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        Some(Self { authorization: Some(value) })
    }

    /// What a refusal is about.
    fn refusal(&self, headers: &HeaderMap) -> String {
        let challenges = headers.get_all(http::header::WWW_AUTHENTICATE).into_iter();
        let challenges: Vec<_> = challenges.filter_map(|it| it.to_str().ok()).collect();
        let offers = |scheme: &str| {
            challenges
                .iter()
                .any(|it| it.split([' ', ',']).any(|word| word.trim().eq_ignore_ascii_case(scheme)))
        };
        if offers("digest") && !offers("basic") && !offers("bearer") {
            return "the server asks for Digest authentication, which syncplan does not speak: have it offer \
                    Basic over https"
                .to_owned();
        }
        match &self.authorization {
            None => "the server wants to know who asks, and the manifest does not say".to_owned(),
            Some(_) => "the server does not accept the credentials".to_owned(),
        }
    }
}

#[async_trait]
impl Dialect for Plain {
    async fn authorize(&self, request: &mut HttpRequest) -> Result<(), Fault> {
        if let Some(value) = &self.authorization {
            request.headers_mut().insert(http::header::AUTHORIZATION, value.clone());
        }
        Ok(())
    }

    fn understand(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Answer {
        let mut answer = Answer::new(status, headers);
        if status.is_redirection() {
            let target = headers.get(http::header::LOCATION).map(|it| String::from_utf8_lossy(it.as_bytes()));
            // What stands behind a question mark may be a signature.
            let target = target.map(|it| it.split(['?', '#']).next().unwrap_or_default().to_owned());
            answer.message = target.map(|target| format!("it points to {target}")).unwrap_or_default();
            return answer;
        }
        answer.kind = match status.as_u16() {
            // Of WebDAV: the folder around it is missing.
            409 => StoreErrorKind::NotFound,
            // Somebody writes it right now.
            423 => StoreErrorKind::Transient,
            _ => answer.kind,
        };
        let message = match status {
            StatusCode::UNAUTHORIZED => self.refusal(headers),
            // As Nextcloud, ownCloud and all that is made of sabre/dav say it.
            _ => xml::texts(body, ["message"]).concat().trim().to_owned(),
        };
        answer.saying(String::new(), message)
    }
}
