use url::{Host, Url};

use super::encode::decode_segment;

/// The URL of a folder, taken apart.
#[derive(Debug)]
pub(crate) struct Address {
    /// Without a slash at its end.
    pub(crate) url: String,
    pub(crate) host: String,
    /// The parts of its path, decoded.
    pub(crate) segments: Vec<Vec<u8>>,
    /// Whether nobody on the way can read along.
    pub(crate) is_private: bool,
}

impl Address {
    /// Takes the URL of a folder apart; the error is a clause.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let url: Url = text.parse().map_err(|error| format!("the URL is none: {error}"))?;
        let host = url.host().filter(|_| matches!(url.scheme(), "http" | "https"));
        let Some(host) = host else {
            return Err("the URL should be http:// or https:// and a host".to_owned());
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "a user and a password do not belong into the URL, but into settings of their own".to_owned()
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("the URL should be that of a folder, without `?` and `#`".to_owned());
        }
        let path = url.path().trim_end_matches('/');
        let segments = path.split('/').skip(1).map(|segment| decode_segment(segment.as_bytes()));
        let segments = segments.collect::<Option<_>>().ok_or("the URL's path is not encoded as paths are")?;
        Ok(Self {
            is_private: url.scheme() == "https" || is_here(&host),
            host: host.to_string(),
            segments,
            url: url.as_str().trim_end_matches('/').to_owned(),
        })
    }
}

/// Whether what is sent there does not leave this machine.
fn is_here(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Why credentials do not go to such a host.
pub(crate) const READ_ALONG: &str =
    "the URL is http://, and whoever is on the way could read the credentials: write https://";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_to_nobody_who_can_be_read_along() {
        let private = |url| Address::new(url).map(|it| it.is_private);
        for url in ["https://h", "http://127.0.0.1:80/x", "http://localhost", "http://[::1]/"] {
            assert_eq!(private(url), Ok(true), "{url}");
        }
        for url in ["http://h", "http://10.0.0.1", "http://localhost.example.org", "http://127.0.0.1.nip.io"]
        {
            assert_eq!(private(url), Ok(false), "{url}");
        }
        for url in
            ["h", "ftp://h", "https://u@h", "https://u:p@h", "https://h/?a", "https://h/#a", "https://h/%zz"]
        {
            assert!(private(url).is_err(), "{url}");
        }
    }

    #[test]
    fn paths_are_taken_apart() {
        let address = Address::new("https://h/a%20b/c/").unwrap();
        assert_eq!(address.url, "https://h/a%20b/c");
        assert_eq!(address.segments, [b"a b".to_vec(), b"c".to_vec()]);
        assert!(Address::new("https://h/").unwrap().segments.is_empty());
    }
}
