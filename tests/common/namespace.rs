//! Runs a watcher in namespaces of its own, where an ordinary user may lower the limit on
//! watches and mount file systems. Needs util-linux, and a kernel that permits it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::watch::Watch;
use super::{fork, skipped};

/// Whether a command line succeeds here.
fn runs(words: &[&str]) -> bool {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    fork::output(&mut command).is_ok_and(|done| done.status.success())
}

/// The words that give a watcher a limit of inotify watches, which follows them.
const LIMITED: [&str; 6] = [
    "unshare",
    "-Ur",
    "sh",
    "-c",
    "echo \"$0\" > /proc/sys/user/max_inotify_watches && exec \"$@\"",
    "0",
];

/// The command that runs a watcher with `limit` watches; `None`, with a message on the terminal,
/// where that is not permitted.
pub(crate) fn limited<'a>(test: &str, limit: &'a str) -> Option<Vec<&'a str>> {
    let mut words = LIMITED.to_vec();
    words[5] = limit;
    let mut probe = words.clone();
    probe.push("true");
    if runs(&probe) {
        return Some(words);
    }
    skipped(test, "no user namespace with a limit on watches here");
    None
}

/// The command that runs a watcher with mounts of its own; `None`, with a message on the terminal,
/// where that is not permitted.
pub(crate) fn mounting(test: &str) -> Option<Vec<&'static str>> {
    let words = vec!["unshare", "-Urm"];
    let mount = ["unshare", "-Urm", "mount", "-t", "tmpfs", "none", "/mnt"];
    if runs(&mount) {
        return Some(words);
    }
    skipped(test, "no user namespace with mounts here");
    None
}

/// The command that runs `script` in the tree and then a watcher, with mounts of their own; `None`,
/// with a message on the terminal, where that is not permitted.
pub(crate) fn mounting_first<'a>(test: &str, script: &'a str) -> Option<Vec<&'a str>> {
    let mut words = mounting(test)?;
    words.extend(["sh", "-c", "eval \"$0\" && exec \"$@\"", script]);
    Some(words)
}

/// Mounts a file over another one, where a watcher sees it.
pub(crate) fn bind(watch: &Watch, from: &Path, to: &Path) {
    let words = [
        "mount",
        "--bind",
        from.to_str().unwrap(),
        to.to_str().unwrap(),
    ];
    inside(watch, &words).unwrap();
}

/// A path of the tree as the watcher sees it, with its mounts.
pub(crate) fn seen(watch: &Watch, path: &Path) -> PathBuf {
    let above = PathBuf::from(format!("/proc/{}/root", watch.pid()));
    above.join(path.strip_prefix("/").unwrap())
}

/// Runs a command in the namespaces of a watcher, with its mounts.
pub(crate) fn inside(watch: &Watch, words: &[&str]) -> io::Result<()> {
    let pid = watch.pid().to_string();
    let enter = ["--preserve-credentials", "-U", "-m", "-t", &pid];
    let mut command = Command::new("nsenter");
    command.args(enter).args(words);
    let done = fork::output(&mut command)?;
    if done.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
    Err(io::Error::other(format!("{words:?}: {stderr}")))
}
