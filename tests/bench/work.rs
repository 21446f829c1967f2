//! Measures watchers beside real commands: the CPU time used meanwhile, as a share of the
//! command's own. All watchers that are installed take turns; none is left out for being
//! slow.
use crate::run::Run;
use crate::session::{Session, note};
use crate::stats::{Shares, Turns};
use crate::tools::{Tool, WATCHERS};
use crate::{Fallible, sys, trees};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A command that people run in a watched tree.
struct Job {
    name: &'static str,
    /// Makes the tree.
    prepare: fn(&Path, usize) -> Fallible<()>,
    /// In the tree.
    command: fn(&Path) -> Command,
}

const JOBS: [Job; 3] = [
    Job {
        name: "git checkout",
        prepare: repository,
        command: |tree| {
            let mut git = git(tree);
            git.args(["checkout", "-q", "other"]);
            git
        },
    },
    Job {
        name: "tar x",
        prepare: archive,
        command: |tree| {
            let mut tar = Command::new("tar");
            tar.arg("xf")
                .arg(tree.with_extension("tar"))
                .arg("-C")
                .arg(tree);
            tar
        },
    },
    Job {
        name: "cargo build",
        prepare: package,
        command: |tree| {
            let mut cargo = Command::new("cargo");
            cargo.args(["build", "-q", "--offline"]).current_dir(tree);
            cargo.env_remove("CARGO_TARGET_DIR");
            cargo
        },
    },
];

pub(crate) fn measure(session: &mut Session) -> Fallible<Vec<Shares>> {
    let mut rows = Vec::new();
    for job in JOBS {
        note(&format!("beside {}", job.name));
        let size = session.sizes.broad / 5;
        let tree = session.path("work");
        let turns = session.by_turns(&WATCHERS, |tool| one(&job, tool, &tree, size))?;
        rows.push(shares(job.name, &turns));
    }
    Ok(rows)
}

fn shares(name: &str, turns: &Turns<f64>) -> Shares {
    Shares {
        name: name.to_owned(),
        shares: WATCHERS.map(|label| turns.median(label)).to_vec(),
    }
}

/// The watcher's share: its CPU time until it is at rest again, over the command's.
fn one(job: &Job, tool: &Tool, tree: &Path, size: usize) -> Fallible<f64> {
    if tree.exists() {
        fs::remove_dir_all(tree)?;
    }
    (job.prepare)(tree, size)?;
    let mut run = Run::start_and_wait(tool, tree)?;
    run.settle(Duration::from_millis(500))?;
    let (before, command_before) = (run.cpu()?, sys::children_time()?);
    let status = (job.command)(tree)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let command = sys::children_time()?.saturating_sub(command_before);
    if !status.success() {
        return Err(format!("{}: {status}", job.name).into());
    }
    run.settle(Duration::from_millis(1100))?;
    let watcher = run.cpu()?.saturating_sub(before);
    run.stop()?;
    Ok(watcher.as_secs_f64() / command.as_secs_f64())
}

fn git(tree: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(tree);
    git.args([
        "-c",
        "user.name=bench",
        "-c",
        "user.email=bench@localhost",
        "-c",
        "gc.auto=0",
    ]);
    git
}

fn succeed(command: &mut Command) -> Fallible<()> {
    let status = command.stdout(Stdio::null()).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}

/// Two branches that differ in every file.
fn repository(tree: &Path, directories: usize) -> Fallible<()> {
    trees::broad(tree, directories / 10 + 1)?;
    succeed(git(tree).args(["init", "-q", "-b", "first"]))?;
    succeed(git(tree).args(["add", "."]))?;
    succeed(git(tree).args(["commit", "-q", "-m", "first"]))?;
    succeed(git(tree).args(["checkout", "-q", "-b", "other"]))?;
    trees::rewrite(tree)?;
    succeed(git(tree).args(["commit", "-q", "-a", "-m", "other"]))?;
    succeed(git(tree).args(["checkout", "-q", "first"]))
}

/// An empty tree, and an archive beside it.
fn archive(tree: &Path, directories: usize) -> Fallible<()> {
    let archive: PathBuf = tree.with_extension("tar");
    if !archive.exists() {
        let source = tree.with_extension("source");
        trees::broad(&source, directories)?;
        succeed(
            Command::new("tar")
                .arg("cf")
                .arg(&archive)
                .arg("-C")
                .arg(&source)
                .arg("."),
        )?;
        fs::remove_dir_all(source)?;
    }
    fs::create_dir(tree)?;
    Ok(())
}

/// A package without dependencies.
fn package(tree: &Path, _: usize) -> Fallible<()> {
    fs::create_dir_all(tree.join("src"))?;
    let manifest =
        "[package]\nname = \"work\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
    fs::write(tree.join("Cargo.toml"), manifest)?;
    let modules: String = (0..40).map(|number| format!("mod m{number};\n")).collect();
    fs::write(tree.join("src/main.rs"), modules + "fn main() {}\n")?;
    for number in 0..40 {
        let text = format!(
            "pub fn f(words: &[String]) -> Vec<String> {{ let mut words = words.to_vec(); words.sort(); words.push(format!(\"{{}}\", {number})); words }}\n"
        );
        fs::write(tree.join(format!("src/m{number}.rs")), text)?;
    }
    Ok(())
}
