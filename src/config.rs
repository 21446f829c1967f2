//! Turns the command line, and the lists in files that it names, into the configuration of a watch.
//!
//! Refuses options that do not go together, if clap cannot.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use crate::absolute_path::absolute_path;
use crate::cli::{Cli, ColorWhen};
use crate::error::Error;
use crate::escape;
use crate::filter::{Filter, FilterOptions, GlobFile};
use crate::input::{self, Input, ListReader, Stdin};
use crate::log_file::Log;
use crate::nanos::nanos;
use crate::output::{EventName, Events, Format, Header, LineTime, Style};
use crate::stderr;
use crate::sys;
use crate::sys::file::path_of_working_directory;
use crate::sys::signal::Signals;
use crate::sys::start::Start;
use crate::tracker::{HashPolicy, Hashing, Settings};
use crate::watcher::{
    Config, Destination, Resumption, RunOptions, StopOptions, StopReason, StreamSource,
};

/// PATHs and globs of the command line, and of the files that it names.
pub(crate) struct Named {
    paths: Vec<Vec<u8>>,
    exclude_from: Vec<GlobFile>,
}

/// Why the program ends before it watches anything.
pub(crate) enum NotStarted {
    /// It is asked to end.
    Stopped(StopReason),
    Failed(Error),
}

impl From<Error> for NotStarted {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Reads these files, unless there is a reason to stop meanwhile.
pub(crate) fn named(cli: &Cli, stdin: Stdin, signals: &Signals) -> Result<Named, NotStarted> {
    let stdout = io::stdout();
    let mut lists = ListReader {
        stdin,
        signals,
        hang_up_ends: cli.log_file.is_none(),
        output: cli.log_file.is_none().then(|| stdout.as_fd()),
    };
    let mut paths: Vec<_> = cli
        .paths
        .iter()
        .map(|path| path.as_bytes().to_vec())
        .collect();
    for file in &cli.paths_from {
        let bytes = bytes(lists.read("--paths-from", file)?, cli)?;
        paths.extend(input::split_paths(&bytes, cli.print0));
    }
    if paths.iter().any(Vec::is_empty) {
        let why = "a PATH is empty ('' names nothing): give a directory or a file";
        return Err(Error::Usage(why.to_owned()).into());
    }
    if paths.is_empty() {
        if let Some(file) = cli.paths_from.first() {
            let shown = escape::escaped(file.as_os_str().as_bytes());
            let why = format!("--paths-from {shown} names no PATH: write one in each line");
            return Err(Error::Usage(why).into());
        }
        paths.push(b".".to_vec());
    }
    let mut exclude_from = Vec::new();
    for file in &cli.exclude_from {
        let shown = escape::escaped(file.as_os_str().as_bytes());
        let bytes = bytes(lists.read("--exclude-from", file)?, cli)?;
        exclude_from.push(GlobFile { shown, bytes });
    }
    Ok(Named {
        paths,
        exclude_from,
    })
}

/// The bytes of a list, or why the program stops before it is read.
fn bytes(input: Input, cli: &Cli) -> Result<Vec<u8>, NotStarted> {
    let reason = match input {
        Input::Bytes(bytes) => return Ok(bytes),
        Input::Stopped(signal) => stop(cli).before_start(signal),
        Input::ReaderGone => StopReason::ReaderGone,
    };
    Err(NotStarted::Stopped(reason))
}

pub(crate) fn config(cli: &Cli, start: &Start, named: Named) -> Result<Config, Error> {
    let events = events(&cli.events);
    let resumption = resumption(cli, events)?;
    let style = style(cli, events);
    if !cli.quiet {
        let directory = path_of_working_directory().unwrap_or_default();
        for note in cli.notes(&named.paths, directory.as_os_str().as_bytes()) {
            stderr::message(&format!("note: {note}"));
        }
    }
    Ok(Config {
        filter: filter(cli, &named.exclude_from)?,
        header: header(cli, &named.paths),
        paths: named.paths,
        settings: settings(cli, events),
        style,
        host: host(cli)?,
        destination: destination(cli, start, style)?,
        files: cli.pid_file.iter().cloned().collect(),
        options: run_options(cli),
        stop: stop(cli),
        resumption,
    })
}

/// The stream to resume from (`--since`, `--resume`).
fn resumption(cli: &Cli, events: Events) -> Result<Option<Resumption>, Error> {
    let refuse = |why: &str| Err(Error::Usage(why.to_owned()));
    let source = match &cli.since {
        Some(path) => StreamSource::File(path.clone()),
        None if cli.resume => StreamSource::Log,
        None if cli.verify => return refuse("--verify goes with --since FILE or --resume"),
        None => return Ok(None),
    };
    if cli.resume && cli.format != Format::Json {
        return refuse("--resume goes on in a log of JSON; add --format json");
    }
    if cli.resume && !events.has_all(Events::DEFAULT) {
        return refuse(
            "--resume needs every change in the log: name created, changed, renamed and deleted in --events, or leave it out",
        );
    }
    Ok(Some(Resumption {
        source,
        verifies: cli.verify,
    }))
}

fn filter(cli: &Cli, exclude_from: &[GlobFile]) -> Result<Filter, Error> {
    let options = FilterOptions {
        exclude: &cli.exclude,
        exclude_from,
        include: &cli.include,
        gitignore: cli.gitignore,
    };
    Filter::new(&options).map_err(Error::Usage)
}

fn destination(cli: &Cli, start: &Start, style: Style) -> Result<Destination, Error> {
    if let Some(path) = &cli.log_file {
        let (log, opened) = Log::open(path, style.end())?;
        return Ok(Destination::Log(log, opened));
    }
    if !start.has_stdout {
        let why = "stdout is closed; give it somewhere to go, or use --log-file FILE";
        return Err(Error::Output(io::Error::other(why)));
    }
    let stdout = io::stdout()
        .as_fd()
        .try_clone_to_owned()
        .map_err(Error::Output)?;
    Ok(Destination::Stdout(stdout))
}

fn events(names: &[EventName]) -> Events {
    if names.is_empty() {
        return Events::DEFAULT;
    }
    let names = names.iter().copied();
    names.fold(Events::NONE, Events::with)
}

fn settings(cli: &Cli, events: Events) -> Settings {
    // A log that is reopened begins with a snapshot.
    let has_snapshots =
        cli.format == Format::Json && (cli.snapshot.is_some() || cli.log_file.is_some());
    Settings {
        hashing: cli.hash.map_or(HashPolicy::EagerIfLocal, HashPolicy::from),
        hash_limit: cli.hash_limit,
        max_depth: if cli.no_recursive {
            Some(1)
        } else {
            cli.max_depth
        },
        one_file_system: cli.one_file_system,
        attributes: events.contains(EventName::Attributes),
        no_renames: cli.no_renames,
        emits_again: cli.no_renames || has_snapshots,
        closed: events.contains(EventName::Closed),
        touched: events.contains(EventName::Touched),
        strict: cli.strict,
        rescan: cli.rescan.map(nanos),
    }
}

fn style(cli: &Cli, events: Events) -> Style {
    let to_terminal = cli.log_file.is_none() && io::stdout().is_terminal();
    let color = match cli.color {
        ColorWhen::Auto => {
            to_terminal && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
        }
        ColorWhen::Always => true,
        ColorWhen::Never => false,
    };
    Style {
        format: cli.format,
        nul: cli.print0,
        line_time: match (cli.timestamps, to_terminal) {
            (false, _) => LineTime::None,
            (true, false) => LineTime::Rfc3339,
            (true, true) => LineTime::Clock,
        },
        color,
        events,
        stat: cli.stat || cli.resume,
    }
}

/// The `host` field of records, if they have it.
fn host(cli: &Cli) -> Result<Option<String>, Error> {
    match cli.host.as_deref() {
        Some("") => Err(Error::Usage("--host must not be empty".to_owned())),
        Some("auto") => Ok(Some(sys::process::node_name())),
        name => Ok(name.map(str::to_owned)),
    }
}

fn header(cli: &Cli, paths: &[Vec<u8>]) -> Header {
    let hash = match cli.hash.unwrap_or(Hashing::Eager) {
        Hashing::Eager => "eager",
        Hashing::Lazy => "lazy",
        Hashing::Off => "off",
    };
    let absolute = paths.iter().map(|path| absolute_path(path)).collect();
    Header::new(paths, absolute, hash)
}

fn run_options(cli: &Cli) -> RunOptions {
    RunOptions {
        trace: cli.trace,
        stats: cli.stats,
        quiet: cli.quiet,
        initial: cli.initial && cli.format == Format::Json,
        snapshot: cli.snapshot.map(nanos),
        settle: cli.settle.map(nanos),
        waits_for_missing: cli.wait_for_path,
    }
}

/// The end that the user asked for.
pub(crate) fn stop(cli: &Cli) -> StopOptions {
    StopOptions {
        count: if cli.one { Some(1) } else { cli.count },
        timeout: cli.timeout.map(nanos),
        until_quiet: cli.until_quiet.map(nanos),
    }
}
