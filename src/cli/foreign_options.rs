//! Turns an option that other tools have and balerion does not, or a command that was given to be
//! run, into a sentence about what to use instead.
//!
//! Invariant: no name in the table is an option of balerion.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::error::Error;
use crate::escape::escaped;

/// Options of other tools, separated by spaces, and what balerion has for them: one row a line.
const HINTS: &str = "\
-e --event --event-flags --fs-events: --events LIST chooses what is printed, by our names or inotifywait's
-t --time: --timeout TIME ends the watch that long after it is ready
-d: --daemon --log-file FILE goes to the background, and --settle TIME prints net effects
--daemonize --background: --daemon --log-file FILE goes to the background
-l --latency --debounce --delay: --settle TIME prints the net effect once the tree has been quiet for that long
-c: balerion runs no commands, and --format json prints records that jq can turn into CSV
--csv --clear: --format json prints records that jq can turn into anything, CSV included
-w --watch --path --dir: PATHs are given without an option, as in `balerion src tests`
-i --ignore --ignore-file --excludei -E: --exclude GLOB and --exclude-from FILE leave names out
-f --filter --includei --exts --glob -g: --include GLOB prints only what matches
-v --verbose --debug: --trace shows each kernel event, --stats what was done, and -V the version
-o --outfile --output: --log-file FILE appends changes to a file, and stdout can be sent to one
--fromfile --files-from: --paths-from FILE reads PATHs, one a line
--json --jsonl --ndjson -j: --format json prints a record a line
--depth --maxdepth --level -L: --max-depth N prints so many levels below PATH
--no-recurse --non-recursive: --no-recursive reports only what is directly in PATH
--no-hash --no-checksum --nohash: --hash off reads no file
--checksum --sha256 --digest: digests are in the records of --format json
--timefmt --timestamp --time-format: --timestamps puts the local time before each line, and records have `time`
--poll --interval --force-poll -p: --rescan TIME compares the tree with the disk at that interval
-n --limit --max-count --max-events: --count N ends after so many changes; balerion runs no commands
--stop --kill: kill PID ends balerion, and --pid-file FILE keeps its PID
--once --oneshot: -1 ends after one change
--no-color --colour --no-colour: --color auto, always or never
--silent -s: --quiet keeps warnings and errors alone
--null --nul -z: -0 (--print0) ends every record with NUL
--follow --dereference --follow-symlinks: symbolic links are followed where they are a PATH, and nowhere else
--hidden -H --no-ignore -u: hidden names are watched, and .gitignore is read with --gitignore alone";

/// Options of other tools that run a command.
const COMMANDS: &str = "--exec --command --run --shell --on-change";

/// The sentence about a command that was given to be run.
const NO_COMMANDS: &str =
    "balerion runs no commands: see Recipes in README.md, or EXAMPLES in `balerion --man`";

/// The message about an option of another tool. `None`: it is none, so that clap's message is best.
pub(crate) fn hint(error: &clap::Error) -> Option<String> {
    let kinds = [ErrorKind::UnknownArgument, ErrorKind::TooManyValues];
    if !kinds.contains(&error.kind()) {
        return None;
    }
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    // clap gives all names of a flag that was given a value.
    if error.kind() == ErrorKind::TooManyValues && typed.contains("--recursive") {
        return Some(
            "--recursive takes no value: --no-recursive reports only what is directly in PATH"
                .to_owned(),
        );
    }
    let name = typed.split(['=', ' ', ',']).next().unwrap_or(typed);
    let is_its = |names: &str| names.split(' ').any(|each| each == name);
    let (_, ours) = hints().find(|(names, _)| is_its(names))?;
    Some(if ours == NO_COMMANDS {
        format!("there is no {name}: {ours}")
    } else {
        format!("there is no {name} here: {ours}")
    })
}

/// Options of other tools, separated by spaces, and what balerion has for them.
fn hints() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rows = HINTS.lines().filter_map(|row| row.split_once(": "));
    rows.chain([(COMMANDS, NO_COMMANDS)])
}

/// Replaces the error about a missing PATH that is the name of a command by one that balerion runs no
/// commands. Returns other errors unchanged.
pub(crate) fn explain(error: Error) -> Error {
    match &error {
        Error::Watch { path, source, .. }
            if source.kind() == io::ErrorKind::NotFound && is_command(path) =>
        {
            let shown = escaped(path);
            Error::Usage(format!(
                "there is no file {shown} here to watch, and {NO_COMMANDS}"
            ))
        }
        _ => error,
    }
}

/// Whether a shell would find a command of this name.
fn is_command(name: &[u8]) -> bool {
    // A whole command line in quotes begins with the name of a command.
    let name = name.split(|&byte| byte == b' ').next().unwrap_or(name);
    if name.is_empty() || name.contains(&b'/') {
        return false;
    }
    let search = std::env::var_os("PATH").unwrap_or_default();
    let is_executable = |path: &Path| {
        path.metadata()
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(&search).any(|dir| is_executable(&dir.join(OsStr::from_bytes(name))))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::hints;
    use crate::cli::Cli;

    #[test]
    fn no_answer_hides_an_option_and_all_options_that_they_name_exist() {
        let command = Cli::command();
        let options: Vec<_> = command
            .get_arguments()
            .filter(|option| !option.is_hide_set())
            .flat_map(|option| {
                let long = option.get_long().map(|long| format!("--{long}"));
                let short = option.get_short().map(|short| format!("-{short}"));
                [long, short].into_iter().flatten()
            })
            .chain(["-V", "-h", "--help", "--version"].map(str::to_owned))
            .collect();
        let mut typed: Vec<_> = hints().flat_map(|(names, _)| names.split(' ')).collect();
        for name in &typed {
            assert!(!options.iter().any(|option| option == name), "{name}");
        }
        for (_, answer) in hints() {
            for word in answer.split([' ', ',', ':', '`', '(', ')']) {
                let is_option = word.starts_with('-') && word != "-";
                assert!(
                    !is_option || options.iter().any(|option| option == word),
                    "{word}"
                );
            }
        }
        let count = typed.len();
        typed.sort_unstable();
        typed.dedup();
        assert_eq!(typed.len(), count, "a name has two answers");
    }
}
