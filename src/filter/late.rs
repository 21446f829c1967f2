//! Remembers the directories with a rule file that is not compiled yet, and lets them take turns.
//!
//! Reads nothing. Invariant: those that wait longest are taken first.

use std::collections::{HashSet, VecDeque};

use super::retries::RuleDirectory;

/// Directories with a file that was not compiled that are read again in one check; the others take
/// their turn later.
const READ_AT_ONCE: usize = 32;

/// Directories whose rules are to be read again, each once.
#[derive(Default)]
pub(super) struct Late {
    order: VecDeque<RuleDirectory>,
    all: HashSet<RuleDirectory>,
}

impl Late {
    pub(super) fn add(&mut self, directory: &RuleDirectory) {
        if self.all.insert(directory.clone()) {
            self.order.push_back(directory.clone());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(super) fn has(&self, directory: &RuleDirectory) -> bool {
        self.all.contains(directory)
    }

    /// Takes some of those that are not to wait, the longest there first.
    pub(super) fn take(
        &mut self,
        is_to_wait: impl Fn(&RuleDirectory) -> bool,
    ) -> Vec<RuleDirectory> {
        let mut taken = Vec::new();
        self.order.retain(|directory| {
            let is_taken = taken.len() < READ_AT_ONCE && !is_to_wait(directory);
            if is_taken {
                taken.push(directory.clone());
            }
            !is_taken
        });
        for directory in &taken {
            self.all.remove(directory);
        }
        taken
    }
}
