//! Matches a path against the rule files of the directories above it.
//!
//! A *level* is a directory that has rules. Its matchers see a path relative to it, and
//! what they do not match is asked of the next level outwards: first all `.ignore` files,
//! then, up to the root of the repository, `.gitignore` files, then `info/exclude` and the user's
//! rule file. Reads no file. Invariant: inner levels hold outer ones, so that one level is all
//! that is kept for a directory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::budget::Budget;
use super::compiled_rules::{RuleFile, hides};
use super::match_cost::MatchRoom;

/// A directory that has rules.
pub(super) struct Level {
    /// Its absolute path.
    pub(super) directory: PathBuf,
    /// The next level above.
    pub(super) outer: Option<Arc<Level>>,
    /// Length of the directory's own path, which its matchers do not see.
    pub(super) skip: usize,
    /// What the globs of levels below may cost.
    pub(super) room: MatchRoom,
    pub(super) rules: DirectoryRules,
}

/// The rules of a directory itself.
#[derive(Clone)]
pub(super) struct DirectoryRules {
    /// `.ignore`.
    pub(super) ignore: Arc<RuleFile>,
    /// `.gitignore`.
    pub(super) git: Arc<RuleFile>,
    /// At the root of a repository: its `info/exclude`, and the user's rule file.
    pub(super) repository: Option<[Arc<RuleFile>; 2]>,
}

impl DirectoryRules {
    pub(super) fn are_none(&self) -> bool {
        let is_empty = |rules: &RuleFile| rules.matcher.is_empty();
        is_empty(&self.ignore) && is_empty(&self.git) && self.repository.is_none()
    }

    /// Number of globs.
    pub(super) fn globs(&self) -> usize {
        self.files().map(|rules| rules.globs).sum()
    }

    fn files(&self) -> impl Iterator<Item = &RuleFile> {
        let repository = self.repository.iter().flatten();
        let all = [&self.ignore, &self.git].into_iter().chain(repository);
        all.map(|rules| &**rules)
    }
}

impl Level {
    /// Whether a path, relative to the outermost level, is hidden.
    pub(super) fn hides(&self, path: &[u8], is_dir: bool) -> bool {
        let mut by_git = None;
        let mut is_outside_repository = false;
        let mut next = Some(self);
        while let Some(level) = next {
            let path = Path::new(OsStr::from_bytes(&path[level.skip..]));
            if let Some(hidden) = hides(&level.rules.ignore.matcher, path, is_dir) {
                return hidden;
            }
            if by_git.is_none() && !is_outside_repository {
                let lists = level.rules.repository.iter().flatten();
                by_git = [&level.rules.git]
                    .into_iter()
                    .chain(lists)
                    .find_map(|rules| hides(&rules.matcher, path, is_dir));
                is_outside_repository = level.rules.repository.is_some();
            }
            next = level.outer.as_deref();
        }
        by_git.unwrap_or(false)
    }

    /// Drops a level, and the outer ones if no other level holds them: gives back their globs, and
    /// hands their rules to `keep`.
    pub(super) fn release(
        level: Arc<Self>,
        budget: &mut Budget,
        mut keep: impl FnMut(PathBuf, DirectoryRules),
    ) {
        let mut next = Some(level);
        while let Some(level) = next.and_then(Arc::into_inner) {
            level
                .rules
                .files()
                .for_each(|rules| budget.give_back(rules));
            keep(level.directory, level.rules);
            next = level.outer;
        }
    }
}
