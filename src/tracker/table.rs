//! A hash table of numbers whose keys live elsewhere: eight bytes a slot.
//!
//! The caller gives the hash and says what is equal. Open addressing with linear
//! probing; a removal shifts what follows back, so there are no tombstones. A slot's
//! place grows with its hash, so that a larger table is filled from one end to the other.

const FREE: u32 = u32::MAX;

/// A number, and the hash of what it stands for.
#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    number: u32,
}

/// A set of numbers, found by the hash of something each stands for.
#[derive(Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    used: usize,
}

impl Table {
    /// The number for which `equal` holds, among those with this hash.
    pub(super) fn find(&self, hash: u32, equal: impl Fn(u32) -> bool) -> Option<u32> {
        self.run(hash).find(|&number| equal(number))
    }

    /// Every number for which `equal` holds, among those with this hash.
    pub(super) fn find_all(&self, hash: u32, equal: impl Fn(u32) -> bool) -> Vec<u32> {
        self.run(hash).filter(|&number| equal(number)).collect()
    }

    fn run(&self, hash: u32) -> impl Iterator<Item = u32> {
        let mut at = self.home(hash);
        std::iter::from_fn(move || {
            loop {
                let slot = *self.slots.get(at)?;
                if slot.number == FREE {
                    return None;
                }
                at = self.after(at);
                if slot.hash == hash {
                    return Some(slot.number);
                }
            }
        })
    }

    /// Adds a number that is not in it.
    pub(super) fn insert(&mut self, hash: u32, number: u32) {
        if (self.used + 1) * 8 > self.slots.len() * 7 {
            self.grow();
        }
        self.put(Slot { hash, number });
        self.used += 1;
    }

    /// Removes a number that is in it.
    pub(super) fn remove(&mut self, hash: u32, number: u32) {
        let mut at = self.home(hash);
        while self.slots[at].number != number {
            debug_assert_ne!(self.slots[at].number, FREE, "what is removed is there");
            if self.slots[at].number == FREE {
                return;
            }
            at = self.after(at);
        }
        self.used -= 1;
        // Close the gap: what follows moves back unless it would pass its home.
        let count = self.slots.len();
        let mut next = self.after(at);
        while self.slots[next].number != FREE {
            let home = self.home(self.slots[next].hash);
            if (next + count - home) % count >= (next + count - at) % count {
                self.slots[at] = self.slots[next];
                at = next;
            }
            next = self.after(next);
        }
        self.slots[at].number = FREE;
    }

    /// Where a hash's search begins: its share of the slots.
    fn home(&self, hash: u32) -> usize {
        let share = (u64::from(hash) * self.slots.len() as u64) >> 32;
        usize::try_from(share).unwrap_or(0)
    }

    fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() {
            0
        } else {
            at + 1
        }
    }

    fn put(&mut self, slot: Slot) {
        let mut at = self.home(slot.hash);
        while self.slots[at].number != FREE {
            at = self.after(at);
        }
        self.slots[at] = slot;
    }

    fn grow(&mut self) {
        let count = self.slots.len();
        let free = Slot {
            hash: 0,
            number: FREE,
        };
        let wanted = vec![free; (count + count / 2).max(16)];
        for slot in std::mem::replace(&mut self.slots, wanted) {
            if slot.number != FREE {
                self.put(slot);
            }
        }
    }
}

/// A hash of a number and some bytes, with a seed that nobody outside can know.
pub(super) fn hash(seed: u64, number: u32, bytes: &[u8]) -> u32 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let fold = |state: u64, word: u64| {
        let product = u128::from(state ^ word) * u128::from(ODD ^ seed.rotate_left(17) | 1);
        // The upper half has what the lower one lost.
        let folded = product ^ product >> 64;
        u64::try_from(folded & u128::from(u64::MAX)).unwrap_or(0)
    };
    let mut state = fold(seed, u64::from(number) << 32 | bytes.len() as u64);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        state = fold(state, word.try_into().map_or(0, u64::from_le_bytes));
    }
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    (fold(fold(state, u64::from_le_bytes(last)), ODD) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Table, hash};

    #[test]
    fn equal_bytes_under_other_numbers_or_seeds_hash_otherwise() {
        assert_ne!(hash(1, 1, b"name"), hash(1, 2, b"name"));
        assert_ne!(hash(1, 1, b"name"), hash(2, 1, b"name"));
        assert_ne!(hash(1, 1, b"name\0"), hash(1, 1, b"name"));
    }

    proptest! {
        #[test]
        fn it_holds_what_a_set_would(steps in prop::collection::vec((any::<bool>(), 0u32..200), 0..600)) {
            // Few hashes, so that runs collide and wrap around.
            let hash_of = |number: u32| (number % 13).wrapping_mul(0x2fff_ffff);
            let mut table = Table::default();
            let mut set = std::collections::HashSet::new();
            for (add, number) in steps {
                if add && set.insert(number) {
                    table.insert(hash_of(number), number);
                } else if !add && set.remove(&number) {
                    table.remove(hash_of(number), number);
                }
                for number in 0..200 {
                    let found = table.find(hash_of(number), |other| other == number);
                    prop_assert_eq!(found.is_some(), set.contains(&number));
                }
            }
        }
    }
}
