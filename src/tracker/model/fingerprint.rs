//! Hashes what statx(2) returns for a file to few bits, which are kept for each file; and
//! decides whether that is racy, so that the same bits later would not prove the same content.
//!
//! The hash has a secret key: a user who may set a file's times cannot find another
//! state of it that has the same fingerprint.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

use crate::file_status::COARSEST_CLOCK;
use crate::tracker::disk::{Inode, Stat};

/// The key of this process, for SipHash of the standard library, seeded by the kernel's random
/// numbers.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The number of bits of [`Fingerprint::size`].
pub(super) const SIZE_BITS: u32 = 4;

/// A hash of device, inode number and birth time, which stay the same under another name. Never 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(in crate::tracker) struct InodeKey(pub(in crate::tracker) u64);

/// Inode, size and times: if they are the same, a file is unchanged, unless it is racy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::tracker) struct Fingerprint {
    pub(super) inode: InodeKey,
    /// Two hashes of 32 bits: of size and mtime; of these and, if it counts, the ctime.
    pub(super) state: u64,
    /// A hash of the size alone, for when an event explains other times, but no other size.
    pub(super) size: u8,
}

impl Fingerprint {
    pub(in crate::tracker) fn inode(self) -> InodeKey {
        self.inode
    }

    /// Whether inode or size differ.
    pub(in crate::tracker) fn is_another(self, new: Self) -> bool {
        self.inode != new.inode || self.size != new.size
    }

    /// Whether inode, size and mtime are the same: a rename changes the ctime alone.
    pub(in crate::tracker) fn is_same_under_another_name(self, new: Self) -> bool {
        self.inode == new.inode && self.state >> 32 == new.state >> 32
    }
}

/// Hashes the words at once, since the hasher's calls cost more than its rounds.
fn hash<const N: usize>(words: [u64; N]) -> u64 {
    let mut hasher = KEY.build_hasher();
    hasher.write(words.map(u64::to_ne_bytes).as_flattened());
    hasher.finish()
}

pub(in crate::tracker) fn inode_key(stat: &Stat) -> InodeKey {
    inode_key_of(stat.inode, stat.btime)
}

/// `btime`: in nanoseconds since 1970, where it is known.
pub(in crate::tracker) fn inode_key_of(inode: Inode, btime: Option<i64>) -> InodeKey {
    let btime = btime.unwrap_or(0).cast_unsigned();
    InodeKey(hash([inode.dev, inode.ino, btime]).max(1))
}

/// Any change of the inode, such as its mode, gives another one.
pub(in crate::tracker) fn fingerprint(stat: &Stat) -> Fingerprint {
    let (size, mtime) = (stat.size, stat.mtime.cast_unsigned());
    let all = hash([size, mtime, stat.ctime.cast_unsigned()]);
    let without = fingerprint_without_ctime(stat);
    Fingerprint {
        state: without.state >> 32 << 32 | all & u64::from(u32::MAX),
        ..without
    }
}

/// For files that go by their status: a change of the mode alone gives the same one.
pub(in crate::tracker) fn fingerprint_without_ctime(stat: &Stat) -> Fingerprint {
    Fingerprint {
        inode: inode_key(stat),
        state: hash([stat.size, stat.mtime.cast_unsigned()]),
        size: (hash([stat.size]) >> (64 - SIZE_BITS)) as u8,
    }
}

/// Whether a file changed so shortly before `wall`, when its fingerprint was taken, that a later
/// change may leave the same times. In nanoseconds since 1970.
pub(in crate::tracker) fn is_racy(stat: &Stat, wall: i64) -> bool {
    wall.saturating_sub(stat.ctime.max(stat.mtime)) <= COARSEST_CLOCK
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use super::{KEY, RandomState, fingerprint, inode_key};
    use crate::tracker::disk::{Inode, Stat};

    fn stat(ino: u64, mtime: i64) -> Stat {
        Stat {
            mtime,
            ctime: 5,
            ..Stat::file(Inode { dev: 1, ino }, 4)
        }
    }

    #[test]
    fn nobody_can_compute_a_fingerprint_without_the_key() {
        let state = |key: &dyn Fn(u64) -> u64| (0..4).map(key).collect::<Vec<_>>();
        let ours = state(&|number| KEY.hash_one(number));
        assert_ne!(ours, state(&|number| RandomState::new().hash_one(number)));
        // The key is that of the fingerprints.
        let stat = stat(1, 7);
        let state = fingerprint(&stat).state;
        assert_eq!(state >> 32, KEY.hash_one((stat.size, stat.mtime)) >> 32);
        let all = KEY.hash_one((stat.size, stat.mtime, stat.ctime));
        assert_eq!(state & u64::from(u32::MAX), all & u64::from(u32::MAX));
    }

    #[test]
    fn no_two_of_many_inodes_have_one_key() {
        let keys: std::collections::HashSet<_> =
            (0..300_000).map(|ino| inode_key(&stat(ino, 0))).collect();
        assert_eq!(keys.len(), 300_000, "of 32 bits ten would be the same");
    }

    #[test]
    fn no_two_of_many_times_have_one_fingerprint() {
        let states: std::collections::HashSet<_> = (0..300_000)
            .map(|mtime| fingerprint(&stat(1, mtime)).state)
            .collect();
        assert_eq!(states.len(), 300_000, "of 32 bits ten would be the same");
    }
}
