//! Gives the compiler the version that `--version` prints: that of the package, and the
//! commit, where the package is the top of a git checkout. In a tarball, or inside another
//! repository, the version stands alone.
//!
//! Invariant: cargo watches only files that exist. One that does not would be
//! taken as changed at every build.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=src/build.rs");
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let version = match commit() {
        Some(commit) => format!("{version} ({commit})"),
        None => version,
    };
    println!("cargo::rustc-env=BALERION_VERSION={version}");
}

/// The commit that is checked out. Makes cargo watch the files that change with it.
fn commit() -> Option<String> {
    let package = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR")?)
        .canonicalize()
        .ok()?;
    if PathBuf::from(git(&["rev-parse", "--show-toplevel"])?)
        .canonicalize()
        .ok()?
        != package
    {
        return None;
    }
    let branch = git(&["symbolic-ref", "-q", "HEAD"]);
    // The log of HEAD changes with every commit; without one, the branch's own file or the
    // packed ones do.
    let names = ["HEAD", "logs/HEAD", "packed-refs"];
    for name in names.into_iter().chain(branch.as_deref()) {
        // In a worktree these are outside `.git`, which is a file there.
        if let Some(path) = git(&["rev-parse", "--git-path", name])
            && Path::new(&path).exists()
        {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

/// What git prints, if it succeeds. Variables of the environment that name another repository are
/// removed.
fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(args)
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim_end_matches('\n');
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
