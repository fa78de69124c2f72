//! What is tried: what was synced, and what each side did since.

use super::bucket::{MOTO, RCLONE};

/// Where the remote side is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Far {
    Folder,
    /// On the server that this variable names.
    Bucket(&'static str),
}

/// A task, or several, with what was synced (at the source) and what each side did then: see `edit`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    pub(crate) name: &'static str,
    pub(crate) far: Far,
    /// What each task says besides its sides.
    pub(crate) settings: Settings,
    pub(crate) base: &'static str,
    pub(crate) local: &'static str,
    pub(crate) remote: &'static str,
}

type Settings = &'static [&'static str];

const MIRROR: Settings = &["mode mirror"];
const FETCH: Settings = &["mode mirror\n    direction fetch"];
const UPDATE: Settings = &["mode update\n    delete synced"];
const TWO_WAY: Settings = &["mode two-way"];
const KEEP_BOTH: Settings = &["mode two-way\n    conflict keep-both"];
const NEWER: Settings = &["mode two-way\n    conflict newer"];
const MERGE: Settings = &["mode two-way\n    conflict merge \"cat\" \"{local}\" \"{remote}\""];
const PUBLISH_LAST: Settings = &["mode mirror\n    publish-last \"ext(html)\""];
const TRASH: Settings = &["mode mirror\n    trash keep=\"30d\""];
const TRASH_TWO_WAY: Settings = &["mode two-way\n    trash keep=\"30d\""];
const CHAIN: Settings = &["mode mirror", "mode mirror"];

/// What is done to a folder as to a bucket, to a source and to both sides.
#[rustfmt::skip]
const EVERYWHERE: &[(&str, &str, &str)] = &[
    ("new", "k=1", "a=1 b=22 c/d/e=333 c/d/f=4444"),
    ("new-empty", "k=1", "a= b/c="),
    ("edited", "a=1 b=2 c=3", "a=11 b=222 c="),
    ("deleted", "a=1 b=2 c/x=3 c/y=4 k=5", "-a -c"),
    ("renamed", "a=one b=two k=3", "a>x b>c/d/y"),
    ("renamed-over", "a=one b=two k=3", "a>b"),
    ("swapped", "a=one b=two", "a>t b>a t>b"),
    ("rotated", "a=one b=two c=three", "a>t c>a b>c t>b"),
    ("folder-renamed", "d/x=1x d/y=2y d/z/w=3w k=4", "d>e"),
    ("folders-swapped", "d/x=1x d/y=2y e/x=3x e/z=4z", "d>t e>d t>e"),
    ("flipped", "p/q/f=ff k=1", "p/q>t -p t>q/p"),
    ("file-to-folder", "a=1a b=2b", "-a a/x=3x a/y/z=4z"),
    ("folder-to-file", "a/x=1x a/y=2y b=3b", "-a a=4a"),
    ("into-its-own-place", "d=1d k=2", "d>t t>d/x"),
    ("copied", "a=some-content k=2", "b=some-content c/d=some-content"),
    ("three-of-one", "a=some-content k=2", "x=some-content y=some-content z=some-content -a"),
    ("moved-and-replaced", "a=one k=2", "a>b a=another"),
    ("moved-in-a-row", "a=one b=two c=three k=4", "c>d b>c a>b a=zero"),
    ("unicode", "žluť/ů=1 k=2", "žluť/ů>žluť/日本語 Ωmega=3 🦀/é=4"),
    ("deep", "k=1", "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q=deep a/b/c/d/e/f/g/h/i/j/k/l/m/n/r=deeper"),
    ("long-names", "k=1", concat!(
        "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
        "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
        "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn=255")),
    ("of-everything", "a=1a b=2b c/x=3x c/y=4y s=5s t=6t k=7", "a=11a b>c/b -c/x s>u t>s u>t new/n=8n k>k2 c/y=44y"),
];

/// What only folders have, or take.
#[rustfmt::skip]
const OF_FOLDERS: &[(&str, &str, &str)] = &[
    ("empty-folders", "a=1 d/ e/", "-d f/g/"),
    ("links", "a=1 l->a m->a", "n->nowhere -l l->k -m"),
    ("link-to-file", "a=1 l->a", "-l l=2"),
    ("file-to-link", "a=1 b=2b", "-b b->a"),
    ("link-renamed", "a=1 l->a", "l>d/l"),
    ("modes", "a=1 b=2 c=3", "a!600 b!755 c!444"),
    ("times", "a=1 b=2", "a~9000 b~12000"),
    ("edited-and-closed", "a=1 d/b=2", "a=11 a!400 d/b=22 d/b!640"),
    ("large", "k=1 l=@2MiB#a", "n=@6MiB#n l=@3MiB#b"),
    ("large-swapped", "k=1 l=@11MiB#a m=@11MiB#b", "l>t m>l t>m"),
    ("sparse", "k=1", "s=@hole:48MiB"),
    ("many", "k=1", concat!("m/1=1 m/2=2 m/3=3 m/4=4 m/5=5 m/6=6 m/7=7 m/8=8 m/9=9 m/10=10 m/11=11 m/12=12 m/13=13 m/14=14 ",
        "m/15=15 m/16=16 m/17=17 m/18=18 m/19=19 m/20=20 m/21=21 m/22=22 m/23=23 m/24=24 m/25=25 m/26=26 m/27=27 m/28=28")),
];

const fn case(
    name: &'static str,
    settings: Settings,
    base: &'static str,
    local: &'static str,
    remote: &'static str,
) -> Situation {
    Situation { name, far: Far::Folder, settings, base, local, remote }
}

/// With a say of both sides, or an order of their own.
#[rustfmt::skip]
const OTHERS: &[Situation] = &[
    case("never-synced-replaced", MIRROR, "", "a=1 b=2 d/x=3", "a=other c=only-there d=a-file-there"),
    case("restored", MIRROR, "a=1 b=2 k=3", "", "-a b=22"),
    case("update", UPDATE, "a=1 b=2 c=3 k=4", "a=11 -b d=5", "c=33"),
    case("fetch", FETCH, "a=1 b=2 c=3 k=4", "", "a=11 b>x -c d/y=5"),
    case("fetch-over-edits", FETCH, "a=1 b=2 k=4", "a=mine c=mine-too", "a=11 -b"),
    case("both-ways", TWO_WAY, "a=1a b=2b c=3c d/x=4x k=5", "a=11a new-here=6 d/x>d/y", "-b c=33c new-there/n=7"),
    case("both-rename", TWO_WAY, "a=one b=two c=three k=4", "a>x b>t c>b t>c", "k>kk new=5"),
    case("edit-meets-delete", TWO_WAY, "a=1 b=2 d/x=3 d/y=4 k=5", "a=11 -d", "-a d/x=33"),
    case("held", TWO_WAY, "a=1 b=2 c=3", "a=11 b=22", "a=111 c=33"),
    case("kept-both", KEEP_BOTH, "a.txt=1 b=2 k=3", "a.txt=11 b=22 c=here", "a.txt=111 b=222 c=there"),
    case("kept-both-of-kinds", KEEP_BOTH, "a=1 d/x=2x k=3", "-a a/x=here -d d=now-a-file", "a=there d/x=22x"),
    case("newer", NEWER, "a=1 b=2 k=3", "a=11 b=22", "a=111 -b b/x=new"),
    case("merged", MERGE, "a=1 b=2 k=3", "a=here b=here", "a=there b=there"),
    case("without-a-base", KEEP_BOTH, "", "a=1 b=here c=3", "a=1 b=there d=4"),
    case("published-last", PUBLISH_LAST, "index.html=1 k=2", "index.html=11 p/index.html=3 a.png=4 p/b.png=5", ""),
    case("one-after-another", CHAIN, "t0/a=1 t0/k=2 t1/a=3 t1/k=4", "t0/a=11 t0/b=5 t1/a>t1/c t1/d=6", ""),
    case("with-a-trash", TRASH, "a=1 b=2 c/x=3 c/y=4 l->a s=5s t=6t k=7", "a=11 -b -c s>u t>s u>t -l l->k", ""),
    case("two-way-with-a-trash", TRASH_TWO_WAY, "a=1 b=2 c/x=3 k=7", "a=11 -b new=1n", "-c k=77 b!600"),
];

/// What takes more than one request.
#[rustfmt::skip]
const OF_BUCKETS: &[Situation] = &[
    case("in-parts", MIRROR, "k=1", "big=@20MiB#p small=2", ""),
    case("in-parts-over-parts", MIRROR, "k=1 big=@18MiB#o", "big=@20MiB#p", ""),
    case("large-down", FETCH, "k=1", "", "big=@12MiB#d small=2"),
    case("in-parts-renamed", MIRROR, "k=1 big=@18MiB#o", "big>b/moved", ""),
    case("never-synced-replaced", MIRROR, "", "a=1 b=2 d/x=3", "a=other c=only-there"),
    case("fetch", FETCH, "a=1 b=2 c=3 k=4", "", "a=11 b>x -c d/y=5"),
    case("both-ways", TWO_WAY, "a=1a b=2b c=3c d/x=4x k=5", "a=11a new-here=6 d/x>d/y", "-b c=33c new-there/n=7"),
    case("kept-both", KEEP_BOTH, "a.txt=1 b=2 k=3", "a.txt=11 b=22 c=here", "a.txt=111 b=222 c=there"),
    case("merged", MERGE, "a=1 b=2 k=3", "a=here b=here", "a=there b=there"),
    case("published-last", PUBLISH_LAST, "index.html=1 k=2", "index.html=11 p/index.html=3 a.png=4 p/b.png=5", ""),
    case("one-after-another", CHAIN, "t0/a=1 t0/k=2 t1/a=3 t1/k=4", "t0/a=11 t0/b=5 t1/a>t1/c t1/d=6", ""),
    case("with-a-trash", TRASH, "a=1 b=2 c/x=3 c/y=4 s=5s t=6t k=7", "a=11 -b -c s>u t>s u>t", ""),
    case("two-way-with-a-trash", TRASH_TWO_WAY, "a=1 b=2 c/x=3 k=7", "a=11 -b new=1n", "-c k=77"),
];

/// What takes long.
#[rustfmt::skip]
const LARGE: &[Situation] = &[
    case("very-large", MIRROR, "k=1", "big=@60MiB#v", ""),
    case("very-large-down", FETCH, "k=1", "", "big=@60MiB#v"),
];

/// A large file on its way to a server or from it.
pub(crate) fn large(name: &str, server: &'static str) -> Situation {
    let it = LARGE.iter().find(|situation| situation.name == name);
    Situation { far: Far::Bucket(server), ..*it.unwrap_or_else(|| panic!("{name} is not there")) }
}

/// All of them, those of the named pattern where there is one.
pub(crate) fn situations() -> Vec<Situation> {
    let push = |&(name, base, local): &(&'static str, &'static str, &'static str)| {
        case(name, MIRROR, base, local, "")
    };
    let mut all: Vec<_> = EVERYWHERE.iter().chain(OF_FOLDERS).map(push).collect();
    all.extend(OTHERS);
    for server in [MOTO, RCLONE] {
        let of_server = EVERYWHERE.iter().map(push).chain(OF_BUCKETS.iter().copied());
        all.extend(of_server.map(|situation| Situation { far: Far::Bucket(server), ..situation }));
    }
    if let Ok(wanted) = std::env::var("SYNCPLAN_SITUATION") {
        all.retain(|situation| situation.to_string().contains(&wanted));
    }
    all
}

impl Situation {
    /// How both sides are brought together without a plan to look at.
    pub(crate) fn one_step(&self) -> &'static [&'static str] {
        match self.settings {
            FETCH => &["fetch", "-y"],
            TWO_WAY | KEEP_BOTH | NEWER | MERGE | TRASH_TWO_WAY => &["sync", "-y"],
            _ => &["push", "-y"],
        }
    }
}

impl std::fmt::Display for Situation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let far = match self.far {
            Far::Folder => "folder",
            Far::Bucket(MOTO) => "moto",
            Far::Bucket(_) => "rclone",
        };
        write!(f, "{far}/{}", self.name)
    }
}
