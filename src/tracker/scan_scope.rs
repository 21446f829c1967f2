//! Defines how much of a directory a scan compares.

/// Each scope includes those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum ScanScope {
    /// Of a new directory: names that the model does not have. Events report the rest.
    New,
    /// Also the files that the model has.
    Files,
    /// All names.
    All,
    /// All names, and those of all directories below it.
    Deep,
}
