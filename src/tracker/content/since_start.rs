//! Judges by the status of a file whether it was replaced or written since the watch began.
//!
//! Reads no file, and changes nothing. Invariant: in doubt it was written, and so is read again; but
//! not on the kernel's own file systems, where times prove nothing.

use crate::tracker::Tracker;
use crate::tracker::disk::{FsClass, Stat};
use crate::tracker::model::{Id, Knowledge};
use crate::tracker::queue::Written;

impl<D> Tracker<D> {
    /// Whether an unread file is another one than the walk found. A rename, a link or a new file
    /// has a new ctime, so the inode numbers are compared only then: on some file systems
    /// readdir(3) gives others than statx(2).
    pub(in crate::tracker) fn was_replaced(&self, id: Id, stat: &Stat) -> bool {
        let is_other = |ino| {
            ino != stat.inode.ino || stat.btime.is_some_and(|birth| self.clock.has_shown(birth))
        };
        match self.model.knowledge(id) {
            Knowledge::Unread { ino, .. } if ino != 0 => {
                self.clock.has_shown(stat.ctime) && is_other(ino)
            }
            _ => false,
        }
    }

    /// When the bytes of a file were written, as far as its times show that.
    pub(super) fn written(&self, id: Id, stat: &Stat) -> Written {
        if self.changed_since_start(id, stat) {
            Written::SinceStart
        } else {
            Written::Before
        }
    }

    /// Whether a file may have been written since the watch began: the wall clock has shown its
    /// mtime since then. An mtime that a program has set to the future counts only if the ctime
    /// shows that it was set since. In a directory without a watch, where a write makes no event,
    /// any new ctime counts. The kernel's own file systems prove nothing: there an inode has the
    /// time when it was first looked up.
    pub(in crate::tracker) fn changed_since_start(&self, id: Id, stat: &Stat) -> bool {
        let class = self.file_systems.class(stat.inode.dev);
        if matches!(class, FsClass::Pseudo(_)) {
            return false;
        }
        let dir = self.model.parent(id);
        if dir.is_some_and(|dir| self.model.wd(dir).is_none()) {
            return self.clock.has_shown_since_walk(stat.ctime);
        }
        let is_set = || stat.mtime > stat.ctime && self.clock.has_shown(stat.ctime);
        self.clock.has_shown(stat.mtime) || is_set()
    }
}
