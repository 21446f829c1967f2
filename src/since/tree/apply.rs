//! Applies records to the tree.
//!
//! Where a record names what is not there, records are missing: `false` is returned, and the
//! tree is of no more use.

use std::hash::BuildHasher;

use super::contents::{Content, NONE};
use super::{Entry, Tree, TreeId};
use crate::change::Attributes;
use crate::since::record::State;
use crate::tracker::path_below;

impl Tree {
    /// Adds a PATH and the names above it, before any record has named them.
    /// `false`: there is no room for one of them.
    pub(in crate::since) fn add_path(&mut self, path: &[u8]) -> bool {
        self.add_to_paths(path);
        self.find_or_add_path(path).is_some()
    }

    fn add_to_paths(&mut self, path: &[u8]) {
        if !self.paths.iter().any(|each| **each == *path) {
            self.paths.push(path.into());
        }
    }

    fn find_or_add_path(&mut self, path: &[u8]) -> Option<u32> {
        let mut names = path.split(|&byte| byte == b'/');
        names.try_fold(TreeId::TOP.0, |parent, name| {
            let hash = self.hash(parent, name);
            match self.find_hashed(hash, parent, name) {
                Some(id) => Some(id),
                None if self.is_directory(parent) => {
                    let content = Content::Unreported(self.contents.new_directory());
                    self.add(parent, hash, name, content)
                }
                None => None,
            }
        })
    }

    /// The directory of a path, if it is there: most often the one that was found last.
    fn directory(&mut self, path: Option<&[u8]>) -> Option<u32> {
        let Some(path) = path else {
            return Some(TreeId::TOP.0);
        };
        if self.last.1 == NONE || self.last.0 != path {
            let TreeId(id) = self.at(path)?;
            self.last.0.clear();
            self.last.0.extend(path);
            self.last.1 = id;
        }
        Some(self.last.1)
    }

    /// Whether it can have children.
    fn is_directory(&self, id: u32) -> bool {
        let content = self.entries[id].content;
        matches!(content, Content::Directory(_) | Content::Unreported(_))
    }

    /// Adds a name that is not there yet. `None`: there is no room for it.
    fn add(&mut self, parent: u32, hash: u64, name: &[u8], content: Content) -> Option<u32> {
        let name = self.keep_name(name)?;
        let id = self.entries.add(Entry {
            parent: NONE,
            next: NONE,
            prev: NONE,
            name,
            content,
        });
        self.attach(id, parent, hash);
        Some(id)
    }

    fn attach(&mut self, id: u32, parent: u32, hash: u64) {
        let first = self.replace_first(parent, id);
        let entry = &mut self.entries[id];
        (entry.parent, entry.next, entry.prev) = (parent, first, NONE);
        if first != NONE {
            self.entries[first].prev = id;
        }
        let (entries, names, state) = (&self.entries, &self.names, &self.state);
        self.by_name.insert_unique(hash, id, |&id| {
            let entry = &entries[id];
            state.hash_one((entry.parent, names.get(entry.name)))
        });
    }

    fn replace_first(&mut self, dir: u32, first: u32) -> u32 {
        match self.entries[dir].content {
            Content::Directory(at) | Content::Unreported(at) => {
                std::mem::replace(&mut self.contents.directories[at].first, first)
            }
            Content::Free | Content::File(_) | Content::Symlink | Content::Other => NONE,
        }
    }

    fn detach(&mut self, id: u32) {
        self.unindex(id);
        let &Entry {
            parent, next, prev, ..
        } = &self.entries[id];
        if next != NONE {
            self.entries[next].prev = prev;
        }
        if prev == NONE {
            self.replace_first(parent, next);
        } else {
            self.entries[prev].next = next;
        }
        self.last.1 = NONE;
    }

    fn unindex(&mut self, id: u32) {
        let entry = &self.entries[id];
        let hash = self.hash(entry.parent, self.names.get(entry.name));
        if let Ok(found) = self.by_name.find_entry(hash, |&other| other == id) {
            found.remove();
        }
    }

    fn remove(&mut self, id: u32) {
        self.remove_children(id);
        self.detach(id);
        self.free(id);
    }

    /// Removes all that is below an entry.
    fn remove_children(&mut self, id: u32) {
        let mut gone = Vec::new();
        let mut child = self.first(id);
        if child == NONE {
            return;
        }
        loop {
            while child != NONE {
                gone.push(child);
                child = self.entries[child].next;
            }
            let Some(id) = gone.pop() else { break };
            child = self.first(id);
            self.unindex(id);
            self.free(id);
        }
        self.replace_first(id, NONE);
        self.last.1 = NONE;
    }

    fn free(&mut self, id: u32) {
        let entry = &mut self.entries[id];
        let name = std::mem::replace(&mut entry.name, NONE);
        let content = std::mem::replace(&mut entry.content, Content::Free);
        (entry.parent, entry.next, entry.prev) = (NONE, NONE, NONE);
        self.contents.remove(content);
        self.attributes.remove(&id);
        self.entries.remove(id);
        self.drop_name(name);
    }

    /// `None`: there is no room for it.
    fn keep_name(&mut self, name: &[u8]) -> Option<u32> {
        let kept = self.names.keep(name);
        if kept.is_some() {
            return kept;
        }
        self.compact_names();
        self.names.keep(name)
    }

    fn drop_name(&mut self, name: u32) {
        if self.names.forget(name) {
            self.compact_names();
        }
    }

    fn compact_names(&mut self) {
        let used = self.entries.all_mut().map(|entry| &mut entry.name);
        self.names.compact(used.filter(|name| **name != NONE));
    }

    /// Adds a name, or gives it another state. `false`: its directory is not there.
    pub(in crate::since) fn set(&mut self, path: &[u8], state: &State) -> bool {
        let (directory, name) = split(path);
        let Some(parent) = self.directory(directory) else {
            return self.set_path(path, state);
        };
        let hash = self.hash(parent, name);
        if let Some(id) = self.find_hashed(hash, parent, name) {
            self.replace(id, state);
            return true;
        }
        if !matches!(self.entries[parent].content, Content::Directory(_)) {
            return self.set_path(path, state);
        }
        let content = self.contents.add(state);
        let id = self.add(parent, hash, name, content);
        if let Some(id) = id {
            self.store_attributes(id, state.attributes);
        }
        id.is_some()
    }

    /// Adds a PATH, whose directory was not reported. `false`: it is no PATH, so that records
    /// are missing.
    fn set_path(&mut self, path: &[u8], state: &State) -> bool {
        if !self.paths.iter().any(|each| **each == *path) {
            return false;
        }
        let id = self.find_or_add_path(path);
        if let Some(id) = id {
            self.replace(id, state);
        }
        id.is_some()
    }

    /// Gives an entry another state, which may be of another kind.
    fn replace(&mut self, id: u32, state: &State) {
        let mut content = self.entries[id].content;
        if !self.contents.replace(&mut content, state) {
            self.remove_children(id);
            self.contents.remove(content);
            content = self.contents.add(state);
        }
        self.entries[id].content = content;
        self.store_attributes(id, state.attributes);
    }

    fn store_attributes(&mut self, id: u32, attributes: Option<Attributes>) {
        match attributes {
            Some(attributes) => self.attributes.insert(id, attributes),
            None => self.attributes.remove(&id),
        };
    }

    fn find_path(&mut self, path: &[u8]) -> Option<u32> {
        let (directory, name) = split(path);
        let parent = self.directory(directory)?;
        self.find(parent, name)
    }

    /// Gives a file another state. `false`: it is not there, or is no file.
    pub(in crate::since) fn change(&mut self, path: &[u8], state: &State) -> bool {
        let Some(id) = self.find_path(path) else {
            return false;
        };
        if self.kind(TreeId(id)).is_none() {
            return false;
        }
        let mut content = self.entries[id].content;
        self.contents.replace(&mut content, state)
    }

    /// Gives an entry another mode and owner. `false`: it is not there.
    pub(in crate::since) fn set_attributes(&mut self, path: &[u8], new: Attributes) -> bool {
        let found = self.find_path(path);
        let found = found.filter(|&id| self.kind(TreeId(id)).is_some());
        if let Some(id) = found {
            self.store_attributes(id, Some(new));
        }
        found.is_some()
    }

    /// Gives a file another mtime. `false`: it is not there, or is no file.
    pub(in crate::since) fn set_mtime(&mut self, path: &[u8], mtime: i64) -> bool {
        let found = self.find_path(path);
        found.is_some_and(|id| self.contents.set_mtime(self.entries[id].content, mtime))
    }

    /// Removes a name and all below it. `false`: it is not there.
    pub(in crate::since) fn delete(&mut self, path: &[u8]) -> bool {
        let found = self.find_path(path);
        if let Some(id) = found {
            self.remove(id);
        }
        found.is_some()
    }

    /// Moves a name with all below it, over what is there. `false`: it is not there, or would be
    /// moved into itself.
    pub(in crate::since) fn rename(&mut self, from: &[u8], to: &[u8]) -> bool {
        let Some(TreeId(id)) = self.at(from) else {
            return false;
        };
        if path_below(to, from).is_some() || path_below(from, to).is_some() {
            return false;
        }
        if let Some(TreeId(old)) = self.at(to) {
            self.remove(old);
        }
        let (directory, name) = split(to);
        let parent = match directory {
            None => Some(TreeId::TOP),
            Some(directory) => self.at(directory),
        };
        let Some(TreeId(parent)) = parent.filter(|parent| self.is_directory(parent.0)) else {
            return false;
        };
        if matches!(self.entries[parent].content, Content::Unreported(_)) {
            // It is a PATH, or beside one for a while, until two names are exchanged.
            self.add_to_paths(to);
        }
        let Some(name) = self.keep_name(name) else {
            return false;
        };
        self.detach(id);
        let old = std::mem::replace(&mut self.entries[id].name, name);
        let hash = self.hash(parent, self.names.get(name));
        self.attach(id, parent, hash);
        self.drop_name(old);
        true
    }
}

/// The directory of a path, and its name.
fn split(path: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(at) => (Some(&path[..at]), &path[at + 1..]),
        None => (None, path),
    }
}
