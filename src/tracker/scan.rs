//! What is left to be done when no event is unread: names to look at, directories to
//! scan, and the comparison of everything after an overflow.
//!
//! A scan concludes nothing itself; it nominates what readdir gives and what the
//! model has. Work is done a slice at a time: the queue is what must not fill.

use super::model::{Flag, Id};
use super::port::{At, Fault};
use super::{DueName, Settings, Tracker, Turn};
use crate::change::{Content, Kind};

/// What of a directory a scan looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sweep {
    /// It is new: what the model does not have. Events tell of the rest.
    New,
    /// Also the files that the model has.
    Files,
    /// Everything in it.
    All,
    /// Everything in it and below it.
    Deep,
}

/// Directories to scan, the youngest first, and the one being scanned.
#[derive(Default)]
pub(super) struct Scans {
    /// Those that wait.
    waiting: Vec<(Id, Sweep)>,
    /// The one being scanned.
    dir: Option<Id>,
    /// Its names, each after its length in two bytes.
    names: Vec<u8>,
    /// How many of their bytes were looked at.
    at: usize,
}

impl Scans {
    /// Adds a directory.
    pub(super) fn push(&mut self, dir: Id, sweep: Sweep) {
        if self.waiting.last() != Some(&(dir, sweep)) {
            self.waiting.push((dir, sweep));
        }
    }

    /// Whether none is left.
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.dir.is_none()
    }

    /// The next name of the directory being scanned.
    fn next(&mut self) -> Option<(Id, Box<[u8]>)> {
        let dir = self.dir?;
        let rest = &self.names[self.at..];
        let Some((length, rest)) = rest.split_first_chunk() else {
            self.dir = None;
            self.names.clear();
            self.names.shrink_to(4096);
            return None;
        };
        let length = usize::from(u16::from_ne_bytes(*length));
        self.at += 2 + length;
        Some((dir, rest[..length].into()))
    }
}

/// A comparison of everything with the disk.
#[derive(Default)]
pub(super) struct Rescan {
    /// Names that are gone: they may have moved to where it has not looked yet.
    lost: Vec<(Id, Box<[u8]>)>,
}

/// When comparisons are due.
#[derive(Default)]
pub(super) struct Schedule {
    /// The next one, after an overflow.
    restart: Option<u64>,
    /// How long the next one after that waits, in nanoseconds.
    back_off: u64,
    /// The next one that the user asked for.
    periodic: Option<u64>,
    /// The next look at what has no watch.
    poll: Option<u64>,
    /// The next look at rule files of which no event tells.
    pub(super) rules: Option<u64>,
    /// Names to look at again soon.
    parked: Vec<(u64, DueName)>,
}

/// What has no watch, or does not tell all, is looked at that often: 10 s.
pub(crate) const POLL: u64 = 10_000_000_000;

/// How many of them are looked at by themselves; fewer in tests, which have few names.
const MOST_PARKED: usize = if cfg!(test) { 2 } else { 16 };

/// A name whose directory was not where it should be is looked at again after 2 ms.
const PARK: u64 = 2_000_000;

impl Schedule {
    /// A name that is missing is looked at again in a moment.
    pub(super) fn miss(&mut self, dir: Id, name: &[u8], since: u64) {
        let missing = Some(since);
        self.parked.push((
            since + PARK,
            DueName {
                dir,
                name: name.into(),
                seen: None,
                missing,
            },
        ));
    }

    /// With the first of the comparisons that the user asked for, and of the looks at
    /// rules where they are read.
    pub(super) fn new(settings: &Settings, reads_rules: bool, now: u64) -> Self {
        let periodic = settings.rescan.map(|every| now + every);
        Self {
            periodic,
            rules: reads_rules.then_some(now),
            ..Self::default()
        }
    }
}

impl Tracker {
    /// A name is looked at again in a moment: the disk is changing under us.
    pub(super) fn park(&mut self, dir: Id, name: &[u8], now: u64) {
        let name = DueName {
            dir,
            name: name.into(),
            seen: None,
            missing: None,
        };
        self.schedule.parked.push((now + PARK, name));
    }

    /// A name in a directory that is not where the model has it, because `lost` or
    /// something above it is not, is looked at when that is found: by itself, or, where
    /// there are many, in a scan. To look for each of many in vain, again and again, would
    /// leave no time to find it.
    pub(super) fn put_off(&mut self, dir: Id, name: &[u8], lost: Id, now: u64) {
        if self.schedule.parked.len() < MOST_PARKED {
            return self.park(dir, name, now);
        }
        let mut at = dir;
        self.is_unscanned(at);
        while at != lost
            && let Some(parent) = self.model.parent(at)
        {
            at = parent;
            self.is_unscanned(at);
        }
        self.nominate(at);
    }

    /// Everything is to be compared with the disk: at once, unless that was so lately.
    pub(super) fn begin_rescan(&mut self, now: u64) {
        let wait = self.schedule.back_off;
        self.schedule.back_off = (wait * 2).clamp(20_000_000, 1_000_000_000);
        self.schedule.restart = Some(now + wait);
    }

    /// A directory is due to be scanned when it is looked at.
    pub(super) fn is_unscanned(&mut self, dir: Id) {
        self.model.set_scanned(dir, self.generation.wrapping_sub(1));
    }

    /// A PATH that was waited for is there: it is told, and all that is in it.
    pub(crate) fn root_appeared(&mut self, id: Id) {
        self.is_unscanned(id);
        self.tell_created(id, Content::default());
        self.scans.push(id, Sweep::New);
    }

    /// PATHs that are gone, and single files in directories that are, are forgotten.
    pub(crate) fn forget_lost_roots(&mut self) {
        self.roots.retain(|root| root.entry.is_some());
        let model = &self.model;
        self.named
            .retain(|named| model.is_live(named.dir) && model.kind(named.dir) == Kind::Directory);
    }

    /// Whether a PATH as it was given is watched now.
    pub(crate) fn is_rooted(&self, given: &[u8]) -> bool {
        let end = given
            .iter()
            .rposition(|&byte| byte != b'/')
            .map_or(0, |at| at + 1);
        let shown = &given[..end];
        let alive = |dir: Id| self.model.is_live(dir) && self.model.kind(dir) == Kind::Directory;
        self.roots
            .iter()
            .any(|root| root.entry.is_some() && root.shown == shown)
            || self
                .named
                .iter()
                .any(|named| named.shown == shown && alive(named.dir))
    }

    /// Every PATH is looked at.
    pub(super) fn nominate_roots(&mut self) {
        let roots: Vec<Id> = self.roots.iter().filter_map(|root| root.entry).collect();
        for root in roots {
            self.nominate(root);
        }
    }

    /// Every directory from there down is looked at.
    pub(super) fn nominate_directories(&mut self, top: Id) {
        let mut left = vec![top];
        while let Some(dir) = left.pop() {
            self.nominate(dir);
            let is_dir = |id: &Id| self.model.kind(*id) == Kind::Directory;
            left.extend(self.model.children(dir).filter(is_dir));
        }
    }

    /// Begins the comparison.
    fn rescan_now(&mut self) {
        self.counters.rescans += 1;
        self.filter.forget_all();
        self.generation = self.generation.wrapping_add(1);
        // Files that moved unseen are known by it.
        self.model.index_idents();
        self.rescan.get_or_insert_default();
        self.nominate_roots();
    }

    /// During a comparison, what is gone is reported at its end.
    pub(super) fn defer_loss(&mut self, dir: Id, name: &[u8]) -> bool {
        let Some(rescan) = &mut self.rescan else {
            return false;
        };
        rescan.lost.push((dir, name.into()));
        true
    }

    /// During a comparison, the entries that a file of that identity has.
    pub(super) fn known_as(&self, ident: u32) -> Vec<Id> {
        if self.rescan.is_some() {
            self.model.with_ident(ident)
        } else {
            Vec::new()
        }
    }

    /// Whether events were dropped that are not made up for yet.
    pub(super) fn has_lost_events(&self) -> bool {
        self.rescan.is_some() || self.schedule.restart.is_some()
    }

    /// Whether nothing is left to look at now.
    pub(crate) fn is_idle(&self) -> bool {
        self.entries_due.is_empty()
            && self.names_due.is_empty()
            && self.scans.is_empty()
            && self.rescan.is_none()
    }

    /// Whether nothing is left to look at, now or later.
    pub(crate) fn is_done(&self) -> bool {
        self.is_idle()
            && self.schedule.restart.is_none()
            && self.schedule.parked.is_empty()
            && self.timers.next().is_none()
            && self.leaving.is_empty()
            && self.reading.is_empty()
    }

    /// When `tick` should be called next, on the monotonic clock.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let schedule = &self.schedule;
        let parked = schedule.parked.iter().map(|(due, _)| *due).min();
        let planned = [
            schedule.restart,
            schedule.periodic,
            schedule.poll,
            schedule.rules,
            parked,
        ];
        let sooner = [self.timers.next(), self.next_expiry()];
        planned.into_iter().chain(sooner).flatten().min()
    }

    /// Looks regularly at what has no watch or does not tell all.
    fn poll(&mut self, now: u64) {
        let needed = self.unwatched > 0 || !self.blind.is_empty();
        if self.schedule.poll.is_none_or(|due| due > now) || !needed {
            self.schedule.poll = needed.then(|| self.schedule.poll.unwrap_or(now + POLL));
            return;
        }
        self.schedule.poll = Some(now + POLL);
        let is_dir = |id: &Id| self.model.kind(*id) == Kind::Directory;
        let not_told = |id: &Id| {
            self.model.has(*id, Flag::UNWATCHED) || self.blind.contains(&self.model.inode(*id).dev)
        };
        for id in self
            .model
            .all()
            .filter(is_dir)
            .filter(not_told)
            .collect::<Vec<_>>()
        {
            self.nominate(id);
            self.scans.push(id, Sweep::All);
        }
    }
}

impl Turn<'_> {
    /// What is due by now. Called when no event is unread.
    pub(crate) fn tick(&mut self) {
        let now = self.now.tick;
        self.expire_leaving(Some(now));
        while let Some(id) = self.t.due(now) {
            if self.t.model.kind(id) == Kind::Directory {
                self.t.scans.push(id, Sweep::Files);
            } else {
                self.t.nominate(id);
            }
        }
        let parked = std::mem::take(&mut self.t.schedule.parked);
        let (due, later): (Vec<_>, Vec<_>) = parked.into_iter().partition(|(due, _)| *due <= now);
        self.t.schedule.parked = later;
        for (_, name) in due {
            if !self.is_directory(name.dir) {
                continue;
            }
            match self.t.model.find(name.dir, &name.name) {
                Some(known) => {
                    // Neither moved nor found since it was missed: the next look decides.
                    if name.missing.is_some() && self.t.missing.get(&known) == name.missing.as_ref()
                    {
                        self.t.model.set(known, Flag::GONE);
                    }
                    self.t.nominate(known);
                }
                None => self.t.names_due.push_back(name),
            }
        }
        if self.t.schedule.restart.is_some_and(|due| due <= now) {
            self.t.schedule.restart = None;
            self.t.rescan_now();
        }
        if let Some(every) = self.t.settings.rescan
            && self.t.schedule.periodic.is_none_or(|due| due <= now)
        {
            self.t.schedule.periodic = Some(now + every);
            self.t.rescan_now();
        }
        self.t.poll(now);
        self.t.look_at_unseen_rules(now);
    }

    /// Whether the number stands for a directory now.
    pub(super) fn is_directory(&self, id: Id) -> bool {
        self.t.model.is_live(id) && self.t.model.kind(id) == Kind::Directory
    }

    /// Looks at one name, or begins one scan. `false`: events should be read first,
    /// since they tell of what the scan has found.
    pub(crate) fn work(&mut self) -> bool {
        if let Some(id) = self.t.entries_due.pop_front() {
            if self.t.model.is_live(id) && self.t.model.clear(id, Flag::NOMINATED) {
                self.look_at(id);
            }
            return true;
        }
        if let Some(due) = self.t.names_due.pop_front() {
            if self.is_directory(due.dir) {
                self.look_for(&due);
            }
            return true;
        }
        if let Some((dir, name)) = self.t.scans.next() {
            if self.is_directory(dir) && self.t.model.find(dir, &name).is_none() {
                self.look(dir, &name);
            }
            return true;
        }
        if let Some((dir, sweep)) = self.t.scans.waiting.pop() {
            if self.is_directory(dir) && !self.t.model.has(dir, Flag::EDGE) {
                self.scan(dir, sweep);
            }
            return false;
        }
        if let Some(rescan) = self.t.rescan.take() {
            for (dir, name) in rescan.lost {
                if self.is_directory(dir) {
                    self.t.nominate_name(dir, &name);
                }
            }
        } else {
            self.t.schedule.back_off = 0;
        }
        false
    }

    /// Looks at a name that the model does not have. If something is there, the event that
    /// tells of it may be on its way, and tells it as what it is: a rename, or a file that
    /// was made empty. So only what is still there a moment later is told by the look.
    fn look_for(&mut self, due: &DueName) {
        let (dir, name) = (due.dir, &due.name);
        if self.t.model.find(dir, name).is_some() {
            return self.look(dir, name);
        }
        match self
            .enter(dir)
            .and_then(|inode| self.disk.stat(At::In(inode, name)))
        {
            Ok(stat) if due.seen != Some((stat.inode, stat.ctime)) => {
                let seen = Some((stat.inode, stat.ctime));
                let name = DueName {
                    dir,
                    name: name.clone(),
                    seen,
                    missing: None,
                };
                self.t.schedule.parked.push((self.now.tick + PARK, name));
            }
            Err(Fault::Absent) if self.enter(dir).is_ok() => {}
            _ => self.look(dir, name),
        }
    }

    /// Begins a scan: the watch is in place.
    fn scan(&mut self, dir: Id, sweep: Sweep) {
        let listed = self.enter(dir).and_then(|inode| {
            self.t.scans.names.clear();
            self.disk.list(inode, &mut self.t.scans.names)
        });
        match listed {
            Ok(()) => {
                self.t.scans.dir = Some(dir);
                self.t.scans.at = 0;
                // A comparison of everything is not served by less: it must see all of a
                // directory, unless that began during it.
                let is_young = self.t.model.scanned(dir) == self.t.generation.wrapping_sub(1);
                if matches!(sweep, Sweep::All | Sweep::Deep) || sweep == Sweep::New && is_young {
                    self.t.model.set_scanned(dir, self.t.generation);
                }
                if sweep != Sweep::New {
                    self.nominate_children(dir, sweep);
                }
            }
            Err(Fault::Absent) => {
                // It is scanned when it is found where it is.
                self.t.is_unscanned(dir);
                self.t.nominate(dir);
            }
            Err(Fault::Denied) => {
                self.t.say_unreadable(dir);
                self.t.blocked.insert(dir);
            }
            Err(Fault::Full) => {}
            Err(Fault::Failed(why)) => self.t.trouble(dir, crate::change::Trouble::Failed(why)),
        }
    }

    /// What the model has in a directory is looked at.
    fn nominate_children(&mut self, dir: Id, sweep: Sweep) {
        for child in self.t.model.children(dir).collect::<Vec<_>>() {
            let is_dir = self.t.model.kind(child) == Kind::Directory;
            if !is_dir || sweep != Sweep::Files {
                self.t.nominate(child);
            }
            if is_dir && sweep == Sweep::Deep {
                self.t.scans.push(child, Sweep::Deep);
            }
        }
    }
}
