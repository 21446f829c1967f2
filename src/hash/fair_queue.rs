//! Work in the order in which it came, the directories taking turns: who fills one
//! directory does not keep the others waiting.
//!
//! Reads nothing. Invariant: a directory is among the turns once if it has work, and not
//! if it has none.

use std::collections::{HashMap, VecDeque};

use crate::file_status::Inode;

/// First in, first out within a directory; round-robin between them.
pub(super) struct FairQueue<T> {
    work: HashMap<Inode, VecDeque<T>>,
    turns: VecDeque<Inode>,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self {
            work: HashMap::new(),
            turns: VecDeque::new(),
        }
    }
}

impl<T> FairQueue<T> {
    /// Adds a piece of work at the end of its directory's.
    pub(super) fn push(&mut self, dir: Inode, work: T) {
        self.of(dir).push_back(work);
    }

    /// Gives back what was begun: it goes on when its directory's turn comes again.
    pub(super) fn put_back(&mut self, dir: Inode, work: T) {
        self.of(dir).push_front(work);
    }

    fn of(&mut self, dir: Inode) -> &mut VecDeque<T> {
        let work = self.work.entry(dir).or_default();
        if work.is_empty() {
            self.turns.push_back(dir);
        }
        work
    }

    /// The first piece of the next directory whose first piece is `ready`.
    pub(super) fn pop(&mut self, ready: impl Fn(&T) -> bool) -> Option<(Inode, T)> {
        for _ in 0..self.turns.len() {
            let dir = self.turns.pop_front()?;
            let work = self.work.get_mut(&dir)?;
            let is_ready = work.front().is_some_and(&ready);
            let first = is_ready.then(|| work.pop_front()).flatten();
            if work.is_empty() {
                self.work.remove(&dir);
                self.give_back_memory();
            } else {
                self.turns.push_back(dir);
            }
            if let Some(first) = first {
                return Some((dir, first));
            }
        }
        None
    }

    /// A queue that was long once does not keep its memory.
    fn give_back_memory(&mut self) {
        if self.work.is_empty() && self.work.capacity() > 64 {
            self.work = HashMap::new();
            self.turns = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(ino: u64) -> Inode {
        Inode { dev: 1, ino }
    }

    fn all(queue: &mut FairQueue<u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop(|_| true).map(|(_, work)| work)).collect()
    }

    #[test]
    fn directories_take_turns_and_each_is_first_in_first_out() {
        let mut queue = FairQueue::default();
        for work in 0..4 {
            queue.push(dir(1), work);
        }
        queue.push(dir(2), 10);
        queue.push(dir(2), 11);
        assert_eq!(all(&mut queue), [0, 10, 1, 11, 2, 3]);
        assert!(queue.turns.is_empty() && queue.work.is_empty());
    }

    #[test]
    fn one_file_of_another_directory_waits_for_one_of_a_flood() {
        let mut queue = FairQueue::default();
        for work in 0..300 {
            queue.push(dir(1), work);
        }
        queue.push(dir(2), 1000);
        let order = all(&mut queue);
        assert_eq!(order.iter().position(|work| *work == 1000), Some(1));
        assert_eq!(order.len(), 301);
    }

    #[test]
    fn what_was_begun_goes_on_before_what_was_not_after_the_others() {
        let mut queue = FairQueue::default();
        queue.push(dir(1), 0);
        queue.push(dir(1), 1);
        queue.push(dir(2), 10);
        let (at, begun) = queue.pop(|_| true).unwrap_or_default();
        queue.put_back(at, begun);
        assert_eq!(all(&mut queue), [10, 0, 1]);
    }

    #[test]
    fn what_is_not_ready_keeps_its_turn() {
        let mut queue = FairQueue::default();
        queue.push(dir(1), 0);
        queue.push(dir(2), 10);
        assert_eq!(queue.pop(|work| *work > 5), Some((dir(2), 10)));
        assert_eq!(queue.pop(|work| *work > 5), None);
        assert_eq!(all(&mut queue), [0]);
    }
}
