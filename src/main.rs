//! balerion: a Linux file-system sentinel on raw inotify.
//!
//! Turns arguments into a running watch, and its end into an exit status.

#![cfg_attr(not(test), no_main)]

mod absolute_path;
mod baseline;
mod blocking_task;
mod change;
mod cli;
mod coalesce;
mod config;
mod daemon;
mod decode;
mod disk;
mod error;
mod escape;
mod event;
mod fair_queue;
mod file_status;
mod filter;
mod hash;
mod input;
mod interrupt;
mod lock;
mod log_file;
mod manual;
mod mounts;
mod names;
mod nanos;
mod net_effect;
mod output;
mod root_builder;
mod sd_notify;
mod self_output;
mod settle;
mod since;
mod stage_order;
mod start_guard;
mod stderr;
mod sys;
mod trace;
mod tracker;
mod walk;
mod watcher;

use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::panic;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use clap::Parser;

use blocking_task::BlockingTask;
use cli::Cli;
use config::NotStarted;
use daemon::{Daemonize, PidFile};
use error::Error;
use input::Stdin;
use start_guard::{HeldUp, StartGuard};
use sys::process;
use sys::signal::{self, Held, Signals};
use sys::start::Start;
use watcher::{Exit, StopReason, Watcher};

/// The limit of descriptors that is asked for: the walk and open directories need many.
const DESCRIPTORS: u64 = 4096;

/// How long the end of a start that a file system holds up may take: 300 ms for its last line and
/// the pid file, 100 ms for closing descriptors.
const LAST_WAIT: Duration = Duration::from_millis(300);
const LAST_CLOSE: Duration = Duration::from_millis(100);

sys::start::main!(program);

#[cfg_attr(test, allow(dead_code))] // Unit tests have an entry of their own.
fn program(start: Start) -> ! {
    signal::block_file_size_signal();
    end_by_panics();
    let cli = match Cli::try_parse_from(&start.args) {
        Ok(cli) => cli,
        Err(error) => {
            refuse(&error, &start);
        }
    };
    if let Some(printed) = about_itself(&cli) {
        end_printed(printed, &start);
    }
    let stdin = Stdin::keep();
    // First, since only a process with one thread may fork.
    let daemonize = if cli.daemon {
        Daemonize::fork()
    } else {
        Ok(Daemonize::foreground())
    };
    let exit = match daemonize {
        Ok(mut daemonize) => {
            let exit = exit(
                run(&cli, &start, stdin, &mut daemonize).map_err(cli::foreign_options::explain),
            );
            daemonize.report_end(exit.code());
            exit
        }
        Err(error) => exit(Err(error)),
    };
    end(exit)
}

/// Makes a panic end the process in every profile, as it does with `panic = "abort"`: what only one
/// thread was to do would else be waited for without end.
fn end_by_panics() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::abort();
    }));
}

/// Ends the process with a status or by a signal.
fn end(exit: Exit) -> ! {
    stderr::close();
    process::close_standard();
    end_now(exit)
}

fn end_now(exit: Exit) -> ! {
    if let Exit::Signal(signal) = exit {
        signal.end_process();
    }
    // The kernel frees watches and memory faster than we could.
    process::exit_now(exit.code())
}

/// Prints completions, man page or unit, if one is asked for.
fn about_itself(cli: &Cli) -> Option<io::Result<()>> {
    match cli.completions {
        Some(shell) => Some(manual::completions(shell)),
        None if cli.man => Some(manual::man()),
        None => cli.print_unit.then(manual::unit),
    }
}

/// Writes an error to stderr, and returns how the process ends.
fn exit(ended: Result<StopReason, Error>) -> Exit {
    match ended {
        Ok(reason) => reason.exit(),
        Err(error) => {
            stderr::message(&error.to_string());
            Exit::Status(error.status())
        }
    }
}

/// Prints help and version to stdout, and an error in the arguments to stderr.
fn refuse(error: &clap::Error, start: &Start) -> ! {
    if let Some(answer) = cli::foreign_options::hint(error) {
        stderr::message(&answer);
        end(Exit::Status(2))
    }
    if error.use_stderr() {
        for line in cli::refusal(error, &start.args) {
            stderr::message_as_given(&line);
        }
        end(Exit::Status(2))
    }
    end_printed(error.print(), start)
}

/// Ends after something was printed instead of a watch.
fn end_printed(printed: io::Result<()>, start: &Start) -> ! {
    let written = match printed.and_then(|()| io::stdout().flush()) {
        _ if !start.has_stdout => Err(io::Error::other("it is closed")),
        // That the reader is gone is no error.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(StopReason::ReaderGone),
    };
    end(exit(written.map_err(Error::Stdout)))
}

/// Serves signals while a file system holds up the start. Records that were not written by then are
/// lost. What is left to be done may wait for that file system, too, and is given up then.
fn guard_start(
    cli: &Cli,
    signals: &Signals,
    pid_file: Weak<Mutex<Option<PidFile>>>,
    daemonize: &Daemonize,
) -> StartGuard {
    let stop = config::stop(cli);
    let ends = signals.that_end(cli.log_file.is_none());
    let (watched, mut daemonize) = (daemonize.shared(), daemonize.shared());
    let is_abandoned = move || watched.is_abandoned();
    StartGuard::new(ends, is_abandoned, move |signal, held_up| {
        let says_why = move || {
            stderr::message(match held_up {
                HeldUp::ByFileSystem => "stopped at the start, while a file system does not answer",
                HeldUp::ByWork => "stopped before the watch was ready",
            });
            stderr::close();
        };
        let removes_pid_file = move || {
            if let Some(pid_file) = pid_file.upgrade()
                && let Ok(mut pid_file) = pid_file.try_lock()
            {
                drop(pid_file.take());
            }
        };
        let until = Instant::now() + LAST_WAIT;
        let tasks = [
            BlockingTask::start(says_why, || {}),
            BlockingTask::start(removes_pid_file, || {}),
        ];
        for task in tasks.into_iter().flatten() {
            let left = until.saturating_duration_since(Instant::now());
            task.wait(Some(left), || false);
        }
        let exit = stop.before_start(signal).exit();
        daemonize.report_end(exit.code());
        if let Some(closes) = BlockingTask::start(process::close_standard, || {}) {
            closes.wait(Some(LAST_CLOSE), || false);
        }
        end_now(exit)
    })
}

/// Reads what to watch, sets every watch, and runs the loop.
fn run(
    cli: &Cli,
    start: &Start,
    stdin: Stdin,
    daemonize: &mut Daemonize,
) -> Result<StopReason, Error> {
    // A signal may come as soon as the pid file exists, which must be removed at the end.
    let held = match cli.pid_file {
        Some(_) => Held::AllThatEnd,
        None => Held::Usual,
    };
    let signals = Signals::hold(held).map_err(Error::system("wait for signals"))?;
    process::set_up_malloc();
    process::raise_descriptor_limit(DESCRIPTORS);
    process::widen_descriptor_table(signals.as_fd(), 1000);
    // Its file is removed when it is dropped.
    let pid_file = Arc::default();
    let guard = guard_start(cli, &signals, Arc::downgrade(&pid_file), daemonize);
    let named = match config::named(cli, stdin, &signals) {
        Ok(named) => named,
        Err(NotStarted::Stopped(reason)) => return Ok(reason),
        Err(NotStarted::Failed(error)) => return Err(error),
    };
    if let Some(path) = cli.pid_file.as_deref() {
        let taken = PidFile::take(path)?;
        *pid_file.lock().unwrap_or_else(PoisonError::into_inner) = Some(taken);
    }
    let mut watcher = Watcher::start(config::config(cli, start, named)?, signals)?;
    drop(guard);
    if !daemonize.ready() {
        return Ok(StopReason::Signal);
    }
    let ending = watcher.run();
    watcher.forget();
    ending
}
