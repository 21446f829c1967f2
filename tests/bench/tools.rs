//! Describes the measured tools: how each is started, how it shows that it is ready, and how its
//! lines are read.
use crate::floor;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The kind of a tool: decides how a line is read, and which column a figure goes to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// balerion, JSON Lines as its contract has them.
    Balerion,
    /// inotifywait, and the floors, which print in its manner.
    Inotifywait,
}

/// A program with its arguments; the tree follows them.
pub(crate) struct Tool {
    pub(crate) label: &'static str,
    pub(crate) kind: Kind,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<&'static str>,
    /// The word that shows that it is ready, on stdout for balerion and on stderr for the others;
    /// empty: there is none, and the benchmark waits until the tool rests.
    pub(crate) ready: &'static str,
    /// The word on stderr that shows that every file has been read, if there is one.
    pub(crate) baseline: Option<&'static str>,
    /// Whether it prints digests, so that contents can be compared with the disk.
    pub(crate) digests: bool,
}

pub(crate) const EAGER: &str = "balerion";
pub(crate) const OFF: &str = "balerion --hash off";
pub(crate) const PEER: &str = "inotifywait";
const FSWATCH: &str = "fswatch";
const WATCHMAN: &str = "watchman";
const WATCHEXEC: &str = "watchexec";
/// Those that are measured beside real commands.
pub(crate) const WATCHERS: [&str; 6] = [EAGER, OFF, PEER, FSWATCH, WATCHMAN, WATCHEXEC];
/// The name of a row whose floor reads files too.
pub(crate) fn digested(name: &str) -> String {
    format!("{name}; the floor reads regular files only")
}

/// The name of a row whose floor asks for the status of files too.
pub(crate) fn stated(name: &str) -> String {
    format!("{name}; the floor asks for the size")
}

/// The label of no tool, for a figure without a floor.
pub(crate) const NOBODY: &str = "";

/// Every tool that there is, the peer only if it is installed.
pub(crate) struct Tools {
    /// In the order in which they take turns.
    all: Vec<Tool>,
    /// The version of inotifywait.
    pub(crate) peer_version: Option<String>,
}

impl Tools {
    /// Finds them; `balerion` is the measured program, `itself` has the floors.
    pub(crate) fn find(balerion: PathBuf, itself: PathBuf) -> Self {
        let floor = |label| Tool {
            label,
            kind: Kind::Inotifywait,
            program: itself.clone(),
            arguments: vec![label],
            ready: floor::READY,
            baseline: [floor::HASH, floor::HASH_REGULAR]
                .contains(&label)
                .then_some(floor::READY),
            digests: false,
        };
        let ours = |label, mode: Option<&'static str>| Tool {
            label,
            kind: Kind::Balerion,
            program: balerion.clone(),
            arguments: [&["--format", "json"], mode.as_slice()].concat(),
            ready: "\"event\":\"ready\"",
            baseline: mode.is_none().then_some("balerion: baseline complete"),
            digests: mode.is_none(),
        };
        let mut all: Vec<_> = floor::ALL.into_iter().map(floor).collect();
        let peer_version = first_line(Command::new(PEER).arg("--help"));
        if peer_version.is_some() {
            all.push(peer());
        }
        all.extend(others().into_iter().filter(Tool::is_installed));
        all.push(ours(EAGER, None));
        all.push(ours(OFF, Some("--hash=off")));
        Self { all, peer_version }
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&Tool) -> bool) {
        self.all.retain(keep);
    }

    /// Those with the given labels that exist, in their order.
    pub(crate) fn named(&self, labels: &[&str]) -> Vec<&Tool> {
        let wanted = |tool: &&Tool| labels.contains(&tool.label);
        self.all.iter().filter(wanted).collect()
    }
}

impl Tool {
    fn is_installed(&self) -> bool {
        first_line(Command::new(self.label).arg("--version")).is_some()
    }
}

/// Watchers whose lines are not read, but whose CPU time is measured.
fn others() -> [Tool; 3] {
    let other = |label: &'static str, arguments: &[&'static str]| Tool {
        label,
        kind: Kind::Inotifywait,
        program: label.into(),
        arguments: arguments.to_vec(),
        ready: "",
        baseline: None,
        digests: false,
    };
    // As a server in the foreground, its configuration says what to watch.
    let watchman = Tool {
        program: "sh".into(),
        ..other(WATCHMAN, &["-c", WATCHMAN_SERVER, "sh"])
    };
    [
        other(FSWATCH, &["-r", "-l", "0.1", "--allow-overflow"]),
        watchman,
        other(
            WATCHEXEC,
            &[
                "--only-emit-events",
                "--ignore-nothing",
                "--emit-events-to=json-stdio",
                "-w",
            ],
        ),
    ]
}

/// Starts watchman's server in place of the shell, and a client that watches and
/// subscribes.
const WATCHMAN_SERVER: &str = r#"
command -v watchman >/dev/null || exit 1
d="$1.watchman"; rm -rf "$d"; mkdir "$d"
o="--sockname=$d/sock --logfile=$d/log --statefile=$d/state --pidfile=$d/pid --no-save-state"
( until [ -S "$d/sock" ]; do sleep 0.05; done
  watchman $o watch "$1" >&2
  printf '["subscribe","%s","bench",{"fields":["name","exists"]}]' "$1" |
      exec watchman $o --no-pretty -j -p ) &
exec watchman $o --foreground"#;

fn peer() -> Tool {
    Tool {
        label: PEER,
        kind: Kind::Inotifywait,
        program: PEER.into(),
        arguments: vec![
            "-m",
            "-r",
            "--format",
            "%e %w%f",
            "-e",
            "create,delete,move,close_write",
        ],
        ready: "Watches established.",
        baseline: None,
        digests: false,
    }
}

/// The first line that a command prints, wherever; nothing if it cannot be started.
pub(crate) fn first_line(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    Some(text.lines().next()?.trim().to_owned())
}

/// The change of a path that a line reports.
pub(crate) enum Change {
    Appeared,
    Changed,
    Moved(String),
    Gone,
}

/// One change, its path, and the digest if there is one.
pub(crate) struct Line {
    pub(crate) change: Change,
    pub(crate) path: String,
    pub(crate) digest: Option<String>,
}

impl Kind {
    /// Parses a line; `None` for a line about no path, such as `ready`.
    pub(crate) fn read(self, line: &[u8]) -> Option<Line> {
        match self {
            Self::Balerion => read_json(&serde_json::from_slice(line).ok()?),
            Self::Inotifywait => read_events(str::from_utf8(line).ok()?),
        }
    }
}

fn read_json(record: &Value) -> Option<Line> {
    let text = |field: &str| record.get(field).and_then(Value::as_str).map(str::to_owned);
    let change = match text("event")?.as_str() {
        "created" => Change::Appeared,
        "changed" => Change::Changed,
        "renamed" => Change::Moved(text("from")?),
        "deleted" => Change::Gone,
        _ => return None,
    };
    Some(Line {
        change,
        path: text("path")?,
        digest: text("sha256"),
    })
}

/// `EVENTS PATH`, as inotifywait is asked to print it.
fn read_events(line: &str) -> Option<Line> {
    let (events, path) = line.split_once(' ')?;
    let change = match events.split(',').next()? {
        "CREATE" | "MOVED_TO" => Change::Appeared,
        "CLOSE_WRITE" => Change::Changed,
        "DELETE" | "MOVED_FROM" => Change::Gone,
        _ => return None,
    };
    Some(Line {
        change,
        path: path.to_owned(),
        digest: None,
    })
}
