//! Runs git, and a watcher with `--gitignore`, without the configuration of the user.

use std::path::Path;
use std::process::Command;

use super::builder::Builder;
use super::tree::Tree;

/// A watcher with `--gitignore` and without the configuration of the user and the system.
pub(crate) fn watch(tree: &Tree) -> Builder {
    let env = [
        "env",
        "GIT_CONFIG_GLOBAL=/dev/null",
        "GIT_CONFIG_SYSTEM=/dev/null",
    ];
    let nobody = ["HOME=/nonexistent", "XDG_CONFIG_HOME=/nonexistent"];
    tree.watch()
        .through(&[&env[..], &nobody].concat())
        .args(["--gitignore"])
}

/// git without the configuration of the user and the system.
pub(crate) fn git(dir: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    git.env("HOME", "/nonexistent")
        .env("XDG_CONFIG_HOME", "/nonexistent");
    git
}

pub(crate) fn init(dir: &Path) {
    assert!(git(dir).args(["init", "-q"]).status().unwrap().success());
}
