use syncplan_model::spec::{Addressing, Provider};

use super::checksum::Checksum;

/// What is known of a provider beforehand; what its server really does is found out by a probe.
pub(super) struct Traits {
    /// The service's address, `{region}` in it, for providers that have one.
    pub(super) endpoint: Option<&'static str>,
    /// The region that requests are signed for if none is given.
    pub(super) region: &'static str,
    pub(super) addressing: Addressing,
    /// A header of the provider's own that makes a put fail where something stands.
    pub(super) forbid_overwrite: Option<&'static str>,
    /// Whether it is worth asking if `If-None-Match` and `If-Match` are honoured on a put.
    pub(super) may_honour_conditions: bool,
    /// What the server is to compare content with.
    pub(super) checksum: Checksum,
    /// What is signed of content.
    pub(super) payload: Payload,
    /// How a listing goes on after its first page.
    pub(super) pages: Pages,
    /// Whether keys are asked for percent-encoded, so that a page can hold every one of them.
    pub(super) encodes_keys: bool,
}

/// What is signed of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payload {
    /// Its SHA-256, always.
    Signed,
    /// Nothing, where TLS keeps it whole on the way and the server compares a checksum, as the provider's own
    /// clients do: SHA-256 costs several times as much as all other hashing.
    CheckedOverTls,
}

/// How a listing goes on after its first page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pages {
    /// By what the page says, and from any key to begin with (`ListObjectsV2`).
    Token,
    /// From the last key that was listed (`ListObjects`).
    Marker,
}

const PLAIN: Traits = Traits {
    endpoint: None,
    region: "us-east-1",
    addressing: Addressing::PathStyle,
    forbid_overwrite: None,
    may_honour_conditions: true,
    // A server that nobody knows is sent nothing that it may refuse: some answer 400 or 501.
    checksum: Checksum::None,
    payload: Payload::Signed,
    pages: Pages::Token,
    encodes_keys: true,
};

/// The row of a provider.
pub(super) fn traits(provider: Provider) -> Traits {
    use Addressing::VirtualHosted;
    match provider {
        Provider::Aws => Traits {
            endpoint: Some("https://s3.{region}.amazonaws.com"),
            addressing: VirtualHosted,
            checksum: Checksum::Crc32c,
            payload: Payload::CheckedOverTls,
            ..PLAIN
        },
        // Path style is refused (403 SecondLevelDomainForbidden), conditions are answered with 501.
        Provider::Aliyun => Traits {
            endpoint: Some("https://s3.oss-{region}.aliyuncs.com"),
            region: "cn-hangzhou",
            addressing: VirtualHosted,
            forbid_overwrite: Some("x-oss-forbid-overwrite"),
            may_honour_conditions: false,
            checksum: Checksum::Md5,
            ..PLAIN
        },
        // It documents the older listing only.
        Provider::Tencent => Traits {
            endpoint: Some("https://cos.{region}.myqcloud.com"),
            region: "ap-guangzhou",
            addressing: VirtualHosted,
            forbid_overwrite: Some("x-cos-forbid-overwrite"),
            may_honour_conditions: false,
            checksum: Checksum::Md5,
            pages: Pages::Marker,
            ..PLAIN
        },
        // Its parallel file systems know the older listing only, and begin it anew where keys are encoded.
        Provider::Huawei => Traits {
            endpoint: Some("https://obs.{region}.myhuaweicloud.com"),
            region: "cn-north-4",
            addressing: VirtualHosted,
            checksum: Checksum::Md5,
            pages: Pages::Marker,
            encodes_keys: false,
            ..PLAIN
        },
        Provider::Qiniu => Traits {
            endpoint: Some("https://s3.{region}.qiniucs.com"),
            region: "cn-east-1",
            addressing: VirtualHosted,
            checksum: Checksum::Md5,
            ..PLAIN
        },
        Provider::Backblaze => {
            Traits { endpoint: Some("https://s3.{region}.backblazeb2.com"), region: "us-west-004", ..PLAIN }
        }
        Provider::Wasabi => Traits { endpoint: Some("https://s3.{region}.wasabisys.com"), ..PLAIN },
        Provider::R2 => Traits { region: "auto", ..PLAIN },
        Provider::Garage => Traits { region: "garage", checksum: Checksum::Crc32c, ..PLAIN },
        Provider::Minio => Traits { checksum: Checksum::Crc32c, ..PLAIN },
        Provider::Ceph | Provider::Other => PLAIN,
    }
}
