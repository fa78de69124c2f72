use url::{Host, Url};

/// The URL of a service. One that is sent a secret with each request, and not only what is signed with it,
/// has to be spoken to in private, or be on this machine.
pub(crate) fn endpoint(text: &str, bearer: bool) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("the endpoint is no URL: {error}"))?;
    let named = url.host_str().is_some() && url.username().is_empty() && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || !named {
        return Err("the endpoint should be http:// or https:// and a host, without a user".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("the endpoint should have nothing behind its path".to_owned());
    }
    if bearer && url.scheme() == "http" && !is_here(&url) {
        return Err(
            "over http:// everybody on the way could read what proves who asks: use https://".to_owned()
        );
    }
    Ok(url)
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
