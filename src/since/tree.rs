//! Holds the tree that records fold to. Entries are found by their paths.
//!
//! Names above a PATH, of which there are no records, are entries too. Memory is that
//! of the tree, however long the stream: some 110 bytes a file. Invariant: an entry is found
//! by its directory and its name, and is in the list of its directory's children.

mod apply;
mod contents;
mod slots;
#[cfg(test)]
mod tests;

use std::hash::BuildHasher;
use std::sync::OnceLock;

use foldhash::HashMap;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::change::{Attributes, Digest, InodeTimes, Kind};
use crate::names::Names;
pub(crate) use contents::OldInode;
use contents::{Content, Contents, NONE};
use slots::Slots;

/// The index of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct TreeId(u32);

impl TreeId {
    /// The root above all paths: its children are the first names of paths.
    pub(crate) const TOP: Self = Self(0);

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// 24 bytes.
struct Entry {
    parent: u32,
    /// Siblings: the children of a directory are a doubly linked list.
    next: u32,
    prev: u32,
    /// The index of its name in `names`.
    name: u32,
    content: Content,
}

pub(crate) struct Tree {
    entries: Slots<Entry>,
    names: Names,
    contents: Contents,
    /// Modes and owners of entries, where the records have them.
    attributes: HashMap<u32, Attributes>,
    by_name: HashTable<u32>,
    state: RandomState,
    /// The directory that was found last by its path, and that path: most records are about the
    /// same one as the record before.
    last: (Vec<u8>, u32),
    /// The PATHs: one that was deleted may be created again, though no record has its directory.
    paths: Vec<Box<[u8]>>,
    /// Files sorted by inode number, times and size, once that is needed.
    by_times: OnceLock<Vec<u32>>,
}

impl Default for Tree {
    fn default() -> Self {
        let (mut contents, mut entries) = (Contents::default(), Slots::default());
        entries.add(Entry {
            parent: NONE,
            next: NONE,
            prev: NONE,
            name: NONE,
            content: Content::Unreported(contents.new_directory()),
        });
        Self {
            entries,
            names: Names::default(),
            contents,
            attributes: HashMap::default(),
            by_name: HashTable::new(),
            state: RandomState::default(),
            last: (Vec::new(), NONE),
            paths: Vec::new(),
            by_times: OnceLock::new(),
        }
    }
}

impl Tree {
    /// One past the highest index of an entry.
    pub(crate) fn end(&self) -> usize {
        self.entries.end()
    }

    fn hash(&self, parent: u32, name: &[u8]) -> u64 {
        self.state.hash_one((parent, name))
    }

    fn find(&self, parent: u32, name: &[u8]) -> Option<u32> {
        self.find_hashed(self.hash(parent, name), parent, name)
    }

    fn find_hashed(&self, hash: u64, parent: u32, name: &[u8]) -> Option<u32> {
        let is_it = |&id: &u32| {
            let entry = &self.entries[id];
            entry.parent == parent && self.names.get(entry.name) == name
        };
        self.by_name.find(hash, is_it).copied()
    }

    pub(crate) fn child(&self, parent: TreeId, name: &[u8]) -> Option<TreeId> {
        self.find(parent.0, name).map(TreeId)
    }

    /// Finds a child; tries the siblings of `near` first, which takes a tenth of the time. Two
    /// lists of one directory are mostly in the same order, so that the next name of the one is
    /// a neighbour of the last one found.
    pub(crate) fn child_near(
        &self,
        parent: TreeId,
        name: &[u8],
        near: Option<TreeId>,
    ) -> Option<TreeId> {
        let candidates = match near {
            Some(near) => [self.entries[near.0].prev, self.entries[near.0].next],
            None => [self.first(parent.0), NONE],
        };
        let is_it = |&id: &u32| id != NONE && self.names.get(self.entries[id].name) == name;
        let found = candidates.into_iter().find(is_it);
        found.map(TreeId).or_else(|| self.child(parent, name))
    }

    pub(crate) fn children(&self, id: TreeId) -> impl Iterator<Item = TreeId> {
        let mut next = self.first(id.0);
        std::iter::from_fn(move || {
            let id = (next != NONE).then_some(next)?;
            next = self.entries[id].next;
            Some(TreeId(id))
        })
    }

    /// The children that were reported; of those that were not, some may hold a PATH.
    pub(crate) fn reported_children(&self, id: TreeId) -> impl Iterator<Item = TreeId> {
        self.children(id)
            .filter(|&child| self.kind(child).is_some())
    }

    pub(crate) fn paths(&self) -> &[Box<[u8]>] {
        &self.paths
    }

    /// The most tildes that a name ever had at its end.
    pub(crate) fn tildes(&self) -> usize {
        self.names.tildes()
    }

    fn first(&self, id: u32) -> u32 {
        match self.entries[id].content {
            Content::Directory(at) | Content::Unreported(at) => self.contents.directories[at].first,
            Content::Free | Content::File(_) | Content::Symlink | Content::Other => NONE,
        }
    }

    pub(crate) fn at(&self, path: &[u8]) -> Option<TreeId> {
        let mut names = path.split(|&byte| byte == b'/');
        names.try_fold(TreeId::TOP, |parent, name| self.child(parent, name))
    }

    pub(crate) fn name(&self, id: TreeId) -> &[u8] {
        match self.entries[id.0].name {
            NONE => b"",
            name => self.names.get(name),
        }
    }

    pub(crate) fn parent(&self, id: TreeId) -> Option<TreeId> {
        let parent = self.entries[id.0].parent;
        (parent != NONE).then_some(TreeId(parent))
    }

    /// Empty for the PATH `/`, since paths in it begin with a slash.
    pub(crate) fn path(&self, id: TreeId) -> Vec<u8> {
        let up = std::iter::successors(Some(id), |&id| self.parent(id));
        let mut names: Vec<_> = up
            .filter(|&id| id != TreeId::TOP)
            .map(|id| self.name(id))
            .collect();
        names.reverse();
        names.join(&b'/')
    }

    /// `None`: it is above a PATH, and no record has named it.
    pub(crate) fn kind(&self, id: TreeId) -> Option<Kind> {
        match self.entries[id.0].content {
            Content::Free | Content::Unreported(_) => None,
            Content::Directory(_) => Some(Kind::Directory),
            Content::File(_) => Some(Kind::File),
            Content::Symlink => Some(Kind::Symlink),
            Content::Other => Some(Kind::Other),
        }
    }

    pub(crate) fn digest(&self, id: TreeId) -> Option<Digest> {
        self.contents.digest(self.entries[id.0].content)
    }

    pub(crate) fn size(&self, id: TreeId) -> Option<u64> {
        self.contents.size(self.entries[id.0].content)
    }

    /// Mode and owner, where the records have them.
    pub(crate) fn attributes(&self, id: TreeId) -> Option<Attributes> {
        self.attributes.get(&id.0).copied()
    }

    /// `None` for all but files.
    pub(crate) fn times(&self, id: TreeId) -> Option<InodeTimes> {
        self.contents.times(self.entries[id.0].content)
    }

    /// `None` for all but files and directories.
    pub(crate) fn inode(&self, id: TreeId) -> Option<OldInode> {
        self.contents.inode(self.entries[id.0].content)
    }

    /// Whether a file was reported so soon after its last change that the same times do not
    /// prove the same content.
    pub(crate) fn is_racy(&self, id: TreeId) -> bool {
        self.contents.is_racy(self.entries[id.0].content)
    }

    /// Files that were reported with a size and with these times, the birth time aside, and are not
    /// racy. They are sorted at the first call, after which no record may be applied.
    pub(crate) fn with_times(&self, size: u64, now: &InodeTimes) -> impl Iterator<Item = TreeId> {
        let key_of = |id| {
            let times = self.times(TreeId(id))?;
            Some((times.ino, times.ctime, times.mtime, self.size(TreeId(id))))
        };
        let by_times = self.by_times.get_or_init(|| {
            let entries = self.entries.all().map(|(id, _)| id);
            let may_count = |&id: &u32| key_of(id).is_some() && !self.is_racy(TreeId(id));
            let mut files: Vec<_> = entries.filter(may_count).collect();
            files.sort_unstable_by_key(|&id| key_of(id));
            files
        });
        let key = Some((now.ino, now.ctime, now.mtime, Some(size)));
        let start = by_times.partition_point(|&id| key_of(id) < key);
        let found = by_times[start..].iter();
        found
            .take_while(move |&&id| key_of(id) == key)
            .map(|&id| TreeId(id))
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
            if let Some(kind) = self.kind(id) {
                let digest = self.digest(id).map(|digest| digest[0]);
                out.push((format!("{above}{name}"), kind, digest));
            }
            let below = format!("{above}{name}/");
            stack.extend(self.children(id).map(|id| (below.clone(), id)));
        }
        out.sort();
        out
    }
}
