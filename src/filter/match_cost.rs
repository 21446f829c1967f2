//! Limits what it takes to match one name, since other users make both names and rule files.
//!
//! All globs of a file that have wildcards are one automaton. For names that are made for it, that
//! takes a step for each byte of the name and each state in which it may be at a time, 10 ns each.

/// Of the globs that count for one directory: 16 KiB. The largest known file has 7 KiB.
pub(super) const MAX_COST: usize = 16 << 10;

/// Of these, the ones in files of users other than the one who watches and root: 4 KiB. Of some 300
/// known files two have more.
pub(super) const MAX_COST_OF_OTHERS: usize = 4 << 10;

/// The length of a glob times the number of its wildcards, and 0 for one that takes no more than a
/// look-up of the path, its last name or the extension of that.
pub(super) fn match_cost(glob: &str) -> usize {
    let is_wildcard = |byte: &u8| b"*?[{".contains(byte);
    let is_plain = |text: &str| !text.bytes().any(|byte| is_wildcard(&byte) || byte == b'\\');
    let is_extension = |text: &str| is_plain(text) && !text.contains(['.', '/']);
    let glob = glob.trim_start_matches('!');
    if is_plain(glob) || glob.strip_prefix("*.").is_some_and(is_extension) {
        return 0;
    }
    let bytes = glob.as_bytes();
    let wildcards = bytes.iter().filter(|byte| is_wildcard(byte)).count();
    glob.len() * wildcards.max(1)
}

/// What globs below a directory may cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct MatchRoom {
    all: usize,
    others: usize,
}

impl Default for MatchRoom {
    fn default() -> Self {
        Self {
            all: MAX_COST,
            others: MAX_COST_OF_OTHERS,
        }
    }
}

impl MatchRoom {
    /// Takes the cost of a file, `is_another`: of another user's. `false`: there is no room for it.
    pub(super) fn take(&mut self, cost: usize, is_another: bool) -> bool {
        let others = if is_another { cost } else { 0 };
        let (all, others) = (self.all.checked_sub(cost), self.others.checked_sub(others));
        let (Some(all), Some(others)) = (all, others) else {
            return false;
        };
        *self = Self { all, others };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_cost_their_length_for_each_wildcard_but_what_is_looked_up() {
        for (glob, cost) in [
            ("name", 0),
            ("/a/path", 0),
            ("*.o", 0),
            ("!*.rs", 0),
            ("*.tar.gz", 8),
            ("build-*/", 8),
            ("*.py[cod]", 18),
            ("!?x", 2),
            (r"\name", 5),
            ("{a,b}*?", 21),
        ] {
            assert_eq!(match_cost(glob), cost, "{glob}");
        }
    }

    #[test]
    fn files_of_others_take_up_a_part_of_the_room() {
        let mut room = MatchRoom::default();
        assert!(room.take(MAX_COST_OF_OTHERS, true));
        assert!(!room.take(1, true) && room.take(0, true));
        assert!(room.take(MAX_COST - MAX_COST_OF_OTHERS, false));
        assert!(!room.take(1, false));
    }
}
