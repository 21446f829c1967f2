//! Renames: the halves are joined by their cookie, never by being neighbours.
//!
//! The first half leaves the entry in place and marks it; the second one moves it.
//! A half that stays alone expires, and the disk is asked.

use super::model::{Flag, Id};
use super::{Moment, Tracker, Turn};
use crate::change::{Change, Kind};
use crate::event::Cookie;

/// How long the other half of a rename may take: 50 ms, in nanoseconds. Nothing
/// but the beauty of the stream rests on it.
const GRACE: u64 = 50_000_000;

/// The first half of a rename.
pub(super) struct Leaving {
    /// Where it was.
    dir: Id,
    /// Its name there.
    name: Box<[u8]>,
    /// When it was read.
    since: u64,
}

impl Tracker {
    /// `IN_MOVED_FROM`: the entry waits for the second half.
    pub(super) fn moved_from(&mut self, dir: Id, name: &[u8], cookie: Cookie, now: Moment) {
        if let Some(id) = self.model.find(dir, name) {
            self.missing.remove(&id);
            self.model.set(id, Flag::LEAVING);
            self.leaving.insert(
                cookie,
                Leaving {
                    dir,
                    name: name.into(),
                    since: now.tick,
                },
            );
        }
        if self.filter.is_rule_file(name) {
            self.rules_changed(dir);
        }
    }

    /// Takes the waiting entry out of its wait, if it is still there.
    fn take_leaving(&mut self, cookie: Cookie) -> Option<(Id, Leaving)> {
        let leaving = self.leaving.remove(&cookie)?;
        if !self.model.is_live(leaving.dir) {
            return None;
        }
        let id = self.model.find(leaving.dir, &leaving.name)?;
        // Without the mark it is a younger one of that name.
        self.model.clear(id, Flag::LEAVING).then_some((id, leaving))
    }

    /// Whether the directory or one above it waits for the second half of a rename.
    pub(super) fn is_leaving(&self, dir: Id) -> bool {
        if self.leaving.is_empty() {
            return false;
        }
        let mut at = Some(dir);
        while let Some(id) = at {
            if self.model.has(id, Flag::LEAVING) {
                return true;
            }
            at = self.model.parent(id);
        }
        false
    }

    /// When the next one expires.
    pub(super) fn next_expiry(&self) -> Option<u64> {
        self.leaving
            .values()
            .map(|leaving| leaving.since + GRACE)
            .min()
    }
}

impl Turn<'_> {
    /// `IN_MOVED_TO`: with its first half a rename, else an arrival.
    pub(super) fn moved_to(&mut self, dir: Id, name: &[u8], cookie: Cookie) {
        if self.t.filter.is_rule_file(name) {
            self.t.rules_changed(dir);
        }
        match self.t.take_leaving(cookie) {
            Some((id, leaving)) => {
                self.rename(id, dir, name);
                // A whiteout, or the other half of an exchange, may stand there now.
                if self.t.model.is_live(leaving.dir) {
                    self.t.nominate_name(leaving.dir, &leaving.name);
                }
            }
            None => {
                self.arrived_on(dir, name);
                self.came_back(dir, name);
                self.look(dir, name);
            }
        }
    }

    /// What is there now came from outside, so what was leaving has left. If it is the same
    /// directory, what happened in it meanwhile was not applied: it is scanned.
    fn came_back(&mut self, dir: Id, name: &[u8]) {
        let Some(known) = self.t.model.find(dir, name) else {
            return;
        };
        if self.t.model.clear(known, Flag::LEAVING) {
            self.t
                .leaving
                .retain(|_, left| !(left.dir == dir && *left.name == *name));
            if self.t.model.kind(known) == Kind::Directory {
                self.t.is_unscanned(known);
            }
        }
    }

    /// Something came from outside under a name. What was there before, if it was never
    /// read, never will be.
    pub(super) fn arrived_on(&mut self, dir: Id, name: &[u8]) {
        if let Some(known) = self.t.model.find(dir, name)
            && self.t.model.has(known, Flag::AWAITED)
        {
            self.t.model.set(known, Flag::WROTE);
        }
    }

    /// The second half came under a name that counts as outside.
    pub(super) fn moved_out_of_sight(&mut self, cookie: Cookie) {
        if let Some((id, leaving)) = self.t.take_leaving(cookie) {
            self.unlink(id);
            self.t.nominate_name(leaving.dir, &leaving.name);
        }
    }

    /// Halves that stayed alone are looked at: all of them, or those that waited
    /// long enough by now.
    pub(super) fn expire_leaving(&mut self, now: Option<u64>) {
        let is_over = |leaving: &Leaving| now.is_none_or(|now| leaving.since + GRACE <= now);
        let mut over: Vec<Cookie> = self
            .t
            .leaving
            .iter()
            .filter(|(_, leaving)| is_over(leaving))
            .map(|(&cookie, _)| cookie)
            .collect();
        over.sort_unstable_by_key(|cookie| cookie.0);
        for cookie in over {
            if let Some((id, _)) = self.t.take_leaving(cookie) {
                self.t.model.set(id, Flag::GONE);
                if self.t.model.kind(id) == Kind::Directory {
                    self.t.is_unscanned(id);
                }
                self.t.nominate(id);
            }
        }
    }

    /// Moves an entry to a name, reports it, and leaves it to be looked at.
    pub(super) fn rename(&mut self, id: Id, dir: Id, name: &[u8]) {
        let t = &mut *self.t;
        let victim = t.model.find(dir, name);
        if victim == Some(id) {
            t.nominate(id);
            return;
        }
        let makes_circle = t.model.is_within(dir, id);
        if makes_circle || victim.is_some_and(|victim| t.model.is_within(id, victim)) {
            // The model is behind the disk: the disk decides.
            t.nominate(id);
            t.nominate_name(dir, name);
            return;
        }
        if t.model.has(id, Flag::SILENT) {
            self.unlink(id);
            self.look(dir, name);
            return;
        }
        let displaced = victim.and_then(|victim| self.make_room(id, victim));
        let t = &mut *self.t;
        if t.model.clear(id, Flag::DISPLACING) {
            t.displaced.remove(&id);
        }
        // Found elsewhere before its second half was read: it waits no longer.
        t.model.clear(id, Flag::LEAVING);
        t.model.clear(id, Flag::GONE);
        // What the baseline reads under the old name may be another file by now.
        if t.model.has(id, Flag::AWAITED) {
            t.model.set(id, Flag::MISSED);
        }
        let kind = t.model.kind(id);
        let from = t.path(id);
        if kind == Kind::Directory {
            t.forget_rules(id);
        }
        t.missing.remove(&id);
        t.model.clear(id, Flag::GONE);
        let old_edge = t.model.parent(id).and_then(|old| t.levels_left(old));
        t.model.relink(id, dir, name);
        if kind == Kind::Directory && t.levels_left(dir) != old_edge {
            // What is at the edge, or beyond it, is another now.
            t.nominate_directories(id);
        }
        let path = t.path(id);
        t.batch.push(Change::Renamed { kind, from, path });
        if kind == Kind::Directory {
            t.rules_moved(id);
        }
        if let Some(last) = displaced {
            let same = last.is_some() && t.model.digest(id) == last;
            if !same {
                t.model.set(id, Flag::DISPLACING);
                t.displaced.insert(id, last);
            }
        }
        t.nominate(id);
    }

    /// Moves an entry that moved unseen and was found: something else may be where it was.
    pub(super) fn rename_unseen(&mut self, id: Id, dir: Id, name: &[u8]) {
        let model = &self.t.model;
        let old = model.parent(id).map(|old| (old, model.name(id).to_vec()));
        self.rename(id, dir, name);
        if let Some((old, old_name)) = old
            && self.is_directory(old)
        {
            self.t.nominate_name(old, &old_name);
        }
    }

    /// Takes away what a rename replaces. If bytes replace bytes: what was last
    /// reported under that name, as far as it is known.
    #[allow(clippy::option_option)]
    fn make_room(&mut self, id: Id, victim: Id) -> Option<Option<crate::change::Digest>> {
        let t = &mut *self.t;
        let (kind, old) = (t.model.kind(id), t.model.kind(victim));
        let displaced = (kind == Kind::File && old == Kind::File).then(|| {
            let before = t.displaced.get(&victim).copied();
            before.unwrap_or_else(|| t.model.digest(victim))
        });
        if (kind == Kind::Directory) == (old == Kind::Directory) {
            self.unlink_replaced(victim);
        } else {
            self.unlink(victim);
        }
        displaced
    }
}
