//! Warns about watched file systems: which changes make no event there, and what is not read.
//!
//! Asks the mount table, and no file system.

use super::Watcher;
use crate::change::POLL_SECONDS;
use crate::escape::escaped;
use crate::file_status::FsClass;
use crate::tracker::HashPolicy;

/// So many mounts are named one by one: other users may have mounted any number.
const NAMED: usize = 10;

impl Watcher {
    /// Warns of each watched file system that is not simply local.
    pub(super) fn warn_of_incomplete_events(&mut self) {
        let mounts = self.special_mounts().into_iter();
        let described = |(path, class)| Some((path, self.describe(class)?));
        let mut described: Vec<_> = mounts.filter_map(described).collect();
        described.dedup(); // One may be mounted over another one.
        for (path, text) in described.iter().take(NAMED) {
            self.stderr
                .line(&format!("warning: {} is on {text}", escaped(path)));
        }
        if let more @ 1.. = described.len().saturating_sub(NAMED) {
            self.stderr
                .line(&format!("warning: and {more} more mounts of such kinds"));
        }
    }

    /// The PATHs, and the mount points below them that the model has, each with its class.
    fn special_mounts(&self) -> Vec<(Vec<u8>, FsClass)> {
        let roots = self.tracker.roots.directories();
        let mut found: Vec<_> = roots
            .iter()
            .map(|root| (root.shown.clone(), root.class))
            .collect();
        for mount in &self.mounts.all {
            let is_root = roots.iter().any(|root| root.absolute == mount.mount_point);
            if !is_root && self.tracker.entry_at(&mount.mount_point).is_some() {
                found.push((mount.mount_point.clone(), mount.class()));
            }
        }
        found
    }

    fn describe(&self, class: FsClass) -> Option<String> {
        let settings = &self.tracker.settings;
        match class {
            FsClass::Local | FsClass::Automount => None,
            FsClass::Remote(name) => {
                let is_lazy = settings.hashing == HashPolicy::EagerIfLocal;
                let lazily = if is_lazy {
                    "; files there are read when they change (--hash eager reads all)"
                } else {
                    ""
                };
                Some(format!(
                    "{name}: changes made on other hosts make no events, so it is polled every {POLL_SECONDS} s{lazily}"
                ))
            }
            FsClass::Layered(name) => Some(format!(
                "{name}: changes made below it make no events; --rescan SECONDS finds them"
            )),
            FsClass::Pseudo(name) => Some(format!(
                "{name}: its files are never opened, so they go by size and times; most changes there make no events"
            )),
        }
    }
}
