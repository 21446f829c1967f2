//! Parses the command line into values, each checked by itself. Asks no disk.
//!
//! Invariant: a choice that has names on the command line is one enum, defined where it is
//! used, and parsed by these names.

mod event_names;
pub(crate) mod foreign_options;
mod globs;
mod notes;
pub(crate) mod quantity;
mod refusal;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, ValueEnum};

use crate::output::{EventName, Format};
use crate::tracker::Hashing;
use event_names::EventNames;
use quantity::{positive_number, positive_time, size, time};
pub(crate) use refusal::refusal;

/// Watch directories and files, and print every change
#[derive(Parser, Debug)]
#[command(
    name = "balerion",
    version = env!("BALERION_VERSION"),
    max_term_width = 100,
    args_override_self = true,
    after_help = SHORT_HELP,
    after_long_help = LONG_HELP,
)]
pub(crate) struct Cli {
    /// Directories (recursively) or single files to watch [default: .]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<OsString>,

    /// Read PATHs from a file, or from stdin (-), one a line
    ///
    /// They come after those given as arguments. Empty lines are skipped, and a PATH stands as it
    /// is written, without quotes. With -0 each ends with NUL, so that it may hold a newline.
    #[arg(long, value_name = "FILE", help_heading = CHOOSING)]
    pub(crate) paths_from: Vec<PathBuf>,
    /// Leave out what matches, in gitignore syntax, relative to each PATH
    ///
    /// `target/` is every directory of that name, `/target` only the one in PATH, `*.{o,tmp}` two
    /// kinds of file anywhere. A directory that is left out is not watched, scanned or read. Of
    /// several globs the last one that matches decides, and `!GLOB` brings back, also what
    /// --gitignore would leave out; but nothing comes back from a directory that is left out: for
    /// all but one file of it, give `dir/*` and `!dir/file`. A PATH itself is never left out.
    #[arg(long, value_name = "GLOB", help_heading = CHOOSING)]
    pub(crate) exclude: Vec<String>,
    /// Print only what matches, in gitignore syntax, relative to each PATH
    ///
    /// `*.rs` is all that ends so, and `.rs` only what has that very name. A glob that matches a directory includes all that is in it. Directories are reported and
    /// entered whether they match or not, since what matches may come to be in them; --exclude
    /// prunes them. What --exclude or --gitignore leaves out stays out. `!GLOB` takes out again.
    #[arg(long, value_name = "GLOB", help_heading = CHOOSING)]
    pub(crate) include: Vec<String>,
    /// Read globs to leave out from a file, or from stdin (-), one a line
    ///
    /// As if they were given by --exclude, before those that are: empty lines and those that
    /// begin with # are skipped. The file is read once.
    #[arg(long, value_name = "FILE", help_heading = CHOOSING)]
    pub(crate) exclude_from: Vec<PathBuf>,
    /// Leave out what .gitignore, .ignore and .git/info/exclude name, and .git
    ///
    /// As ripgrep and fd do: nested, with the rules above PATH up to the root of its repository, each
    /// repository by its own, and the user's core.excludesFile; but whether a file is tracked does
    /// not count. .gitignore counts outside repositories too; .ignore, as ripgrep and fd read it,
    /// beats .gitignore. Rules are read again when they change: what they show is created, what
    /// they hide is deleted. Those above PATH or in .git are checked once a second.
    #[arg(long, help_heading = CHOOSING)]
    pub(crate) gitignore: bool,
    /// Report only what is directly in PATH
    #[arg(long, help_heading = CHOOSING)]
    pub(crate) no_recursive: bool,
    /// Report only so many levels below PATH
    #[arg(long, value_name = "N", value_parser = positive_number::<u32>, allow_negative_numbers = true, conflicts_with = "no_recursive", help_heading = CHOOSING)]
    pub(crate) max_depth: Option<u32>,
    /// Do not enter other file systems
    #[arg(long, short = 'x', help_heading = CHOOSING)]
    pub(crate) one_file_system: bool,
    /// Print only these events, separated by commas
    ///
    /// The records of all others are left out; the model still follows everything. attributes,
    /// closed and touched are printed only where they are named here. The names of inotifywait
    /// mean ours: create is created, modify is changed, move is renamed, delete is deleted, attrib
    /// is attributes, close_write is closed.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = EventNames, help_heading = CHOOSING)]
    pub(crate) events: Vec<EventName>,
    /// Wait for a PATH that is not there, and again if it goes away
    #[arg(long, help_heading = CHOOSING)]
    pub(crate) wait_for_path: bool,
    /// Watch the inode of every regular file too
    ///
    /// Writes through names outside the tree, through files without a name and through deleted
    /// names are then seen. It takes one inotify watch for each file.
    #[arg(long, help_heading = CHOOSING)]
    pub(crate) strict: bool,
    /// Compare the whole tree with the disk at this interval
    #[arg(long, value_name = "TIME", value_parser = positive_time, allow_negative_numbers = true, help_heading = CHOOSING)]
    pub(crate) rescan: Option<Duration>,

    /// When files are read [default: eager, but lazy on network and FUSE mounts]
    #[arg(long, value_name = "WHEN", help_heading = CONTENT)]
    pub(crate) hash: Option<Hashing>,
    /// Do not read larger files: they go by inode, size and times
    ///
    /// SIZE is in bytes, or has a unit: K, M, G, T (or KiB, MiB, GiB, TiB) are powers of 1,024, and
    /// KB, MB, GB, TB are powers of 1,000. A fraction is possible: 1.5G.
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = size, allow_negative_numbers = true, help_heading = CONTENT)]
    pub(crate) hash_limit: u64,

    /// How changes are printed
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = PRINTING)]
    pub(crate) format: Format,
    /// End every record with NUL; paths in text are raw bytes
    #[arg(long, short = '0', help_heading = PRINTING)]
    pub(crate) print0: bool,
    /// Put the local time before each line of text: HH:MM:SS.mmm on a terminal, else RFC 3339
    #[arg(long, help_heading = PRINTING)]
    pub(crate) timestamps: bool,
    /// Colour text
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = PRINTING)]
    pub(crate) color: ColorWhen,
    /// Put this name, the session and a number into every record of JSON (auto: the node name)
    ///
    /// Records are then numbered in `seq` from 0 without a gap, and each start is a session of its
    /// own: host, session and seq together are the key of a record, in whatever store.
    #[arg(long, value_name = "NAME", help_heading = PRINTING)]
    pub(crate) host: Option<String>,
    /// Print a rename as deleted and created, with all that is below, for stores that know paths only
    #[arg(long, help_heading = PRINTING)]
    pub(crate) no_renames: bool,
    /// Begin a new session with a snapshot at this interval, in JSON
    ///
    /// The watch goes on. So does a log that is reopened to a new file: each can be read alone.
    /// --initial is for the session before.
    #[arg(long, value_name = "TIME", value_parser = positive_time, allow_negative_numbers = true, help_heading = PRINTING)]
    pub(crate) snapshot: Option<Duration>,
    /// Add inode, mtime and ctime to the records of files in JSON
    #[arg(long, help_heading = PRINTING)]
    pub(crate) stat: bool,
    /// Begin with a snapshot: `existing` records in JSON
    #[arg(long, help_heading = PRINTING)]
    pub(crate) initial: bool,
    /// Print the net effect of changes once the tree has been quiet for so long
    ///
    /// Created and changed is created, created and deleted is nothing, a chain of renames is one.
    /// At the latest after ten times TIME.
    #[arg(long, value_name = "TIME", value_parser = positive_time, allow_negative_numbers = true, help_heading = PRINTING)]
    pub(crate) settle: Option<Duration>,
    /// Begin with what differs from a JSON stream that was written before
    ///
    /// FILE is a snapshot or a log (--format json --initial): its last complete session and those
    /// that resume it. Before `ready`, in any format, come the differences from then to the disk:
    /// created, changed, renamed and deleted. A file whose inode, size, mtime and ctime are those
    /// in FILE is not read; without --stat in FILE all are. FILE must be of the same PATHs, spelt
    /// the same.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["initial", "resume"], help_heading = PRINTING)]
    pub(crate) since: Option<PathBuf>,
    /// Go on in the log of --log-file: --since it, and append; a snapshot if there is none yet
    ///
    /// So the log always folds to the disk, over restarts and crashes. A line that a crash has
    /// torn is cut off first. It implies --stat and takes --format json alone.
    #[arg(long, requires = "log_file", conflicts_with = "initial", help_heading = PRINTING)]
    pub(crate) resume: bool,
    /// With --since and --resume: read every file, whatever its times say
    #[arg(long, help_heading = PRINTING)]
    pub(crate) verify: bool,
    /// Write only warnings and errors to stderr
    #[arg(long, short = 'q', help_heading = PRINTING)]
    pub(crate) quiet: bool,
    /// Show each kernel event on stderr as it arrives
    ///
    /// Where a change is not reported: no line of trace means that the kernel sent no event, and
    /// a line without a record that there is nothing to report, or that a glob leaves it out.
    #[arg(long, help_heading = PRINTING)]
    pub(crate) trace: bool,
    /// Print statistics on stderr at the end (and on SIGUSR1 at any time)
    #[arg(long, help_heading = PRINTING)]
    pub(crate) stats: bool,

    /// End after so many changes were printed
    #[arg(long, value_name = "N", value_parser = positive_number::<u64>, allow_negative_numbers = true, help_heading = STOPPING)]
    pub(crate) count: Option<u64>,
    /// End after one change: --count 1
    #[arg(short = '1', long = "one", conflicts_with = "count", help_heading = STOPPING)]
    pub(crate) one: bool,
    /// End that long after ready; status 3 if no change was printed
    ///
    /// TIME, here and elsewhere, is a number of seconds, with a fraction if you like, or has a
    /// unit: 500ms, 2s, 5m, 1h.
    #[arg(long, value_name = "TIME", value_parser = time, allow_negative_numbers = true, help_heading = STOPPING)]
    pub(crate) timeout: Option<Duration>,
    /// End when nothing has changed for so long
    #[arg(long, value_name = "TIME", value_parser = positive_time, allow_negative_numbers = true, help_heading = STOPPING)]
    pub(crate) until_quiet: Option<Duration>,

    /// Go to the background once every watch is in place
    ///
    /// A signal ends it: `kill PID`. With --pid-file FILE that is `kill "$(cat FILE)"`. It may be
    /// started again with --resume, which then reports what changed meanwhile.
    #[arg(long, requires = "log_file", help_heading = SERVING)]
    pub(crate) daemon: bool,
    /// Append changes to a file instead of stdout; SIGHUP reopens it
    #[arg(long, value_name = "FILE", help_heading = SERVING)]
    pub(crate) log_file: Option<PathBuf>,
    /// Write the process ID to a file, and lock it
    #[arg(long, value_name = "FILE", help_heading = SERVING)]
    pub(crate) pid_file: Option<PathBuf>,

    /// Print completions for a shell
    ///
    /// To have them now: `. <(balerion --completions bash)`; in zsh after compinit. In fish:
    /// `balerion --completions fish | source`.
    #[arg(long, value_name = "SHELL", exclusive = true, help_heading = MORE)]
    pub(crate) completions: Option<clap_complete::Shell>,
    /// Print the man page: as text on a terminal, else for man -l
    #[arg(long, exclusive = true, help_heading = MORE)]
    pub(crate) man: bool,
    /// Print a hardened systemd unit, and how logrotate rotates its log
    ///
    /// Save it as /etc/systemd/system/balerion.service, put your PATHs in place of /srv, and
    /// follow its comments.
    #[arg(long, exclusive = true, help_heading = MORE)]
    pub(crate) print_unit: bool,

    /// Accepted for users of inotifywait; no effect
    #[arg(long, short = 'm', hide = true, action = ArgAction::SetTrue)]
    pub(crate) monitor: bool,
    /// Accepted for users of inotifywait; no effect
    #[arg(long, short = 'r', hide = true, action = ArgAction::SetTrue)]
    pub(crate) recursive: bool,
}

/// The default of `--hash-limit`: 1 GiB.
const DEFAULT_HASH_LIMIT: u64 = 1 << 30;

const CHOOSING: &str = "Choosing what is watched";
const CONTENT: &str = "Content";
const PRINTING: &str = "Printing";
const STOPPING: &str = "Stopping";
const SERVING: &str = "Serving";
const MORE: &str = "More";

const SHORT_HELP: &str = "\
Changes go to stdout, everything else to stderr. In pipes, filters that hold lines back need
an option: grep --line-buffered, sed -u, jq --unbuffered. More: --help, --man.";

const LONG_HELP: &str = "\
Examples:
  balerion                                  watch the current directory
  balerion src tests --gitignore            watch two trees, without what git ignores
  balerion | grep --line-buffered '\\.rs$'   lines are written as changes happen
  balerion --format json /srv | jq .path    records with SHA-256 digests
  balerion -1 config.toml && make           wait for one change
  balerion -q src | while read -r line; do make; done
                                            run a command for each change: better in --man
  balerion --until-quiet 2 target           wait until a build is done
  balerion --daemon --log-file tree.log --pid-file tree.pid /srv
                                            in the background; kill \"$(cat tree.pid)\" ends it

Exit status:
  0  stopped as asked (a signal, --count, --until-quiet, the reader of stdout gone)
  1  a failure while running: nothing left to watch, or changes could not be written
  2  unusable arguments, or a PATH that cannot be watched
  3  --timeout passed and no change was printed

Signals: SIGTERM and SIGINT end it, SIGUSR1 prints statistics on stderr, SIGHUP ends it, or
reopens the log of --log-file.";

/// When text is coloured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Also into a pipe or a file
    Always,
    /// Never
    Never,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
