//! Where git keeps what is not in the tree: repositories, and their own and the user's
//! lists of what to leave out.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What git reads of a rule file at most, and we too: 100 MiB.
const LIMIT: u64 = 100 << 20;

/// The user's own list (`core.excludesFile`).
pub(super) fn users_excludes() -> Option<PathBuf> {
    ignore::gitignore::gitconfig_excludes_path()
}

/// Whether a directory is the root of a repository, a work tree or a submodule.
pub(super) fn is_repository(dir: &Path) -> bool {
    dir.join(".git").symlink_metadata().is_ok()
}

/// The repository's own list, if the directory is the root of one.
pub(super) fn excludes(dir: &Path) -> PathBuf {
    let git = dir.join(".git");
    let git = match pointer(&git, b"gitdir:") {
        Some(elsewhere) => dir.join(elsewhere),
        None => git,
    };
    let common = match pointer(&git.join("commondir"), b"") {
        Some(elsewhere) => git.join(elsewhere),
        None => git,
    };
    common.join("info/exclude")
}

/// The path that a file consists of, after a word.
fn pointer(file: &Path, word: &[u8]) -> Option<PathBuf> {
    let text = read(file)?;
    let path = text.strip_prefix(word)?.trim_ascii();
    Some(PathBuf::from(OsStr::from_bytes(path)))
}

/// What a regular file holds. Like git, it follows no symbolic link; and a FIFO of that
/// name is not waited for.
pub(super) fn read(file: &Path) -> Option<Vec<u8>> {
    if !file.symlink_metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(file)
        .ok()?
        .take(LIMIT)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}
