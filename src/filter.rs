//! Which names count: what is hidden is outside the tree.
//!
//! Joins the user's globs with the rule files that git and ripgrep read; the `ignore`
//! crate does the matching. Each option only ever narrows what is told, but for a
//! negated `--exclude`, which has the last word over rule files. Answers for one name
//! at a time: that the directories above it are not hidden is the caller's to know.

mod git;
mod globs;
mod line;
mod rules;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use globs::Globs;
use rules::Rules;

/// A file of globs that was read.
#[derive(Debug)]
pub(crate) struct GlobFile {
    /// Its name, as messages show it.
    pub(crate) shown: String,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct FilterOptions<'a> {
    pub(crate) exclude: &'a [String],
    pub(crate) exclude_from: &'a [GlobFile],
    /// Globs of which one must match.
    pub(crate) include: &'a [String],
    pub(crate) gitignore: bool,
}

#[derive(Default)]
pub(crate) struct Filter {
    globs: Globs,
    /// From rule files, where they are read.
    rules: Option<RefCell<Rules>>,
}

impl Filter {
    /// From the command line.
    ///
    /// # Errors
    /// A sentence about a glob that is none.
    pub(crate) fn new(choice: &FilterOptions<'_>) -> Result<Self, String> {
        let globs = Globs::new(choice)?;
        let rules = choice
            .gitignore
            .then(|| RefCell::new(Rules::new(git::users_excludes())));
        Ok(Self { globs, rules })
    }

    pub(crate) fn hides_nothing(&self) -> bool {
        self.globs.are_none() && self.rules.is_none()
    }

    /// Whether a name is hidden, by its way from the PATH at `place`, an absolute path.
    pub(crate) fn hides(&self, place: &[u8], route: &[u8], is_dir: bool) -> bool {
        let path = Path::new(OsStr::from_bytes(route));
        let hidden = match (self.globs.excludes(path, is_dir), &self.rules) {
            (Some(hidden), _) => hidden,
            (None, Some(rules)) => rules.borrow_mut().hide(place, route, is_dir),
            (None, None) => false,
        };
        // What is not included may hold what is: directories are followed.
        hidden || !(is_dir || self.globs.includes(path))
    }

    pub(crate) fn reads_rules(&self) -> bool {
        self.rules.is_some()
    }

    /// Whether what is called so, in a directory, has a say in what is hidden there.
    pub(crate) fn is_rule_file(&self, name: &[u8]) -> bool {
        self.reads_rules() && rules::NAMES.contains(&name)
    }

    /// Rules of a directory and of all below it are to be read again: they changed, or
    /// it is another one now.
    pub(crate) fn forget(&self, place: &[u8], route: &[u8]) {
        if let Some(rules) = &self.rules {
            rules.borrow_mut().forget(place, route);
        }
    }

    /// All rules are to be read again.
    pub(crate) fn forget_all(&self) {
        if let Some(rules) = &self.rules {
            rules.borrow_mut().forget_all();
        }
    }

    /// Whether rule files changed that lie where no event tells of them.
    pub(crate) fn changed_unseen(&self) -> bool {
        self.rules
            .as_ref()
            .is_some_and(|rules| rules.borrow().changed_unseen())
    }
}
