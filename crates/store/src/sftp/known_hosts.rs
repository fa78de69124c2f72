use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use russh::keys::ssh_key::{Algorithm, HashAlg, PublicKey};
use sha1::Sha1;
use syncplan_model::Escaped;

/// What is known of the keys of hosts, in the format of OpenSSH's `known_hosts` (`sshd(8)`).
///
/// A line that cannot be read proves nothing and refuses nothing, as there.
#[derive(Debug, Clone, Default)]
pub struct KnownHosts {
    lines: Vec<Line>,
    /// What the files are called, for people.
    files: Vec<String>,
}

#[derive(Debug, Clone)]
struct Line {
    marker: Marker,
    hosts: Hosts,
    /// The key as it is sent, with its kind before it.
    key: Vec<u8>,
    kind: String,
    place: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    Key,
    Revoked,
    Authority,
}

#[derive(Debug, Clone)]
enum Hosts {
    /// Salt and hash of one name.
    Hashed(Vec<u8>, Vec<u8>),
    /// Patterns, of which those with a `!` exclude.
    Patterns(Vec<String>),
}

/// Why a host's key is not trusted, in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Distrust(pub(super) String);

impl KnownHosts {
    /// Adds the lines of a file; `name` is what people call it.
    pub fn add(&mut self, name: &str, text: &[u8]) {
        self.files.push(name.to_owned());
        for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let place = || format!("line {} of {name}", number + 1);
            self.lines.extend(std::str::from_utf8(line).ok().and_then(|line| parse(line, place)));
        }
    }

    /// The kinds of key that are known of a host, which the server is to prove first.
    pub(super) fn kinds(&self, host: &str, port: u16) -> Vec<&str> {
        let lines = self.of(host, port).filter(|line| line.marker == Marker::Key);
        lines.map(|line| line.kind.as_str()).collect()
    }

    /// Whether a host may have this key.
    pub(super) fn check(&self, host: &str, port: u16, key: &PublicKey) -> Result<(), Distrust> {
        let bytes = key.to_bytes().map_err(|error| Distrust(format!("its key cannot be read: {error}")))?;
        let print = key.fingerprint(HashAlg::Sha256);
        let shown = Escaped(host.as_bytes());
        let kind = key.algorithm();
        // A key that was revoked for any name that this host goes by is revoked.
        let mut revoked =
            self.lines.iter().filter(|line| line.marker == Marker::Revoked && line.key == bytes);
        if let Some(line) = revoked.find(|line| names(host, port).any(|name| line.hosts.include(&name))) {
            return Err(Distrust(format!(
                "the host key of `{shown}` ({kind}, {print}) was revoked in {}: whoever answers there may not be \
                 who it should be",
                line.place
            )));
        }
        let known: Vec<&Line> = self.of(host, port).collect();
        if known.iter().any(|line| line.marker == Marker::Key && line.key == bytes) {
            return Ok(());
        }
        let line = format!("{} {} {}", lookup(host, port), kind.as_str(), STANDARD.encode(&bytes));
        let other = known.iter().find(|line| line.marker == Marker::Key && line.kind == kind.as_str());
        let other = other.or_else(|| known.iter().find(|line| line.marker == Marker::Key));
        if let Some(other) = other {
            return Err(Distrust(format!(
                "the host key of `{shown}` is another one than it was: it shows {kind} {print}, and {} has another. \
                 Somebody may be listening in. If the key was changed on purpose, put this in its place: {line}",
                other.place
            )));
        }
        if let Some(authority) = known.iter().find(|line| line.marker == Marker::Authority) {
            return Err(Distrust(format!(
                "the host key of `{shown}` ({kind}, {print}) is not known: {} trusts an authority, and certificates \
                 of hosts are not supported. If this is its key, add the line: {line}",
                authority.place
            )));
        }
        let mut said = format!("the host key of `{shown}` ({kind}, {print}) is not known");
        if !self.files.is_empty() {
            let _ = write!(said, " in {}", self.files.join(", "));
        }
        let _ = write!(
            said,
            ". Compare the fingerprint with what the server's own people say (`ssh-keyscan -p {port} {shown}` shows \
             the keys that it has), then add the line: {line}"
        );
        Err(Distrust(said))
    }

    /// The lines about a host. A host at a port of its own may be known by its name alone, as for
    /// OpenSSH, where nothing is known of that port.
    fn of(&self, host: &str, port: u16) -> impl Iterator<Item = &Line> {
        let about = |name: &str| -> Vec<&Line> {
            let lines = self.lines.iter().filter(|line| line.marker != Marker::Revoked);
            lines.filter(|line| line.hosts.include(name)).collect()
        };
        names(host, port).map(|name| about(&name)).find(|lines| !lines.is_empty()).into_iter().flatten()
    }
}

/// The names that a host goes by, the best one first.
fn names(host: &str, port: u16) -> impl Iterator<Item = String> {
    let plain = host.to_lowercase();
    let first = lookup(&plain, port);
    let second = (first != plain).then_some(plain);
    std::iter::once(first).chain(second)
}

/// A host as a line names it.
fn lookup(host: &str, port: u16) -> String {
    let host = host.to_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

fn parse(line: &str, place: impl FnOnce() -> String) -> Option<Line> {
    let mut words = line.split([' ', '\t', '\r']).filter(|word| !word.is_empty());
    let mut first = words.next().filter(|word| !word.starts_with('#'))?;
    let marker = match first {
        "@revoked" => Marker::Revoked,
        "@cert-authority" => Marker::Authority,
        other if other.starts_with('@') => return None,
        _ => Marker::Key,
    };
    if marker != Marker::Key {
        first = words.next()?;
    }
    let (kind, key) = (words.next()?, STANDARD.decode(words.next()?).ok()?);
    // The kind stands in the key as well: a line that contradicts itself is no line.
    let inner = key.get(4..4 + kind.len()).filter(|inner| *inner == kind.as_bytes());
    let length = key.first_chunk::<4>().map(|length| u32::from_be_bytes(*length) as usize);
    if inner.is_none() || length != Some(kind.len()) {
        return None;
    }
    Some(Line { marker, hosts: hosts(first)?, key, kind: kind.to_owned(), place: place() })
}

fn hosts(text: &str) -> Option<Hosts> {
    if let Some(hashed) = text.strip_prefix("|1|") {
        let (salt, hash) = hashed.split_once('|')?;
        return Some(Hosts::Hashed(STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?));
    }
    if text.starts_with('|') {
        return None;
    }
    Some(Hosts::Patterns(text.split(',').map(str::to_lowercase).collect()))
}

impl Hosts {
    fn include(&self, name: &str) -> bool {
        match self {
            Self::Hashed(salt, hash) => {
                let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(salt) else { return false };
                mac.update(name.as_bytes());
                mac.verify_slice(hash).is_ok()
            }
            Self::Patterns(patterns) => {
                let excluded = |pattern: &str| pattern.strip_prefix('!').is_some_and(|it| fits(it, name));
                patterns.iter().any(|pattern| fits(pattern, name))
                    && !patterns.iter().any(|pattern| excluded(pattern))
            }
        }
    }
}

/// Whether a name fits a pattern with `*` and `?`. Every `*` is tried only as far as the next one.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == name[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((back, begun)) = star else { return false };
                star = Some((back, begun + 1));
                at = back + 1;
                read = begun + 1;
            }
        }
    }
    pattern[at..].iter().all(|&left| left == b'*')
}

/// The kinds of host key that are accepted, those that are known of the host first: a server that has
/// several shows the one that can be compared. RSA signs with SHA-2 only.
pub(super) fn host_key_kinds(known: &[&str]) -> Vec<Algorithm> {
    let all = russh::Preferred::DEFAULT.key;
    let accepted = all.iter().filter(|kind| !matches!(kind, Algorithm::Rsa { hash: None }));
    let is_known = |kind: &&Algorithm| {
        let name = if matches!(kind, Algorithm::Rsa { .. }) { "ssh-rsa" } else { kind.as_str() };
        known.contains(&name)
    };
    let (mut first, rest): (Vec<_>, Vec<_>) = accepted.partition(is_known);
    first.extend(rest);
    first.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    fn key(text: &str) -> PublicKey {
        text.parse().unwrap()
    }

    fn check(lines: &str, host: &str, port: u16) -> Result<(), String> {
        let mut known = KnownHosts::default();
        known.add("known", lines.replace("ONE", ONE).replace("OTHER", OTHER).as_bytes());
        known.check(host, port, &key(ONE)).map_err(|distrust| distrust.0)
    }

    #[track_caller]
    fn refused(lines: &str, host: &str, port: u16, why: &str) {
        let said = check(lines, host, port).unwrap_err();
        assert!(said.contains(why) && said.contains("SHA256:"), "{said}");
    }

    #[test]
    fn a_known_key_is_trusted() {
        for lines in ["h ONE", "h ONE a comment", "\t h\tONE", "# h OTHER\n\nh ONE\r\n", "x,h,y ONE", "H ONE"]
        {
            assert_eq!(check(lines, "h", 22), Ok(()), "{lines}");
        }
        assert_eq!(check("host.example ONE", "Host.Example", 22), Ok(()));
        // Any of several keys will do.
        assert_eq!(check("h OTHER\nh ONE", "h", 22), Ok(()));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        refused("", "h", 22, "is not known");
        refused("x ONE", "h", 22, "is not known");
        refused("h ssh-ed25519", "h", 22, "is not known");
        refused("h ssh-ed25519 !!!", "h", 22, "is not known");
        // Another kind than the key itself says, and a marker that nobody knows.
        let lying = format!("h ssh-rsa {}", ONE.split_once(' ').unwrap().1);
        refused(&lying, "h", 22, "is not known");
        refused("@trusted h ONE", "h", 22, "is not known");
        refused("h ONE", "h.example", 22, "is not known");
    }

    #[test]
    fn what_to_add_is_said() {
        let said = check("", "h", 2222).unwrap_err();
        assert!(said.contains(&format!("[h]:2222 {ONE}")), "{said}");
        assert_eq!(check(said.rsplit_once("line: ").unwrap().1, "h", 2222), Ok(()));
    }

    #[test]
    fn a_changed_key_is_refused() {
        refused("h OTHER", "h", 22, "another one than it was");
        refused("* OTHER", "h", 22, "line 1 of known");
    }

    #[test]
    fn a_revoked_key_is_refused_whatever_else_is_said() {
        for lines in ["h ONE\n@revoked h ONE", "@revoked * ONE\nh ONE", "h ONE\n@revoked\t*\tONE"] {
            refused(lines, "h", 22, "was revoked");
        }
        refused("[h]:22022 ONE\n@revoked h ONE", "h", 22022, "was revoked");
        assert_eq!(check("h ONE\n@revoked h OTHER", "h", 22), Ok(()));
        assert_eq!(check("h ONE\n@revoked x ONE", "h", 22), Ok(()));
    }

    #[test]
    fn an_authority_proves_nothing() {
        refused("@cert-authority * ONE", "h", 22, "certificates");
        assert_eq!(check("@cert-authority * OTHER\nh ONE", "h", 22), Ok(()));
    }

    #[test]
    fn wildcards_fit() {
        for pattern in ["*", "*.example", "a?.example", "a*p*e", "**", "a1.example*"] {
            assert_eq!(check(&format!("{pattern} ONE"), "a1.example", 22), Ok(()), "{pattern}");
        }
        for pattern in ["?", "*.net", "a??.example", "b*", "a1.exampl", "*1"] {
            refused(&format!("{pattern} ONE"), "a1.example", 22, "is not known");
        }
    }

    #[test]
    fn negated_patterns_exclude() {
        refused("*.example,!bad.example ONE", "bad.example", 22, "is not known");
        refused("!bad.example,*.example ONE", "bad.example", 22, "is not known");
        refused("!x ONE", "h", 22, "is not known");
        assert_eq!(check("*.example,!bad.example ONE", "good.example", 22), Ok(()));
        assert_eq!(check("h ONE\n@revoked *,!h ONE", "h", 22), Ok(()));
    }

    #[test]
    fn ports_are_told_apart() {
        assert_eq!(check("[h]:2222 ONE", "h", 2222), Ok(()));
        assert_eq!(check("[*]:2222 ONE", "h", 2222), Ok(()));
        refused("[h]:2222 ONE", "h", 22, "is not known");
        refused("[h]:2222 ONE", "h", 2223, "is not known");
        // As OpenSSH: the name alone will do where nothing is known of the port.
        assert_eq!(check("h ONE", "h", 2222), Ok(()));
        refused("[h]:2222 OTHER\nh ONE", "h", 2222, "another one than it was");
    }

    #[test]
    fn hashed_names_are_found() {
        // `ssh-keygen -H` made these of `h.example` and of `[h.example]:2222`.
        for (line, port) in [(HASHED_22, 22), (HASHED_2222, 2222)] {
            assert_eq!(check(&format!("{line} ONE"), "h.example", port), Ok(()));
            refused(&format!("{line} ONE"), "x.example", port, "is not known");
            refused(&format!("{line} OTHER"), "h.example", port, "another one than it was");
            refused(&format!("h.example ONE\n@revoked {line} ONE"), "h.example", port, "was revoked");
        }
        refused("|2|abc|def ONE", "h.example", 22, "is not known");
        refused("|1|abc ONE", "h.example", 22, "is not known");
    }

    const HASHED_22: &str = "|1|Fx3nmGBv70lZaTC0x/JIPQ05Y6Q=|rie26xcieaIc7thzDBMVyDj7X8c=";
    const HASHED_2222: &str = "|1|z50n5yKicYHbVH/3ntUVVnDY7jA=|FxKCoWETaXUqapNdb9jP+3rbSZI=";

    #[test]
    fn known_kinds_come_first() {
        let mut known = KnownHosts::default();
        known.add("a", format!("h ssh-rsa {}", STANDARD.encode(b"\0\0\0\x07ssh-rsa")).as_bytes());
        let kinds = host_key_kinds(&known.kinds("h", 22));
        let is_rsa: Vec<_> = kinds.iter().map(|kind| matches!(kind, Algorithm::Rsa { .. })).collect();
        assert_eq!(is_rsa[..3], [true, true, false]);
        assert!(!kinds.contains(&Algorithm::Rsa { hash: None }));
    }
}
