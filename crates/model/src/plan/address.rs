use super::SideHeader;

/// Where in the world a side is: two sides of one address are one place.
///
/// The text of a location is not enough: a folder and a bucket may have one name, and so may the buckets of
/// two servers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The kind of its store.
    pub kind: String,
    /// Which server it is on, as [`SideHeader::service`] says.
    pub service: Option<String>,
    /// Where it is there.
    pub location: String,
}

impl SideHeader {
    /// Where the side is.
    pub fn address(&self) -> Address {
        let Self { kind, service, location, .. } = self;
        Address { kind: kind.clone(), service: service.clone(), location: location.clone() }
    }
}
