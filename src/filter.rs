//! Decides which names are hidden: these are not in the model, and not reported.
//!
//! Joins the globs of the command line with the rule files that git and ripgrep read; the
//! `ignore` crate does the matching. Each option only narrows what is reported, but for a
//! negated `--exclude`, which overrides rule files. Invariant: one name is matched at a time;
//! the caller has made sure that the directories above it are not hidden.

mod bounded_io;
mod git_config;
mod gitignore;
mod globs;
mod level;
mod rule_file;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::escape::escaped;
use gitignore::Rules;
use globs::Globs;

/// A file of `--exclude-from`.
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
    /// `None`: rule files are not read.
    rules: Option<RefCell<Rules>>,
}

impl Filter {
    /// Compiles the globs of the command line.
    ///
    /// # Errors
    /// A message about a glob that is malformed.
    pub(crate) fn new(options: &FilterOptions<'_>) -> Result<Self, String> {
        let globs = Globs::new(options)?;
        let rules = options
            .gitignore
            .then(|| RefCell::new(Rules::new(git_config::user_excludes_file())));
        Ok(Self { globs, rules })
    }

    pub(crate) fn hides_nothing(&self) -> bool {
        self.globs.are_none() && self.rules.is_none()
    }

    /// Whether a name is hidden. `relative_path` is from `root`, the absolute path of its PATH.
    pub(crate) fn hides(&self, root: &[u8], relative_path: &[u8], is_dir: bool) -> bool {
        let path = Path::new(OsStr::from_bytes(relative_path));
        let hidden = match (self.globs.excludes(path, is_dir), &self.rules) {
            (Some(hidden), _) => hidden,
            (None, Some(rules)) => rules.borrow_mut().hide(root, relative_path, is_dir),
            (None, None) => false,
        };
        // `--include` hides no directory, since there may be files in it that match.
        hidden || !(is_dir || self.globs.includes(path))
    }

    pub(crate) fn reads_rules(&self) -> bool {
        self.rules.is_some()
    }

    /// Whether a file of this name has rules for the directory that it is in.
    pub(crate) fn is_rule_file(&self, name: &[u8]) -> bool {
        self.reads_rules() && gitignore::NAMES.contains(&name)
    }

    /// Forgets the rules of a directory and of all below it, so that they are read again: a rule
    /// file changed, or the path leads to another directory now.
    pub(crate) fn forget(&self, root: &[u8], relative_path: &[u8]) {
        if let Some(rules) = &self.rules {
            rules.borrow_mut().forget(root, relative_path);
        }
    }

    /// Forgets all rules, so that they are read again.
    pub(crate) fn forget_all(&self) {
        if let Some(rules) = &self.rules {
            rules.borrow_mut().forget_all();
        }
    }

    /// Whether a rule file changed that is in no watched directory.
    pub(crate) fn has_unwatched_change(&self) -> bool {
        self.rules
            .as_ref()
            .is_some_and(|rules| rules.borrow_mut().has_unwatched_change())
    }

    /// Takes the warnings about rule files of which a part is not used, one for each file.
    pub(crate) fn take_warnings(&self) -> Vec<String> {
        let cut = |rules: &RefCell<Rules>| rules.borrow_mut().take_cut();
        let cut = self.rules.as_ref().map(cut).unwrap_or_default();
        let sentence = |path: PathBuf| {
            let path = escaped(path.as_os_str().as_bytes());
            format!(
                "warning: {path} has more rules than are read (2,000 globs and 256 KiB a file, 20,000 globs in all): the rest is left out"
            )
        };
        cut.into_iter().map(sentence).collect()
    }
}
