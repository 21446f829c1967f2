//! Turns an error about the arguments into lines for stderr.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Parser;

use super::Cli;
use crate::escape::escaped;

/// The lines of an error. clap puts arguments into its sentences as they were given, but for escape
/// sequences, which it drops; so the sentences are made once more, of escaped arguments.
pub(crate) fn refusal(error: &clap::Error, args: &[OsString]) -> Vec<String> {
    let shown = args.iter().map(|arg| escaped(arg.as_bytes()));
    let shown = Cli::try_parse_from(shown).err();
    let shown = shown.filter(|shown| shown.kind() == error.kind());
    let text = shown.as_ref().unwrap_or(error).render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(str::to_owned).collect()
}
