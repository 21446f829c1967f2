//! Coalesces the events of one batch into steps: all events about the bytes and attributes of a
//! name, up to the next one that creates, moves or deletes it, become one step in the position of
//! the first. With each goes what becomes of its name later in the batch (by cookie, where that is
//! moved), so that nothing is looked for where it is no more. No system call, no tree.
//!
//! Invariant: nothing is coalesced across a rename or removal of the name, nor across one of
//! any directory, so that applying the steps gives the same as applying the events.

use std::hash::BuildHasher;

use foldhash::HashMap;
use foldhash::fast::RandomState;

use crate::event::{ContentEvent, Cookie, Event, NameEvent, SelfEvent, Wd};

/// The index that stands for no step.
const NONE: u32 = u32::MAX;

/// What happened to the bytes or attributes of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ContentEvents {
    /// `IN_MODIFY`.
    pub(crate) modified: bool,
    /// `IN_CLOSE_WRITE`.
    pub(crate) closed: bool,
    /// `IN_ATTRIB`.
    pub(crate) attrib: bool,
}

impl ContentEvents {
    pub(crate) fn union(self, other: Self) -> Self {
        Self {
            modified: self.modified || other.modified,
            closed: self.closed || other.closed,
            attrib: self.attrib || other.attrib,
        }
    }

    /// Whether a write by the name is among them.
    pub(crate) fn has_write(self) -> bool {
        self.modified || self.closed
    }
}

/// What happened to a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NameChange {
    Created,
    Deleted,
    MovedFrom(Cookie),
    MovedTo(Cookie),
    /// Only events about its bytes or attributes.
    Content,
}

/// One or more events about a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NameStep {
    pub(crate) wd: Wd,
    pub(crate) is_dir: bool,
    pub(crate) change: NameChange,
    /// Its content events, up to the next step of the name.
    pub(crate) content: ContentEvents,
    /// A later step of the batch moves, deletes or replaces what has the name: that has left it on the
    /// disk already.
    pub(crate) is_gone_later: bool,
}

/// The later fate, within the batch, of the file that a step is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome<'a> {
    /// It has the name until the end of the batch.
    Stays,
    /// It has this name at the end of the batch.
    Moved { wd: Wd, name: &'a [u8] },
    /// It is deleted or replaced.
    Removed,
    /// It is moved away, and the batch has no IN_MOVED_TO for it.
    Unknown,
}

/// One step of a batch, which is applied as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Name(NameStep),
    /// A self event: the watched inode or its watch is gone.
    Inode(Wd, SelfEvent),
    /// Events about the bytes or attributes of a watched inode.
    InodeContent(Wd, ContentEvents),
    Overflow,
}

struct Slot {
    step: Step,
    /// The range of its name in [`Steps::names`].
    name: (u32, u32),
    /// The index of the next step of the name, or [`NONE`].
    next: u32,
    /// For a `MovedFrom`: the index of its `MovedTo`, or [`NONE`].
    to: u32,
}

/// The steps of one batch.
#[derive(Default)]
pub(crate) struct Steps {
    slots: Vec<Slot>,
    /// The names, one after the other.
    names: Vec<u8>,
}

impl Steps {
    /// Coalesces events, which are in the order of the kernel queue.
    pub(crate) fn of<'e>(events: impl Iterator<Item = Event<'e>>) -> Self {
        let mut coalescer = Coalescer::default();
        for event in events {
            coalescer.add(&event);
        }
        let mut steps = coalescer.steps;
        steps.mark_gone_later();
        steps
    }

    pub(crate) fn count(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn step(&self, at: usize) -> Step {
        self.slots[at].step
    }

    /// The name that a step is about; empty if it is about none.
    pub(crate) fn name(&self, at: usize) -> &[u8] {
        let (start, end) = self.slots[at].name;
        &self.names[start as usize..end as usize]
    }

    /// Whether a later step of the batch moves, deletes or replaces what has the name of a step.
    pub(crate) fn is_gone_later(&self, at: usize) -> bool {
        matches!(self.slots[at].step, Step::Name(step) if step.is_gone_later)
    }

    /// What the later steps of the batch do with the file that a step is about. Follows all its
    /// renames, so that it is to be called once for each file, not for each rename.
    pub(crate) fn outcome(&self, at: usize) -> Outcome<'_> {
        if !self.is_gone_later(at) {
            return Outcome::Stays;
        }
        let mut at = at;
        // Each step leads to a later one, so this ends.
        while let Some(next) = self.slots.get(self.slots[at].next as usize) {
            let Step::Name(step) = next.step else {
                return Outcome::Unknown;
            };
            at = match step.change {
                NameChange::Content => self.slots[at].next as usize,
                NameChange::MovedFrom(_) if next.to == NONE => return Outcome::Unknown,
                NameChange::MovedFrom(_) => next.to as usize,
                NameChange::Created | NameChange::Deleted | NameChange::MovedTo(_) => {
                    return Outcome::Removed;
                }
            };
        }
        match self.slots[at].step {
            Step::Name(step) => Outcome::Moved {
                wd: step.wd,
                name: self.name(at),
            },
            Step::Inode(..) | Step::InodeContent(..) | Step::Overflow => Outcome::Unknown,
        }
    }

    /// Sets [`NameStep::is_gone_later`], from the last step to the first.
    fn mark_gone_later(&mut self) {
        for at in (0..self.slots.len()).rev() {
            let is_gone_later = self
                .slots
                .get(self.slots[at].next as usize)
                .is_some_and(|next| {
                    matches!(&next.step, Step::Name(step) if step.is_gone_later
                    || matches!(step.change, NameChange::Deleted
                        | NameChange::MovedFrom(_)
                        | NameChange::MovedTo(_)))
                });
            if let Step::Name(step) = &mut self.slots[at].step {
                step.is_gone_later = is_gone_later;
            }
        }
    }
}

#[derive(Default)]
struct Coalescer {
    steps: Steps,
    /// With a secret key, since other users choose the names.
    hasher: RandomState,
    /// The last step of each name, by the hash of watch and name. Names with the same hash are not
    /// coalesced.
    last: HashMap<u64, u32>,
    /// `MovedFrom` steps whose `MovedTo` has not come.
    moves: HashMap<Cookie, u32>,
    /// The last step about the bytes of each watched inode.
    inodes: HashMap<Wd, u32>,
    /// Nothing is added to steps before this one, since a directory was moved or deleted.
    barrier: u32,
}

impl Coalescer {
    fn add(&mut self, event: &Event<'_>) {
        match *event {
            Event::Name {
                wd,
                name,
                is_dir,
                event,
            } => self.add_name(wd, name, is_dir, event),
            Event::Inode { wd, event } => self.add_self_event(wd, event),
            Event::InodeContent { wd, event } => self.add_inode_content(wd, event),
            Event::QueueOverflow => {
                self.push(Step::Overflow, b"");
                self.barrier = self.end();
            }
            Event::Unknown { .. } => {}
        }
    }

    fn end(&self) -> u32 {
        u32::try_from(self.steps.slots.len()).unwrap_or(NONE)
    }

    fn push(&mut self, step: Step, name: &[u8]) -> u32 {
        let at = self.end();
        let offset = |at: usize| u32::try_from(at).unwrap_or(NONE);
        let start = offset(self.steps.names.len());
        self.steps.names.extend_from_slice(name);
        self.steps.slots.push(Slot {
            step,
            name: (start, offset(self.steps.names.len())),
            next: NONE,
            to: NONE,
        });
        at
    }

    fn add_name(&mut self, wd: Wd, name: &[u8], is_dir: bool, event: NameEvent) {
        let hash = self.hasher.hash_one((wd, name));
        let last = self.last.get(&hash).copied().filter(|&at| {
            let is_same = |step: &Step| matches!(step, Step::Name(step) if step.wd == wd);
            is_same(&self.steps.slots[at as usize].step) && self.steps.name(at as usize) == name
        });
        let nothing = ContentEvents::default();
        let (change, content) = match event {
            NameEvent::Create => (NameChange::Created, nothing),
            NameEvent::Delete => (NameChange::Deleted, nothing),
            NameEvent::MovedFrom(cookie) => (NameChange::MovedFrom(cookie), nothing),
            NameEvent::MovedTo(cookie) => (NameChange::MovedTo(cookie), nothing),
            NameEvent::Content(event) => (NameChange::Content, ContentEvents::of(event)),
        };
        if change == NameChange::Content
            && let Some(at) = last.filter(|&at| at >= self.barrier)
            && let Step::Name(step) = &mut self.steps.slots[at as usize].step
            && step.is_dir == is_dir
            && matches!(
                step.change,
                NameChange::Created | NameChange::MovedTo(_) | NameChange::Content
            )
        {
            step.content = step.content.union(content);
            return;
        }
        let step = NameStep {
            wd,
            is_dir,
            change,
            content,
            is_gone_later: false,
        };
        let at = self.push(Step::Name(step), name);
        self.last.insert(hash, at);
        if let Some(last) = last {
            self.steps.slots[last as usize].next = at;
        }
        match change {
            NameChange::MovedFrom(cookie) => drop(self.moves.insert(cookie, at)),
            NameChange::MovedTo(cookie) => {
                if let Some(from) = self.moves.remove(&cookie) {
                    self.steps.slots[from as usize].to = at;
                }
            }
            NameChange::Created | NameChange::Deleted | NameChange::Content => {}
        }
        if is_dir && !matches!(change, NameChange::Created | NameChange::Content) {
            self.barrier = self.end();
        }
    }

    fn add_self_event(&mut self, wd: Wd, event: SelfEvent) {
        self.push(Step::Inode(wd, event), b"");
        self.inodes.remove(&wd);
    }

    fn add_inode_content(&mut self, wd: Wd, event: ContentEvent) {
        let content = ContentEvents::of(event);
        if let Some(&at) = self.inodes.get(&wd).filter(|&&at| at >= self.barrier)
            && let Step::InodeContent(_, known) = &mut self.steps.slots[at as usize].step
        {
            *known = known.union(content);
            return;
        }
        let at = self.push(Step::InodeContent(wd, content), b"");
        self.inodes.insert(wd, at);
    }
}

impl ContentEvents {
    fn of(event: ContentEvent) -> Self {
        Self {
            modified: event == ContentEvent::Modify,
            closed: event == ContentEvent::CloseWrite,
            attrib: event == ContentEvent::Attrib,
        }
    }
}

#[cfg(test)]
mod tests;
