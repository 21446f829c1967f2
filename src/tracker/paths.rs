//! Compares paths as bytes: what lies below what, and what leads through what. Asks no disk.

/// A PATH without slashes at its end, as records have it; empty for the PATH `/`.
pub(crate) fn without_slashes(given: &[u8]) -> &[u8] {
    let end = given.iter().rposition(|&byte| byte != b'/');
    &given[..end.map_or(0, |last| last + 1)]
}

/// What follows the path of a directory in the path of something at or below it. `None`: it is
/// neither.
pub(crate) fn path_below<'p>(path: &'p [u8], above: &[u8]) -> Option<&'p [u8]> {
    let rest = path.strip_prefix(above)?;
    (rest.is_empty() || above == b"/" || rest.starts_with(b"/")).then_some(rest)
}

/// Whether a path leads through a directory with another path.
pub(super) fn leads_through(path: &[u8], dir: &[u8]) -> bool {
    path_below(path, dir).is_some_and(|rest| !rest.is_empty())
}

/// Whether a path is `/`, or `.` and `..` only: it leads to the same directory after that was
/// renamed.
pub(crate) fn is_dots(path: &[u8]) -> bool {
    let mut names = path.split(|&byte| byte == b'/');
    names.all(|name| matches!(name, b"" | b"." | b".."))
}

/// Whether a path begins above the working directory.
pub(crate) fn is_above(path: &[u8]) -> bool {
    let mut names = path.split(|&byte| byte == b'/');
    let first = names.find(|name| !matches!(*name, b"" | b"."));
    !path.starts_with(b"/") && first == Some(b"..")
}
