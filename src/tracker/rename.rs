//! Joins `IN_MOVED_FROM` and `IN_MOVED_TO` to renames by their cookie, never by their order.
//!
//! `IN_MOVED_FROM` leaves the entry in place and marks it; `IN_MOVED_TO` moves it. One that stays
//! alone expires: then its name is reconciled.

use super::Tracker;
use super::disk::Disk;
use super::emit::emission::Emitted;
use super::last_reported::Replaced;
use super::model::{Evidence, Flag, Id, Presence};
use super::moved_from::{MovedFrom, Moving};
use super::queue::{CEILING, Key, ScanScope, Work};
use crate::change::Kind;
use crate::coalesce::{Step, Steps};
use crate::event::Cookie;

/// Maximum wait for IN_MOVED_TO: 50 ms, in nanoseconds. Only the form of the record
/// depends on it: a late pair is emitted as deleted and created.
const GRACE: u64 = 50_000_000;

impl<D> Tracker<D> {
    /// Applies `IN_MOVED_FROM`: the entry waits for `IN_MOVED_TO`. `false`: the name is unknown.
    pub(super) fn moved_from(&mut self, dir: Id, name: &[u8], cookie: Cookie) -> bool {
        let is_unseen = self.queue.take_unseen(dir, name);
        let moving = match self.model.find(dir, name) {
            Some(id) => {
                self.model.set_presence(id, Presence::MovedFrom);
                Moving::Entry
            }
            None => match self.model.wd(dir).filter(|_| is_unseen) {
                Some(wd) => Moving::Unseen(wd),
                None => return false,
            },
        };
        let since = self.clock.tick();
        let from = MovedFrom {
            dir,
            name: name.into(),
            moving,
            since,
        };
        self.moves.insert(cookie, from);
        let due = since.saturating_add(GRACE);
        self.queue.delay(Work::timer(Key::MovedFrom), due);
        true
    }

    /// Removes and returns an awaited move, with its entry; without one, if the name was never found
    /// on disk. `None`: there is none, or its entry is gone.
    fn take_moved_from(&mut self, cookie: Cookie) -> Option<(Option<Id>, MovedFrom)> {
        let from = self.moves.take(cookie)?;
        if self.moves.is_empty() {
            self.queue.remove(&Key::MovedFrom);
        }
        if let Moving::Unseen(wd) = from.moving {
            return (self.model.watched(wd) == Some(from.dir)).then_some((None, from));
        }
        let id = self.model.find(from.dir, &from.name)?;
        // Without the mark it is another entry, which came since.
        let is_it = self.model.end_moved_from(id);
        is_it.then_some((Some(id), from))
    }

    /// Whether the directory or one above it waits for `IN_MOVED_TO`.
    pub(super) fn is_moved_from(&self, dir: Id) -> bool {
        if self.moves.is_empty() {
            return false;
        }
        let mut at = Some(dir);
        while let Some(id) = at {
            if self.model.is_moved_from(id) {
                return true;
            }
            at = self.model.parent(id);
        }
        false
    }
}

impl<D: Disk> Tracker<D> {
    /// Applies `IN_MOVED_TO`: with its `IN_MOVED_FROM` a rename, else something from outside.
    pub(super) fn moved_to(&mut self, dir: Id, steps: &Steps, at: usize, cookie: Cookie) {
        let name = steps.name(at);
        let moved = match self.take_moved_from(cookie) {
            Some((Some(id), from)) => {
                // Not its outcome, which follows all renames that are left.
                if !steps.is_gone_later(at) {
                    self.compare_before_replacing(id, dir, name);
                }
                self.rename(id, dir, name);
                // A whiteout, or the other file of an exchange, may have the old name now.
                self.enqueue_name(from.dir, &from.name);
                true
            }
            Some((None, from)) => {
                self.move_unseen((from.dir, &from.name), dir, name, steps.outcome(at))
            }
            None => false,
        };
        if !moved {
            self.note_arrival(dir, name);
            let is_dir = matches!(steps.step(at), Step::Name(step) if step.is_dir);
            if is_dir && steps.is_gone_later(at) {
                // The disk has something else there by now. To watch a large directory takes long: others
                // may exchange two of them all the time.
                self.enqueue_name(dir, name);
            } else {
                self.reconcile_name(dir, name);
            }
        }
    }

    /// Notes that something from outside has a name now: no `IN_MOVED_TO` is awaited for its entry.
    /// If the digest of the old file is not known, the new one counts as changed, also if it is the
    /// same: it may have been written to outside, and other events explain its new times.
    pub(super) fn note_arrival(&mut self, dir: Id, name: &[u8]) {
        let Some(known) = self.model.find(dir, name) else {
            return;
        };
        self.model.end_moved_from(known);
        if self.has_write_events(known) {
            // They may be about a file that had the name in between, by an exchange.
            self.compare_all_files(self.model.evidence(known));
        }
        if self.model.kind(known) == Kind::File
            && (self.model.is_unread(known) || self.model.digest(known).is_none())
        {
            self.model.add_evidence(known, Evidence::MODIFIED);
        }
    }

    /// Whether events since a time of the monotonic clock may be left to apply; they are not waited
    /// for any longer than [`CEILING`].
    pub(super) fn has_events_since(&self, since: u64) -> bool {
        let is_long = self.clock.tick() >= since.saturating_add(CEILING);
        self.applying.is_some() || !is_long && self.clock.queue_empty_tick() < since
    }

    /// Ends the longest wait for an `IN_MOVED_TO`, if its time is over, unless the event may be among
    /// those that are left to apply: while they never end, for [`CEILING`]. The others follow.
    pub(super) fn end_wait_for_moved_to(&mut self) {
        let Some((cookie, since)) = self.moves.oldest() else {
            return;
        };
        let now = self.clock.tick();
        let timer = Work::timer(Key::MovedFrom);
        let due = since.saturating_add(GRACE);
        if now < due {
            return self.queue.delay(timer, due);
        }
        if self.has_events_since(since) {
            return self.queue.recheck(timer);
        }
        self.expire_moved_from(cookie);
        if !self.moves.is_empty() {
            self.queue.add(timer);
        }
    }

    /// Ends the wait for an `IN_MOVED_TO` that did not come, or that is of a hidden name: the entry
    /// is reconciled.
    pub(super) fn expire_moved_from(&mut self, cookie: Cookie) {
        match self.take_moved_from(cookie) {
            Some((Some(id), _)) => {
                self.model.set_presence(id, Presence::ConfirmDelete);
                self.enqueue(id);
            }
            Some((None, from)) => self.delete_unseen(from.dir, &from.name),
            None => {}
        }
    }

    /// Moves an entry to a name, emits that, and enqueues the entry.
    pub(super) fn rename(&mut self, id: Id, dir: Id, name: &[u8]) {
        if !self.has_room_in(dir) {
            return self.unlink(id);
        }
        if !self.prepare_rename(id, dir, name) {
            return;
        }
        // Not before: with the PATHs that end, the links that lead to them are removed.
        let victim = self.model.find(dir, name);
        // `--no-renames`: it is emitted as deleted and created.
        let no_renames = self.settings.no_renames;
        let split = no_renames.then(|| (self.old_path(id), self.model.subtree(id)));
        if let (Some((_, subtree)), Some(applying)) = (&split, &mut self.applying)
            && self.model.kind(id) == Kind::Directory
            && !applying.count_moved(subtree.len())
        {
            self.unlink(id);
            self.enqueue_name(dir, name);
            return;
        }
        let before = victim.and_then(|victim| self.before(victim));
        let replaced = victim.and_then(|victim| self.remove_replaced(id, victim));
        if !self.is_in_tree(id) || !self.is_in_tree(dir) {
            return self.enqueue_name(dir, name); // A PATH that stayed was lost just now.
        }
        let from = self.path(id);
        self.move_entry(id, dir, name);
        match split {
            Some((old, subtree)) => self.emit_moved(old, subtree),
            None => self.emit_renamed(id, from, before),
        }
        if self.model.kind(id) == Kind::Directory {
            self.rules_moved(id);
            self.queue.reopen(id);
        }
        if let Some(replaced) = replaced {
            self.last_reported
                .set_replaced(id, replaced, self.model.digest(id));
        }
        if !self.use_destination(id) {
            self.enqueue(id);
        }
        if victim.is_none() {
            self.defer_scan_if_folding(dir);
        }
    }

    /// Ends the PATHs that lead elsewhere once an entry has another name. `false`: it cannot be
    /// renamed, and what is to be compared is on the work queue.
    fn prepare_rename(&mut self, id: Id, dir: Id, name: &[u8]) -> bool {
        let victim = self.model.find(dir, name);
        let makes_circle = self.model.is_within(dir, id);
        if makes_circle || victim.is_some_and(|victim| self.model.is_within(id, victim)) {
            // It has the name already, or the model is out of date: the disk decides.
            self.enqueue(id);
            self.enqueue_name(dir, name);
            return false;
        }
        if self.model.has(id, Flag::HIDDEN) {
            self.unlink(id);
            if self.is_in_tree(dir) {
                // Something else has the name now.
                self.lose_roots_at(dir, name);
            }
            if self.is_in_tree(dir) {
                self.reconcile_name(dir, name);
            }
            return false;
        }
        self.lose_roots_at(dir, name);
        if self.is_in_tree(id) {
            self.lose_roots_within(id);
        }
        if self.is_in_tree(dir) {
            self.lose_followed(dir, name);
        }
        if let Some(victim) = self.model.find(dir, name) {
            self.remove_roots_within(victim);
        }
        self.lose_roots_of_rename(id, dir, name);
        if !self.is_in_tree(dir) {
            return false;
        }
        if !self.is_in_tree(id) {
            // It was in one of these PATHs, as far as was known: it is found as new.
            self.enqueue_name(dir, name);
            return false;
        }
        true
    }

    /// Ends the PATHs that were given as a path through one of the names of a rename, by directories
    /// that are hidden or by symbolic links.
    fn lose_roots_of_rename(&mut self, id: Id, dir: Id, name: &[u8]) {
        let roots = &self.roots;
        if roots.directories().len() + roots.files().len() < 2 {
            return;
        }
        if self.is_in_tree(id) && self.model.kind(id) != Kind::File {
            let mut shown = Vec::new();
            self.write_path(id, &mut shown);
            self.lose_roots_through(&shown);
        }
        if self.is_in_tree(dir) {
            let shown = self.path_of_name(dir, name);
            self.lose_roots_through(&shown);
        }
    }

    /// Gives an entry another name in the model, which is free.
    fn move_entry(&mut self, id: Id, dir: Id, name: &[u8]) {
        let kind = self.model.kind(id);
        self.last_reported.take_replaced(id);
        // A reconcile may have found it there before its IN_MOVED_TO was read.
        self.clear_missing(id);
        if kind == Kind::File {
            // The baseline would read its old name, which another file may have by now.
            self.model.leave_to_work_queue(id);
        }
        if kind == Kind::Directory {
            self.forget_rules(id);
        }
        let old_levels_left = self.model.parent(id).and_then(|old| self.levels_left(old));
        self.model.relink(id, dir, name);
        self.note_symlink_at_path(id);
        if kind == Kind::Directory && self.levels_left(dir) != old_levels_left {
            // Other directories below it are at the limit of --max-depth now.
            self.queue.add(Work::scan(id, ScanScope::Deep));
        }
    }

    /// Moves an entry that moved without an event and was found; enqueues its old name.
    pub(super) fn rename_relocated(&mut self, id: Id, dir: Id, name: &[u8]) {
        let model = &self.model;
        let old = model.parent(id).map(|old| (old, model.name(id).to_vec()));
        self.rename(id, dir, name);
        if let Some((old, old_name)) = old
            && self.is_directory(old)
        {
            self.enqueue_name(old, &old_name);
        }
    }

    /// Removes what a rename replaces. If a file replaces a file: what was last reported of that.
    fn remove_replaced(&mut self, id: Id, victim: Id) -> Option<Replaced> {
        if self.settings.no_renames {
            self.unlink(victim);
            return None;
        }
        let (kind, old) = (self.model.kind(id), self.model.kind(victim));
        let are_files = kind == Kind::File && old == Kind::File;
        let replaced = are_files.then(|| Replaced {
            digest: self.last_digest(victim),
        });
        let is_replaced = (kind == Kind::Directory) == (old == Kind::Directory);
        let emitted = if is_replaced {
            Emitted::BelowTop
        } else {
            Emitted::All
        };
        self.remove(victim, emitted);
        replaced
    }
}
