//! Keeps the scans that are under way: owners of directories take turns, and the directories of each,
//! so that large ones keep no other waiting.
//!
//! Invariant: a directory has one scan at most; another one begins when that is over.

use foldhash::HashMap;

use super::WorkQueue;
use super::active_scan::{ActiveScan, ScanStep};
use super::key::{ScanScope, Work};
use crate::fair_queue::FairQueue;
use crate::tracker::model::Id;

/// Names of one directory that are compared in a row while others wait.
const NAMES_ROW: u32 = 16;

/// With fewer scans than this, no memory is given back.
const KEPT_SCANS: usize = 64;

/// A scan under way, and what is to follow it.
struct UnderWay {
    scan: ActiveScan,
    /// The scope of the scan of the same directory that begins when this one is over.
    next: Option<ScanScope>,
    /// Whether the rescan waits for it, and for the one that follows.
    is_of_rescan: bool,
}

/// A scan that is to follow one that is over.
pub(super) struct Following {
    pub(super) scope: ScanScope,
    pub(super) is_of_rescan: bool,
}

#[derive(Default)]
pub(super) struct ActiveScans {
    scans: HashMap<Id, UnderWay>,
    /// The directories in the order of their turns; one whose scan is over stays until its turn.
    turns: FairQueue<Option<u32>, Id, 1>,
    /// The directory whose turn it is, and how many more names it may take.
    current: Option<(Id, u32)>,
    /// How many the rescan waits for.
    of_rescan: usize,
}

impl ActiveScans {
    pub(super) fn is_empty(&self) -> bool {
        self.scans.is_empty()
    }

    pub(super) fn has(&self, dir: Id) -> bool {
        self.scans.contains_key(&dir)
    }

    /// Whether the rescan waits for one of them.
    pub(super) fn has_rescan(&self) -> bool {
        self.of_rescan > 0
    }

    /// Adds the scan of a directory that has none.
    pub(super) fn begin(&mut self, scan: ActiveScan, is_of_rescan: bool) {
        self.turns.push(scan.owner(), scan.dir());
        self.of_rescan += usize::from(is_of_rescan);
        let dir = scan.dir();
        let next = None;
        let under_way = UnderWay {
            scan,
            next,
            is_of_rescan,
        };
        self.scans.insert(dir, under_way);
    }

    /// Lets another scan of a directory follow the one that is under way.
    pub(super) fn follow(&mut self, dir: Id, scope: ScanScope, is_of_rescan: bool) {
        if let Some(under_way) = self.scans.get_mut(&dir) {
            under_way.next = under_way.next.max(Some(scope));
            if is_of_rescan && !std::mem::replace(&mut under_way.is_of_rescan, true) {
                self.of_rescan += 1;
            }
        }
    }

    /// Removes the scan of a directory, since it is over; returns what is to follow it.
    pub(super) fn end(&mut self, dir: Id) -> Option<Following> {
        let UnderWay {
            next, is_of_rescan, ..
        } = self.scans.remove(&dir)?;
        self.of_rescan -= usize::from(is_of_rescan);
        if self.scans.is_empty() {
            self.scans.shrink_to(KEPT_SCANS);
        }
        next.map(|scope| Following {
            scope,
            is_of_rescan,
        })
    }

    /// The next step. `None`: no scan is under way.
    pub(super) fn step(&mut self) -> Option<ScanStep> {
        loop {
            let (dir, left) = match self.current.take() {
                Some(current) => current,
                None => (self.turns.pop()?, NAMES_ROW),
            };
            let Some(UnderWay { scan, .. }) = self.scans.get_mut(&dir) else {
                continue; // It is over.
            };
            if left == 0 {
                self.turns.push(scan.owner(), dir);
                continue;
            }
            self.current = Some((dir, left - 1));
            return Some(scan.step());
        }
    }
}

impl WorkQueue {
    /// Whether a directory is being scanned.
    pub(in crate::tracker) fn is_scanning_in(&self, dir: Id) -> bool {
        self.scans.has(dir)
    }

    /// Begins the scan that is being served, of a directory that has none.
    pub(in crate::tracker) fn begin_scan(&mut self, scan: ActiveScan) {
        self.scans.begin(scan, self.serves_rescan());
    }

    /// Puts the scan that is being served off until that of the same directory is over.
    pub(in crate::tracker) fn scan_again(&mut self, dir: Id, scope: ScanScope) {
        self.scans.follow(dir, scope, self.serves_rescan());
    }

    fn serves_rescan(&self) -> bool {
        let serving = self.serving.as_ref();
        serving.is_some_and(|serving| serving.is_of_rescan)
    }

    /// The next step of a scan. `None`: none is under way.
    pub(in crate::tracker) fn scan_step(&mut self) -> Option<ScanStep> {
        self.scans.step()
    }

    /// Ends the scan of a directory, and adds the one that is to follow it.
    pub(in crate::tracker) fn end_scan(&mut self, dir: Id) {
        if let Some(following) = self.scans.end(dir) {
            let scan = Work::scan(dir, following.scope);
            let key = scan.key.clone();
            self.add(scan);
            if following.is_of_rescan {
                self.count_for_rescan(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ActiveScan, ActiveScans, NAMES_ROW};
    use crate::tracker::disk::NameList;
    use crate::tracker::model::Id;
    use crate::tracker::queue::{Next, ScanScope};

    /// The scan of a directory with so many new names.
    fn scan(dir: u32, owner: u32, count: usize) -> ActiveScan {
        let mut names = NameList::default();
        (0..count).for_each(|_| names.push(b"name"));
        ActiveScan::new(
            Id(dir),
            ScanScope::New,
            Some(owner),
            None,
            Vec::new(),
            names,
        )
    }

    /// After how many names each scan is over, in the order in which they are.
    fn ends(scans: &mut ActiveScans) -> Vec<(Id, u32)> {
        let (mut ends, mut compared) = (Vec::new(), 0);
        while let Some(step) = scans.step() {
            match step.next {
                Next::End => {
                    assert!(scans.end(step.dir).is_none());
                    ends.push((step.dir, compared));
                }
                Next::Child(_) | Next::Name(_) => compared += 1,
            }
        }
        ends
    }

    #[test]
    fn a_large_directory_keeps_no_other_waiting() {
        let mut scans = ActiveScans::default();
        scans.begin(scan(1, 7, 1000), false);
        scans.begin(scan(2, 7, 3), false);
        let ends = ends(&mut scans);
        assert_eq!(ends, [(Id(2), NAMES_ROW + 3), (Id(1), 1003)]);
        assert!(scans.is_empty());
    }

    #[test]
    fn many_directories_of_one_owner_keep_none_of_another_waiting() {
        let mut scans = ActiveScans::default();
        (0..100).for_each(|dir| scans.begin(scan(dir, 7, 1000), false));
        scans.begin(scan(200, 8, 20), false);
        let first = ends(&mut scans)[0];
        assert_eq!(first, (Id(200), 2 * NAMES_ROW + 20));
    }

    #[test]
    fn a_scan_that_is_to_follow_has_the_widest_scope_and_belongs_to_the_rescan_if_one_does() {
        let mut scans = ActiveScans::default();
        scans.begin(scan(1, 7, 3), false);
        assert!(scans.has(Id(1)) && !scans.has_rescan());
        scans.follow(Id(1), ScanScope::All, true);
        scans.follow(Id(1), ScanScope::Files, false);
        assert!(scans.has_rescan());
        let following = scans.end(Id(1)).map(|it| (it.scope, it.is_of_rescan));
        assert_eq!(following, Some((ScanScope::All, true)));
        assert!(scans.is_empty() && !scans.has_rescan());
        assert!(scans.step().is_none(), "it has no turn any longer");
    }

    #[test]
    fn an_id_that_is_used_again_has_the_scan_of_the_new_directory() {
        let mut scans = ActiveScans::default();
        scans.begin(scan(1, 7, 3), true);
        scans.step();
        scans.end(Id(1));
        scans.begin(scan(1, 8, 5), false);
        assert_eq!(ends(&mut scans), [(Id(1), 5)]);
    }
}
