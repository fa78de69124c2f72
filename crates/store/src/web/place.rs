use super::encode::decode_segment;

/// Where the folder that a server was asked for is, as it names it: the parts of its path.
pub(crate) struct Place {
    host: String,
    segments: Vec<Vec<u8>>,
}

/// What an address in an answer names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// The place that was asked for.
    Itself,
    /// What stands right below it under this name; it may be no name at all.
    Child(Vec<u8>),
    /// Something else, and why.
    Elsewhere(&'static str),
}

impl Place {
    pub(crate) fn new(host: &str, segments: Vec<Vec<u8>>) -> Self {
        Self { host: host.to_ascii_lowercase(), segments }
    }

    /// What `href` names, seen from here. No server has a say about anything but what was asked for.
    pub(crate) fn named(&self, href: &str) -> Named {
        let elsewhere = Named::Elsewhere;
        if href.contains(['?', '#']) {
            return elsewhere("the server gave an address that is none of a file");
        }
        let path = match href.split_once("://") {
            Some((scheme, rest)) if !scheme.contains('/') => {
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                if host_of(authority).to_ascii_lowercase() != self.host {
                    return elsewhere("the server gave an address on another host");
                }
                path
            }
            _ if href.starts_with("//") => return elsewhere("the server gave an address on another host"),
            _ => match href.strip_prefix('/') {
                Some(path) => path,
                // Seen from the folder itself.
                None => return self.child(href),
            },
        };
        let mut rest = path;
        for segment in &self.segments {
            let (first, behind) = rest.split_once('/').unwrap_or((rest, ""));
            if decode_segment(first.as_bytes()).as_ref() != Some(segment) {
                return elsewhere("the server gave an address outside of the folder");
            }
            rest = behind;
        }
        self.child(rest)
    }

    fn child(&self, rest: &str) -> Named {
        let name = rest.strip_suffix('/').unwrap_or(rest);
        if name.is_empty() && rest.is_empty() {
            return Named::Itself;
        }
        if name.contains('/') {
            return Named::Elsewhere("the server gave an address that is not right below the folder");
        }
        match decode_segment(name.as_bytes()) {
            Some(name) if name.contains(&b'/') => Named::Elsewhere("its name has a slash in it"),
            Some(name) => Named::Child(name),
            None => Named::Elsewhere("its name is not encoded as names are"),
        }
    }
}

/// The host of `user@host:port`.
fn host_of(authority: &str) -> &str {
    let host = authority.rsplit('@').next().unwrap_or(authority);
    match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((inner, _)) => &host[..inner.len() + 2],
        None => host.split(':').next().unwrap_or(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(href: &str) -> Named {
        Place::new("Cloud.example", vec![b"dav".to_vec(), b"my files".to_vec()]).named(href)
    }

    #[test]
    fn only_what_is_right_below_has_a_name() {
        let child = |name: &[u8]| Named::Child(name.to_vec());
        for (href, expected) in [
            ("/dav/my%20files/", Named::Itself),
            ("/dav/my files", Named::Itself),
            ("https://cloud.EXAMPLE:8443/dav/my%20files/", Named::Itself),
            ("/%64av/my%20files/a", child(b"a")),
            ("http://cloud.example/dav/my%20files/a%25b+/", child(b"a%b+")),
            ("/dav/my%20files/http%3A%2F%2Fx", Named::Elsewhere("its name has a slash in it")),
            (
                "/dav/my%20files/a://b",
                Named::Elsewhere("the server gave an address that is not right below the folder"),
            ),
            ("a", child(b"a")),
            ("/dav/my%20files/..", child(b"..")),
            ("/dav/my%20files/%2e%2e", child(b"..")),
            ("/dav/my%20files/%00", child(b"\0")),
            ("/dav/my%20files//", child(b"")),
        ] {
            assert_eq!(named(href), expected, "{href}");
        }
        for href in [
            "https://evil.example/dav/my%20files/a",
            "https://cloud.example@evil.example/dav/my%20files/a",
            "//cloud.example/dav/my%20files/a",
            "/dav/",
            "/",
            "/dav/other/a",
            "/dav/my%20files/../other/a",
            "/dav/my%20files/a/b",
            "/dav/my%20files/a?b",
            "/dav/my%20files/a%2fb",
            "/dav/my%20files/%zz",
            "../x",
        ] {
            assert!(matches!(named(href), Named::Elsewhere(_)), "{href}: {:?}", named(href));
        }
    }
}
