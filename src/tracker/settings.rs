//! What the user chose, and what `--stats` counts: numbers that the rules are given, and
//! numbers that they give.

/// `--hash`; the comments are its help.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Hashing {
    /// All files, behind the running watch
    Eager,
    /// When something happens to them
    Lazy,
    /// Never: inode, size and times decide
    Off,
}

/// What the user chose that the rules need to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) hashing: Hashing,
    /// Whether eager hashing was asked for, and so is done on remote file systems too.
    pub(crate) reads_remote: bool,
    /// Larger files go by inode, size and times. In bytes.
    pub(crate) hash_limit: u64,
    /// How many levels below a PATH are reported.
    pub(crate) max_depth: Option<u32>,
    /// Whether other file systems are not entered.
    pub(crate) one_file_system: bool,
    /// Whether changes of mode and owner are reported.
    pub(crate) attributes: bool,
    /// Whether a rename is emitted as deleted and created.
    pub(crate) no_renames: bool,
    /// Whether each closing of a file by a writer is reported.
    pub(crate) closed: bool,
    /// Whether a new mtime is reported where the bytes are the same.
    pub(crate) touched: bool,
    /// Whether every regular file has a watch of its own.
    pub(crate) strict: bool,
    /// When everything is compared with the disk, in nanoseconds.
    pub(crate) rescan: Option<u64>,
    /// When the watch began, in nanoseconds since 1970.
    pub(crate) began: i64,
    /// The same where there are directories without a watch, and by the clock of which
    /// file systems take their times: a write after `began` may carry a time before it.
    pub(crate) began_coarse: i64,
}

/// What is counted for `--stats`.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Counters {
    pub(crate) events: u64,
    pub(crate) overflows: u64,
    pub(crate) rescans: u64,
    pub(crate) hashes: u64,
    /// Their bytes.
    pub(crate) hashed_bytes: u64,
    /// Writes that left the bytes as they were.
    pub(crate) same_content: u64,
}
