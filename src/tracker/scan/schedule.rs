//! What is due later: the next comparisons, the next look at what has no watch, and names
//! to look at again in a moment. Looks at nothing itself, but for whether a name that was
//! missing is there.

use super::Sweep;
use crate::change::Kind;
use crate::tracker::disk::{FsError, Inode, Target};
use crate::tracker::model::{Flag, Id};
use crate::tracker::{Settings, Tracker, Turn};

/// A name to look at that the model does not have.
pub(in crate::tracker) struct DueName {
    pub(super) dir: Id,
    name: Box<[u8]>,
    /// What was there a moment ago: which inode, and when it had last changed. Numbers
    /// are used again at once, but not with the same time.
    seen: Option<(Inode, i64)>,
    /// Since when what the model had there has been missing.
    missing: Option<u64>,
}

impl DueName {
    /// One of which nothing was seen yet.
    pub(in crate::tracker) fn new(dir: Id, name: &[u8]) -> Self {
        Self {
            dir,
            name: name.into(),
            seen: None,
            missing: None,
        }
    }
}

#[derive(Default)]
pub(in crate::tracker) struct Schedule {
    /// The next one, after an overflow.
    pub(super) restart: Option<u64>,
    /// How long the next one after that waits, in nanoseconds.
    pub(super) back_off: u64,
    /// The next one that the user asked for.
    periodic: Option<u64>,
    /// The next look at what has no watch.
    poll: Option<u64>,
    /// The next look at rule files of which no event tells.
    pub(in crate::tracker) rules: Option<u64>,
    retries: Vec<(u64, DueName)>,
}

/// What has no watch, or does not tell all, is looked at that often: 10 s.
pub(in crate::tracker) const POLL: u64 = 10_000_000_000;

/// How many of them are looked at by themselves; fewer in tests, which have few names.
const MAX_RETRIES: usize = if cfg!(test) { 2 } else { 16 };

/// A name whose directory was not where it should be is looked at again after 2 ms.
const RETRY_DELAY: u64 = 2_000_000;

impl Schedule {
    /// With the first of the comparisons that the user asked for, and of the looks at
    /// rules where they are read.
    pub(in crate::tracker) fn new(settings: &Settings, reads_rules: bool, now: u64) -> Self {
        let periodic = settings.rescan.map(|every| now + every);
        Self {
            periodic,
            rules: reads_rules.then_some(now),
            ..Self::default()
        }
    }

    /// A name that is missing is looked at again in a moment.
    pub(in crate::tracker) fn confirm_missing(&mut self, dir: Id, name: &[u8], since: u64) {
        let name = DueName {
            missing: Some(since),
            ..DueName::new(dir, name)
        };
        self.retries.push((since + RETRY_DELAY, name));
    }
}

impl Tracker {
    /// A name is looked at again in a moment: the disk is changing under us.
    pub(in crate::tracker) fn retry_later(&mut self, dir: Id, name: &[u8], now: u64) {
        let name = DueName::new(dir, name);
        self.schedule.retries.push((now + RETRY_DELAY, name));
    }

    /// A name in a directory that is not where the model has it, because `lost` or
    /// something above it is not, is looked at when that is found: by itself, or, where
    /// there are many, in a scan. To look for each of many in vain, again and again, would
    /// leave no time to find it.
    pub(in crate::tracker) fn defer_to_scan(&mut self, dir: Id, name: &[u8], lost: Id, now: u64) {
        if self.schedule.retries.len() < MAX_RETRIES {
            return self.retry_later(dir, name, now);
        }
        let mut at = dir;
        self.mark_unscanned(at);
        while at != lost
            && let Some(parent) = self.model.parent(at)
        {
            at = parent;
            self.mark_unscanned(at);
        }
        self.enqueue(at);
    }

    /// Whether nothing is left to look at, now or later.
    pub(crate) fn is_done(&self) -> bool {
        self.is_idle()
            && self.schedule.restart.is_none()
            && self.schedule.retries.is_empty()
            && self.timers.next().is_none()
            && self.pending_moves.is_empty()
            && self.reading.is_empty()
    }

    /// When `tick` should be called next, on the monotonic clock.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let schedule = &self.schedule;
        let retries = schedule.retries.iter().map(|(due, _)| *due).min();
        let planned = [
            schedule.restart,
            schedule.periodic,
            schedule.poll,
            schedule.rules,
            retries,
        ];
        let sooner = [self.timers.next(), self.next_expiry()];
        planned.into_iter().chain(sooner).flatten().min()
    }

    /// Looks regularly at what has no watch or does not tell all.
    fn poll(&mut self, now: u64) {
        let needed = self.unwatched > 0 || self.file_systems.has_polled();
        if self.schedule.poll.is_none_or(|due| due > now) || !needed {
            self.schedule.poll = needed.then(|| self.schedule.poll.unwrap_or(now + POLL));
            return;
        }
        self.schedule.poll = Some(now + POLL);
        let is_dir = |id: &Id| self.model.kind(*id) == Kind::Directory;
        let not_told = |id: &Id| {
            self.model.has(*id, Flag::UNWATCHED)
                || self.file_systems.is_polled(self.model.inode(*id).dev)
        };
        for id in self
            .model
            .all()
            .filter(is_dir)
            .filter(not_told)
            .collect::<Vec<_>>()
        {
            self.enqueue(id);
            self.scans.push(id, Sweep::All);
        }
    }
}

impl Turn<'_> {
    /// What is due by now. Called when no event is unread.
    pub(crate) fn tick(&mut self) {
        let now = self.now.tick;
        self.expire_pending_moves(Some(now));
        while let Some(id) = self.t.due(now) {
            if self.t.model.kind(id) == Kind::Directory {
                self.t.scans.push(id, Sweep::Files);
            } else {
                self.t.enqueue(id);
            }
        }
        self.enqueue_retries(now);
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
        self.t.check_unwatched_rules(now);
    }

    /// Names that were to be looked at again by now are looked at.
    fn enqueue_retries(&mut self, now: u64) {
        let retries = std::mem::take(&mut self.t.schedule.retries);
        let (due, later): (Vec<_>, Vec<_>) = retries.into_iter().partition(|(due, _)| *due <= now);
        self.t.schedule.retries = later;
        for (_, name) in due {
            if !self.is_directory(name.dir) {
                continue;
            }
            match self.t.model.find(name.dir, &name.name) {
                Some(known) => {
                    // Neither moved nor found since it was missed: the next look decides.
                    if name.missing.is_some() && self.t.missing.get(&known) == name.missing.as_ref()
                    {
                        self.t.model.set(known, Flag::CONFIRM_DELETE);
                    }
                    self.t.enqueue(known);
                }
                None => self.t.names_due.push_back(name),
            }
        }
    }

    /// Looks at a name that the model does not have. If something is there, the event that
    /// tells of it may be on its way, and tells it as what it is: a rename, or a file that
    /// was made empty. So only what is still there a moment later is told by the look.
    pub(super) fn reconcile_missing(&mut self, due: &DueName) {
        let (dir, name) = (due.dir, &due.name);
        if self.t.model.find(dir, name).is_some() {
            return self.reconcile_name(dir, name);
        }
        match self
            .enter(dir)
            .and_then(|inode| self.disk.stat(Target::In(inode, name)))
        {
            Ok(stat) if due.seen != Some((stat.inode, stat.ctime)) => {
                let seen = Some((stat.inode, stat.ctime));
                let name = DueName {
                    dir,
                    name: name.clone(),
                    seen,
                    missing: None,
                };
                self.t
                    .schedule
                    .retries
                    .push((self.now.tick + RETRY_DELAY, name));
            }
            Err(FsError::NotFound) if self.enter(dir).is_ok() => {}
            _ => self.reconcile_name(dir, name),
        }
    }
}
