//! Turns the command line into what the watch needs to know.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, ValueEnum};

/// Watch directories and files, and tell every change.
#[derive(Parser, Debug)]
#[command(name = "balerion", version = env!("BALERION_VERSION"), about, max_term_width = 100, after_help = SHORT_HELP, after_long_help = LONG_HELP)]
pub(crate) struct Cli {
    /// Directories (recursively) or single files to watch
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<OsString>,

    /// Leave out what matches, in gitignore syntax, relative to each PATH
    ///
    /// `target/` is every directory called so, `/target` only the one in PATH, `*.{o,tmp}` two
    /// sorts of file anywhere. What is left out costs nothing: it is not watched, scanned or read.
    /// Of several globs the last one that matches decides, and `!GLOB` brings back, also what
    /// --gitignore would hide; but nothing comes back from a directory that is left out. A PATH
    /// itself is never left out.
    #[arg(long, value_name = "GLOB", help_heading = CHOOSING)]
    pub(crate) exclude: Vec<String>,
    /// Tell only what matches, in gitignore syntax, relative to each PATH
    ///
    /// A glob that matches a directory includes all that is in it. Directories are told and
    /// followed whether they match or not, since what matches may come to be in them; --exclude
    /// prunes them. What --exclude or --gitignore leaves out stays out. `!GLOB` takes out again.
    #[arg(long, value_name = "GLOB", help_heading = CHOOSING)]
    pub(crate) include: Vec<String>,
    /// Read globs to leave out from a file, one a line
    ///
    /// As if they were given by --exclude, before those that are: empty lines and those that
    /// begin with # mean nothing. The file is read once.
    #[arg(long, value_name = "FILE", help_heading = CHOOSING)]
    pub(crate) exclude_from: Vec<PathBuf>,
    /// Leave out what .gitignore, .ignore and .git/info/exclude name, and .git
    ///
    /// As git does: nested, with the rules above PATH up to the root of its repository, each
    /// repository by its own, and the user's core.excludesFile; only that whether a file is
    /// tracked is not asked. .gitignore counts outside repositories too; .ignore, as ripgrep and
    /// fd read it, beats .gitignore. Rules are read again when they change: what they show is
    /// created, what they hide is deleted. Those above PATH or in .git are looked at once a second.
    #[arg(long, help_heading = CHOOSING)]
    pub(crate) gitignore: bool,
    /// Tell only what is directly in PATH
    #[arg(long, help_heading = CHOOSING)]
    pub(crate) no_recursive: bool,
    /// Tell only so many levels below PATH
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "no_recursive", help_heading = CHOOSING)]
    pub(crate) max_depth: Option<u32>,
    /// Do not enter other file systems
    #[arg(long, short = 'x', help_heading = CHOOSING)]
    pub(crate) one_file_system: bool,
    /// Print only these events: created, changed, renamed, deleted, attributes, closed, touched
    ///
    /// The model still follows everything. `attributes` (mode, owner or extended attributes
    /// changed), `closed` (a writer closed the file) and `touched` (the mtime changed and the
    /// bytes did not) are off unless named here.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = CHOOSING)]
    pub(crate) events: Vec<String>,
    /// Wait for a PATH that is not there, and again if it vanishes
    #[arg(long, help_heading = CHOOSING)]
    pub(crate) wait_for_path: bool,
    /// Watch every regular file's inode too
    ///
    /// Writes through names outside the tree, through unnamed files and dead names are then seen.
    /// It costs one inotify watch for each file.
    #[arg(long, help_heading = CHOOSING)]
    pub(crate) strict: bool,
    /// Compare everything with the disk every so often
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = CHOOSING)]
    pub(crate) rescan: Option<Duration>,

    /// When files are read
    #[arg(long, value_name = "WHEN", default_value = "eager", help_heading = CONTENT)]
    pub(crate) hash: HashWhen,
    /// Larger files go by inode, size and times (64K, 1M, 2G)
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = size, help_heading = CONTENT)]
    pub(crate) hash_limit: u64,

    /// How changes are printed
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = PRINTING)]
    pub(crate) format: FormatName,
    /// End every record with NUL; paths in text are raw bytes
    #[arg(long, short = '0', help_heading = PRINTING)]
    pub(crate) print0: bool,
    /// Put the local time (RFC 3339) before each line of text
    #[arg(long, help_heading = PRINTING)]
    pub(crate) timestamps: bool,
    /// Colour text on a terminal
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = PRINTING)]
    pub(crate) color: ColorWhen,
    /// Begin with what is there, as `existing` records in JSON
    #[arg(long, help_heading = PRINTING)]
    pub(crate) initial: bool,
    /// Say nothing on stderr but warnings and errors
    #[arg(long, short = 'q', help_heading = PRINTING)]
    pub(crate) quiet: bool,
    /// Show each kernel event on stderr as it arrives
    #[arg(long, help_heading = PRINTING)]
    pub(crate) trace: bool,
    /// Print statistics on stderr at the end (and on SIGUSR1 at any time)
    #[arg(long, help_heading = PRINTING)]
    pub(crate) stats: bool,

    /// End after so many changes were printed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = STOPPING)]
    pub(crate) count: Option<u64>,
    /// End after one change: --count 1
    #[arg(short = '1', long = "one", conflicts_with = "count", help_heading = STOPPING)]
    pub(crate) one: bool,
    /// End that long after ready; status 3 if no change was printed
    #[arg(long, value_name = "SECONDS", value_parser = seconds_or_zero, help_heading = STOPPING)]
    pub(crate) timeout: Option<Duration>,
    /// End when nothing has changed for so long
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = STOPPING)]
    pub(crate) until_quiet: Option<Duration>,

    /// Go to the background once every watch is in place
    #[arg(long, requires = "log_file", help_heading = SERVING)]
    pub(crate) daemon: bool,
    /// Append changes to a file instead of stdout; SIGHUP reopens it
    #[arg(long, value_name = "FILE", help_heading = SERVING)]
    pub(crate) log_file: Option<PathBuf>,
    /// Write the process number to a file, and lock it
    #[arg(long, value_name = "FILE", help_heading = SERVING)]
    pub(crate) pid_file: Option<PathBuf>,

    /// Print completions for a shell
    #[arg(long, value_name = "SHELL", exclusive = true, help_heading = MORE)]
    pub(crate) completions: Option<clap_complete::Shell>,
    /// Print the man page
    #[arg(long, exclusive = true, help_heading = MORE)]
    pub(crate) man: bool,

    /// What inotifywait's fingers type
    #[arg(long, short = 'm', hide = true, action = ArgAction::SetTrue)]
    pub(crate) monitor: bool,
    /// What inotifywait's fingers type
    #[arg(long, short = 'r', hide = true, action = ArgAction::SetTrue)]
    pub(crate) recursive: bool,
}

/// Headings of the help.
const CHOOSING: &str = "Choosing what is watched";
/// Likewise.
const CONTENT: &str = "Content";
/// Likewise.
const PRINTING: &str = "Printing";
/// Likewise.
const STOPPING: &str = "Stopping";
/// Likewise.
const SERVING: &str = "Serving";
/// Likewise.
const MORE: &str = "More";

/// The end of `-h`.
const SHORT_HELP: &str = "Changes go to stdout, everything else to stderr. `--help` tells more.";

/// The end of `--help`.
const LONG_HELP: &str = "\
Examples:
  balerion                                  watch the directory you are in
  balerion src tests --gitignore            watch two trees, without what git ignores
  balerion | grep --line-buffered '\\.rs$'   lines are written as changes happen
  balerion --format json /srv | jq .path    records with SHA-256 digests
  balerion -1 config.toml && make           wait for one change
  balerion --until-quiet 2 target           wait until a build is done
  balerion --daemon --log-file /var/log/tree.log /srv

Exit status:
  0  stopped as asked (a signal, --count, --until-quiet, the reader of stdout gone)
  1  a failure while running: nothing left to watch, or changes could not be written
  2  unusable arguments, or a PATH that cannot be watched
  3  --timeout passed and no change was printed

Signals: SIGTERM and SIGINT end it, SIGUSR1 prints statistics on stderr, SIGHUP ends it, or
reopens the log of --log-file.";

/// `--hash`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum HashWhen {
    /// All of them, behind the running watch
    Eager,
    /// When something happens to them
    Lazy,
    /// Never: inode, size and times tell
    Off,
}

/// `--format`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum FormatName {
    /// A sentence a change
    Text,
    /// A JSON object a change
    Json,
    /// A path a change
    Paths,
}

/// `--color`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Also into a pipe
    Always,
    /// Never
    Never,
}

/// Seconds, perhaps with a fraction; more than none.
fn seconds(text: &str) -> Result<Duration, String> {
    let duration = seconds_or_zero(text)?;
    if duration.is_zero() {
        Err("it must be more than 0".to_owned())
    } else {
        Ok(duration)
    }
}

/// Seconds, perhaps with a fraction.
fn seconds_or_zero(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds, such as 10 or 0.5".to_owned())?;
    if !number.is_finite() || number.is_sign_negative() {
        return Err("not a number of seconds, such as 10 or 0.5".to_owned());
    }
    Duration::try_from_secs_f64(number).map_err(|_| "too many seconds".to_owned())
}

/// A size in bytes: digits and K, M, G or T, by 1,024.
fn size(text: &str) -> Result<u64, String> {
    let wrong = || "not a size, such as 64K, 1M or 2G".to_owned();
    let (digits, shift) = match text.char_indices().last() {
        Some((at, unit @ ('K' | 'k' | 'M' | 'm' | 'G' | 'g' | 'T' | 't'))) => {
            let shift = match unit.to_ascii_uppercase() {
                'K' => 10,
                'M' => 20,
                'G' => 30,
                _ => 40,
            };
            (&text[..at], shift)
        }
        _ => (text, 0),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| "too large a size".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::CommandFactory;

    use super::{Cli, seconds, seconds_or_zero, size};

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_have_units_by_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("17", 17),
            ("64K", 65_536),
            ("1M", 1 << 20),
            ("2G", 2 << 30),
            ("1t", 1 << 40),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "K", "-1", "+1", "1.5M", "1KB", "99999999999T", "M1"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_may_have_a_fraction_and_are_finite() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        assert_eq!(seconds_or_zero("0"), Ok(Duration::ZERO));
        for text in ["0", "-1", "inf", "nan", "", "1s", "1e300"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
