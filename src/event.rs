//! Defines inotify events as enums: what one `inotify_event` has, and nothing more.
//!
//! The names are those of inotify(7). An event is a hint about a name in a watched directory, about
//! the watched inode itself, or about the kernel queue. Invariant: each kind has a type of its own,
//! so that none can stand where another one is meant.

/// A watch descriptor. The kernel gives the same one for the same live inode, and never gives one
/// again, so that it identifies a directory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Wd(pub(crate) i32);

/// The number that `IN_MOVED_FROM` and `IN_MOVED_TO` of a rename have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Cookie(pub(crate) u32);

/// One event; its name is borrowed from the buffer that it was read into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event<'a> {
    /// About a name in a watched directory.
    Name {
        wd: Wd,
        /// The name in it: bytes, without the padding.
        name: &'a [u8],
        /// `IN_ISDIR`: the name is, or was, a directory.
        is_dir: bool,
        event: NameEvent,
    },
    /// About the watched inode itself, or its watch.
    Inode { wd: Wd, event: SelfEvent },
    /// About the bytes or attributes of the watched inode: the event has no name.
    InodeContent { wd: Wd, event: ContentEvent },
    /// `IN_Q_OVERFLOW`: the queue was full, and events were dropped.
    QueueOverflow,
    /// A mask that no watch has.
    Unknown { wd: Wd, mask: u32 },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NameEvent {
    /// `IN_CREATE`: made by open(2), mkdir(2), link(2), symlink(2) and the like.
    Create,
    /// `IN_DELETE`.
    Delete,
    /// `IN_MOVED_FROM`.
    MovedFrom(Cookie),
    /// `IN_MOVED_TO`.
    MovedTo(Cookie),
    Content(ContentEvent),
}

/// About the bytes or attributes of what has a name, or of a watched inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ContentEvent {
    /// `IN_MODIFY`: written or truncated.
    Modify,
    /// `IN_CLOSE_WRITE`: a descriptor opened for writing was closed.
    CloseWrite,
    /// `IN_ATTRIB`: mode, owner, times, extended attributes or link count.
    Attrib,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SelfEvent {
    /// `IN_DELETE_SELF`.
    DeleteSelf,
    /// `IN_MOVE_SELF`.
    MoveSelf,
    /// `IN_UNMOUNT`: its file system is gone.
    Unmount,
    /// `IN_IGNORED`: the watch is gone; no more events will carry its descriptor.
    Ignored,
}
