//! Keeps values in slots, by index. A slot is used again once it is free.
//!
//! Moves no value to another slot. To free one costs the same however many there are. Invariant:
//! the last slot is in use; memory is given back when few are, so that a burst that is over costs
//! nothing.

use super::{NONE, Node};

/// With room for fewer slots than this, no memory is given back.
const KEPT_SLOTS: usize = 4096;

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
    /// The first free slot; `next` and `prev` of its node are those after and before it.
    free: u32,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: NONE,
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
        let at = self.free;
        self.unlist(at);
        self.slots[at as usize] = value;
        at as usize
    }

    /// Frees a slot. `true`: memory was given back, so that there is room for hardly more than
    /// [`Self::end`].
    pub(super) fn remove(&mut self, at: usize) -> bool {
        self.list(u32::try_from(at).expect("numbers have 31 bits"));
        while let Some(last) = self.slots.last()
            && last.node().bits == NONE
        {
            self.unlist(u32::try_from(self.slots.len() - 1).expect("numbers have 31 bits"));
            self.slots.pop();
        }
        // A quarter, so that this moves no more slots than were added and removed.
        let is_worth_it =
            self.slots.capacity() > KEPT_SLOTS && self.end() < self.slots.capacity() / 4;
        if is_worth_it {
            self.slots.shrink_to(self.end() + self.end() / 4);
        }
        is_worth_it
    }

    /// Adds a slot to the list of free ones.
    fn list(&mut self, at: u32) {
        let next = std::mem::replace(&mut self.free, at);
        let node = self.slots[at as usize].node_mut();
        (node.bits, node.next, node.prev) = (NONE, next, NONE);
        if next != NONE {
            self.slots[next as usize].node_mut().prev = at;
        }
    }

    /// Removes a slot from the list of free ones.
    fn unlist(&mut self, at: u32) {
        let &Node { next, prev, .. } = self.slots[at as usize].node();
        if next != NONE {
            self.slots[next as usize].node_mut().prev = prev;
        }
        if prev == NONE {
            self.free = next;
        } else {
            self.slots[prev as usize].node_mut().next = next;
        }
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
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::Node;
    use super::{Arena, KEPT_SLOTS, NONE};

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
        assert_eq!(arena.end(), 999);
        assert!(arena.slots.capacity() < KEPT_SLOTS);
        for at in kept {
            assert_eq!(arena.get(at).parent as usize, at);
        }
        let live = arena.live().count();
        let added: std::collections::BTreeSet<_> =
            (0..10_000).map(|each| arena.add(node(each))).collect();
        assert_eq!(added.len(), 10_000, "each has a slot of its own");
        assert_eq!(arena.live().count(), live + 10_000);
    }

    #[test]
    fn memory_is_given_back_a_few_times_in_whatever_order_slots_become_free() {
        const SLOTS: usize = 20_000;
        let most = SLOTS / 2 + SLOTS / 100;
        let orders: [Vec<_>; 3] = [
            (0..SLOTS).rev().collect(),
            (0..most).chain((most..SLOTS).rev()).collect(),
            (most..SLOTS).chain((0..most).rev()).collect(),
        ];
        for order in orders {
            let mut arena = Arena::default();
            for _ in 0..SLOTS {
                arena.add(node(0));
            }
            let given_back = order.into_iter().filter(|&at| arena.remove(at)).count();
            assert!((1..20).contains(&given_back), "{given_back} times");
            assert_eq!(arena.end(), 0);
        }
    }

    proptest! {
        #[test]
        fn each_value_stays_in_its_slot_and_free_ones_are_used_again(
            steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..300)
        ) {
            let mut arena = Arena::default();
            let mut live = BTreeMap::new();
            for (number, (is_added, which)) in (0..).zip(steps) {
                if is_added || live.is_empty() {
                    let has_free = live.len() < arena.end();
                    let end = arena.end();
                    let at = arena.add(node(number));
                    prop_assert_eq!(at < end, has_free);
                    prop_assert_eq!(live.insert(at, number), None);
                } else {
                    let at = *live.keys().nth(which.index(live.len())).expect("an index of it");
                    live.remove(&at);
                    arena.remove(at);
                }
                let held = arena.live().map(|(at, node)| (at, node.parent));
                prop_assert_eq!(held.collect::<BTreeMap<_, _>>(), live.clone());
                prop_assert_eq!(arena.end(), live.last_key_value().map_or(0, |(at, _)| at + 1));
            }
        }
    }
}
