//! Keeps values by index. Invariant: an index is used again only once its value was removed.

use std::ops::{Index, IndexMut};

pub(super) struct Slots<T> {
    all: Vec<T>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        let (all, free) = (Vec::new(), Vec::new());
        Self { all, free }
    }
}

impl<T> Slots<T> {
    pub(super) fn add(&mut self, value: T) -> u32 {
        if let Some(at) = self.free.pop() {
            self[at] = value;
            return at;
        }
        self.all.push(value);
        u32::try_from(self.all.len() - 1).expect("fewer than four billion names")
    }

    pub(super) fn remove(&mut self, at: u32) {
        self.free.push(at);
    }

    /// One past the highest index.
    pub(super) fn end(&self) -> usize {
        self.all.len()
    }

    /// All values, including those that were removed.
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.all)
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.all.iter_mut()
    }
}

impl<T> Index<u32> for Slots<T> {
    type Output = T;

    fn index(&self, at: u32) -> &T {
        &self.all[at as usize]
    }
}

impl<T> IndexMut<u32> for Slots<T> {
    fn index_mut(&mut self, at: u32) -> &mut T {
        &mut self.all[at as usize]
    }
}
