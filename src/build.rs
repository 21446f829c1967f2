//! Tells the compiler which commit is built, for `--version`. Without git, or outside a
//! checkout, the version stands alone.

use std::process::Command;

fn main() {
    for file in [".git/HEAD", ".git/logs/HEAD"] {
        println!("cargo::rerun-if-changed={file}");
    }
    println!("cargo::rerun-if-changed=src/build.rs");
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let said = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output();
    let commit = said.ok().filter(|said| said.status.success());
    let commit = commit.and_then(|said| String::from_utf8(said.stdout).ok());
    let version = match commit.as_deref().map(str::trim) {
        Some(commit) if !commit.is_empty() => format!("{version} ({commit})"),
        _ => version,
    };
    println!("cargo::rustc-env=BALERION_VERSION={version}");
}
