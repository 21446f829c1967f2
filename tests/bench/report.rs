//! Formats the results as Markdown: a table, and how it was measured.
use crate::session::Session;
use crate::stats::{Row, Shares, short};
use crate::tools::{WATCHERS, first_line};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

const HEAD: &str = "# Benchmark

Made by `cargo bench`: the figures are this machine's, the ratios are what counts.
Below 1, balerion needs less.
";

const FOOT: &str =
    "The tools take turns, A B C, then C B A. A figure is the median of the rounds, a ratio
the median of the ratios within a round; of a count, the worst round is given. Times
begin at exec, or as said, and end when the word has been read from a pipe. inotifywait
is `inotifywait -m -r --format '%e %w%f' -e create,delete,move,close_write`, balerion is
`balerion --format json`. The floor is a program that does the least that can be done,
which is not a watcher's work:

- Start, SIGTERM to gone, idle: two threads open every directory, read its names and
  put a watch on it.
- All hashed: two threads open every directory, and read every file and digest it
  with the same sha2 crate; beside it, one that opens nothing but regular files, so that
  no FIFO put in a file's place is ever opened: O_PATH, statx(2), and the descriptor
  opened again through /proc. inotifywait reads no files.
- Memory: the first floor, with the path of every watch kept.
- CPU, latency: a line for every event, with one write(2) for one read(2). At full
  speed, who reads later reads more at once, and may need less. Beside it, one that
  first reads and digests each file that was closed, if it is a regular one, as above.

Memory, SIGTERM to gone and idle are those of the first tree. An operation creates,
rewrites, renames or unlinks a small file in 200 directories. Wrong is a name which a
reader who applies the lines in order has and the disk has not, or the other way round;
of balerion's, a name with another digest than the disk's, too.

Beside a command, a watcher's CPU time is counted from its start until it is at rest
again. `git checkout` changes every file of a repository of small files, `tar x` unpacks
small files, `cargo build` compiles a package without dependencies. fswatch, watchman and
watchexec are measured where they are installed.
";

pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| | balerion | inotifywait | floor | ÷ inotifywait | ÷ floor |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for row in rows {
        let figures = [&row.mine, &row.peer, &row.floor].map(|series| row.figure(series));
        let ratios = [&row.peer, &row.floor].map(|series| row.ratio(series));
        let ratios = ratios.map(|ratio| ratio.map_or("–".into(), short));
        let cells = [&[row.name.clone()][..], &figures, &ratios].concat();
        text += &format!("| {} |\n", cells.join(" | "));
    }
    text
}

/// The watchers beside real commands.
pub(crate) fn shares(rows: &[Shares]) -> String {
    let mut text = format!(
        "\nCPU time of the watcher, as a share of the command's own:\n\n| | {} |\n| --- |{}\n",
        WATCHERS.join(" | "),
        " ---: |".repeat(WATCHERS.len())
    );
    for row in rows {
        let cell = |share: &Option<f64>| {
            share.map_or("–".into(), |share| format!("{} %", short(share * 100.0)))
        };
        let cells: Vec<String> = row.shares.iter().map(cell).collect();
        text += &format!("| {} | {} |\n", row.name, cells.join(" | "));
    }
    text
}

pub(crate) fn page(session: &Session, version: &str, table: &str) -> String {
    let peer = session.tools.peer_version.as_deref();
    let rounds = format!("{} rounds, trees {}", session.sizes.rounds, session.place());
    let about = [
        &first_line(Command::new("date").arg("+%F")).unwrap_or_default(),
        &machine(),
        version,
        peer.unwrap_or("inotifywait is not installed"),
        &rounds,
    ];
    let about = about.map(|line| format!("- {line}\n")).concat();
    format!("{HEAD}\n{about}\n{table}\n{FOOT}")
}

/// The version of the measured balerion, as it prints it.
pub(crate) fn balerion_version(program: &Path) -> String {
    let version = first_line(Command::new(program).arg("--version"));
    version.unwrap_or_else(|| "balerion, version unknown".into())
}

/// The machine and its kernel, in words.
fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let processors = read("/proc/cpuinfo");
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processors", |(_, model)| model);
    let count = thread::available_parallelism().map_or(1, usize::from);
    format!("Linux {}, {count} CPUs ({model})", kernel.trim())
}
