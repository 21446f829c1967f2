//! A queue in which groups take turns: first in, first out within each group, round-robin
//! between them, so that a flood of one does not keep the others waiting.
//!
//! Invariant: a group is in `turns` once if it has work, and not if it has none.

use std::collections::VecDeque;
use std::hash::Hash;

use foldhash::HashMap;

/// Groups for which memory is kept when the queue is empty.
const KEPT_GROUPS: usize = 64;

/// `ROW`: pieces of work of one group that are taken in a row while others wait.
pub(crate) struct FairQueue<Group, Work, const ROW: u32> {
    work: HashMap<Group, VecDeque<Work>>,
    /// The groups in the order of their turns.
    turns: VecDeque<Group>,
    /// How many pieces were taken of the first of them in this turn.
    taken: u32,
}

impl<Group, Work, const ROW: u32> Default for FairQueue<Group, Work, ROW> {
    fn default() -> Self {
        Self {
            work: HashMap::default(),
            turns: VecDeque::new(),
            taken: 0,
        }
    }
}

impl<Group: Copy + Eq + Hash, Work, const ROW: u32> FairQueue<Group, Work, ROW> {
    /// Adds a piece of work at the end of its group's.
    pub(crate) fn push(&mut self, group: Group, work: Work) {
        self.of(group).push_back(work);
    }

    /// Gives back what was begun: it goes on when its group's turn comes again.
    pub(crate) fn put_back(&mut self, group: Group, work: Work) {
        self.of(group).push_front(work);
    }

    fn of(&mut self, group: Group) -> &mut VecDeque<Work> {
        let work = self.work.entry(group).or_default();
        if work.is_empty() {
            self.turns.push_back(group);
        }
        work
    }

    pub(crate) fn pop(&mut self) -> Option<Work> {
        self.pop_if(|_| true)
    }

    /// The first piece of the next group whose first piece is `ready`.
    pub(crate) fn pop_if(&mut self, ready: impl Fn(&Work) -> bool) -> Option<Work> {
        for _ in 0..self.turns.len() {
            let group = *self.turns.front()?;
            let work = self.work.get_mut(&group)?;
            if !work.front().is_some_and(&ready) {
                self.end_turn();
                continue;
            }
            let first = work.pop_front();
            self.taken += 1;
            if work.is_empty() {
                self.remove_first(group);
            } else if self.taken >= ROW {
                self.end_turn();
            }
            return first;
        }
        None
    }

    /// Removes all pieces of work but those for which `is_kept` is true.
    pub(crate) fn retain(&mut self, mut is_kept: impl FnMut(&Work) -> bool) {
        let first = self.turns.front().copied();
        self.work.retain(|_, work| {
            work.retain(&mut is_kept);
            !work.is_empty()
        });
        self.turns.retain(|group| self.work.contains_key(group));
        if self.turns.front().copied() != first {
            self.taken = 0;
        }
    }

    fn end_turn(&mut self) {
        self.turns.rotate_left(1);
        self.taken = 0;
    }

    /// Removes the group whose turn it is, which has no work left.
    fn remove_first(&mut self, group: Group) {
        self.work.remove(&group);
        self.turns.pop_front();
        self.taken = 0;
        if self.work.is_empty() {
            self.work.shrink_to(KEPT_GROUPS);
            self.turns.shrink_to(KEPT_GROUPS);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }
}

#[cfg(test)]
impl<Group: Copy + Eq + Hash, Work, const ROW: u32> FairQueue<Group, Work, ROW> {
    /// For how many groups, and pieces of work, there is room.
    pub(crate) fn capacity(&self) -> usize {
        let work = self.work.values().map(VecDeque::capacity);
        work.sum::<usize>() + self.work.capacity() + self.turns.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::FairQueue;

    type Queue<const ROW: u32> = FairQueue<u64, u32, ROW>;

    fn all<const ROW: u32>(queue: &mut Queue<ROW>) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn groups_take_turns_and_each_is_first_in_first_out() {
        let mut queue = Queue::<1>::default();
        for work in 0..4 {
            queue.push(1, work);
        }
        queue.push(2, 10);
        queue.push(2, 11);
        assert_eq!(all(&mut queue), [0, 10, 1, 11, 2, 3]);
        assert!(queue.is_empty() && queue.work.is_empty());
    }

    #[test]
    fn one_piece_of_another_group_waits_for_one_row_of_a_flood() {
        let mut queue = Queue::<8>::default();
        for work in 0..300 {
            queue.push(1, work);
        }
        queue.push(2, 1000);
        let order = all(&mut queue);
        assert_eq!(order.iter().position(|work| *work == 1000), Some(8));
        assert_eq!(order.len(), 301);
        // What many groups took is given back.
        for group in 0..1000 {
            queue.push(group, 0);
        }
        assert_eq!(all(&mut queue).len(), 1000);
        assert!(queue.work.capacity() < 300 && queue.turns.capacity() < 300);
    }

    #[test]
    fn what_was_begun_goes_on_before_what_was_not_after_the_others() {
        let mut queue = Queue::<1>::default();
        queue.push(1, 0);
        queue.push(1, 1);
        queue.push(2, 10);
        let begun = queue.pop().expect("it has work");
        queue.put_back(1, begun);
        assert_eq!(all(&mut queue), [10, 0, 1]);
    }

    #[test]
    fn a_group_without_work_left_has_no_turn() {
        let mut queue = Queue::<2>::default();
        for (group, work) in [(1, 0), (1, 1), (2, 10), (3, 20), (3, 21)] {
            queue.push(group, work);
        }
        assert_eq!(queue.pop(), Some(0));
        queue.retain(|work| *work >= 20);
        queue.push(1, 2);
        assert_eq!(all(&mut queue), [20, 21, 2]);
        assert!(queue.is_empty() && queue.work.is_empty());
    }

    #[test]
    fn what_is_not_ready_keeps_its_turn() {
        let mut queue = Queue::<1>::default();
        queue.push(1, 0);
        queue.push(2, 10);
        assert_eq!(queue.pop_if(|work| *work > 5), Some(10));
        assert_eq!(queue.pop_if(|work| *work > 5), None);
        assert_eq!(all(&mut queue), [0]);
    }
}
