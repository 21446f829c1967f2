//! Keeps the scan of a directory that is under way, whose names are served one at a time.
//!
//! Asks no disk: what readdir(3) gave is taken when the scan begins.

use std::sync::Arc;

use super::key::ScanScope;
use crate::tracker::disk::{ListedNames, NameList};
use crate::tracker::model::Id;

pub(in crate::tracker) struct ActiveScan {
    dir: Id,
    scope: ScanScope,
    /// The user ID of the directory's owner, where it is known.
    owner: Option<u32>,
    /// All listed names, if the directory ignores case and the model has other names.
    listed: Option<Arc<ListedNames>>,
    /// The entries in the directory when the scan began.
    children: Vec<Id>,
    /// How many of them were compared.
    compared: usize,
    /// The listed names that the model did not have.
    names: NameList,
    /// The offset of the next of them.
    offset: usize,
}

/// What a scan compares next.
pub(in crate::tracker) enum Next {
    Child(Id),
    Name(Box<[u8]>),
    /// All is compared.
    End,
}

/// A step of the scan of a directory.
pub(in crate::tracker) struct ScanStep {
    pub(in crate::tracker) dir: Id,
    pub(in crate::tracker) scope: ScanScope,
    pub(in crate::tracker) listed: Option<Arc<ListedNames>>,
    pub(in crate::tracker) next: Next,
}

impl ActiveScan {
    pub(in crate::tracker) fn new(
        dir: Id,
        scope: ScanScope,
        owner: Option<u32>,
        listed: Option<Arc<ListedNames>>,
        children: Vec<Id>,
        names: NameList,
    ) -> Self {
        Self {
            dir,
            scope,
            owner,
            listed,
            children,
            compared: 0,
            names,
            offset: 0,
        }
    }

    pub(super) fn dir(&self) -> Id {
        self.dir
    }

    pub(super) fn owner(&self) -> Option<u32> {
        self.owner
    }

    pub(super) fn step(&mut self) -> ScanStep {
        ScanStep {
            dir: self.dir,
            scope: self.scope,
            listed: self.listed.clone(),
            next: self.next(),
        }
    }

    fn next(&mut self) -> Next {
        if let Some(&child) = self.children.get(self.compared) {
            self.compared += 1;
            return Next::Child(child);
        }
        match self.names.next_at(&mut self.offset) {
            Some(name) => Next::Name(name.into()),
            None => Next::End,
        }
    }
}
