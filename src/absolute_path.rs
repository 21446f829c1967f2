//! Finds the absolute paths of PATHs, which name them in records whatever the working directory is.
//!
//! Invariant: a file system that does not answer is not waited for; the path is then made of the
//! names alone.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use crate::blocking_task::BlockingTask;
use crate::sys::file::path_of_working_directory;

/// How long a path with `..` may take to be resolved: 1 s.
const PATIENCE: Duration = Duration::from_secs(1);

/// The absolute path of a PATH, without slashes at its end. Symbolic links are not followed, so that
/// the path stays the same when one is switched; but with `..` in it, they are.
pub(crate) fn absolute_path(given: &[u8]) -> Vec<u8> {
    let path = PathBuf::from(OsString::from_vec(given.to_vec()));
    let goes_up = path.components().any(|part| part == Component::ParentDir);
    let resolved = goes_up.then(|| resolve(&path)).flatten();
    let path = resolved
        .or_else(|| Some(path_of_working_directory().ok()?.join(&path)))
        .unwrap_or(path);
    let plain: PathBuf = path.components().collect();
    plain.as_os_str().as_bytes().to_vec()
}

/// Follows the names on disk, as realpath(3) does.
fn resolve(path: &Path) -> Option<PathBuf> {
    let follow = |path: &Path| path.canonicalize().ok();
    let given = path.to_owned();
    match BlockingTask::start(move || follow(&given), || {}) {
        Some(task) => task.wait(Some(PATIENCE), || false).flatten(),
        None => follow(path),
    }
}

#[cfg(test)]
mod tests {
    use super::absolute_path;

    #[test]
    fn absolute_paths_are_without_dots_and_trailing_slashes() {
        let here = std::env::current_dir().expect("a working directory");
        let of = |given: &str| String::from_utf8(absolute_path(given.as_bytes())).expect("UTF-8");
        let below = |name: &str| here.join(name).to_string_lossy().into_owned();
        assert_eq!(of("."), here.to_string_lossy());
        assert_eq!(of("src//"), below("src"));
        assert_eq!(of("./nothing-here/"), below("nothing-here"));
        assert_eq!(of("src/.."), here.to_string_lossy());
        assert_eq!(of("/srv/"), "/srv");
        assert_eq!(of("/"), "/");
    }
}
