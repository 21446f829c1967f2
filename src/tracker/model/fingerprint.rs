//! Fingerprints: what the disk says of a file, in so few bits that they can be kept for
//! each. Two that differ are of two states; never is one 0, which stands for "never
//! looked at".

use crate::tracker::disk::Stat;
use crate::tracker::table::hash;

/// The fingerprint of a file that was told as empty and not looked at: no file has it.
pub(in crate::tracker) const NO_FINGERPRINT: u64 = 1;

/// A 32-bit mix of numbers; never 0, which stands for "never looked at".
fn mix(words: &[u64]) -> u32 {
    let mut bytes = [0; 48];
    for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    hash(0x5bd1_e995_9d1b_54a5, 0, &bytes).max(1)
}

/// What stays the same under another name: inode and birth.
pub(in crate::tracker) fn inode_key(stat: &Stat) -> u32 {
    mix(&[
        stat.inode.dev,
        stat.inode.ino,
        stat.btime.unwrap_or(0).cast_unsigned(),
    ])
}

/// The fingerprint by which a change is known without reading: its upper half is of
/// inode and size, its lower half of the times; `with_ctime`: of that of the inode too.
pub(in crate::tracker) fn fingerprint(stat: &Stat, with_ctime: bool) -> u64 {
    let upper = mix(&[stat.inode.dev, stat.inode.ino, stat.size]);
    let ctime = if with_ctime {
        stat.ctime.cast_unsigned()
    } else {
        0
    };
    let lower = mix(&[stat.mtime.cast_unsigned(), ctime]);
    u64::from(upper) << 32 | u64::from(lower)
}
