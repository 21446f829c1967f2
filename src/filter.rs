//! Decides which names are hidden: these are not in the model, and not reported.
//!
//! Joins the globs of the command line with the rule files that git and ripgrep read; the
//! `ignore` crate does the matching. Each option only narrows what is reported, but for a
//! negated `--exclude`, which overrides rule files. Invariant: one name is matched at a time;
//! the caller has made sure that the directories above it are not hidden.

mod bounded_io;
mod budget;
mod compiled_rules;
mod compiler;
mod git_config;
mod globs;
mod late;
mod level;
mod match_cost;
mod previous_rules;
mod retries;
mod rule_reader;
mod rule_source;
mod rules;
mod unwatched;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::escape::escaped;
use crate::sys::file::PATH_MAX;
use budget::{MAX_GLOBS_IN_ALL, MAX_GLOBS_OF_ANOTHER};
use compiled_rules::{MAX_BYTES, MAX_GLOBS};
use globs::Globs;
use match_cost::{MAX_COST, MAX_COST_OF_OTHERS};
use rule_reader::Flawed;
use rule_source::RuleSource;
pub(crate) use rules::RuleChanges;
use rules::Rules;

/// Of longer paths of directories, in bytes from their PATH, only the end is matched: globs would take
/// time by the square of the depth.
pub(crate) const LONGEST_PATH: usize = PATH_MAX;

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
            .then(|| Rules::new(git_config::user_excludes_file(), RuleSource::new()))
            .map(RefCell::new);
        Ok(Self { globs, rules })
    }

    pub(crate) fn hides_nothing(&self) -> bool {
        self.globs.are_none() && self.rules.is_none()
    }

    /// Whether a name is hidden. `relative_path` is from `root`, the absolute path of its PATH.
    pub(crate) fn hides(&self, root: &[u8], relative_path: &[u8], is_dir: bool) -> bool {
        self.hides_by(relative_path, is_dir, |rules| {
            rules.borrow_mut().hides(root, relative_path, is_dir)
        })
    }

    /// As [`Filter::hides`], of a name so far below its PATH that only the end of its path is known.
    /// Rule files do not count there, and no glob counts that begins at the PATH.
    pub(crate) fn hides_below(&self, end: &[u8], is_dir: bool) -> bool {
        // No name has this byte.
        let path = [b"\0/", end].concat();
        self.hides_by(&path, is_dir, |_| end.ends_with(b"/.git"))
    }

    /// Whether the globs hide a name, or, where none matches, `by_rules` does.
    fn hides_by(
        &self,
        path: &[u8],
        is_dir: bool,
        by_rules: impl FnOnce(&RefCell<Rules>) -> bool,
    ) -> bool {
        let path = Path::new(OsStr::from_bytes(path));
        let hidden = self.globs.excludes(path, is_dir);
        // `--include` hides no directory, since there may be files in it that match.
        hidden.unwrap_or_else(|| self.rules.as_ref().is_some_and(by_rules))
            || !(is_dir || self.globs.includes(path))
    }

    pub(crate) fn reads_rules(&self) -> bool {
        self.rules.is_some()
    }

    /// Whether a file of this name has rules for the directory that it is in.
    pub(crate) fn is_rule_file(&self, name: &[u8]) -> bool {
        self.reads_rules() && rules::NAMES.contains(&name)
    }

    /// Forgets the rules of a directory and of all below it, so that they are read again.
    pub(crate) fn forget(&self, root: &[u8], relative_path: &[u8]) {
        if let Some(rules) = &self.rules {
            rules.borrow_mut().forget(root, relative_path);
        }
    }

    /// Forgets the rules of a directory and of all below it: its path leads to another one now, or
    /// nowhere.
    pub(crate) fn remove(&self, root: &[u8], relative_path: &[u8]) {
        if let Some(rules) = &self.rules {
            rules.borrow_mut().remove(root, relative_path);
        }
    }

    /// Forgets all rules, so that they are read again.
    pub(crate) fn forget_all(&self) {
        if let Some(rules) = &self.rules {
            rules.borrow_mut().forget_all();
        }
    }

    /// Finds which rules may have changed without an event. Called at a constant interval.
    pub(crate) fn find_changes(&self) -> RuleChanges {
        match &self.rules {
            Some(rules) => rules.borrow_mut().find_changes(),
            None => RuleChanges::In(Vec::new()),
        }
    }

    /// Whether rules that were read do not count yet: [`Filter::find_changes`] returns them soon.
    pub(crate) fn are_rules_late(&self) -> bool {
        let are_late = |rules: &RefCell<Rules>| rules.borrow().are_late();
        self.rules.as_ref().is_some_and(are_late)
    }

    /// Permissions changed: rule files that could not be read are tried again soon.
    pub(crate) fn hasten_retries(&self) {
        if let Some(rules) = &self.rules {
            rules.borrow_mut().hasten_retries();
        }
    }

    /// Takes the warnings about rule files that do not count as they are, one for each.
    pub(crate) fn take_warnings(&self) -> Vec<String> {
        let take = |rules: &RefCell<Rules>| rules.borrow_mut().take_flawed();
        let flawed = self.rules.as_ref().map(take).unwrap_or_default();
        let shown = |path: PathBuf| escaped(path.as_os_str().as_bytes());
        let sentence = |flawed| match flawed {
            Flawed::Cut(path) => format!(
                "warning: {} has more rules than are read ({MAX_GLOBS} globs and {} KiB a file; {MAX_GLOBS_IN_ALL} globs in all, {MAX_GLOBS_OF_ANOTHER} of another user; {} KiB for a name, counted as length times wildcards, {} KiB of others): the rest is left out. Rather list plain names, or give --exclude",
                shown(path),
                MAX_BYTES >> 10,
                MAX_COST >> 10,
                MAX_COST_OF_OTHERS >> 10
            ),
            Flawed::Unread(path, why) => format!(
                "warning: {}: {why}: it counts as it was read last, and is tried again",
                shown(path)
            ),
        };
        flawed.into_iter().map(sentence).collect()
    }
}
