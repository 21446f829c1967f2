//! Finds the user's rule file, `core.excludesFile`, and what marks a repository.
//!
//! Reads no rules. Invariant: git itself is given [`GIT_TIMEOUT`], and of its files only regular
//! ones are read.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::blocking_task::BlockingTask;

/// Most bytes of what git prints, which is one path: 8 KiB.
const MAX_PATH: u64 = 8 << 10;

/// How long git may take to print one setting: 2 s. Its files may be on a slow file system.
const GIT_TIMEOUT: Duration = Duration::from_secs(2);

/// The user's rule file: `core.excludesFile`, by default `~/.config/git/ignore`. git itself is
/// asked where it is installed, since its files have sections, quotes, `~user` and includes;
/// else the `ignore` crate's simpler parser is used. Symbolic links on its path, which are the
/// user's own, are resolved once; but a last one that leads to nothing stays.
pub(super) fn user_excludes_file() -> Option<PathBuf> {
    let path = configured_excludes_file()?;
    let copy = path.clone();
    // On a thread, since it may be on a file system that does not answer.
    let resolve = move || {
        let file = copy.canonicalize().ok();
        file.or_else(|| Some(copy.parent()?.canonicalize().ok()?.join(copy.file_name()?)))
    };
    let resolved = BlockingTask::start(resolve, || {});
    let resolved = resolved.and_then(|task| task.wait(Some(GIT_TIMEOUT), || false)?);
    Some(resolved.unwrap_or(path))
}

fn configured_excludes_file() -> Option<PathBuf> {
    for scope in ["--global", "--system"] {
        match git_setting(scope) {
            Answer::Value(path) => return (!path.as_os_str().is_empty()).then_some(path),
            Answer::Unset => {}
            Answer::NoGit => return plain_excludes_file(),
        }
    }
    default_excludes_file()
}

#[derive(PartialEq, Eq, Debug)]
enum Answer {
    Value(PathBuf),
    Unset,
    NoGit,
}

/// `git config --get`: status 1 where there is no such setting.
fn git_setting(scope: &str) -> Answer {
    let mut git = Command::new("git");
    git.args(["config", scope, "--includes", "--get", "--type=path"])
        .arg("core.excludesFile")
        .current_dir("/");
    ask(&mut git, GIT_TIMEOUT)
}

/// Runs a command that prints a path, for no longer than `patience`.
fn ask(command: &mut Command, patience: Duration) -> Answer {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        return Answer::NoGit;
    };
    let deadline = Instant::now() + patience;
    let read = child.stdout.take().and_then(|stdout| {
        // On a thread, since a process that it has left behind may hold the pipe.
        let all = move || {
            let mut value = Vec::new();
            let read = stdout.take(MAX_PATH).read_to_end(&mut value);
            read.is_ok().then_some(value)
        };
        BlockingTask::start(all, || {})?.wait(Some(patience), || false)?
    });
    let status = read.as_ref().and_then(|_| end(&mut child, deadline));
    let (Some(mut value), Some(status)) = (read, status) else {
        // Its configuration may be a FIFO.
        let _killed = child.kill();
        // On a thread, since it may be in a system call that SIGKILL does not end.
        drop(BlockingTask::start(move || child.wait(), || {}));
        return Answer::Unset;
    };
    if !status.success() {
        return Answer::Unset;
    }
    if value.last() == Some(&b'\n') {
        value.pop();
    }
    Answer::Value(PathBuf::from(OsString::from_vec(value)))
}

/// Waits for the end of a process. `None`: it goes on.
fn end(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        let status = child.try_wait().ok()?;
        if status.is_some() || Instant::now() >= deadline {
            return status;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The setting as the `ignore` crate finds it; the default if one of the files that it would
/// open is not regular.
fn plain_excludes_file() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from)?;
    let files = [home.join(".gitconfig"), config_home()?.join("git/config")];
    let is_not_a_file = |path: &PathBuf| path.metadata().is_ok_and(|found| !found.is_file());
    if files.iter().any(is_not_a_file) {
        return default_excludes_file();
    }
    ignore::gitignore::gitconfig_excludes_path()
}

fn default_excludes_file() -> Option<PathBuf> {
    Some(config_home()?.join("git/ignore"))
}

/// `$XDG_CONFIG_HOME`, else `~/.config`.
fn config_home() -> Option<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))
}

/// The path that exists where a directory is the root of a repository, a work tree or a submodule.
pub(super) fn marker(dir: &Path) -> PathBuf {
    dir.join(".git")
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::{Answer, ask};

    fn run(script: &str, patience: Duration) -> Answer {
        ask(Command::new("sh").args(["-c", script]), patience)
    }

    #[test]
    fn the_answer_is_what_a_command_that_has_succeeded_has_printed() {
        let patience = Duration::from_secs(60);
        for (script, answer) in [
            ("echo /a/b", Answer::Value("/a/b".into())),
            ("echo", Answer::Value("".into())),
            ("exit 1", Answer::Unset),
            ("echo /a/b; exit 1", Answer::Unset),
        ] {
            assert_eq!(run(script, patience), answer, "{script}");
        }
        assert_eq!(ask(&mut Command::new("/none"), patience), Answer::NoGit);
    }

    #[test]
    fn a_command_is_not_waited_for_longer_than_it_may_take() {
        for script in [
            "exec sleep 20",
            "echo /a/b; exec sleep 20",
            "exec >&-; exec sleep 20",
            "sleep 20 & echo /a/b", // Another process holds the pipe.
        ] {
            let began = Instant::now();
            assert_eq!(run(script, Duration::from_millis(100)), Answer::Unset);
            assert!(began.elapsed().as_secs() < 15, "{script}");
        }
    }
}
