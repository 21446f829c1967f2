//! The tree that records fold to, by the names in their paths.
//!
//! Names above a PATH are entries of their own that no record speaks of. Memory is that
//! of the tree, however long the stream. Invariant: an entry is found by its directory
//! and its name, and is in the list of its directory's children.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::record::State;
use crate::change::{Digest, InodeTimes, Kind};

/// An entry's number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct TreeId(u32);

impl TreeId {
    /// What the first names of all paths are in.
    pub(crate) const TOP: Self = Self(0);

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

const NONE: u32 = u32::MAX;

struct Entry {
    parent: u32,
    first: u32,
    next: u32,
    prev: u32,
    name: Box<[u8]>,
    /// `None`: no record speaks of it, it is on the way to a PATH.
    state: Option<Box<State>>,
}

pub(crate) struct Tree {
    entries: Vec<Entry>,
    free: Vec<u32>,
    by_name: HashTable<u32>,
    state: RandomState,
    /// The directory last spoken of, and its path.
    last: (Vec<u8>, u32),
    /// Files by inode number, once that is needed.
    by_inode: Vec<(u64, u32)>,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            entries: vec![Entry {
                parent: NONE,
                first: NONE,
                next: NONE,
                prev: NONE,
                name: Box::default(),
                state: None,
            }],
            free: Vec::new(),
            by_name: HashTable::new(),
            state: RandomState::default(),
            last: (Vec::new(), NONE),
            by_inode: Vec::new(),
        }
    }
}

impl Tree {
    /// More than all numbers of entries.
    pub(crate) fn end(&self) -> usize {
        self.entries.len()
    }

    fn entry(&self, id: u32) -> &Entry {
        &self.entries[id as usize]
    }

    fn entry_mut(&mut self, id: u32) -> &mut Entry {
        &mut self.entries[id as usize]
    }

    fn hash(&self, parent: u32, name: &[u8]) -> u64 {
        self.state.hash_one((parent, name))
    }

    fn find(&self, parent: u32, name: &[u8]) -> Option<u32> {
        let is_it = |&id: &u32| {
            let entry = self.entry(id);
            entry.parent == parent && *entry.name == *name
        };
        self.by_name.find(self.hash(parent, name), is_it).copied()
    }

    pub(crate) fn child(&self, parent: TreeId, name: &[u8]) -> Option<TreeId> {
        self.find(parent.0, name).map(TreeId)
    }

    pub(crate) fn children(&self, id: TreeId) -> impl Iterator<Item = TreeId> {
        let mut next = self.entry(id.0).first;
        std::iter::from_fn(move || {
            let id = (next != NONE).then_some(next)?;
            next = self.entry(id).next;
            Some(TreeId(id))
        })
    }

    pub(crate) fn name(&self, id: TreeId) -> &[u8] {
        &self.entry(id.0).name
    }

    pub(crate) fn parent(&self, id: TreeId) -> Option<TreeId> {
        let parent = self.entry(id.0).parent;
        (parent != NONE).then_some(TreeId(parent))
    }

    fn state(&self, id: TreeId) -> Option<&State> {
        self.entry(id.0).state.as_deref()
    }

    /// `None`: it is on the way to a PATH, and no record speaks of it.
    pub(crate) fn kind(&self, id: TreeId) -> Option<Kind> {
        self.state(id).map(|state| state.kind)
    }

    pub(crate) fn digest(&self, id: TreeId) -> Option<Digest> {
        self.state(id)?.digest
    }

    pub(crate) fn size(&self, id: TreeId) -> Option<u64> {
        self.state(id)?.size
    }

    pub(crate) fn times(&self, id: TreeId) -> Option<InodeTimes> {
        self.state(id)?.times
    }

    /// When it was last reported, in nanoseconds since 1970.
    pub(crate) fn time(&self, id: TreeId) -> Option<i64> {
        Some(self.state(id)?.time)
    }

    /// The names on the way to a PATH, and the PATH, of which no record speaks yet.
    pub(super) fn add_path(&mut self, path: &[u8]) {
        let mut parent = TreeId::TOP.0;
        for name in path.split(|&byte| byte == b'/') {
            parent = self.find_or_add(parent, name);
        }
    }

    /// The directory of a path, which records have spoken of, or the path is a PATH.
    fn directory(&mut self, path: &[u8]) -> Option<u32> {
        if self.last.1 == NONE || self.last.0 != path {
            let TreeId(id) = self.at(path)?;
            self.last.0.clear();
            self.last.0.extend(path);
            self.last.1 = id;
        }
        Some(self.last.1)
    }

    fn find_or_add(&mut self, parent: u32, name: &[u8]) -> u32 {
        if let Some(id) = self.find(parent, name) {
            return id;
        }
        let entry = Entry {
            parent: NONE,
            first: NONE,
            next: NONE,
            prev: NONE,
            name: Box::default(),
            state: None,
        };
        let id = self.free.pop().unwrap_or_else(|| {
            self.entries.push(entry);
            u32::try_from(self.entries.len() - 1).expect("fewer than four billion names")
        });
        self.attach(id, parent, name);
        id
    }

    /// The entry of a path, if there is one.
    pub(crate) fn at(&self, path: &[u8]) -> Option<TreeId> {
        let mut names = path.split(|&byte| byte == b'/');
        names.try_fold(TreeId::TOP, |parent, name| self.child(parent, name))
    }

    fn attach(&mut self, id: u32, parent: u32, name: &[u8]) {
        let hash = self.hash(parent, name);
        let first = std::mem::replace(&mut self.entry_mut(parent).first, id);
        let entry = self.entry_mut(id);
        (entry.parent, entry.next, entry.prev) = (parent, first, NONE);
        entry.name = name.into();
        if first != NONE {
            self.entry_mut(first).prev = id;
        }
        let (entries, state) = (&self.entries, &self.state);
        self.by_name.insert_unique(hash, id, |&id| {
            let entry = &entries[id as usize];
            state.hash_one((entry.parent, &*entry.name))
        });
    }

    fn detach(&mut self, id: u32) {
        let entry = self.entry(id);
        let (parent, next, prev) = (entry.parent, entry.next, entry.prev);
        let hash = self.hash(parent, &entry.name);
        if let Ok(found) = self.by_name.find_entry(hash, |&other| other == id) {
            found.remove();
        }
        if next != NONE {
            self.entry_mut(next).prev = prev;
        }
        if prev == NONE {
            self.entry_mut(parent).first = next;
        } else {
            self.entry_mut(prev).next = next;
        }
        self.last.1 = NONE;
    }

    fn remove(&mut self, id: u32) {
        self.detach(id);
        let mut gone = vec![id];
        while let Some(id) = gone.pop() {
            let mut child = self.entry(id).first;
            while child != NONE {
                gone.push(child);
                let next = self.entry(child).next;
                let hash = self.hash(id, &self.entry(child).name);
                if let Ok(found) = self.by_name.find_entry(hash, |&other| other == child) {
                    found.remove();
                }
                child = next;
            }
            let entry = self.entry_mut(id);
            (entry.parent, entry.first) = (NONE, NONE);
            entry.state = None;
            entry.name = Box::default();
            self.free.push(id);
        }
    }

    /// A name is there, or holds something else. `false`: its directory is not there.
    pub(super) fn set(&mut self, path: &[u8], state: State) -> bool {
        let id = if let Some(TreeId(id)) = self.at_last(path) {
            id
        } else {
            let (Some(directory), name) = split(path) else {
                return false;
            };
            let Some(parent) = self.directory(directory) else {
                return false;
            };
            if self
                .entry(parent)
                .state
                .as_ref()
                .is_none_or(|state| state.kind != Kind::Directory)
            {
                return false;
            }
            self.find_or_add(parent, name)
        };
        match &mut self.entry_mut(id).state {
            Some(old) => **old = state,
            none => *none = Some(Box::new(state)),
        }
        true
    }

    /// The entry of a path, which is most often in the directory last spoken of.
    fn at_last(&mut self, path: &[u8]) -> Option<TreeId> {
        let (Some(directory), name) = split(path) else {
            return self.at(path);
        };
        let parent = self.directory(directory)?;
        self.find(parent, name).map(TreeId)
    }

    /// A file holds something else. `false`: it is not there.
    pub(super) fn change(&mut self, path: &[u8], state: State) -> bool {
        let Some(TreeId(id)) = self.at_last(path) else {
            return false;
        };
        match &mut self.entry_mut(id).state {
            Some(old) if old.kind == state.kind => **old = state,
            _ => return false,
        }
        true
    }

    /// A name is gone, and all below it. `false`: it is not there.
    pub(super) fn delete(&mut self, path: &[u8]) -> bool {
        let found = self.at_last(path);
        if let Some(TreeId(id)) = found {
            self.remove(id);
        }
        found.is_some()
    }

    /// Moves a name with all below it, over what is there. `false`: that cannot be.
    pub(super) fn rename(&mut self, from: &[u8], to: &[u8]) -> bool {
        let Some(TreeId(id)) = self.at(from) else {
            return false;
        };
        let is_below = |path: &[u8], dir: &[u8]| {
            let rest = path.strip_prefix(dir);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        };
        if is_below(to, from) || is_below(from, to) {
            return false;
        }
        if let Some(TreeId(old)) = self.at(to) {
            self.remove(old);
        }
        let (directory, name) = split(to);
        let parent = match directory {
            None => TreeId::TOP,
            Some(directory) => match self.at(directory) {
                Some(parent) => parent,
                None => return false,
            },
        };
        self.detach(id);
        self.attach(id, parent.0, name);
        true
    }

    /// From now on entries are found by inode number.
    pub(crate) fn index_inodes(&mut self) {
        let entries = (0..).zip(&self.entries);
        self.by_inode = entries
            .filter_map(|(id, entry)| {
                let state = entry.state.as_ref()?;
                (state.kind == Kind::File).then_some((state.times?.ino, id))
            })
            .collect();
        self.by_inode.sort_unstable();
    }

    /// Files with that inode number.
    pub(crate) fn with_inode(&self, ino: u64) -> impl Iterator<Item = TreeId> {
        let start = self.by_inode.partition_point(|&(other, _)| other < ino);
        let found = self.by_inode[start..].iter();
        found
            .take_while(move |&&(other, _)| other == ino)
            .map(|&(_, id)| TreeId(id))
    }

    /// Every path with its kind and digest.
    #[cfg(test)]
    pub(super) fn list(&self) -> Vec<(String, Kind, Option<u8>)> {
        let mut out = Vec::new();
        let mut stack: Vec<_> = self
            .children(TreeId::TOP)
            .map(|id| (String::new(), id))
            .collect();
        while let Some((above, id)) = stack.pop() {
            let name = String::from_utf8_lossy(self.name(id)).into_owned();
            if let Some(state) = self.state(id) {
                let digest = state.digest.map(|digest| digest[0]);
                out.push((format!("{above}{name}"), state.kind, digest));
            }
            let below = format!("{above}{name}/");
            stack.extend(self.children(id).map(|id| (below.clone(), id)));
        }
        out.sort();
        out
    }
}

/// The directory of a path, and its name.
fn split(path: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(at) => (Some(&path[..at]), &path[at + 1..]),
        None => (None, path),
    }
}
