//! Keeps the classes of the watched file systems: which may be read, and which must be polled.
//!
//! Never asks the disk: each directory that is watched comes with its class. Invariant: a device on
//! which nothing is left in the model is polled once more at most.

use foldhash::{HashMap, HashSet};

use super::settings::{HashPolicy, Hashing};
use crate::file_status::FsClass;

/// The file systems that are not simply local, by their device.
#[derive(Default)]
pub(crate) struct FileSystems {
    known: HashMap<u64, FsClass>,
}

impl FileSystems {
    /// Notes the class of a device on which something is watched.
    pub(super) fn note(&mut self, dev: u64, class: FsClass) {
        // A device number is used again after an unmount.
        if class == FsClass::Local {
            self.known.remove(&dev);
        } else {
            self.known.insert(dev, class);
        }
    }

    pub(crate) fn class(&self, dev: u64) -> FsClass {
        self.known.get(&dev).copied().unwrap_or(FsClass::Local)
    }

    /// Whether a device is polled, since changes on other hosts make no event.
    pub(crate) fn is_polled(&self, dev: u64) -> bool {
        self.class(dev).may_stall()
    }

    /// Forgets the devices that are polled, but those that are used.
    pub(super) fn retain_polled(&mut self, used: &HashSet<u64>) {
        let is_kept = |dev: &u64, class: &mut FsClass| !class.may_stall() || used.contains(dev);
        self.known.retain(is_kept);
    }

    pub(crate) fn has_polled(&self) -> bool {
        self.known.values().any(|class| class.may_stall())
    }

    /// When files on a device are read.
    pub(crate) fn hashing(&self, dev: u64, policy: HashPolicy) -> Hashing {
        match (policy, self.class(dev)) {
            (_, FsClass::Pseudo(_)) | (HashPolicy::Off, _) => Hashing::Off,
            (HashPolicy::EagerIfLocal, FsClass::Remote(_)) | (HashPolicy::Lazy, _) => Hashing::Lazy,
            (HashPolicy::Eager | HashPolicy::EagerIfLocal, _) => Hashing::Eager,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FileSystems, FsClass, HashPolicy, Hashing};

    #[test]
    fn what_may_be_read_depends_on_the_file_system_and_on_what_was_asked_for() {
        let mut all = FileSystems::default();
        all.note(1, FsClass::Local);
        all.note(2, FsClass::Remote("FUSE"));
        all.note(3, FsClass::Pseudo("proc"));
        for (policy, expected) in [
            (
                HashPolicy::EagerIfLocal,
                [Hashing::Eager, Hashing::Lazy, Hashing::Off],
            ),
            (
                HashPolicy::Eager,
                [Hashing::Eager, Hashing::Eager, Hashing::Off],
            ),
            (
                HashPolicy::Lazy,
                [Hashing::Lazy, Hashing::Lazy, Hashing::Off],
            ),
            (HashPolicy::Off, [Hashing::Off; 3]),
        ] {
            let found = [1, 2, 3].map(|dev| all.hashing(dev, policy));
            assert_eq!(found, expected);
        }
        assert_eq!(
            [1, 2, 3].map(|dev| all.is_polled(dev)),
            [false, true, false]
        );
        assert!(all.has_polled());
        all.note(2, FsClass::Local);
        assert!(!all.has_polled());
    }
}
