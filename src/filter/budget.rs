//! Counts the globs that are held, so that there is a limit, and so that no user's rule files take
//! up what those of others need.
//!
//! Invariant: what is counted is the sum of the globs of all rule files that were taken and not
//! given back.

use std::collections::HashMap;

use super::compiled_rules::{Limits, MAX_GLOBS, RuleFile};
use super::match_cost::{MAX_COST, MAX_COST_OF_OTHERS};

/// Globs of all rule files that are held together.
pub(super) const MAX_GLOBS_IN_ALL: usize = 20_000;

/// Of these, the ones of all users but the one who watches and root, and of each of them.
const MAX_GLOBS_OF_OTHERS: usize = 15_000;
pub(super) const MAX_GLOBS_OF_ANOTHER: usize = 5_000;

/// As how many globs a rule file of another user counts at least, if it has wildcards: for names that
/// are made for it, its automaton comes to take 4 MB.
const LEAST_WITH_WILDCARDS: usize = 25;

#[derive(Debug)]
pub(super) struct Budget {
    /// The user ID of who watches.
    user: u32,
    held: usize,
    /// By user ID, of all users but the one who watches and root.
    others: HashMap<u32, usize>,
}

impl Budget {
    pub(super) fn new(user: u32) -> Self {
        Self {
            user,
            held: 0,
            others: HashMap::new(),
        }
    }

    /// Whether a file belongs to neither the one who watches nor root.
    pub(super) fn is_another(&self, owner: u32) -> bool {
        owner != 0 && owner != self.user
    }

    /// What one more rule file of a user may have.
    pub(super) fn left(&self, owner: u32) -> Limits {
        let mut globs = MAX_GLOBS.min(MAX_GLOBS_IN_ALL.saturating_sub(self.held));
        if !self.is_another(owner) {
            let cost = MAX_COST;
            return Limits { globs, cost };
        }
        let all: usize = self.others.values().sum();
        let own = self.others.get(&owner).copied().unwrap_or_default();
        globs = globs.min(MAX_GLOBS_OF_OTHERS.saturating_sub(all));
        globs = globs.min(MAX_GLOBS_OF_ANOTHER.saturating_sub(own));
        let cost = MAX_COST_OF_OTHERS;
        Limits { globs, cost }
    }

    /// As how many globs a rule file counts.
    fn weight(&self, rules: &RuleFile) -> usize {
        if self.is_another(rules.owner) && rules.cost > 0 {
            rules.globs.max(LEAST_WITH_WILDCARDS)
        } else {
            rules.globs
        }
    }

    /// Counts the globs of a rule file.
    pub(super) fn take(&mut self, rules: &RuleFile) {
        let weight = self.weight(rules);
        self.held += weight;
        if self.is_another(rules.owner) && weight > 0 {
            *self.others.entry(rules.owner).or_default() += weight;
        }
    }

    /// Takes back the globs of a rule file that is dropped.
    pub(super) fn give_back(&mut self, rules: &RuleFile) {
        let weight = self.weight(rules);
        self.held -= weight;
        if let Some(own) = self.others.get_mut(&rules.owner) {
            *own -= weight;
            if *own == 0 {
                self.others.remove(&rules.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::compiled_rules::tests::source_of;
    use super::*;

    const USER: u32 = 1000;

    fn compile(text: &str, owner: u32, budget: &mut Budget) -> RuleFile {
        let rules = RuleFile::compile(&source_of(owner, text, false), budget.left(owner));
        budget.take(&rules);
        rules
    }

    /// Rule files of a user that hold as much as there is room for.
    fn fill(owner: u32, budget: &mut Budget) -> Vec<RuleFile> {
        let text: String = (0..MAX_GLOBS).map(|n| format!("/name{n}\n")).collect();
        let next = || Some(compile(&text, owner, budget)).filter(|rules| rules.globs > 0);
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn all_files_together_hold_no_more_globs_than_the_budget() {
        let mut budget = Budget::new(USER);
        budget.held = MAX_GLOBS_IN_ALL - 3;
        let first = compile("a\n# comment\n\nb\n", USER, &mut budget);
        let second = compile("c\nd\n", USER, &mut budget);
        assert!(!first.is_cut && second.is_cut);
        assert!(second.matcher.matched(Path::new("c"), false).is_ignore());
        assert!(second.matcher.matched(Path::new("d"), false).is_none());
    }

    #[test]
    fn files_with_wildcards_of_another_user_count_as_several_globs_at_least() {
        let mut budget = Budget::new(USER);
        let files: Vec<_> = (0..300)
            .map(|_| compile("a*b\n", 1001, &mut budget))
            .collect();
        let used = files.iter().filter(|rules| rules.globs > 0).count();
        assert_eq!(used, MAX_GLOBS_OF_ANOTHER / LEAST_WITH_WILDCARDS);
        files.iter().for_each(|rules| budget.give_back(rules));
        assert!(budget.held == 0 && budget.others.is_empty());
        let own: Vec<_> = (0..300)
            .map(|_| compile("a*b\n", USER, &mut budget))
            .collect();
        assert!(own.iter().all(|rules| rules.globs == 1));
    }

    #[test]
    fn what_one_user_has_leaves_room_for_others_and_is_given_back() {
        let mut budget = Budget::new(USER);
        let mut files = fill(1001, &mut budget);
        assert_eq!(budget.held, MAX_GLOBS_OF_ANOTHER);
        assert_eq!(budget.left(1001).globs, 0);
        files.extend((1002..1010).flat_map(|owner| fill(owner, &mut budget)));
        assert_eq!(budget.held, MAX_GLOBS_OF_OTHERS);
        assert!([USER, 0].map(|owner| budget.left(owner).globs) == [MAX_GLOBS; 2]);
        files.extend(fill(USER, &mut budget));
        assert_eq!(budget.held, MAX_GLOBS_IN_ALL);
        files.iter().for_each(|rules| budget.give_back(rules));
        assert!(budget.held == 0 && budget.others.is_empty());
    }
}
