//! Simulates the kernel's side of inotify: watches on inodes, and a queue of limited length.
//!
//! As in inotify(7) and the kernel's source, watch descriptors are never used again, an event
//! equal to the last unread one is left out, and a full queue gets one overflow event however
//! many events are dropped.

use std::collections::{BTreeMap, VecDeque};

use super::tree::Node;
use crate::event::{ContentEvent, Cookie, Event, NameEvent, SelfEvent, Wd};
use crate::tracker::disk::FsError;

/// A queued event; it owns its name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Queued {
    /// About a name in a watched directory.
    Name(Wd, Vec<u8>, bool, NameEvent),
    Inode(Wd, SelfEvent),
    InodeContent(Wd, ContentEvent),
    Overflow,
}

impl Queued {
    pub(crate) fn event(&self) -> Event<'_> {
        match self {
            Self::Name(wd, name, is_dir, event) => Event::Name {
                wd: *wd,
                name,
                is_dir: *is_dir,
                event: *event,
            },
            Self::Inode(wd, event) => Event::Inode {
                wd: *wd,
                event: *event,
            },
            Self::InodeContent(wd, event) => Event::InodeContent {
                wd: *wd,
                event: *event,
            },
            Self::Overflow => Event::QueueOverflow,
        }
    }

    /// Whether the kernel leaves the event out if `last` is the last unread one: it compares all
    /// but the cookie, and never leaves out `IN_IGNORED`.
    fn repeats(&self, last: &Self) -> bool {
        let plain = |event: NameEvent| match event {
            NameEvent::MovedFrom(_) => NameEvent::MovedFrom(Cookie(0)),
            NameEvent::MovedTo(_) => NameEvent::MovedTo(Cookie(0)),
            other => other,
        };
        match (self, last) {
            (Self::Name(wd, name, is_dir, event), Self::Name(wd2, name2, is_dir2, event2)) => {
                (wd, name, is_dir, plain(*event)) == (wd2, name2, is_dir2, plain(*event2))
            }
            (Self::Inode(_, SelfEvent::Ignored), _) => false,
            _ => self == last,
        }
    }
}

/// Watches and queue of one inotify instance.
pub(crate) struct Kernel {
    by_node: BTreeMap<Node, Wd>,
    queue: VecDeque<Queued>,
    /// `max_queued_events`.
    pub(crate) most_events: usize,
    /// `max_user_watches`.
    pub(crate) most_watches: usize,
    wd: i32,
    cookie: u32,
}

impl Kernel {
    pub(crate) fn new() -> Self {
        let (by_node, queue) = (BTreeMap::new(), VecDeque::new());
        Self {
            by_node,
            queue,
            most_events: usize::MAX,
            most_watches: usize::MAX,
            wd: 0,
            cookie: 0,
        }
    }

    /// inotify_add_watch(2): the same inode gives the same descriptor.
    pub(crate) fn watch(&mut self, node: Node) -> Result<Wd, FsError> {
        if let Some(wd) = self.by_node.get(&node) {
            return Ok(*wd);
        }
        if self.by_node.len() >= self.most_watches {
            return Err(FsError::WatchLimit);
        }
        self.wd += 1;
        self.by_node.insert(node, Wd(self.wd));
        Ok(Wd(self.wd))
    }

    /// inotify_rm_watch(2).
    pub(crate) fn unwatch(&mut self, wd: Wd) {
        let before = self.by_node.len();
        self.by_node.retain(|_, other| *other != wd);
        if self.by_node.len() < before {
            self.push(Queued::Inode(wd, SelfEvent::Ignored));
        }
    }

    /// Removes the watch of an inode that is gone, and queues its events.
    pub(crate) fn evict(&mut self, node: Node, is_dir: bool) {
        let Some(wd) = self.by_node.remove(&node) else {
            return;
        };
        if is_dir {
            self.push(Queued::Inode(wd, SelfEvent::DeleteSelf));
        }
        self.push(Queued::Inode(wd, SelfEvent::Ignored));
    }

    pub(crate) fn unmount(&mut self, node: Node) {
        let Some(wd) = self.by_node.remove(&node) else {
            return;
        };
        self.push(Queued::Inode(wd, SelfEvent::Unmount));
        self.push(Queued::Inode(wd, SelfEvent::Ignored));
    }

    /// Queues an event about a name, if its directory is watched.
    pub(crate) fn name(&mut self, dir: Node, name: &[u8], is_dir: bool, event: NameEvent) {
        if let Some(wd) = self.by_node.get(&dir) {
            self.push(Queued::Name(*wd, name.to_vec(), is_dir, event));
        }
    }

    /// Queues `IN_MOVE_SELF` of a watched inode.
    pub(crate) fn move_self(&mut self, node: Node) {
        if let Some(wd) = self.by_node.get(&node) {
            self.push(Queued::Inode(*wd, SelfEvent::MoveSelf));
        }
    }

    /// Queues an event about the bytes or attributes of a watched inode.
    pub(crate) fn content(&mut self, node: Node, event: ContentEvent) {
        if let Some(wd) = self.by_node.get(&node) {
            self.push(Queued::InodeContent(*wd, event));
        }
    }

    pub(crate) fn cookie(&mut self) -> Cookie {
        self.cookie += 1;
        Cookie(self.cookie)
    }

    /// Queues an event, if there is room.
    fn push(&mut self, event: Queued) {
        if self.queue.back().is_some_and(|last| event.repeats(last)) {
            return;
        }
        if self.queue.len() < self.most_events {
            self.queue.push_back(event);
        } else if !self.queue.contains(&Queued::Overflow) {
            self.queue.push_back(Queued::Overflow);
        }
    }

    /// read(2), of so many events at most.
    pub(crate) fn read(&mut self, most: usize) -> Vec<Queued> {
        let count = most.min(self.queue.len());
        self.queue.drain(..count).collect()
    }

    pub(crate) fn unread(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn is_watched(&self, node: Node) -> bool {
        self.by_node.contains_key(&node)
    }

    /// All watches, as `/proc/self/fdinfo` lists them.
    pub(crate) fn watches(&self) -> Vec<(Node, Wd)> {
        self.by_node.iter().map(|(node, wd)| (*node, *wd)).collect()
    }
}
