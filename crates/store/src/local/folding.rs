//! Which spellings a file system takes for one name, as far as it can be known without writing.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, IFlags};
use syncplan_model::{Capabilities, Capability, RESERVED_DIR};

use super::root::Root;

/// Types of file systems that know no case: FAT, exFAT.
const WITHOUT_CASE: [u64; 2] = [0x4d44, 0x2011_bab0];
/// HFS+, which takes composed and decomposed letters for one name as well.
const HFS_PLUS: u64 = 0x482b;
/// Folders of ext4 and f2fs with `chattr +F`, which fold case and composition.
const CASEFOLD: u32 = 0x4000_0000;

/// Adds to what every folder can do what this one folds.
pub(super) fn known(root: &Root, capabilities: Capabilities) -> Capabilities {
    let flags = rustix::fs::ioctl_getflags(root).unwrap_or(IFlags::empty());
    let kind = rustix::fs::fstatfs(root).map_or(0, |fs| u64::try_from(fs.f_type).unwrap_or(0));
    let both = flags.bits() & CASEFOLD != 0 || kind == HFS_PLUS;
    let case = both || WITHOUT_CASE.contains(&kind) || finds_in_other_case(root);
    let capabilities = if case { capabilities.with(Capability::FoldsCase) } else { capabilities };
    if both { capabilities.with(Capability::FoldsUnicode) } else { capabilities }
}

/// Whether our own folder, where it is, is found under a name in other letters: a share of another system
/// tells nothing else of itself.
fn finds_in_other_case(root: &Root) -> bool {
    let inode = |name: &str| {
        let stat = rustix::fs::statat(root.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW);
        stat.ok().map(|stat| (stat.st_dev, stat.st_ino))
    };
    let own = inode(RESERVED_DIR);
    own.is_some() && own == inode(&RESERVED_DIR.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_here_fold_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(RESERVED_DIR)).unwrap();
        let root = Root::new(std::fs::File::open(folder.path()).unwrap().into());
        let found = known(&root, Capabilities::new([]));
        assert!(!found.has(Capability::FoldsCase) && !found.has(Capability::FoldsUnicode));
        // Another folder of that name is another folder.
        std::fs::create_dir(folder.path().join(RESERVED_DIR.to_uppercase())).unwrap();
        assert!(!finds_in_other_case(&root));
        // A file system that knows no case finds one folder under both names; a link to itself is as near
        // as it gets to that here, and no link is believed.
        std::fs::remove_dir(folder.path().join(RESERVED_DIR.to_uppercase())).unwrap();
        std::os::unix::fs::symlink(RESERVED_DIR, folder.path().join(RESERVED_DIR.to_uppercase())).unwrap();
        assert!(!finds_in_other_case(&root));
    }
}
