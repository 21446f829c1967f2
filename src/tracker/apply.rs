//! Applies each step of a batch to the model, in the order of the kernel queue, and so emits it.
//!
//! Invariant: asks the disk for no more than it must; what else is to be compared goes on the
//! work queue, unless an event that is yet unread will do that.

use super::Tracker;
use super::applying::Applying;
use super::disk::Disk;
use super::folded_names::Source;
use super::model::{Evidence, Flag, Id};
use super::tmpfiles::Tmpfile;
use crate::change::Kind;
use crate::coalesce::{ContentEvents, NameChange, NameStep, Step, Steps};
use crate::event::{Event, SelfEvent, Wd};

/// When a file for which an event came is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ReadWhen {
    /// Before the next step, if a writer has closed it.
    Now,
    /// By the work queue.
    Queued,
    /// After a later step of the batch has renamed it; never, if one removes it.
    Renamed,
}

/// What happened to a file, by the events about it.
fn evidence_of(content: ContentEvents) -> Evidence {
    let flags = [
        (content.attrib, Evidence::ATTRIB),
        (content.modified, Evidence::MODIFIED),
        (content.closed, Evidence::CLOSED_WRITE),
    ];
    let happened = flags.into_iter().filter(|(happened, _)| *happened);
    happened.fold(Evidence::default(), |all, (_, each)| all.union(each))
}

/// What is left of a step once the change of its name is applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Left {
    Nothing,
    ContentEvents,
}

impl<D: Disk> Tracker<D> {
    /// Coalesces events into the batch that is applied next. All of them were read before now.
    pub(crate) fn begin_batch<'e>(&mut self, events: impl Iterator<Item = Event<'e>>) {
        let counters = &mut self.counters;
        let steps = Steps::of(events.inspect(|_| counters.events += 1));
        let behind = self
            .clock
            .tick()
            .saturating_sub(self.clock.queue_empty_tick());
        self.applying = Some(Applying::new(steps, &self.counters, behind));
    }

    /// Emits the next piece of a large subtree, if one is left; else applies the next step of the
    /// batch. `false`: all are applied.
    pub(crate) fn apply_next(&mut self) -> bool {
        if self.is_emitting() {
            self.emit_piece();
            return true;
        }
        let Some(applying) = &mut self.applying else {
            return false;
        };
        let Some((steps, at)) = applying.take_step() else {
            self.applying = None;
            return false;
        };
        match steps.step(at) {
            Step::Name(step) => {
                if let Some(dir) = self.model.watched(step.wd) {
                    self.apply_name(dir, &steps, at, &step);
                }
            }
            Step::Inode(wd, event) => self.self_event(wd, event),
            Step::InodeContent(wd, content) => self.inode_content(wd, content),
            Step::Overflow => self.overflow(),
        }
        true
    }

    /// Whether a file may be read at once, so that records come in the order of the events.
    pub(super) fn may_read_in_place(&self) -> bool {
        let applying = self.applying.as_ref();
        applying.is_some_and(|applying| applying.may_read(&self.counters))
    }

    /// Applies a step about a name in a watched directory.
    fn apply_name(&mut self, dir: Id, steps: &Steps, at: usize, step: &NameStep) {
        let name = steps.name(at);
        if step.change != NameChange::Content && self.is_moved_from(dir) {
            // The path of the directory is not known before IN_MOVED_TO is.
            self.note_structure(dir, name);
            self.enqueue_name(dir, name);
        } else if self.is_hidden(dir, name, step.is_dir) {
            return self.hidden_step(dir, name, step);
        } else if self.apply_structure(dir, steps, at, step) == Left::Nothing {
            return;
        }
        if step.content != ContentEvents::default() && self.is_directory(dir) {
            self.content_events(dir, name, step);
        }
    }

    /// Notes that a name was created, moved or deleted, whatever that does to the model.
    fn note_structure(&mut self, dir: Id, name: &[u8]) {
        self.queue.forget_seen(dir, name);
        self.rule_file_changed(dir, name);
        if self.is_folding(dir) {
            // The model may have the new name in another spelling.
            self.rescan_folded(dir);
        } else if self.is_scanning(dir) {
            // The scan may have listed the name in another spelling.
            self.schedule_scan_if_folding(dir);
        } else if self.may_be_spelled_otherwise(dir, name) {
            // The event may be about either of two names of the model.
            self.defer_scan_if_folding(dir);
        }
    }

    /// Applies that a name was created, moved or deleted. Returns what is left of the step.
    fn apply_structure(&mut self, dir: Id, steps: &Steps, at: usize, step: &NameStep) -> Left {
        let name = steps.name(at);
        if step.change != NameChange::Content {
            self.note_structure(dir, name);
        }
        match step.change {
            NameChange::Created => match self.known_still_there(dir, name) {
                Some(known) => {
                    self.note_arrival(dir, name);
                    self.enqueue(known);
                }
                None if !self.is_in_tree(dir) => {}
                None if step.is_dir => self.reconcile_as(dir, name, Source::Made),
                None => return self.create(dir, name, step.content, steps.outcome(at)),
            },
            NameChange::Deleted => self.delete(dir, name, step.is_dir),
            NameChange::MovedFrom(cookie) => {
                let known = self.known_spelling(dir, name);
                let name = known.as_deref().unwrap_or(name);
                if !self.moved_from(dir, name, cookie) {
                    self.schedule_scan_if_folding(dir);
                }
            }
            NameChange::MovedTo(cookie) => self.moved_to(dir, steps, at, cookie),
            NameChange::Content => {}
        }
        Left::ContentEvents
    }

    /// The entry of a name that is created. What waits there for `IN_MOVED_TO` has left the tree, and
    /// is removed: the kernel queues both events of a rename before any later one about its old
    /// name. But the subtree of a directory may be large, so it is left to the work queue.
    fn known_still_there(&mut self, dir: Id, name: &[u8]) -> Option<Id> {
        let known = self.model.find(dir, name)?;
        if self.model.kind(known) == Kind::Directory || !self.model.is_moved_from(known) {
            return Some(known);
        }
        self.unlink(known);
        None
    }

    /// `IN_DELETE`.
    fn delete(&mut self, dir: Id, name: &[u8], is_dir: bool) {
        let was_unseen = self.queue.take_unseen(dir, name);
        let Some(known) = self.model.find(dir, name) else {
            if was_unseen && !is_dir {
                self.delete_unseen(dir, name);
            } else if !was_unseen {
                self.schedule_scan_if_folding(dir);
            }
            return;
        };
        let is_directory = self.model.kind(known) == Kind::Directory;
        if is_directory && is_dir {
            // The event may be about a directory that came since: only the disk shows it.
            self.model.mark_deleted(known);
            self.reconcile_entry(known);
        } else if is_directory || is_dir {
            self.enqueue(known);
        } else {
            self.unlink(known);
        }
    }

    /// `IN_MODIFY`, `IN_CLOSE_WRITE` and `IN_ATTRIB` of a name.
    fn content_events(&mut self, dir: Id, name: &[u8], step: &NameStep) {
        let content = step.content;
        match self.model.find(dir, name) {
            Some(id) if self.model.kind(id) == Kind::File => {
                let when = if step.is_gone_later {
                    ReadWhen::Renamed
                } else {
                    ReadWhen::Now
                };
                self.file_events(id, content, when);
            }
            Some(id) if step.is_dir && content.attrib => {
                self.enqueue(id);
                self.retry_denied(id);
            }
            Some(id) if content.attrib && self.settings.attributes => self.enqueue(id),
            Some(_) => {}
            None if step.is_dir => {}
            None => match self.find_tmpfile(name) {
                Tmpfile::Named(id) => self.file_events(id, content, ReadWhen::Now),
                Tmpfile::Unnamed => {}
                Tmpfile::Unknown => self.unknown_name(dir, name, content),
            },
        }
        // It may have been found to be gone.
        if self.is_directory(dir) {
            self.rule_file_events(dir, name, content);
        }
    }

    /// Applies events about the bytes or attributes of a name that the model does not have: it may have
    /// been a hard link.
    fn unknown_name(&mut self, dir: Id, name: &[u8], content: ContentEvents) {
        if content.has_write() {
            self.written_unknown_name(dir, name);
        } else if self.is_folding(dir) {
            // It may be another spelling of one that is known.
            self.schedule_scan_if_folding(dir);
        }
        if content.has_write() || content.attrib && self.settings.attributes {
            self.compare_all_files(evidence_of(content));
        }
    }

    /// Serves a write to a name that the model does not have. If the name is gone, the file may have
    /// another one, so the directory is scanned. Else the file may be another one, by a later event,
    /// which shows whether it was made or renamed.
    fn written_unknown_name(&mut self, dir: Id, name: &[u8]) {
        if self.stat_in(dir, name).is_ok() {
            self.enqueue_name(dir, name);
        } else if self.is_directory(dir) {
            self.compare_files_later(dir);
        }
    }

    /// Applies events about the bytes or attributes of a file. Once it was read under this name,
    /// its other names follow.
    pub(super) fn file_events(&mut self, id: Id, content: ContentEvents, when: ReadWhen) {
        if content.attrib && self.model.has(id, Flag::LINKED) {
            let key = self.model.inode_key(id);
            let other = key.and_then(|key| self.links.unreadable(key));
            // It may be readable now.
            if let Some(other) = other.filter(|&other| self.model.is_live(other)) {
                self.enqueue(other);
            }
        }
        if let Some(wd) = self.file_watches.watch(id)
            && let Some(applying) = &mut self.applying
        {
            applying.note_by_name(wd, content);
        }
        self.one_file(id, content, when);
    }

    /// Applies events about the bytes or attributes of a file to one of its names.
    fn one_file(&mut self, id: Id, content: ContentEvents, when: ReadWhen) {
        if self.was_read_this_batch(id) {
            // It was read after these events were, and is again only to report that it was closed.
            if content.closed && self.settings.closed {
                self.model.add_evidence(id, Evidence::CLOSED_WRITE);
                self.enqueue(id);
            }
            if when == ReadWhen::Renamed && content.has_write() {
                // They may be about a file that had the name in between, by an exchange.
                self.compare_all_files(evidence_of(content));
            }
            return;
        }
        self.model.add_evidence(id, evidence_of(content));
        self.reads.delays.note_event(id, self.clock.tick());
        if when == ReadWhen::Renamed {
            return;
        }
        let settings = self.settings;
        let wants_attributes = settings.attributes || settings.touched;
        if content.attrib {
            // It may be readable now, whatever was known of its bytes before.
            if self.model.digest(id).is_none() || wants_attributes || self.model.is_unreadable(id) {
                self.enqueue(id);
            }
        }
        if content.closed {
            if when == ReadWhen::Now && self.may_read_in_place() {
                self.reconcile_entry(id);
            } else {
                self.enqueue(id);
            }
        } else if content.modified {
            self.debounce_file(id);
        } else if content.attrib && settings.emits_again && self.model.digest(id).is_some() {
            self.read_if_touched(id);
        }
    }

    fn was_read_this_batch(&self, id: Id) -> bool {
        let is_read = |applying: &Applying| applying.was_read(id);
        self.applying.as_ref().is_some_and(is_read)
    }

    /// Applies events about the bytes or attributes of a watched inode.
    fn inode_content(&mut self, wd: Wd, content: ContentEvents) {
        if let Some(dir) = self.model.watched(wd) {
            if content.attrib {
                self.enqueue(dir);
                self.retry_denied(dir);
            }
            return;
        }
        let applying = self.applying.as_ref();
        if applying.is_some_and(|applying| applying.came_by_name(wd, content)) {
            return; // It repeats these.
        }
        let mut index = 0;
        while let Some(id) = self.file_watches.name(wd, index) {
            // Else this repeats an event of its directory's watch, which was served.
            if !self.was_read_this_batch(id) {
                self.one_file(id, content, ReadWhen::Queued);
            }
            if self.model.has(id, Flag::LINKED) {
                break; // Its other names follow once it is read.
            }
            index += 1;
        }
    }

    /// Applies a self event: a watched inode is gone or has moved, or its watch is gone.
    fn self_event(&mut self, wd: Wd, event: SelfEvent) {
        if self.roots.is_ancestor_watch(wd) {
            self.enqueue_roots();
        }
        let Some(dir) = self.model.watched(wd) else {
            if event == SelfEvent::Ignored {
                self.lost_file_watch(wd);
            }
            return;
        };
        match event {
            // What is at the PATH now is another directory, even if it got the same inode number.
            SelfEvent::DeleteSelf if self.model.has(dir, Flag::ROOT) => self.unlink(dir),
            SelfEvent::Ignored => {
                self.take_watch(dir);
                self.enqueue(dir);
            }
            SelfEvent::DeleteSelf | SelfEvent::MoveSelf | SelfEvent::Unmount => self.enqueue(dir),
        }
    }
}

impl<D> Tracker<D> {
    /// Whether steps are left to apply, or records of what was applied are left to emit.
    pub(crate) fn is_applying(&self) -> bool {
        self.applying.is_some() || self.is_emitting()
    }
}
