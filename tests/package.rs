//! Tests the package: its files, and which version its build script finds in a checkout, in a
//! worktree, in a tarball and inside another repository.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{fork, has_program};

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_package_holds_what_is_built_and_what_the_readme_shows() {
    let test = "the_package_holds_what_is_built_and_what_the_readme_shows";
    if !has_program(test, "cargo") {
        return;
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["package", "--list", "--allow-dirty", "--offline"]);
    let output = fork::output(cargo.current_dir(PACKAGE)).unwrap();
    let list = String::from_utf8(output.stdout).unwrap();
    let files: Vec<_> = list.lines().collect();
    let needed = [
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "src/build.rs",
    ];
    for file in needed {
        assert!(files.contains(&file), "{file} in {list}");
    }
    let readme = fs::read_to_string(Path::new(PACKAGE).join("README.md")).unwrap();
    for file in files {
        let is_made_by_cargo = [".cargo_vcs_info.json", "Cargo.toml.orig"].contains(&file);
        let is_shown =
            readme.contains(&format!("({file})")) || readme.contains(&format!("\"{file}\""));
        assert!(
            file.starts_with("src/") || needed.contains(&file) || is_made_by_cargo || is_shown,
            "what for is {file}?"
        );
    }
}

/// The build script, compiled.
fn build_script(dir: &Path) -> PathBuf {
    let script = dir.join("build");
    let mut rustc = Command::new("rustc");
    rustc
        .args(["--edition=2024", "--crate-name=build", "-o"])
        .arg(&script);
    rustc.arg(Path::new(PACKAGE).join("src/build.rs"));
    let output = fork::output(&mut rustc).unwrap();
    assert!(output.status.success(), "{output:?}");
    script
}

/// The script's output to cargo: the version, and the files that it depends on.
fn built(script: &Path, package: &Path) -> (String, Vec<String>) {
    let mut command = Command::new(script);
    command.current_dir(package);
    command.env("CARGO_MANIFEST_DIR", package);
    command.env("CARGO_PKG_VERSION", "1.2.3");
    let output = fork::output(&mut command).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let of = |start: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(start));
        lines.map(str::to_owned).collect()
    };
    let version = of("cargo::rustc-env=BALERION_VERSION=").remove(0);
    (version, of("cargo::rerun-if-changed="))
}

fn git(dir: &Path, args: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args(args).current_dir(dir);
    for name in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{name}_NAME"), "a");
        git.env(format!("GIT_{name}_EMAIL"), "a@b");
    }
    git.env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = fork::output(&mut git).unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_version_has_the_commit_of_its_own_checkout_alone() {
    let test = "the_version_has_the_commit_of_its_own_checkout_alone";
    if !has_program(test, "git") || !has_program(test, "rustc") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let script = build_script(scratch.path());
    let package = |name: &str| {
        let dir = scratch.path().join(name);
        fs::create_dir_all(dir.join("src")).unwrap();
        fs::write(dir.join("src/build.rs"), "").unwrap();
        dir
    };
    let only_itself = vec!["src/build.rs".to_owned()];

    let tarball = package("tarball");
    assert_eq!(
        built(&script, &tarball),
        ("1.2.3".into(), only_itself.clone())
    );

    let checkout = package("checkout");
    git(&checkout, &["init", "-q"]);
    // There is no commit yet.
    assert_eq!(built(&script, &checkout).0, "1.2.3");
    git(&checkout, &["commit", "-q", "--allow-empty", "-m", "one"]);
    let worktree = scratch.path().join("worktree");
    git(
        &checkout,
        &["worktree", "add", "-q", worktree.to_str().unwrap()],
    );
    fs::create_dir(worktree.join("src")).unwrap();
    fs::write(worktree.join("src/build.rs"), "").unwrap();
    for dir in [&checkout, &worktree] {
        let (version, files) = built(&script, dir);
        let commit = git(dir, &["rev-parse", "--short=12", "HEAD"]);
        assert_eq!(version, format!("1.2.3 ({commit})"));
        assert!(files.len() > 1, "{files:?}");
        for file in &files {
            assert!(
                dir.join(file).exists(),
                "{file} would be missed at every build"
            );
        }
        // A commit changes one of the files, so that the next build has its number.
        let times = |files: &[String]| -> Vec<_> {
            let time = |file: &String| fs::metadata(dir.join(file)).unwrap().modified().unwrap();
            files.iter().map(time).collect()
        };
        let before = times(&files);
        assert!(common::eventually(|| {
            git(dir, &["commit", "-q", "--allow-empty", "-m", "more"]);
            times(&files) != before
        }));
    }

    let inside = package("checkout/vendored/package");
    assert_eq!(built(&script, &inside), ("1.2.3".into(), only_itself));
}
