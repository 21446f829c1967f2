//! Which names count: what is hidden is outside the tree.

/// The user's choice of names.
#[derive(Default)]
pub(crate) struct Filter;

impl Filter {
    /// Whether every name counts.
    pub(crate) fn hides_nothing(&self) -> bool {
        true
    }

    /// Whether a name, by its way from the PATH of that number, is hidden.
    pub(crate) fn hides(&self, _root: usize, _route: &[u8], _is_dir: bool) -> bool {
        false
    }

    /// Whether a file of that name holds rules.
    pub(crate) fn is_rule_file(&self, _name: &[u8]) -> bool {
        false
    }

    /// Rules that were read are to be read again.
    pub(crate) fn forget_rules(&self) {}
}
