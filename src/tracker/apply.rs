//! Claims: each event is applied to the model in queue order, and so reported.
//!
//! A claim does no more disk work than it must, and leaves the name to be looked at
//! where an event yet unread does not govern it.

use super::disk::Target;
use super::model::{Flag, Id};
use super::{Tracker, Turn};
use crate::change::{Change, Kind};
use crate::event::{Event, NameEvent, SelfEvent, Wd};

impl Turn<'_> {
    pub(crate) fn event(&mut self, event: &Event<'_>) {
        self.t.counters.events += 1;
        self.t.lookahead.go_on();
        match *event {
            Event::Name {
                wd,
                name,
                is_dir,
                what,
            } => {
                if self.join_pending_create(wd, name, what) {
                    return;
                }
                self.flush_if_other(wd, name);
                if let Some(dir) = self.t.model.watched(wd) {
                    self.name_event(dir, name, is_dir, what);
                }
            }
            Event::Inode { wd, what } => {
                self.flush_create();
                self.self_event(wd, what);
            }
            Event::QueueOverflow => {
                self.flush_create();
                self.overflow();
            }
            Event::Unknown { .. } => {}
        }
    }

    /// A file that was closed is read as soon as the events go on to another name,
    /// so that lines come in the order of things.
    fn flush_if_other(&mut self, wd: Wd, name: &[u8]) {
        let model = &self.t.model;
        if let Some(hot) = self.t.deferred_read
            && !(model.parent(hot) == model.watched(wd) && model.name(hot) == name)
        {
            self.flush_deferred();
        }
    }

    /// Events come that were all read before now: what is read from here on is younger.
    pub(crate) fn begin_events<'e>(&mut self, events: impl Iterator<Item = Event<'e>>) {
        self.t.lookahead.read(events);
        for id in std::mem::take(&mut self.t.read_this_batch) {
            if self.t.model.is_live(id) {
                self.t.model.clear(id, Flag::READ_THIS_BATCH);
            }
        }
        self.t.is_applying = true;
    }

    pub(crate) fn pause(&mut self) {
        self.flush_create();
        self.flush_deferred();
        self.t.debounce_written();
        self.t.is_applying = false;
    }

    /// Reads the file that was last closed.
    fn flush_deferred(&mut self) {
        let Some(hot) = self.t.deferred_read.take() else {
            return;
        };
        if self.t.leaves(hot) {
            self.t.enqueue(hot);
        } else {
            self.reconcile_entry(hot);
        }
    }

    /// An event about a name in a watched directory.
    fn name_event(&mut self, dir: Id, name: &[u8], is_dir: bool, what: NameEvent) {
        let is_claim = !matches!(
            what,
            NameEvent::Modify | NameEvent::CloseWrite | NameEvent::Attrib
        );
        if is_claim && self.t.is_moved_from(dir) {
            // Where it happened is not known before the other half of a rename is.
            self.t.enqueue_name(dir, name);
            if self.t.filter.is_rule_file(name) {
                self.t.rules_changed(dir);
            }
            return;
        }
        if self.t.is_hidden(dir, name, is_dir) {
            self.hidden_event(dir, name, what);
            return;
        }
        match what {
            NameEvent::Create => self.create(dir, name, is_dir),
            NameEvent::Delete => self.delete(dir, name, is_dir),
            NameEvent::MovedFrom(cookie) => self.t.moved_from(dir, name, cookie, self.now),
            NameEvent::MovedTo(cookie) => self.moved_to(dir, name, cookie),
            NameEvent::Modify | NameEvent::CloseWrite | NameEvent::Attrib => {
                self.content_event(dir, name, is_dir, what);
            }
        }
    }

    /// `IN_CREATE`.
    fn create(&mut self, dir: Id, name: &[u8], is_dir: bool) {
        if self.t.filter.is_rule_file(name) {
            self.t.rules_changed(dir);
        }
        if let Some(known) = self.t.model.find(dir, name) {
            self.note_arrival(dir, name);
            self.t.enqueue(known);
        } else if is_dir {
            self.reconcile_name(dir, name);
        } else {
            self.begin_create(dir, name);
        }
    }

    /// `IN_DELETE`.
    fn delete(&mut self, dir: Id, name: &[u8], is_dir: bool) {
        if self.t.filter.is_rule_file(name) {
            self.t.rules_changed(dir);
        }
        let Some(known) = self.t.model.find(dir, name) else {
            return;
        };
        let is_directory = self.t.model.kind(known) == Kind::Directory;
        if is_directory && is_dir {
            // Only the disk tells whether the one that is known is meant, or a younger.
            self.t.model.set(known, Flag::CONFIRM_DELETE);
            self.reconcile_entry(known);
        } else if is_directory || is_dir {
            self.t.enqueue(known);
        } else {
            self.unlink(known);
        }
    }

    /// `IN_MODIFY`, `IN_CLOSE_WRITE` and `IN_ATTRIB` of a name.
    pub(super) fn content_event(&mut self, dir: Id, name: &[u8], is_dir: bool, what: NameEvent) {
        match self.t.model.find(dir, name) {
            Some(id) if self.t.model.kind(id) == Kind::File => self.file_event(id, what),
            Some(id) if is_dir && what == NameEvent::Attrib => {
                self.t.enqueue(id);
                self.t.retry_denied(id);
            }
            Some(id) if what == NameEvent::Attrib && self.t.settings.attributes => {
                self.t.enqueue(id)
            }
            Some(_) => {}
            None if is_dir => {}
            None => match self.t.name_of_tmpfile(name) {
                Some(Some(id)) => self.file_event(id, what),
                Some(None) => {}
                None if what == NameEvent::Attrib => {}
                // A dead name: its bytes may live on under another one.
                None => {
                    self.reconcile_name(dir, name);
                    let is_gone = self.is_directory(dir) && self.t.model.find(dir, name).is_none();
                    if is_gone && !self.is_self_output(dir, name) {
                        self.t.debounce(dir);
                    }
                }
            },
        }
        if what != NameEvent::Attrib && self.t.filter.is_rule_file(name) {
            self.t.rules_changed(dir);
        }
    }

    /// Whether a name is one of our own outputs.
    fn is_self_output(&mut self, dir: Id, name: &[u8]) -> bool {
        let stat = self
            .enter(dir)
            .and_then(|inode| self.disk.stat(Target::In(inode, name)));
        stat.is_ok_and(|stat| self.disk.is_self_output(stat.inode))
    }

    /// The bytes or attributes of a file may have changed. Once it was read under this name,
    /// its others follow.
    pub(super) fn file_event(&mut self, id: Id, what: NameEvent) {
        let is_linked = self.t.model.has(id, Flag::LINKED);
        if what == NameEvent::Attrib && is_linked {
            let key = self.t.model.inode_key(id);
            // It may be readable now.
            if let Some(other) = key.and_then(|key| self.t.links.unreadable(key)) {
                self.t.enqueue(other);
            }
        }
        self.one_file_event(id, what, true);
    }

    /// `hot`: it may be read before the next event.
    fn one_file_event(&mut self, id: Id, what: NameEvent, hot: bool) {
        if self.t.model.has(id, Flag::READ_THIS_BATCH) {
            return; // It was read after this event was.
        }
        match what {
            NameEvent::Modify => {
                self.t.model.set(id, Flag::MODIFIED);
                self.t.was_written(id);
            }
            NameEvent::CloseWrite => {
                self.t.model.set(id, Flag::CLOSED_WRITE);
                if hot {
                    self.t.deferred_read = Some(id);
                } else {
                    self.t.enqueue(id);
                }
            }
            _ => {
                self.t.model.set(id, Flag::ATTRIB);
                let by_stat = self.t.model.digest(id).is_none();
                // It may be readable now, whatever was known of its bytes before.
                if by_stat
                    || self.t.settings.attributes
                    || self.t.settings.touched
                    || self.t.model.is_unreadable(id)
                {
                    self.t.enqueue(id);
                }
            }
        }
    }

    /// An event about a watched inode itself.
    fn self_event(&mut self, wd: Wd, what: SelfEvent) {
        let name_event = match what {
            SelfEvent::Modify => NameEvent::Modify,
            SelfEvent::CloseWrite => NameEvent::CloseWrite,
            SelfEvent::Attrib => NameEvent::Attrib,
            SelfEvent::DeleteSelf
            | SelfEvent::MoveSelf
            | SelfEvent::Unmount
            | SelfEvent::Ignored => {
                if self.t.above.contains(&wd) {
                    self.t.enqueue_roots();
                }
                if let Some(dir) = self.t.model.watched(wd) {
                    if what == SelfEvent::Ignored {
                        self.t.model.set_wd(dir, None);
                    }
                    if what == SelfEvent::DeleteSelf && self.t.model.has(dir, Flag::ROOT) {
                        // What stands at a PATH now is another, even if it got the number.
                        self.unlink(dir);
                    } else {
                        self.t.enqueue(dir);
                    }
                }
                return;
            }
        };
        if let Some(dir) = self.t.model.watched(wd) {
            if what == SelfEvent::Attrib {
                self.t.enqueue(dir);
                self.t.retry_denied(dir);
                self.retry_unreadable_files(dir);
            }
            return;
        }
        for id in self.t.links.behind(wd) {
            self.one_file_event(id, name_event, false);
            if self.t.model.has(id, Flag::LINKED) {
                break; // The others follow it.
            }
        }
    }

    /// `IN_Q_OVERFLOW`: what was lost is found by comparing everything.
    fn overflow(&mut self) {
        self.t.counters.overflows += 1;
        self.t.batch.push(Change::Overflow);
        self.expire_all_pending_moves();
        self.t.request_rescan(self.now.tick);
    }

    /// Permissions of a directory changed: it may be why files in it could not be read.
    fn retry_unreadable_files(&mut self, dir: Id) {
        let is_unread =
            |id: &Id| self.t.model.kind(*id) == Kind::File && self.t.model.is_unreadable(*id);
        for id in self
            .t
            .model
            .children(dir)
            .filter(is_unread)
            .collect::<Vec<_>>()
        {
            self.t.enqueue(id);
        }
    }
}

impl Tracker {
    /// Permissions of a directory changed: what could not be entered below it is tried.
    fn retry_denied(&mut self, dir: Id) {
        let model = &self.model;
        self.queue
            .hasten_denied(|denied| model.is_live(denied) && model.is_within(denied, dir));
    }

    /// A file was written to: if it is not read before the batch is over, its writer's
    /// pause is waited for.
    fn was_written(&mut self, id: Id) {
        self.written.push(id);
    }

    fn debounce_written(&mut self) {
        for id in std::mem::take(&mut self.written) {
            if self.model.is_live(id) && self.model.has(id, Flag::MODIFIED) {
                self.debounce(id);
            }
        }
    }

    /// Whether the events at hand take an entry away from its name.
    fn leaves(&self, id: Id) -> bool {
        let dir = self.model.parent(id);
        let wd = dir.and_then(|dir| self.model.wd(dir));
        wd.is_some_and(|wd| self.lookahead.takes(wd, self.model.name(id)))
    }
}
