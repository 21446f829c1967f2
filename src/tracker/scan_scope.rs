//! How much of a directory a scan compares.

/// What of a directory a scan compares; the later ones include those before them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum ScanScope {
    /// It is new: what the tree does not have. Events report the rest.
    New,
    /// Also the files that the tree has.
    Files,
    /// All names.
    All,
    /// All names, and those of all directories below it.
    Deep,
}
