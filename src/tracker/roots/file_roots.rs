//! Keeps the PATHs that are single files: there may be thousands.
//!
//! Invariant: each is found by its name and by its path without a search.

use std::collections::BTreeMap;

use foldhash::HashMap;

use super::FileRoot;
use super::path_index::PathIndex;
use crate::tracker::folded_names::folded_name;
use crate::tracker::model::Id;

#[derive(Default)]
pub(crate) struct FileRoots {
    /// By their numbers, which grow: in the order in which they were added.
    files: BTreeMap<u64, FileRoot>,
    /// Their numbers: by directory and name,
    by_name: HashMap<Id, HashMap<Vec<u8>, u64>>,
    /// by directory and name without regard to case: the first one that has it,
    by_folded_name: HashMap<Id, HashMap<Vec<u8>, u64>>,
    /// and by the path by which they are reported.
    by_path: PathIndex,
    /// How many were ever added.
    added: u64,
}

impl FileRoots {
    /// Adds a file, whose name and path no other one has.
    pub(super) fn add(&mut self, file: FileRoot) {
        self.remove(file.dir, &file.name);
        let number = self.added;
        self.added += 1;
        let names = self.by_name.entry(file.dir).or_default();
        names.insert(file.name.clone(), number);
        let folded = self.by_folded_name.entry(file.dir).or_default();
        folded.entry(folded_name(&file.name)).or_insert(number);
        self.by_path.insert(&file.shown, number);
        self.files.insert(number, file);
    }

    pub(super) fn remove(&mut self, dir: Id, name: &[u8]) -> Option<FileRoot> {
        let names = self.by_name.get_mut(&dir)?;
        let number = names.remove(name)?;
        if names.is_empty() {
            self.by_name.remove(&dir);
        }
        self.remove_numbered(number)
    }

    /// Removes the files in a directory.
    pub(super) fn remove_in(&mut self, dir: Id) {
        for number in self.by_name.remove(&dir).into_iter().flatten() {
            self.remove_numbered(number.1);
        }
    }

    fn remove_numbered(&mut self, number: u64) -> Option<FileRoot> {
        let file = self.files.remove(&number)?;
        self.by_path.remove(&file.shown, number);
        if let Some(names) = self.by_folded_name.get_mut(&file.dir) {
            let folded = folded_name(&file.name);
            if names.get(&folded) == Some(&number) {
                names.remove(&folded);
            }
            if names.is_empty() {
                self.by_folded_name.remove(&file.dir);
            }
        }
        Some(file)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &FileRoot> {
        self.files.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    pub(crate) fn contains(&self, file: &FileRoot) -> bool {
        self.get(file.dir, &file.name) == Some(file)
    }

    /// The file of this name in this directory.
    pub(crate) fn get(&self, dir: Id, name: &[u8]) -> Option<&FileRoot> {
        let number = self.by_name.get(&dir)?.get(name)?;
        self.files.get(number)
    }

    /// A file in this directory whose name is the same, or differs in case alone.
    pub(crate) fn spelled(&self, dir: Id, name: &[u8]) -> Option<&FileRoot> {
        let number = self.by_folded_name.get(&dir)?.get(&folded_name(name))?;
        self.files.get(number)
    }

    /// The file that is reported by this path.
    pub(crate) fn with_path(&self, shown: &[u8]) -> Option<&FileRoot> {
        self.files.get(&self.by_path.get(shown)?)
    }

    /// Whether a file is reported by a path that ends with a slash and this name.
    pub(crate) fn has_name(&self, name: &[u8]) -> bool {
        self.by_path.has_name(name)
    }

    /// The files in a directory, in no order.
    pub(crate) fn in_directory(&self, dir: Id) -> impl Iterator<Item = &FileRoot> {
        let names = self.by_name.get(&dir).into_iter().flatten();
        names.filter_map(|(_, number)| self.files.get(number))
    }
}

#[cfg(test)]
mod tests {
    use super::{FileRoot, FileRoots};
    use crate::tracker::model::Id;

    fn file(dir: u32, name: &str) -> FileRoot {
        FileRoot {
            dir: Id(dir),
            name: name.into(),
            shown: format!("{dir}/{name}").into(),
        }
    }

    #[test]
    fn a_file_is_found_by_name_and_path_until_it_is_removed() {
        let mut files = FileRoots::default();
        let all = [file(2, "b"), file(1, "b"), file(1, "a"), file(3, "a")];
        all.iter().for_each(|file| files.add(file.clone()));
        assert!(
            files.iter().eq(&all),
            "in the order in which they were added"
        );
        for file in &all {
            assert_eq!(files.get(file.dir, &file.name), Some(file));
            assert_eq!(files.with_path(&file.shown), Some(file));
        }
        assert_eq!(files.in_directory(Id(1)).count(), 2);
        assert_eq!(files.spelled(Id(1), b"A"), Some(&all[2]));
        assert_eq!(files.spelled(Id(2), b"A"), None);
        assert_eq!(files.remove(Id(2), b"b").as_ref(), Some(&all[0]));
        files.remove_in(Id(1));
        assert!(files.iter().eq(&all[3..]) && files.len() == 1);
        for gone in &all[..3] {
            assert!(!files.contains(gone) && files.with_path(&gone.shown).is_none());
            assert!(files.spelled(gone.dir, &gone.name).is_none());
        }
    }
}
