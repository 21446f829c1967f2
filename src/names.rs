//! Keeps the bytes of all names in one buffer: 12 bytes for `file10.txt`, where an allocation of its
//! own would take 48, and once for names that many directories have, such as `Makefile`.
//!
//! Removes nothing by itself: names that are gone are waste, until the caller, which knows the names
//! in use, calls for compacting. Shares only what was kept shortly before: a table of all names
//! would take more than it saves where most names are different.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

/// All names together have less than 4 GiB, the last one not counted; in tests, which have few, 2 MiB.
pub(crate) const MAX_BYTES: u32 = if cfg!(test) { 2 << 20 } else { u32::MAX };

/// Names that others choose have no more bytes, so that there is room for the few that cannot be left
/// out, such as those of PATHs that have moved.
pub(crate) const MOST_BYTES: usize = (MAX_BYTES - MAX_BYTES / 16) as usize;

/// The first size of the table of names kept last.
const RECENT: usize = 1 << 10;

/// That table has a slot of 4 bytes for so many bytes of names, or for half as many.
const BYTES_PER_SLOT: usize = 128;

#[derive(Default)]
pub(crate) struct Names {
    /// Names, each after its number of uses and its length. A name takes at least [`LEAST`] bytes.
    bytes: Vec<u8>,
    /// The number of bytes of names that are no longer used.
    waste: usize,
    /// The offset of the name that was kept last, by the hash of the name.
    recent: Vec<u32>,
    /// The most tildes that a name ever had at its end.
    tildes: usize,
}

impl Names {
    pub(crate) fn get(&self, at: u32) -> &[u8] {
        let (start, end) = bounds(&self.bytes, at as usize);
        &self.bytes[start..end]
    }

    /// The most tildes that a name ever had at its end: one with more of them is no name of these.
    pub(crate) fn tildes(&self) -> usize {
        self.tildes
    }

    /// Adds a name; returns its offset. `None`: it is longer than 64 KiB, or there is no room, but for
    /// what [`compact`](Self::compact) may make.
    pub(crate) fn keep(&mut self, name: &[u8]) -> Option<u32> {
        let slot = self.slot(name);
        let at = self.recent[slot];
        if !self.bytes.is_empty() && self.get(at) == name && self.share(at) {
            return Some(at);
        }
        let tildes = name.iter().rev().take_while(|&&byte| byte == b'~');
        self.tildes = self.tildes.max(tildes.count());
        let at = u32::try_from(self.bytes.len()).ok();
        let at = at.filter(|&at| at < MAX_BYTES)?;
        match u8::try_from(name.len()) {
            Ok(length) if length < LONG => self.bytes.extend([1, length]),
            _ => {
                // Some file systems have names of more than 255 bytes.
                let length = u16::try_from(name.len()).ok()?;
                self.bytes.extend([1, LONG]);
                self.bytes.extend(length.to_ne_bytes());
            }
        }
        self.bytes.extend(name);
        let least = at as usize + LEAST;
        self.bytes.resize(self.bytes.len().max(least), 0);
        self.recent[slot] = at;
        Some(at)
    }

    /// Whether there is no room for names that may be left out.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= MOST_BYTES
    }

    /// Whether [`compact`](Self::compact) makes room for so many names that it is worth its time.
    pub(crate) fn has_much_waste(&self) -> bool {
        self.waste > self.bytes.len() / 16
    }

    /// The slot of a name among those kept last.
    fn slot(&mut self, name: &[u8]) -> usize {
        let size = self.recent.len();
        if size <= self.bytes.len() / BYTES_PER_SLOT || size == 0 {
            // Half of the names are found in their slots even so.
            self.recent.resize(RECENT.max(2 * size), 0);
        }
        // Who chooses names with the same hash only keeps them from being shared.
        let mut hasher = FixedState::default().build_hasher();
        hasher.write(name);
        let slot = hasher.finish() % self.recent.len() as u64;
        usize::try_from(slot).expect("less than a length")
    }

    /// Counts one more use of a name. `false`: there is no room for the number.
    fn share(&mut self, at: u32) -> bool {
        let at = at as usize;
        match self.bytes[at].checked_add(1) {
            Some(uses) => self.bytes[at] = uses,
            None => return false,
        }
        if self.bytes[at] == 1 {
            self.waste -= size(&self.bytes, at);
        }
        true
    }

    /// Removes a name. `true`: most of the bytes are waste, so that [`compact`](Self::compact) is due.
    pub(crate) fn forget(&mut self, at: u32) -> bool {
        let at = at as usize;
        self.bytes[at] -= 1;
        if self.bytes[at] == 0 {
            self.waste += size(&self.bytes, at);
        }
        self.waste > 64 << 10 && self.waste > self.bytes.len() / 2
    }

    /// Keeps only the names in use, and updates their offsets.
    pub(crate) fn compact<'a>(&mut self, used: impl Iterator<Item = &'a mut u32>) {
        let mut old = std::mem::take(&mut self.bytes);
        self.bytes.reserve(old.len() - self.waste);
        self.waste = 0;
        self.recent = Vec::new();
        let mut at = 0;
        while at < old.len() {
            let end = at + size(&old, at);
            if old[at] > 0 {
                // No longer than before, when all fitted.
                let moved = u32::try_from(self.bytes.len()).expect("fewer than 4 GiB");
                self.bytes.extend(&old[at..end]);
                // Left for those who use it.
                old[at..at + LEAST].copy_from_slice(&moved.to_ne_bytes());
            }
            at = end;
        }
        for at in used {
            let start = *at as usize;
            let moved = old[start..start + LEAST].try_into();
            *at = u32::from_ne_bytes(moved.expect("four bytes"));
        }
    }
}

/// The second byte of a name whose length, of two bytes, follows.
const LONG: u8 = 255;

/// The least number of bytes of a name: in its place the new offset is left while names are moved.
const LEAST: usize = 4;

/// The offsets of the bytes of a name: begin and end.
fn bounds(names: &[u8], at: usize) -> (usize, usize) {
    match names[at + 1] {
        LONG => {
            let length = usize::from(u16::from_ne_bytes([names[at + 2], names[at + 3]]));
            (at + 4, at + 4 + length)
        }
        length => (at + 2, at + 2 + usize::from(length)),
    }
}

/// The number of bytes of a name and what is before it.
fn size(names: &[u8], at: usize) -> usize {
    (bounds(names, at).1 - at).max(LEAST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{LONG, Names};

    /// Keeps a name, for which there is room.
    fn keep(names: &mut Names, name: &[u8]) -> u32 {
        names.keep(name).expect("there is room")
    }

    #[test]
    fn a_name_of_many_directories_is_kept_once() {
        let mut names = Names::default();
        for number in 0..1000 {
            keep(&mut names, format!("directory-{number}").as_bytes());
            keep(&mut names, b"a-name-that-all-of-them-have");
        }
        let numbers: usize = (0..1000).map(|number: i32| number.to_string().len()).sum();
        let own = numbers + 1000 * (2 + b"directory-".len());
        // A few times, since the number of uses has one byte, and other names have the same slot.
        assert!(names.bytes.len() < own + 10 * 30, "{}", names.bytes.len());
    }

    #[test]
    fn a_name_that_comes_and_goes_makes_no_waste() {
        let mut names = Names::default();
        for _ in 0..1000 {
            let at = keep(&mut names, b"temporary");
            assert_eq!(names.waste, 0);
            assert!(!names.forget(at));
        }
        assert_eq!(names.bytes.len(), 2 + b"temporary".len());
    }

    proptest! {
        #[test]
        fn each_entry_has_its_name_whoever_shares_it(
            steps in prop::collection::vec((0usize..5, 0usize..400), 0..600)
        ) {
            // Lengths about those that need another form, and many entries for each name.
            let lengths = [0, 1, 2, 3, 9, usize::from(LONG) - 1, usize::from(LONG), 300];
            let name = |number: usize| vec![b"abc"[number % 3]; lengths[number % 8]];
            let mut names = Names::default();
            let mut entries: Vec<(u32, usize)> = Vec::new();
            for (step, number) in steps {
                match step {
                    0 if !entries.is_empty() => {
                        let (at, _) = entries.swap_remove(number % entries.len());
                        names.forget(at);
                    }
                    1 => names.compact(entries.iter_mut().map(|(at, _)| at)),
                    // More than the number of uses has room for.
                    2 if number == 0 => {
                        entries.extend((0..300).map(|_| (keep(&mut names, &name(4)), 4)));
                    }
                    _ => entries.push((keep(&mut names, &name(number)), number)),
                }
                for &(at, number) in &entries {
                    prop_assert!(names.get(at) == name(number));
                }
            }
            names.compact(entries.iter_mut().map(|(at, _)| at));
            prop_assert_eq!(names.waste, 0);
            let most = entries.len() * 304;
            prop_assert!(names.bytes.len() <= most);
            for (at, _) in std::mem::take(&mut entries) {
                names.forget(at);
            }
            prop_assert_eq!(names.waste, names.bytes.len());
        }
    }
}
