//! Starts a watcher: in which directory, with which arguments, as which user, and with which
//! outputs.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::disk::{self, Snapshot};
use super::fold::Fold;
use super::judge::Folded;
use super::stream::Stream;
use super::watch::Watch;
use super::{fork, sys};

/// The arguments of one run, and what the test compares it with.
pub(crate) struct Builder {
    pub(crate) cwd: PathBuf,
    /// The command that executes the binary, if it is not executed directly.
    wrapper: Vec<OsString>,
    args: Vec<OsString>,
    /// The PATHs as given; none stands for the working directory.
    paths: Vec<OsString>,
    json: bool,
    /// The start waits until all files have been read.
    baseline: bool,
    /// The tree is being changed while the watch begins.
    early: bool,
    hashes: bool,
    /// Where stdout goes instead of to the test.
    stdout: Option<Stdio>,
    /// Where stderr goes instead of to the test.
    stderr: Option<Stdio>,
    /// The user and group to run as.
    user: Option<u32>,
    /// The tree is read as the watcher sees it, with its mounts.
    mounts: bool,
    /// Names that are no part of the comparison with the disk.
    without: Vec<Vec<u8>>,
    /// A system call that a sandbox refuses, and the error.
    refuses: Option<(libc::c_long, i32)>,
}

impl Builder {
    /// A watcher whose working directory is `cwd`, without arguments.
    pub(crate) fn new(cwd: PathBuf) -> Self {
        Self {
            cwd,
            wrapper: Vec::new(),
            args: Vec::new(),
            paths: Vec::new(),
            json: false,
            baseline: false,
            early: false,
            hashes: true,
            stdout: None,
            stderr: None,
            user: None,
            mounts: false,
            without: Vec::new(),
            refuses: None,
        }
    }

    /// Runs it in a sandbox that refuses a system call with this error.
    pub(crate) fn refusing(mut self, call: libc::c_long, error: i32) -> Self {
        self.refuses = Some((call, error));
        self
    }

    /// Prints JSON Lines; the records are folded and checked against the contract.
    pub(crate) fn json(mut self) -> Self {
        self.json = true;
        self.args(["--format", "json"])
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub(crate) fn path(mut self, path: impl AsRef<OsStr>) -> Self {
        self.paths.push(path.as_ref().to_owned());
        self
    }

    pub(crate) fn from(mut self, cwd: impl AsRef<Path>) -> Self {
        self.cwd = self.cwd.join(cwd);
        self
    }

    /// Runs the binary through another command, which must end by replacing itself
    /// with what follows its own arguments.
    pub(crate) fn through(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(OsString::from).collect();
        self
    }

    /// Lets [`Builder::start`] wait until every file has been read, so that what is
    /// written from then on has something to be compared with.
    pub(crate) fn baseline(mut self) -> Self {
        self.baseline = true;
        self
    }

    /// Lets the tree be changed while the watch begins: the fold starts with the records of
    /// `--initial`.
    pub(crate) fn early(mut self) -> Self {
        self.early = true;
        self.args(["--initial"])
    }

    pub(crate) fn without_hashes(mut self) -> Self {
        self.hashes = false;
        self
    }

    pub(crate) fn stdout(mut self, to: impl Into<Stdio>) -> Self {
        self.stdout = Some(to.into());
        self
    }

    pub(crate) fn stderr(mut self, to: impl Into<Stdio>) -> Self {
        self.stderr = Some(to.into());
        self
    }

    /// Runs as another user (and group of the same number).
    pub(crate) fn user(mut self, id: u32) -> Self {
        self.user = Some(id);
        self
    }

    /// The wrapper has given the watcher mounts of its own.
    pub(crate) fn mounts(mut self) -> Self {
        self.mounts = true;
        self
    }

    /// Leaves a name, as balerion would print it, out of the comparison.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.without.push(name.as_bytes().to_vec());
        self
    }

    /// The PATHs, with which every printed path begins.
    fn prefixes(&self) -> Vec<Vec<u8>> {
        if self.paths.is_empty() {
            return vec![b".".to_vec()];
        }
        self.paths
            .iter()
            .map(|path| {
                let bytes = path.as_bytes();
                let end = bytes.iter().rposition(|byte| *byte != b'/').unwrap_or(0);
                bytes[..=end].to_vec()
            })
            .collect()
    }

    fn command(&self) -> Command {
        let mut words = self.wrapper.clone();
        words.push(env!("CARGO_BIN_EXE_balerion").into());
        words.extend(self.args.iter().cloned());
        words.extend(self.paths.iter().cloned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(&self.cwd);
        if let Some(id) = self.user {
            command.uid(id).gid(id);
        }
        if let Some((call, error)) = self.refuses {
            sys::refuse(&mut command, call, error);
        }
        command
    }

    /// Starts the watcher and waits for nothing.
    pub(crate) fn spawn(self) -> Watch {
        self.try_spawn().unwrap()
    }

    /// Starts the watcher, if the system lets it run.
    pub(crate) fn try_spawn(mut self) -> std::io::Result<Watch> {
        let prefixes = self.prefixes();
        let mut start = Snapshot::new();
        for prefix in prefixes.iter().filter(|_| self.json) {
            let root = self.cwd.join(OsString::from_vec(prefix.clone()));
            disk::snapshot(&root, prefix, &mut start);
        }
        start.retain(|path, _| !self.without.contains(path));
        let mut command = self.command();
        command.stdin(Stdio::null());
        command.stdout(self.stdout.take().unwrap_or_else(Stdio::piped));
        command.stderr(self.stderr.take().unwrap_or_else(Stdio::piped));
        let mut child = fork::spawn(&mut command)?;
        let out = child
            .stdout
            .take()
            .map_or_else(Stream::silent, Stream::collect);
        let err = child
            .stderr
            .take()
            .map_or_else(Stream::silent, Stream::collect);
        let above = if self.mounts {
            PathBuf::from(format!("/proc/{}/root", child.id()))
        } else {
            PathBuf::from("/")
        };
        let fold = self.json.then(|| Folded {
            fold: Fold::new(&start, &prefixes, self.early),
            fed: 0,
            hashes: self.hashes,
        });
        let roots = prefixes
            .into_iter()
            .map(|prefix| {
                let root = self.cwd.join(OsString::from_vec(prefix.clone()));
                (above.join(root.strip_prefix("/").unwrap()), prefix)
            })
            .collect();
        Ok(Watch::new(child, out, err, fold, roots, self.without))
    }

    /// Starts the watcher and waits until it is ready.
    pub(crate) fn start(self) -> Watch {
        let baseline = self.baseline;
        let mut watch = self.spawn();
        watch.wait_ready();
        if baseline {
            watch.await_stderr("balerion: baseline complete: ");
        }
        watch
    }
}
