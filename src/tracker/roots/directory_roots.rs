//! Keeps the directories that are PATHs, or in which single files are.
//!
//! Invariant: each is found by its entry without a search, and a PATH by its path.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::HashMap;

use super::path_index::PathIndex;
use super::{Root, RootKind};
use crate::tracker::model::Id;

#[derive(Default)]
pub(crate) struct DirectoryRoots {
    /// By their numbers, which grow: in the order in which they were added.
    roots: BTreeMap<u64, Root>,
    /// The numbers of those that are PATHs themselves.
    paths: BTreeSet<u64>,
    by_entry: HashMap<Id, u64>,
    /// The numbers of the PATHs, by the path by which they are reported.
    by_path: PathIndex,
    /// How many were ever added.
    added: u64,
}

impl DirectoryRoots {
    pub(super) fn add(&mut self, root: Root) {
        let number = self.added;
        self.added += 1;
        self.by_entry.insert(root.entry, number);
        if root.kind == RootKind::Path {
            self.paths.insert(number);
            self.by_path.insert(&root.shown, number);
        }
        self.roots.insert(number, root);
    }

    pub(super) fn remove(&mut self, entry: Id) -> Option<Root> {
        let number = self.by_entry.remove(&entry)?;
        let root = self.roots.remove(&number)?;
        self.paths.remove(&number);
        self.by_path.remove(&root.shown, number);
        Some(root)
    }

    /// Makes the directory of a single file a PATH of its own.
    pub(super) fn promote(&mut self, entry: Id, open: &[u8], shown: &[u8]) {
        if let Some(&number) = self.by_entry.get(&entry)
            && let Some(root) = self.roots.get_mut(&number)
        {
            root.kind = RootKind::Path;
            self.by_path.remove(&root.shown, number);
            open.clone_into(&mut root.open);
            shown.clone_into(&mut root.shown);
            self.paths.insert(number);
            self.by_path.insert(shown, number);
        }
    }

    /// Opens those for which `is_meant` is true by their absolute paths from now on.
    pub(super) fn open_by_absolute_paths(&mut self, is_meant: impl Fn(&Root) -> bool) {
        for root in self.roots.values_mut().filter(|root| is_meant(root)) {
            root.open.clone_from(&root.absolute);
        }
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Root> {
        self.roots.values()
    }

    /// Those that are PATHs themselves.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Root> {
        let paths = self.paths.iter();
        paths.filter_map(|number| self.roots.get(number))
    }

    pub(crate) fn len(&self) -> usize {
        self.roots.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    pub(crate) fn with_entry(&self, entry: Id) -> Option<&Root> {
        self.roots.get(self.by_entry.get(&entry)?)
    }

    /// The PATH that is reported by this path.
    pub(crate) fn with_path(&self, shown: &[u8]) -> Option<&Root> {
        self.roots.get(&self.by_path.get(shown)?)
    }

    /// Whether a PATH is reported by a path that ends with a slash and this name.
    pub(crate) fn has_name(&self, name: &[u8]) -> bool {
        self.by_path.has_name(name)
    }
}

#[cfg(test)]
mod tests {
    use super::{DirectoryRoots, Root, RootKind};
    use crate::file_status::FsClass;
    use crate::tracker::model::Id;

    fn root(entry: u32, kind: RootKind) -> Root {
        Root {
            kind,
            open: format!("open-{entry}").into(),
            shown: format!("shown-{entry}").into(),
            absolute: format!("/{entry}").into(),
            class: FsClass::Local,
            entry: Id(entry),
        }
    }

    #[test]
    fn a_directory_is_found_by_its_entry_and_a_path_by_its_path() {
        let mut roots = DirectoryRoots::default();
        let kinds = [RootKind::Path, RootKind::FileParent, RootKind::Path];
        let all: Vec<_> = (1..)
            .zip(kinds)
            .map(|(entry, kind)| root(entry, kind))
            .collect();
        all.iter().for_each(|root| roots.add(root.clone()));
        assert!(
            roots.iter().eq(&all),
            "in the order in which they were added"
        );
        assert!(roots.paths().eq([&all[0], &all[2]]));
        for root in &all {
            assert_eq!(roots.with_entry(root.entry), Some(root));
            let is_path = root.kind == RootKind::Path;
            assert_eq!(roots.with_path(&root.shown).is_some(), is_path);
        }
        roots.promote(Id(2), b"other", b"another");
        let promoted = roots.with_path(b"another").expect("it is a PATH now");
        assert_eq!(
            (promoted.entry, promoted.open.as_slice()),
            (Id(2), &b"other"[..])
        );
        assert_eq!(roots.remove(Id(1)).as_ref(), Some(&all[0]));
        assert!(roots.with_path(b"shown-1").is_none() && roots.with_entry(Id(1)).is_none());
        assert_eq!((roots.len(), roots.paths().count()), (2, 2));
    }
}
