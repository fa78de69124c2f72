//! Files of our own: old content or new content, never half of it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Writes beside the target, makes it durable, and moves it into place.
pub(crate) fn write(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or_else(|| Path::new("."));
    // As any new file: the umask decides. What is replaced keeps its own.
    let permissions =
        fs::metadata(path).map_or_else(|_| fs::Permissions::from_mode(0o666), |it| it.permissions());
    let mut temporary = tempfile::Builder::new().permissions(permissions).tempfile_in(folder)?;
    let mut out = BufWriter::with_capacity(1 << 16, temporary.as_file_mut());
    content(&mut out)?;
    out.flush()?;
    drop(out);
    temporary.as_file().sync_all()?;
    temporary.persist(path)?;
    File::open(folder)?.sync_all()
}
