//! The globs of the command line to matchers, or to a sentence about what is wrong with
//! one.
//!
//! Later globs override earlier ones: those of files come before those of `--exclude`.

use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use ignore::{Error, Match};

use super::rule_file::lines;
use super::{FilterOptions, GlobFile};

/// The end of a sentence about a glob that is none.
const SYNTAX: &str = "globs are written as in .gitignore";

/// The globs of the command line, relative to each PATH.
pub(super) struct Globs {
    exclude: Gitignore,
    /// Those of which one must match, if there are any.
    include: Option<Gitignore>,
}

impl Default for Globs {
    fn default() -> Self {
        Self {
            exclude: Gitignore::empty(),
            include: None,
        }
    }
}

impl Globs {
    pub(super) fn new(options: &FilterOptions<'_>) -> Result<Self, String> {
        let mut exclude = builder();
        for file in options.exclude_from {
            add_file(&mut exclude, file)?;
        }
        for glob in options.exclude {
            add(&mut exclude, glob).map_err(|why| refused("--exclude", glob, &why))?;
        }
        let mut include = builder();
        for glob in options.include {
            add(&mut include, glob).map_err(|why| refused("--include", glob, &why))?;
        }
        if let Some(first) = options.include.first()
            && options.include.iter().all(|glob| glob.starts_with('!'))
        {
            let glob = first.trim_start_matches('!');
            return Err(format!(
                "--include {first:?} leaves nothing to report: for all but what matches, use --exclude {glob:?}"
            ));
        }
        let built = |builder: GitignoreBuilder| builder.build().map_err(|error| too_much(&error));
        let include = if options.include.is_empty() {
            None
        } else {
            Some(built(include)?)
        };
        Ok(Self {
            exclude: built(exclude)?,
            include,
        })
    }

    pub(super) fn are_none(&self) -> bool {
        self.exclude.is_empty() && self.include.is_none()
    }

    /// Whether a name is excluded, or expressly not; `None`: it matches none.
    pub(super) fn excludes(&self, path: &Path, is_dir: bool) -> Option<bool> {
        match self.exclude.matched(path, is_dir) {
            Match::None => None,
            Match::Ignore(_) => Some(true),
            Match::Whitelist(_) => Some(false),
        }
    }

    /// Whether what is no directory, or a directory above it, is included.
    pub(super) fn includes(&self, path: &Path) -> bool {
        let matched =
            |include: &Gitignore| include.matched_path_or_any_parents(path, false).is_ignore();
        self.include.as_ref().is_none_or(matched)
    }
}

/// For globs that match a path relative to a PATH.
fn builder() -> GitignoreBuilder {
    let mut builder = GitignoreBuilder::new("");
    builder.allow_unclosed_class(false);
    builder
}

/// Adds one glob of the command line.
fn add(builder: &mut GitignoreBuilder, glob: &str) -> Result<(), String> {
    if glob.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    // No line is a comment here, and `./` stands for "in this directory".
    let glob = match glob.strip_prefix('.').filter(|rest| rest.starts_with('/')) {
        Some(rest) => rest.to_owned(),
        None if glob.starts_with('#') => format!("\\{glob}"),
        None => glob.to_owned(),
    };
    add_line(builder, &glob)
}

fn add_line(builder: &mut GitignoreBuilder, line: &str) -> Result<(), String> {
    match builder.add_line(None, line) {
        Ok(_) => Ok(()),
        Err(Error::Glob { err, .. }) => Err(err),
        Err(error) => Err(error.to_string()),
    }
}

/// Adds the globs of a file, one a line.
fn add_file(builder: &mut GitignoreBuilder, file: &GlobFile) -> Result<(), String> {
    let shown = &file.shown;
    for (line, number) in lines(&file.bytes).zip(1..) {
        let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned());
        text.and_then(|text| add_line(builder, text))
            .map_err(|why| {
                let line = String::from_utf8_lossy(line);
                format!(
                    "line {number} of {shown} is no glob: {line:?}: {why}; {SYNTAX}, one a line"
                )
            })?;
    }
    Ok(())
}

/// The sentence about a glob that is none.
fn refused(option: &str, glob: &str, why: &str) -> String {
    format!("{option} {glob:?} is no glob: {why}; {SYNTAX}")
}

/// The sentence about globs that are too much for the matcher.
fn too_much(error: &Error) -> String {
    format!("the globs cannot be used together: {error}")
}
