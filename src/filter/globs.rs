//! Turns the globs of the command line into matchers, or into a message about one that is
//! malformed.
//!
//! Later globs override earlier ones: those of files come before those of `--exclude`.

use std::path::Path;

use ignore::Error;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::compiled_rules::{builder, hides, lines};
use super::{FilterOptions, GlobFile};
use crate::escape::{escaped, without_controls};

/// The end of a message about a malformed glob.
const SYNTAX: &str = "globs are written as in .gitignore";

/// They match paths relative to each PATH.
pub(super) struct Globs {
    exclude: Gitignore,
    /// `--include`: one of these must match. `None`: there are none.
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
            let first = escaped(first.as_bytes());
            let glob = first.trim_start_matches('!');
            return Err(format!(
                "--include \"{first}\" leaves nothing to report: for all but what matches, use --exclude \"{glob}\""
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

    /// Whether a name is excluded (`true`) or brought back by a negated glob (`false`). `None`: no
    /// glob matches.
    pub(super) fn excludes(&self, path: &Path, is_dir: bool) -> Option<bool> {
        hides(&self.exclude, path, is_dir)
    }

    /// Whether a file matches `--include`, by its own path or that of a directory above it.
    pub(super) fn includes(&self, path: &Path) -> bool {
        let matched =
            |include: &Gitignore| include.matched_path_or_any_parents(path, false).is_ignore();
        self.include.as_ref().is_none_or(matched)
    }
}

/// Adds one glob of the command line.
fn add(builder: &mut GitignoreBuilder, glob: &str) -> Result<(), String> {
    if glob.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    // Unlike a line of a file, `#` begins no comment, and `./` means the PATH itself.
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
                let (line, why) = (escaped(line), without_controls(&why));
                format!(
                    "line {number} of {shown} is no glob: \"{line}\": {why}; {SYNTAX}, one a line"
                )
            })?;
    }
    Ok(())
}

/// The message about a malformed glob.
fn refused(option: &str, glob: &str, why: &str) -> String {
    let (glob, why) = (escaped(glob.as_bytes()), without_controls(why));
    format!("{option} \"{glob}\" is no glob: {why}; {SYNTAX}")
}

/// The message about globs that are together too large for the matcher.
fn too_much(error: &Error) -> String {
    format!("the globs cannot be used together: {error}")
}
