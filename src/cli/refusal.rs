//! Turns an error about the arguments into lines for stderr.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Parser;
use clap::error::ErrorKind;

use super::Cli;
use crate::escape::escaped;

/// The lines of an error. clap puts arguments into its sentences as they were given, but for escape
/// sequences, which it drops; so the sentences are made once more, of escaped arguments.
pub(crate) fn refusal(error: &clap::Error, args: &[OsString]) -> Vec<String> {
    if error.kind() == ErrorKind::InvalidUtf8
        && let Some(line) = invalid_utf8(args)
    {
        return vec![line];
    }
    let shown = args.iter().map(|arg| escaped(arg.as_bytes()));
    let shown = Cli::try_parse_from(shown).err();
    let shown = shown.filter(|shown| shown.kind() == error.kind());
    let text = shown.as_ref().unwrap_or(error).render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(str::to_owned).collect()
}

/// The sentence about the first argument that must be UTF-8 and is not: clap names none.
fn invalid_utf8(args: &[OsString]) -> Option<String> {
    let shown = |arg: &OsString| escaped(arg.as_bytes());
    let is_utf8 = |at: usize| args[at].to_str().is_some();
    let is_refused = |at: usize| {
        let others = args.iter().enumerate();
        let others = others.map(|(other, arg)| {
            if other == at {
                arg.clone()
            } else {
                shown(arg).into()
            }
        });
        let refused = Cli::try_parse_from(others).err();
        refused.is_some_and(|error| error.kind() == ErrorKind::InvalidUtf8)
    };
    let at = (1..args.len()).find(|&at| !is_utf8(at) && is_refused(at))?;
    let value = shown(&args[at]);
    let option = args[at - 1]
        .to_str()
        .filter(|option| option.starts_with('-'));
    let argument = match option {
        Some(option) if !value.starts_with('-') => format!("{option} {value}"),
        _ => value,
    };
    Some(format!(
        "{argument}: it must be UTF-8; only paths may have other bytes"
    ))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use clap::Parser;

    use super::{Cli, refusal};

    #[test]
    fn what_must_be_utf8_and_is_not_is_named() {
        let args = |args: &[&[u8]]| -> Vec<OsString> {
            let args = args.iter().map(|arg| OsString::from_vec(arg.to_vec()));
            args.collect()
        };
        for (given, named) in [
            (
                &[&b"balerion"[..], b"p\xff", b"--exclude", b"a\xff"][..],
                "--exclude a\\xff: ",
            ),
            (&[b"balerion", b"--host=\xff", b"p\xff"], "--host=\\xff: "),
        ] {
            let args = args(given);
            let error = Cli::try_parse_from(&args).expect_err("it is refused");
            let lines = refusal(&error, &args);
            assert!(lines[0].starts_with(named), "{lines:?}");
        }
    }
}
