//! Performs programs' system calls on the disk in memory, with the events that Linux makes of
//! each.

mod naming;
mod writing;

use std::collections::BTreeMap;

use super::Fake;
use super::tree::Body;
pub(super) use writing::{Handle, Truncation};

/// One system call, or one step of a command. Paths begin at the root; a call that fails changes
/// nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    /// open(2) with O_CREAT and O_TRUNC, into a slot.
    Open(usize, &'static str),
    /// open(2) with O_APPEND of what is there.
    Append(usize, &'static str),
    /// open(2) with O_TMPFILE in a directory.
    Unnamed(usize, &'static str),
    /// write(2) of four bytes that are all the same.
    Put(usize, u8),
    /// close(2).
    Shut(usize),
    /// linkat(2) of an open file.
    LinkOpen(usize, &'static str),
    /// truncate(2) to two bytes: the size is set, and the rest is being freed.
    BeginTruncate(&'static str),
    /// The end of that: all is freed, and the times are set.
    EndTruncate,
    /// fallocate(2) of more than it needs, with FALLOC_FL_KEEP_SIZE.
    Allocate(&'static str),
    /// utimensat(2) to now.
    Touch(&'static str),
    /// chmod(2): whether it may be read.
    Chmod(&'static str, bool),
    /// unlink(2).
    Unlink(&'static str),
    /// mkdir(2).
    MakeDir(&'static str),
    /// rmdir(2).
    RemoveDir(&'static str),
    /// Of `rm -rf`, one removal; the rest comes next.
    RemoveTree(&'static str),
    /// rename(2).
    Rename(&'static str, &'static str),
    /// renameat2(2) with RENAME_EXCHANGE.
    Exchange(&'static str, &'static str),
    /// renameat2(2) with RENAME_WHITEOUT.
    Whiteout(&'static str, &'static str),
    /// link(2).
    Link(&'static str, &'static str),
    /// symlink(2).
    Symlink(&'static str),
    /// mkfifo(3).
    Fifo(&'static str),
    /// mount(2) of a directory at another place, as far as inotify knows: no event.
    Bind(&'static str, &'static str),
}

pub(crate) const SLOTS: usize = 4;

impl Fake {
    /// Performs the call; `None` if it failed.
    pub(crate) fn perform(&mut self, op: Op) -> Option<()> {
        let at = self.journal.len();
        self.journal.push(format!("    {op:?}"));
        let done = self.attempt(op);
        if done.is_none() {
            self.journal.remove(at);
        }
        done
    }

    fn attempt(&mut self, op: Op) -> Option<()> {
        match op {
            Op::Open(slot, path) => self.open(slot, path.as_bytes()),
            Op::Append(slot, path) => self.append(slot, path.as_bytes()),
            Op::Unnamed(slot, path) => self.open_unnamed(slot, path.as_bytes()),
            Op::Put(slot, data) => self.put(slot, data),
            Op::Shut(slot) => self.shut(slot),
            Op::LinkOpen(slot, path) => self.link_open(slot, path.as_bytes()),
            Op::BeginTruncate(path) => self.begin_truncate(path.as_bytes()),
            Op::EndTruncate => self.end_truncate(),
            Op::Allocate(path) => self.allocate(path.as_bytes()),
            Op::Touch(path) => self.touch(path.as_bytes()),
            Op::Chmod(path, readable) => self.chmod(path.as_bytes(), readable),
            Op::Unlink(path) => self.remove(path.as_bytes(), false),
            Op::MakeDir(path) => self.make(path.as_bytes(), Body::Directory(BTreeMap::new())),
            Op::RemoveDir(path) => self.remove(path.as_bytes(), true),
            Op::RemoveTree(path) => self.remove_tree(path),
            Op::Rename(from, to) => self.rename(from.as_bytes(), to.as_bytes(), false),
            Op::Whiteout(from, to) => self.rename(from.as_bytes(), to.as_bytes(), true),
            Op::Exchange(one, other) => self.exchange(one.as_bytes(), other.as_bytes()),
            Op::Link(from, to) => self.link(from.as_bytes(), to.as_bytes()),
            Op::Symlink(path) => self.make(path.as_bytes(), Body::Symlink),
            Op::Fifo(path) => self.make(path.as_bytes(), Body::Other),
            Op::Bind(from, to) => self.bind(from.as_bytes(), to.as_bytes()),
        }
    }
}
