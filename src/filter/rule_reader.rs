//! Reads the rule files of a directory (`.ignore`, `.gitignore`, `info/exclude` and the user's),
//! and remembers those that cannot be read, or that no event reports.
//!
//! Invariants: a file that cannot be read counts as before, and is tried again; all rules together
//! stay within the budget; so do those that one name is matched against.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::budget::Budget;
use super::compiled_rules::{MAX_BYTES, RuleFile};
use super::compiler::Compiler;
use super::late::Late;
use super::level::{DirectoryRules, Level};
use super::match_cost::MatchRoom;
use super::previous_rules::PreviousRules;
use super::retries::{Retries, RuleDirectory};
use super::rule_source::{RuleSource, Unknown};
use super::unwatched::Unwatched;
use crate::file_status::message;
use crate::sys::process::effective_user;

/// Files with more rules than are read that are reported; most of these warnings are only counted.
pub(super) const MAX_REPORTED: usize = 1_000;

pub(super) struct RuleReader {
    pub(super) source: RuleSource,
    /// `core.excludesFile`.
    user_excludes: Option<PathBuf>,
    pub(super) unwatched: Unwatched,
    budget: Budget,
    pub(super) previous: PreviousRules,
    /// The directories with a file that could not be read.
    pub(super) retries: Retries,
    compiler: Compiler,
    /// The directories with a file that is not compiled yet: until then it counts as before.
    late: Late,
    /// Rule files of which a part is not used, or that cannot be read, of which no warning was
    /// taken yet.
    pub(super) flawed: Vec<Flawed>,
    /// Files with more bytes or globs than are used, so that each is in `flawed` once; no more than
    /// [`MAX_REPORTED`].
    reported: BTreeSet<PathBuf>,
}

/// A rule file that does not count as it is.
#[derive(Debug)]
pub(super) enum Flawed {
    /// It has more bytes or globs than are used, or the limit for several files together left no
    /// room.
    Cut(PathBuf),
    /// It cannot be read, for this reason.
    Unread(PathBuf, String),
}

impl RuleReader {
    pub(super) fn new(user_excludes: Option<PathBuf>, source: RuleSource) -> Self {
        Self {
            source,
            user_excludes,
            unwatched: Unwatched::default(),
            budget: Budget::new(effective_user()),
            previous: PreviousRules::default(),
            retries: Retries::default(),
            compiler: Compiler::default(),
            late: Late::default(),
            flawed: Vec::new(),
            reported: BTreeSet::new(),
        }
    }

    /// Gives back a level that is to be read again: until it is, it may have to count as before.
    pub(super) fn forget(&mut self, level: Arc<Level>) {
        let keep = |directory, rules| self.previous.insert(directory, rules);
        Level::release(level, &mut self.budget, keep);
    }

    /// Gives back a level of a directory that is gone.
    pub(super) fn remove(&mut self, level: Arc<Level>) {
        Level::release(level, &mut self.budget, |_, _| {});
    }

    /// Forgets what was found in a directory that is gone, and below it.
    pub(super) fn remove_below(&mut self, directory: &Path) {
        self.previous.remove_below(directory);
        let near = self.reported.range(directory.to_owned()..);
        let below = near.take_while(|path| path.starts_with(directory));
        for path in below.cloned().collect::<Vec<_>>() {
            self.reported.remove(&path);
        }
    }

    /// Forgets what is to be checked, since all is read again.
    pub(super) fn clear(&mut self) {
        self.unwatched.clear();
        self.retries.clear();
        self.compiler.clear();
        self.late = Late::default();
    }

    /// Whether a rule file is not compiled yet.
    pub(super) fn is_late(&self) -> bool {
        !self.late.is_empty()
    }

    /// Counts a check, and takes some of the directories with a file that was not compiled: the
    /// thread has compiled it, or there was no room for it.
    pub(super) fn take_late(&mut self) -> Vec<RuleDirectory> {
        let Self { compiler, late, .. } = self;
        compiler.begin_interval(|directory| late.has(directory));
        late.take(|directory| compiler.is_compiling(directory))
    }

    /// The directories with rules of a file in a directory that is not watched, which has changed
    /// since it was read.
    pub(super) fn take_unwatched_changes(&mut self) -> BTreeSet<RuleDirectory> {
        let source = &mut self.source;
        self.unwatched.take_changed(|file| source.state(file).ok())
    }

    /// Reads the rules of a directory. If it has none, its level is `outer`. `group`: what is tried
    /// again if it cannot be read.
    pub(super) fn read_level(
        &mut self,
        group: &RuleDirectory,
        dir: &Path,
        skip: usize,
        outer: Option<Arc<Level>>,
    ) -> Option<Arc<Level>> {
        let before = self.previous.get(dir).cloned();
        let old = before.as_ref();
        let was_known = !self.retries.has(group);
        let outer_room = outer.as_ref().map(|outer| outer.room);
        let mut room = outer_room.unwrap_or_default();
        let repository = self.find_repository(group, dir).then(|| {
            let old = old.and_then(|old| old.repository.as_ref());
            let lists = [self.excludes_file(group, dir), self.user_excludes.clone()];
            [0, 1].map(|index| {
                let old = old.map(|old| &old[index]);
                match &lists[index] {
                    Some(file) => self.read_unwatched(group, file, old, &mut room),
                    None => self.admit(kept(old), None, &mut room),
                }
            })
        });
        let before = old.map(|old| &old.ignore);
        let ignore = self.read(group, &dir.join(".ignore"), before, &mut room);
        let before = old.map(|old| &old.git);
        let git = self.read(group, &dir.join(".gitignore"), before, &mut room);
        if was_known && !self.retries.has(group) && !self.late.has(group) {
            self.previous.remove(dir);
        }
        let rules = DirectoryRules {
            ignore,
            git,
            repository,
        };
        if rules.are_none() {
            return outer;
        }
        let directory = dir.to_owned();
        Some(Arc::new(Level {
            directory,
            outer,
            skip,
            room,
            rules,
        }))
    }

    /// Whether a directory is the root of a repository; as before, as long as that is not known.
    pub(super) fn find_repository(&mut self, group: &RuleDirectory, dir: &Path) -> bool {
        match self.source.is_repository(dir) {
            Ok(is_repository) => is_repository,
            Err(why) => {
                self.note_unknown(group, why);
                let before = self.previous.get(dir);
                before.is_some_and(|before| before.repository.is_some())
            }
        }
    }

    /// `None`: it is not known.
    fn excludes_file(&mut self, group: &RuleDirectory, dir: &Path) -> Option<PathBuf> {
        match self.source.excludes_file(dir) {
            Ok(path) => Some(path),
            Err(why) => {
                self.note_unknown(group, why);
                None
            }
        }
    }

    /// Reads and compiles a file. `room`: what the globs of it and of others may cost.
    fn read(
        &mut self,
        group: &RuleDirectory,
        path: &Path,
        before: Option<&Arc<RuleFile>>,
        room: &mut MatchRoom,
    ) -> Arc<RuleFile> {
        let rules = self.current(group, path, before);
        self.admit(rules, Some(path), room)
    }

    /// The rules of a file. One that is not regular has none. One that cannot be read, or whose file
    /// system does not answer, has those that it had before.
    fn current(
        &mut self,
        group: &RuleDirectory,
        path: &Path,
        before: Option<&Arc<RuleFile>>,
    ) -> Arc<RuleFile> {
        let read = match self.source.read(path, MAX_BYTES) {
            Ok(Some(read)) => read,
            Ok(None) => return Arc::new(RuleFile::empty()),
            Err(why) => {
                self.note_unknown(group, why);
                return kept(before);
            }
        };
        let source = self.compiler.source(read);
        let limits = self.budget.left(source.read.owner);
        match before.filter(|before| before.is_of(&source, limits)) {
            Some(before) => Arc::clone(before),
            None => match self
                .compiler
                .compile(group, path, source, limits, before.is_none())
            {
                Some(rules) => rules,
                None => {
                    self.late.add(group);
                    kept(before)
                }
            },
        }
    }

    /// Counts the rules of a file. They are not used if there is no room for them.
    fn admit(
        &mut self,
        rules: Arc<RuleFile>,
        path: Option<&Path>,
        room: &mut MatchRoom,
    ) -> Arc<RuleFile> {
        let has_room = room.take(rules.cost, self.budget.is_another(rules.owner));
        if let Some(path) = path
            && (rules.is_cut || !has_room)
            && self.reported.len() < MAX_REPORTED
            && self.reported.insert(path.to_owned())
        {
            self.flawed.push(Flawed::Cut(path.to_owned()));
        }
        if !has_room {
            return Arc::new(RuleFile::empty());
        }
        self.budget.take(&rules);
        rules
    }

    /// Notes that something in a directory of this group is not known. Where a file system does not
    /// answer, all is read again when it does.
    fn note_unknown(&mut self, group: &RuleDirectory, why: Unknown) {
        if let Unknown::Failed(path, error) = why
            && self.retries.add(group)
        {
            self.flawed.push(Flawed::Unread(path, message(&error)));
        }
    }

    /// Reads a file in a directory that is not watched.
    fn read_unwatched(
        &mut self,
        group: &RuleDirectory,
        path: &Path,
        before: Option<&Arc<RuleFile>>,
        room: &mut MatchRoom,
    ) -> Arc<RuleFile> {
        self.note_unwatched(group, path.to_owned());
        self.read(group, path, before, room)
    }

    /// Notes the state of a file in a directory that is not watched.
    pub(super) fn note_unwatched(&mut self, group: &RuleDirectory, path: PathBuf) {
        match self.source.state(&path) {
            Ok(state) => self.unwatched.note(group, path, state),
            Err(why) => self.note_unknown(group, why),
        }
    }

    /// Whether all that a directory's rules are read from can be read.
    pub(super) fn is_readable(&mut self, dir: &Path) -> bool {
        let excludes = match self.source.is_repository(dir) {
            Ok(true) => self.source.excludes_file(dir).map(Some),
            Ok(false) => Ok(None),
            Err(why) => Err(why),
        };
        let Ok(excludes) = excludes else {
            return false;
        };
        let users = self.user_excludes.clone().filter(|_| excludes.is_some());
        let files = [
            Some(dir.join(".ignore")),
            Some(dir.join(".gitignore")),
            excludes,
            users,
        ];
        let mut files = files.iter().flatten();
        files.all(|file| self.source.read(file, MAX_BYTES).is_ok())
    }
}

/// The rules that a file had before.
fn kept(before: Option<&Arc<RuleFile>>) -> Arc<RuleFile> {
    before.map_or_else(|| Arc::new(RuleFile::empty()), Arc::clone)
}
