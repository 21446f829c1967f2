//! The comparison of everything with the disk, after events were dropped or when the user
//! asked for it. What is gone is told at its end only: it may have moved to where the
//! comparison has not looked yet.

use crate::tracker::Tracker;
use crate::tracker::model::Id;

/// A comparison of everything with the disk.
#[derive(Default)]
pub(in crate::tracker) struct Rescan {
    /// Names that are gone: they may have moved to where it has not looked yet.
    pub(super) lost: Vec<(Id, Box<[u8]>)>,
}

impl Tracker {
    /// Everything is to be compared with the disk: at once, unless that was so lately.
    pub(in crate::tracker) fn begin_rescan(&mut self, now: u64) {
        let wait = self.schedule.back_off;
        self.schedule.back_off = (wait * 2).clamp(20_000_000, 1_000_000_000);
        self.schedule.restart = Some(now + wait);
    }

    pub(super) fn rescan_now(&mut self) {
        self.counters.rescans += 1;
        self.filter.forget_all();
        self.generation = self.generation.wrapping_add(1);
        // Files that moved unseen are known by it.
        self.model.index_inode_keys();
        self.rescan.get_or_insert_default();
        self.enqueue_roots();
    }

    /// During a comparison, what is gone is reported at its end.
    pub(in crate::tracker) fn defer_loss(&mut self, dir: Id, name: &[u8]) -> bool {
        let Some(rescan) = &mut self.rescan else {
            return false;
        };
        rescan.lost.push((dir, name.into()));
        true
    }

    /// During a comparison, the entries that a file of that identity has.
    pub(in crate::tracker) fn known_as(&self, inode_key: u32) -> Vec<Id> {
        if self.rescan.is_some() {
            self.model.with_inode_key(inode_key)
        } else {
            Vec::new()
        }
    }

    /// Whether events were dropped that are not made up for yet.
    pub(in crate::tracker) fn has_lost_events(&self) -> bool {
        self.rescan.is_some() || self.schedule.restart.is_some()
    }
}
