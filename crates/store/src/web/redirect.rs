use url::Url;

use super::encode::decode_segment;
use super::fault::{Failed, Fault};
use super::reply::Reply;
use super::request::Request;
use super::wire::Wire;

/// So many redirects are followed one after the other.
const MOST: usize = 5;

/// Sends what `ask` makes for a place, and follows redirects within the same service: what proves who asks goes
/// nowhere else. `place` is where the answer came from then. One to another name leads to a page for people, to log in
/// or to say sorry, which would pass for the file: it is not followed either.
pub(crate) async fn send_following(
    wire: &Wire,
    place: &mut String,
    ask: impl Fn(&str) -> Request,
) -> Result<Reply, Failed> {
    for _ in 0..MOST {
        let failed = match wire.send(&ask(place)).await {
            Ok(reply) => return Ok(reply),
            Err(failed) => failed,
        };
        match wire.target_of(place, &failed.fault) {
            Some(target) if name_of(&target) == name_of(place) => *place = target,
            _ => return Err(failed),
        }
    }
    wire.send(&ask(place)).await
}

impl Wire {
    /// The place that an answer about `place` points to, if it is a redirect within the same service.
    pub(crate) fn target_of(&self, place: &str, fault: &Fault) -> Option<String> {
        fault.location().and_then(|location| target(self.url(), place, location))
    }
}

/// The last part of the path of a place.
fn name_of(place: &str) -> Option<Vec<u8>> {
    let path = place.split_once('?').map_or(place, |(path, _)| path);
    decode_segment(path.rsplit('/').next().unwrap_or(path).as_bytes())
}

/// The place that a redirect points to, if it is one of the same service: scheme, host and port.
fn target(service: &str, place: &str, location: &str) -> Option<String> {
    let from: Url = format!("{service}{place}").parse().ok()?;
    let to = from.join(location).ok()?;
    let is_same = from.origin() == to.origin() && to.username().is_empty() && to.password().is_none();
    let query = to.query().map(|query| format!("?{query}")).unwrap_or_default();
    is_same.then(|| format!("{}{query}", to.path()))
}

#[cfg(test)]
mod tests {
    use super::{name_of, target};

    #[test]
    fn only_the_same_service_is_followed() {
        let to = |location| target("https://h:8443", "/a/b", location);
        assert_eq!(to("c").as_deref(), Some("/a/c"));
        assert_eq!(to("/x?y=1#z").as_deref(), Some("/x?y=1"));
        assert_eq!(to("https://h:8443/x").as_deref(), Some("/x"));
        for other in
            ["http://h:8443/x", "https://h/x", "https://other:8443/x", "//other/x", "https://u@h:8443/x"]
        {
            assert_eq!(to(other), None, "{other}");
        }
    }

    #[test]
    fn a_name_is_the_same_however_it_is_written() {
        for other in ["/x/a+b?c=/d", "/y/a%2bb", "a+b"] {
            assert_eq!(name_of("/a%2Bb"), name_of(other), "{other}");
        }
        for other in ["/login?to=/a+b", "/a+b/", "/a%20b", "/A+b", "/"] {
            assert_ne!(name_of("/a%2Bb"), name_of(other), "{other}");
        }
    }
}
