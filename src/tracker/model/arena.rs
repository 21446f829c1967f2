//! Keeps values in slots, by index. A slot is used again once it is free.
//!
//! Moves no value to another slot. Gives memory back when the slots at the end are
//! free, so that a burst that is over costs nothing.

use super::{NONE, Node};

/// With fewer free slots than this, no memory is given back.
const KEPT: usize = 4096;

/// At least this many slots become free between two searches for free ones at the end.
const STRIDE: usize = 256;

/// The content of a slot: a node, from which it is known whether the slot is free.
pub(super) trait Slot {
    fn node(&self) -> &Node;
    fn node_mut(&mut self) -> &mut Node;
}

impl Slot for Node {
    fn node(&self) -> &Node {
        self
    }

    fn node_mut(&mut self) -> &mut Node {
        self
    }
}

pub(super) struct Arena<T> {
    slots: Vec<T>,
    /// The first free slot; `next` of its node is the next one.
    free: u32,
    free_count: usize,
    /// With this many free slots, those at the end are searched for and given back.
    trim_at: usize,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: NONE,
            free_count: 0,
            trim_at: KEPT,
        }
    }
}

impl<T: Slot> Arena<T> {
    /// One past the highest index in use.
    pub(super) fn end(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn add(&mut self, value: T) -> usize {
        if self.free == NONE {
            self.slots.push(value);
            return self.slots.len() - 1;
        }
        let at = self.free as usize;
        self.free = self.slots[at].node().next;
        self.free_count -= 1;
        self.slots[at] = value;
        at
    }

    /// Frees a slot. `true`: [`Self::end`] is lower than it was.
    pub(super) fn remove(&mut self, at: usize) -> bool {
        self.free_slot(at);
        self.free_count += 1;
        let is_worth_it = self.free_count >= self.trim_at
            || self.free_count == self.slots.len()
            || at + 1 == self.slots.len() && self.free_count > self.slots.len() / 2;
        is_worth_it && self.trim()
    }

    fn free_slot(&mut self, at: usize) {
        let next = self.free;
        self.free = u32::try_from(at).expect("numbers have 31 bits");
        let node = self.slots[at].node_mut();
        node.bits = NONE;
        node.next = next;
    }

    /// Drops the free slots at the end, and lists the others anew.
    fn trim(&mut self) -> bool {
        let last = self.slots.iter().rposition(|slot| slot.node().bits != NONE);
        let end = last.map_or(0, |last| last + 1);
        let is_shorter = end < self.slots.len();
        if is_shorter {
            self.slots.truncate(end);
            self.slots.shrink_to(end + end / 4);
            (self.free, self.free_count) = (NONE, 0);
            // From the end, so that the lowest are used first.
            for at in (0..end).rev() {
                if self.slots[at].node().bits == NONE {
                    self.free_slot(at);
                    self.free_count += 1;
                }
            }
        }
        // A search visits every slot. This limits the searches to the logarithm of the slots, and
        // with few slots to one in `STRIDE` that become free.
        let live = self.slots.len() - self.free_count;
        self.trim_at = self.free_count + (live / 2).max(STRIDE);
        self.trim_at = self.trim_at.max(KEPT);
        is_shorter
    }

    pub(super) fn get(&self, at: usize) -> &T {
        &self.slots[at]
    }

    pub(super) fn get_mut(&mut self, at: usize) -> &mut T {
        &mut self.slots[at]
    }

    pub(super) fn is_live(&self, at: usize) -> bool {
        let slot = self.slots.get(at);
        slot.is_some_and(|slot| slot.node().bits != NONE)
    }

    /// The next slot in use, from `from` on.
    pub(super) fn next_live(&self, from: usize) -> Option<usize> {
        (from..self.slots.len()).find(|&at| self.is_live(at))
    }

    pub(super) fn live_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let slots = self.slots.iter_mut();
        slots.filter(|slot| slot.node().bits != NONE)
    }

    pub(super) fn live(&self) -> impl Iterator<Item = (usize, &T)> {
        let slots = self.slots.iter().enumerate();
        slots.filter(|(_, slot)| slot.node().bits != NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Node;
    use super::{Arena, KEPT, NONE};

    fn node(parent: u32) -> Node {
        Node {
            parent,
            name: 0,
            next: NONE,
            prev: NONE,
            bits: 0,
        }
    }

    #[test]
    fn what_a_burst_took_is_given_back_and_what_stays_keeps_its_number() {
        let mut arena = Arena::default();
        let mut numbers: Vec<_> = (0..100_000).map(|each| arena.add(node(each))).collect();
        // As rm(1) removes them: in the order of their hashes.
        numbers.sort_by_key(|&at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (kept, gone): (Vec<_>, Vec<_>) = numbers
            .into_iter()
            .partition(|&at| at < 1000 && at % 2 == 0);
        for at in gone {
            arena.remove(at);
        }
        assert!(arena.end() <= 1000 + KEPT, "{} slots are left", arena.end());
        assert!(arena.slots.capacity() < 8 * KEPT);
        for at in kept {
            assert_eq!(arena.get(at).parent as usize, at);
        }
        let live = arena.live().count();
        let added: std::collections::BTreeSet<_> =
            (0..10_000).map(|each| arena.add(node(each))).collect();
        assert_eq!(added.len(), 10_000, "each has a slot of its own");
        assert_eq!(arena.live().count(), live + 10_000);
    }
}
