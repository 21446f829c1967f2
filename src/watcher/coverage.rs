//! Which of the watched file systems keep changes from us, said to the user.
//!
//! Looks at the PATHs, and at what is mounted below them; sets no watch. What happens on
//! other hosts is found by looking, so the model is told where.

use std::os::fd::AsFd;

use super::Watcher;
use crate::disk::{Coverage, coverage, coverage_by_name};
use crate::escape::escaped;
use crate::sys::file::{self, Open};
use crate::sys::process;
use crate::tracker::model::Id;

impl Watcher {
    /// Names file systems that keep changes from us.
    pub(super) fn warn_of_incomplete_events(&mut self) {
        let mut named = Vec::new();
        self.find_incomplete_roots(&mut named);
        self.find_incomplete_mounts(&mut named);
        for (path, blind) in named {
            let path = escaped(&path);
            match blind {
                Coverage::None => {}
                Coverage::Network(name) => self.stderr.warn(&format!(
                    "warning: {path} is on {name}: changes made on other hosts make no events, so it is looked at every 10 s"
                )),
                Coverage::Partial(name) => self.stderr.warn(&format!(
                    "warning: {path} is on {name}: changes made below it make no events; --rescan SECONDS finds them"
                )),
            }
        }
    }

    fn find_incomplete_roots(&mut self, named: &mut Vec<(Vec<u8>, Coverage)>) {
        for root in self.tracker.roots.clone() {
            let opened = file::with_c_str(&root.open, |path| {
                file::open(file::here(), path, Open::Directory)
            });
            let magic = opened
                .and_then(|fd| process::file_system(fd.as_fd()))
                .unwrap_or(0);
            let blind = coverage(magic);
            if let Some(id) = root.entry {
                self.look_often(id, blind);
            }
            named.push((root.shown, blind));
        }
    }

    fn find_incomplete_mounts(&mut self, named: &mut Vec<(Vec<u8>, Coverage)>) {
        let mounts = self
            .mounts
            .as_ref()
            .map(|mounts| mounts.mounts.clone())
            .unwrap_or_default();
        for mount in mounts {
            let is_root = self
                .tracker
                .roots
                .iter()
                .any(|root| root.absolute == mount.place);
            let Some(id) = self.tracker.entry_at(&mount.place).filter(|_| !is_root) else {
                continue;
            };
            let blind = coverage_by_name(&mount.file_system);
            self.look_often(id, blind);
            named.push((mount.place, blind));
        }
    }

    /// The rules look by themselves at what is changed on other hosts.
    fn look_often(&mut self, id: Id, blind: Coverage) {
        if matches!(blind, Coverage::Network(_)) {
            self.tracker.blind.push(self.tracker.model.inode(id).dev);
        }
    }
}
