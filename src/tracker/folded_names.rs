//! Serves directories that ignore case (vfat, SMB, ext4 with `chattr +F`): there a name is found
//! under other spellings, too, so that a lookup that succeeds does not prove that the name is
//! listed.
//!
//! That a directory is one of these is found by looking a name up in another spelling.
//! Invariant: in such a directory only an event or a listing adds a name to the model, and a
//! scan removes what is not listed.

use super::Tracker;
use super::disk::{Disk, FsError, ListedNames, NameList, Stat};
use super::model::{CaseFolding, Id};
use super::queue::{Key, ScanScope, Work};

/// Entries of a directory among which another spelling is searched.
const SEARCHED: usize = 1024;

/// Names of a directory that are looked up in another spelling to find out whether it ignores
/// case.
const TRIED: usize = 8;

/// How many of them must not be found, while they are there: one may be replaced meanwhile.
const ENOUGH: usize = 2;

/// How a name that the model does not have came to be reconciled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// A listing has it.
    Listed,
    /// `IN_CREATE` of a directory.
    Made,
    /// Another event or a retry; it may be another spelling of a known name.
    Hint,
}

/// The name with its first ASCII letter in the other case; `None`: it has none.
fn other_spelling(name: &[u8]) -> Option<Vec<u8>> {
    let at = name.iter().position(u8::is_ascii_alphabetic)?;
    let mut other = name.to_vec();
    other[at] ^= 0x20;
    Some(other)
}

/// The name in lower case: the same for all its spellings.
pub(super) fn folded_name(name: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(name) {
        Ok(name) => name.to_lowercase().into_bytes(),
        Err(_) => name.to_ascii_lowercase(),
    }
}

/// Whether two names are the same, or differ in case alone.
pub(super) fn is_same_folded(one: &[u8], other: &[u8]) -> bool {
    one.eq_ignore_ascii_case(other) || !one.is_ascii() && folded_name(one) == folded_name(other)
}

impl<D> Tracker<D> {
    /// Whether a directory is known to ignore case.
    pub(super) fn is_folding(&self, dir: Id) -> bool {
        self.model.case_folding(dir) == CaseFolding::Ignored
    }

    /// Marks all directories as ignoring case.
    #[cfg(test)]
    pub(super) fn assume_folding(&mut self) {
        let is_dir = |id: &Id| self.model.kind(*id) == crate::change::Kind::Directory;
        for dir in self.model.all().filter(is_dir).collect::<Vec<_>>() {
            self.model.set_case_folding(dir, CaseFolding::Ignored);
        }
    }

    /// Marks a new directory as ignoring case if the one that it is in does, until it is found
    /// not to.
    pub(super) fn inherit_folding(&mut self, dir: Id) {
        if self
            .model
            .parent(dir)
            .is_some_and(|above| self.is_folding(above))
        {
            self.model.set_case_folding(dir, CaseFolding::Ignored);
        }
    }

    /// Schedules a scan of a directory that ignores case, after a rename to a name that the model
    /// did not have: it may have replaced another spelling of it. If it is not known whether case is
    /// ignored, that is found out later, so that the rename need not wait for it.
    pub(super) fn defer_scan_if_folding(&mut self, dir: Id) {
        match self.model.case_folding(dir) {
            CaseFolding::Ignored => self.rescan_folded(dir),
            CaseFolding::Distinguished => {}
            CaseFolding::Untried => self.queue.expect_event(Work::timer(Key::Folding(dir))),
        }
    }

    /// Whether the model has a name in another spelling, too, where it is not known whether case
    /// is ignored.
    pub(super) fn may_be_spelled_otherwise(&self, dir: Id, name: &[u8]) -> bool {
        self.model.case_folding(dir) == CaseFolding::Untried
            && other_spelling(name).is_some_and(|other| self.model.find(dir, &other).is_some())
    }

    /// The name that the model has for another spelling, in a directory that ignores case: an
    /// event has the one that was used. In a large directory only a part is searched, so that
    /// nobody can make it slow; what is not found is left to the scan.
    pub(super) fn known_spelling(&self, dir: Id, name: &[u8]) -> Option<Vec<u8>> {
        if !self.is_folding(dir) || self.model.find(dir, name).is_some() {
            return None;
        }
        let names = self.model.children(dir).take(SEARCHED);
        let mut names = names.map(|child| self.model.name(child));
        let known = names.find(|known| is_same_folded(known, name))?;
        Some(known.to_vec())
    }

    /// Scans a directory that ignores case, once it is quiet: its names may have changed.
    pub(super) fn rescan_folded(&mut self, dir: Id) {
        self.queue.debounce(Work::scan(dir, ScanScope::All));
    }

    /// The single-file PATH of which a name is another spelling.
    pub(super) fn path_spelled(&self, dir: Id, name: &[u8]) -> Option<Id> {
        let file = self.roots.files().spelled(dir, name)?;
        self.model.find(dir, &file.name)
    }
}

impl<D: Disk> Tracker<D> {
    /// If a name that was found, and that the model does not have, may be another spelling of one
    /// that it has, leaves it to a scan of its directory, and returns `true`.
    pub(super) fn defer_folded(&mut self, dir: Id, name: &[u8], stat: &Stat) -> bool {
        // A PATH need not be spelled as it is listed.
        if self.roots.file(dir, name).is_some() || !self.folds(dir, name, stat) {
            return false;
        }
        self.rescan_folded(dir);
        true
    }

    /// Schedules a scan if a name that was found, and should be gone or of another kind, may be
    /// another spelling of a new name.
    pub(super) fn schedule_scan_if_other_spelling(&mut self, dir: Id, name: &[u8]) {
        if self.model.case_folding(dir) == CaseFolding::Distinguished {
            return;
        }
        match self.stat_in(dir, name) {
            Ok(stat) if self.folds(dir, name, &stat) => self.rescan_folded(dir),
            Ok(_) => {}
            Err(_) => self.schedule_scan_if_folding(dir),
        }
    }

    /// Schedules a scan of a directory that ignores case, since a name has gone which the model does
    /// not have: it may have another spelling of it.
    pub(super) fn schedule_scan_if_folding(&mut self, dir: Id) {
        if self.is_directory(dir) && self.may_fold(dir) {
            self.rescan_folded(dir);
        }
    }

    /// Whether a directory ignores case, or may, if that cannot be found out by the names that the
    /// model has.
    fn may_fold(&mut self, dir: Id) -> bool {
        match self.model.case_folding(dir) {
            CaseFolding::Ignored => return true,
            CaseFolding::Distinguished => return false,
            CaseFolding::Untried => {}
        }
        let names = self.model.children(dir).take(SEARCHED);
        let names = names.map(|child| self.model.name(child));
        let lettered = names.filter(|name| other_spelling(name).is_some());
        let tried: Vec<Vec<u8>> = lettered.take(TRIED).map(<[u8]>::to_vec).collect();
        let mut may_fold = !tried.is_empty() || self.is_scanning(dir);
        let mut negative = 0;
        for name in tried {
            // What is gone, or cannot be stat'ed, shows nothing.
            let Ok(stat) = self.stat_in(dir, &name) else {
                continue;
            };
            may_fold = self.folds(dir, &name, &stat);
            negative += 1;
            if may_fold || negative == ENOUGH {
                break;
            }
        }
        may_fold
    }

    /// Whether a directory ignores case, or may, if that cannot be found out now. Unless it is
    /// known to, `name`, whose status is `stat`, is looked up in another spelling.
    fn folds(&mut self, dir: Id, name: &[u8], stat: &Stat) -> bool {
        let was_known = match self.model.case_folding(dir) {
            CaseFolding::Ignored => return true,
            CaseFolding::Distinguished => true,
            CaseFolding::Untried => false,
        };
        let Some(other) = other_spelling(name) else {
            return false;
        };
        let is_it = |found: &Result<Stat, FsError>| {
            let same = |found: &Stat| {
                (found.inode, found.kind, found.ctime) == (stat.inode, stat.kind, stat.ctime)
            };
            found.as_ref().is_ok_and(same)
        };
        let found = self.stat_in(dir, &other);
        let folds = found.as_ref().is_ok_and(|found| found.inode == stat.inode);
        let is_absent = matches!(found, Ok(_) | Err(FsError::NotFound));
        // If `name` was removed or replaced meanwhile, it is found in no spelling: a negative result
        // counts only if the same is still there.
        let is_known = folds || was_known || is_absent && is_it(&self.stat_in(dir, name));
        if is_known {
            let found = if folds {
                CaseFolding::Ignored
            } else {
                CaseFolding::Distinguished
            };
            self.model.set_case_folding(dir, found);
        }
        folds || !is_known
    }

    /// The names that are listed in a directory, if that ignores case: a scan removes the others
    /// from the model. `None`: case counts, so a name that is found is listed.
    ///
    /// # Errors
    /// It cannot be found out now.
    pub(super) fn listed_names(&mut self, dir: Id) -> Result<Option<ListedNames>, FsError> {
        let names = self.list(dir)?;
        if !self.is_folding(dir) {
            self.try_listed(dir, &names)?;
        }
        let folds = self.is_folding(dir);
        Ok(folds.then(|| names.iter().map(Box::from).collect()))
    }

    /// Finds out anew whether a directory ignores case, by a name that is listed: one that was
    /// removed or created meanwhile may have given a wrong result before.
    fn try_listed(&mut self, dir: Id, names: &NameList) -> Result<(), FsError> {
        let lettered = |name: &&[u8]| other_spelling(name).is_some();
        for name in names.iter().filter(lettered).take(SEARCHED) {
            let stat = match self.stat_in(dir, name) {
                Ok(stat) => stat,
                Err(FsError::NotFound) => continue, // It is gone since.
                Err(error) => return Err(error),
            };
            self.model.set_case_folding(dir, CaseFolding::Untried);
            if self.folds(dir, name, &stat) && !self.is_folding(dir) {
                self.rescan_folded(dir); // The name was replaced meanwhile.
            }
            break;
        }
        Ok(())
    }

    fn list(&mut self, dir: Id) -> Result<NameList, FsError> {
        let mut names = NameList::default();
        let opened = self.enter(dir)?;
        self.disk.list(&opened, &mut |name| names.push(name))?;
        Ok(names)
    }

    /// Corrects a name of the model that is found but not listed: it gets the spelling that is
    /// listed, or is removed.
    pub(super) fn correct_spelling(&mut self, child: Id, dir: Id, listed: &ListedNames) {
        let name = self.model.name(child).to_vec();
        if listed.contains(&*name)
            || self.roots.file(dir, &name).is_some()
            || self.model.is_moved_from(child)
        {
            return;
        }
        // It may have come since, or readdir(3) has missed it because of a rename.
        let found = self.stat_in(dir, &name);
        let Ok(again) = found.and_then(|_| self.list(dir)) else {
            // It is gone, or its directory has moved.
            return self.rescan_folded(dir);
        };
        if again.iter().any(|listed| listed == &*name) {
            return;
        }
        // Not a spelling that is another entry of the model, unless that is an alias: a directory
        // that was found in two spellings.
        let model = &self.model;
        let is_its = |listed: &&[u8]| {
            is_same_folded(listed, &name)
                && model
                    .find(dir, listed)
                    .is_none_or(|known| model.is_alias(known))
        };
        let spelling = again.iter().find(is_its).map(<[u8]>::to_vec);
        match spelling {
            Some(spelling) => self.rename(child, dir, &spelling),
            None => self.unlink(child),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{is_same_folded, other_spelling};

    #[test]
    fn names_that_differ_in_case_alone_are_the_same() {
        assert!(is_same_folded(b"README.TXT", b"readme.txt"));
        assert!(is_same_folded(
            "\u{c9}t\u{e9}".as_bytes(),
            "\u{e9}t\u{e9}".as_bytes()
        ));
        assert!(!is_same_folded(b"a", b"b"));
        assert!(!is_same_folded(b"\xff", b"\xfe"));
        assert_eq!(other_spelling(b"1a"), Some(b"1A".to_vec()));
        assert_eq!(other_spelling(b"12"), None);
    }
}
