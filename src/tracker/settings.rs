//! Defines what the user chose, as far as the tracker needs it, and what `--stats` counts.

/// `--hash`. The comments of its values are its help.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Hashing {
    /// All files, behind the running watch
    Eager,
    /// When something happens to them
    Lazy,
    /// Never: inode, size and times decide
    Off,
}

/// When files are read, by the file system that they are on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HashPolicy {
    Eager,
    /// By default: lazily on remote file systems, from which the baseline would fetch everything.
    EagerIfLocal,
    Lazy,
    Off,
}

impl HashPolicy {
    /// Whether there is a baseline that reads files.
    pub(crate) fn is_eager(self) -> bool {
        matches!(self, Self::Eager | Self::EagerIfLocal)
    }
}

/// What was asked for holds on all file systems.
impl From<Hashing> for HashPolicy {
    fn from(hashing: Hashing) -> Self {
        match hashing {
            Hashing::Eager => Self::Eager,
            Hashing::Lazy => Self::Lazy,
            Hashing::Off => Self::Off,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) hashing: HashPolicy,
    /// Larger files go by inode, size and times. In bytes.
    pub(crate) hash_limit: u64,
    /// The number of levels below a PATH that are reported.
    pub(crate) max_depth: Option<u32>,
    /// Whether other file systems are not entered.
    pub(crate) one_file_system: bool,
    /// Whether changes of mode and owner are reported.
    pub(crate) attributes: bool,
    /// Whether a rename is emitted as deleted and created.
    pub(crate) no_renames: bool,
    /// Whether what is known of a file may be emitted again: in a later snapshot, or by `no_renames`.
    pub(crate) emits_again: bool,
    /// Whether each closing of a file by a writer is reported.
    pub(crate) closed: bool,
    /// Whether a new mtime is reported where the bytes are the same.
    pub(crate) touched: bool,
    /// Whether every regular file has a watch of its own.
    pub(crate) strict: bool,
    /// The interval at which everything is compared with the disk, in nanoseconds.
    pub(crate) rescan: Option<u64>,
}

impl Settings {
    /// Whether neither digests nor attributes are reported: a change that no event shows is not looked for.
    pub(crate) fn goes_by_events(&self) -> bool {
        self.hashing == HashPolicy::Off && !self.attributes
    }
}

/// Those of tests: all files are read, and nothing more is asked for.
#[cfg(test)]
impl Default for Settings {
    fn default() -> Self {
        Self {
            hashing: HashPolicy::Eager,
            hash_limit: 1 << 30,
            max_depth: None,
            one_file_system: false,
            attributes: false,
            no_renames: false,
            emits_again: false,
            closed: false,
            touched: false,
            strict: false,
            rescan: None,
        }
    }
}

#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Counters {
    pub(crate) events: u64,
    pub(crate) overflows: u64,
    pub(crate) rescans: u64,
    pub(crate) hashes: u64,
    /// The bytes of the files that were hashed.
    pub(crate) hashed_bytes: u64,
    /// Writes that left the bytes as they were.
    pub(crate) same_content: u64,
}
