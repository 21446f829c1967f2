//! Compares the emitted records with the model at every step, and the model with the disk and
//! the kernel's watches once all is quiet.

use std::collections::{BTreeMap, BTreeSet};

use super::super::fake::{Node, digest};
use super::super::model::{DirectoryState, Flag, Id};
use super::super::polling::POLL;
use super::super::{HashPolicy, Tracker, path_below};
use super::lines;
use super::world::{MS, World};
use crate::change::{Change, Kind, Warning};
use crate::event::Wd;

impl World {
    /// Takes the emitted records, and compares their sum with the model.
    pub(super) fn absorb(&mut self) {
        let batch = std::mem::take(&mut self.tracker.records.ready);
        for change in batch.changes() {
            let line = lines::line(&batch, change);
            self.tracker.disk.journal.push(line.clone());
            self.records.push(line);
            let owned = change.clone().map(|path| batch.bytes(&path).to_vec());
            let is_top = |path: &[u8]| self.tops.iter().any(|top| top.as_bytes() == path);
            if let Err(wrong) = self.fold.apply(&owned, &is_top) {
                panic!("{wrong}, after {:#?}", self.tracker.disk.journal);
            }
        }
        for (path, warning) in batch.warnings() {
            self.warnings.push((
                String::from_utf8_lossy(batch.bytes(path)).into_owned(),
                warning.clone(),
            ));
        }
        if batch
            .changes()
            .iter()
            .any(|change| *change != Change::Overflow)
            && !self.tracker.is_emitting()
        {
            self.compare_with_model();
        }
    }

    /// Asserts that the emitted records add up to the model.
    pub(super) fn compare_with_model(&self) {
        let model = &self.tracker.model;
        let mut count = 0;
        for id in model.all().filter(|id| !model.has(*id, Flag::HIDDEN)) {
            let mut path = Vec::new();
            self.tracker.write_path(id, &mut path);
            let shown = String::from_utf8_lossy(&path);
            let Some(emitted) = self.fold.names.get(&path) else {
                panic!(
                    "{shown} is in the model and was not emitted, after {:#?}",
                    self.tracker.disk.journal
                );
            };
            assert_eq!(emitted.kind, model.kind(id), "{shown}");
            if emitted.kind == Kind::File
                && let Some(digest) = model.digest(id)
            {
                assert_eq!(
                    emitted.digest,
                    Some(digest),
                    "{shown}, after {:#?}",
                    self.tracker.disk.journal
                );
            }
            count += 1;
        }
        assert_eq!(
            count,
            self.fold.names.len(),
            "the model lost what was emitted: {:#?}",
            self.tracker.disk.journal
        );
    }

    /// Lets the world settle, and asserts that the emitted records add up to the disk.
    pub(super) fn converges(&mut self) {
        self.settles();
        self.gets_over_errors();
        // What has no watch is reconciled in a while, and with it what is found there.
        for _ in 0..4 {
            if self.tracker.model.polled_directories() > 0 {
                self.passes(POLL + MS);
                self.work(1);
                self.settles();
            }
        }
        self.compare_with_model();
        let truth = self.reported_truth();
        for (path, (kind, node)) in &truth {
            let shown = String::from_utf8_lossy(path);
            let Some(emitted) = self.fold.names.get(path) else {
                panic!(
                    "{shown} is there and was not emitted, after {:#?}",
                    self.tracker.disk.journal
                );
            };
            assert_eq!(
                emitted.kind, *kind,
                "{shown}, after {:#?}",
                self.tracker.disk.journal
            );
            let stat = self.tracker.disk.stat(*node);
            // Of hard links of what is no file, each is watched for itself.
            let is_followed = *kind != Kind::Symlink && *kind != Kind::Other || stat.nlink == 1;
            if self.tracker.settings.attributes && is_followed && !self.is_excused(*node) {
                let is = stat.attributes;
                // What could not be stat'ed at the start has none.
                let has_failed = self.tracker.disk.errors > 0;
                assert_eq!(
                    emitted.attributes.or(has_failed.then_some(is)),
                    Some(is),
                    "the attributes of {shown}, after {:#?}",
                    self.tracker.disk.journal
                );
            }
            if *kind == Kind::File
                && self.tracker.disk.is_readable(*node)
                && !self.is_excused(*node)
            {
                self.compare_bytes(
                    &shown,
                    emitted.digest,
                    emitted.size,
                    self.tracker.disk.bytes(*node),
                );
                assert!(
                    !emitted.is_owed(),
                    "{shown}: other bytes by a rename, after {:#?}",
                    self.tracker.disk.journal
                );
            }
        }
        assert_eq!(
            truth.len(),
            self.fold.names.len(),
            "{:#?} after {:#?}",
            self.fold.names.keys(),
            self.tracker.disk.journal
        );
        self.compare_watches();
    }

    /// All names on disk that are reported. A PATH in another one is reported by itself.
    fn reported_truth(&self) -> BTreeMap<Vec<u8>, (Kind, Node)> {
        let roots = self.tracker.roots.paths();
        let roots: Vec<(&[u8], &[u8])> = roots.map(|root| (&*root.open, &*root.shown)).collect();
        let mut truth = BTreeMap::new();
        for &(root, shown) in &roots {
            let is_in_other = |path: &[u8]| {
                // The link that leads to a PATH is not reported, too.
                let is_link = roots
                    .iter()
                    .any(|&(open, shown)| open != shown && path == shown);
                let mut files = self.tracker.roots.files().iter();
                if is_link || files.any(|file| path_below(path, &file.shown).is_some()) {
                    return true;
                }
                let others = roots.iter().map(|(other, _)| other);
                let mut others = others.filter(|other| other.len() > root.len());
                others.any(|other| {
                    path.starts_with(other) && matches!(path.get(other.len()), None | Some(b'/'))
                })
            };
            for (path, kind, node) in self.tracker.disk.truth(root) {
                if !is_in_other(&path) && self.is_reported(root, &path, kind) {
                    truth.insert([shown, &path[root.len()..]].concat(), (kind, node));
                }
            }
        }
        for file in self.tracker.roots.files().iter() {
            let root = self
                .tracker
                .roots
                .with_entry(self.tracker.model.root(file.dir));
            for (path, kind, node) in self.tracker.disk.truth(&file.shown) {
                let (shown, open) = (&file.shown, &root.unwrap().open);
                if self.is_reported_below(shown, open, &path, kind) {
                    truth.insert(path, (kind, node));
                }
            }
        }
        truth
    }

    /// Asserts that each file has a watch, unless watches ran out. `kept`: how many watches are on
    /// files.
    fn compare_file_watches(&self, kept: usize) {
        let disk = &self.tracker.disk;
        if disk.kernel.most_watches < usize::MAX {
            return;
        }
        let mut files = BTreeSet::new();
        for (path, (kind, node)) in self.reported_truth() {
            if kind == Kind::File {
                let shown = String::from_utf8_lossy(&path);
                let is_watched = disk.kernel.is_watched(node);
                assert!(is_watched, "{shown}, after {:#?}", disk.journal);
                files.insert(disk.inode(node).ino);
            }
        }
        assert_eq!(kept, files.len(), "watches, after {:#?}", disk.journal);
    }

    /// Whether no event that counts could have shown that a file's bytes changed: those by a name
    /// that is not reported do not.
    fn is_excused(&self, node: Node) -> bool {
        let Tracker {
            disk,
            filter,
            settings,
            ..
        } = &self.tracker;
        let is_narrowed = !filter.hides_nothing() || settings.max_depth.is_some();
        disk.is_excused(node)
            || is_narrowed && disk.is_changed_by_one_of_many(node)
            || settings.goes_by_events() && disk.is_changed_unseen(node)
    }

    fn gets_over_errors(&mut self) {
        if self.tracker.disk.errors > 0 {
            self.retries();
        }
    }

    /// Lets retries go on until they succeed, for an hour at most.
    pub(super) fn retries(&mut self) {
        let end = self.tick + 3_600_000 * MS;
        while self.tracker.queue.has_failed() && self.tick < end {
            let deadline = self.tracker.deadline().expect("what failed is tried again");
            self.passes(deadline.saturating_sub(self.tick));
            self.work(usize::MAX);
            self.settles();
        }
    }

    /// Asserts that the digest emitted for a file is that of its bytes.
    fn compare_bytes(
        &self,
        shown: &str,
        emitted: Option<[u8; 32]>,
        size: Option<u64>,
        bytes: &[u8],
    ) {
        let settings = &self.tracker.settings;
        let by_stat =
            settings.hashing == HashPolicy::Off || bytes.len() as u64 > settings.hash_limit;
        // A write and a touch change its times alike: only the event distinguishes them, if it is not
        // lost.
        let is_lost = by_stat && self.tracker.counters.overflows > 0;
        if (emitted.is_some() || !by_stat) && !is_lost {
            let (emitted, is) = (emitted.map(hex::encode), hex::encode(digest(bytes)));
            assert_eq!(
                emitted,
                Some(is),
                "the bytes of {shown}, after {:#?}",
                self.tracker.disk.journal
            );
        }
        if let Some(size) = size
            && !is_lost
        {
            assert_eq!(
                size,
                bytes.len() as u64,
                "the size of {shown}, after {:#?}",
                self.tracker.disk.journal
            );
        }
    }

    /// Asserts that each directory of the model has a watch, with `--strict` each file, and nothing
    /// else.
    fn compare_watches(&self) {
        let model = &self.tracker.model;
        let mut known: Vec<Wd> = model
            .all()
            .filter(|id| model.kind(*id) == Kind::Directory)
            .filter_map(|id| model.wd(id))
            .collect();
        known.sort();
        let mut kept: Vec<Wd> = self
            .tracker
            .disk
            .kernel
            .watches()
            .into_iter()
            .map(|(_, wd)| wd)
            .collect();
        kept.sort();
        if self.tracker.settings.strict {
            self.compare_file_watches(kept.len() - known.len());
        } else {
            assert_eq!(
                kept, known,
                "the kernel's watches, after {:#?}",
                self.tracker.disk.journal
            );
        }
        let unwatched = |id: &Id| model.wd(*id).is_none() && !model.is_not_entered(*id);
        for id in model
            .all()
            .filter(|id| model.kind(*id) == Kind::Directory)
            .filter(unwatched)
        {
            let excused = model.directory_state(id) == DirectoryState::Polled
                || model.has(id, Flag::UNREADABLE);
            assert!(
                excused,
                "a directory without a watch, after {:#?}",
                self.tracker.disk.journal
            );
        }
        let faulty = self
            .warnings
            .iter()
            .find(|(_, warning)| matches!(warning, Warning::Failed(_)));
        assert!(
            faulty.is_none() || self.tracker.disk.errors > 0,
            "nothing fails here"
        );
    }
}
