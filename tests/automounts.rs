//! Tests directories that are mounted when they are opened (autofs): neither a walk nor a
//! comparison mounts them (contract, section 4.11). Skipped with a message without root and autofs.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use std::io::{self, BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{Tree, eventually, fork, skipped, sys};

/// A mount of autofs in a mount namespace of its own, served by nobody.
struct Automount {
    /// Keeps the namespace. Nothing that its process group opens is mounted.
    holder: Child,
    /// The kernel writes requests to mount something to it.
    asked: OwnedFd,
}

impl Automount {
    /// Mounts it over a directory, as a map of this type, and runs `inside` in it, which mounts
    /// nothing by itself. `None`, with a message on the terminal, where that is not permitted.
    fn new(test: &str, point: &Path, map: &str, inside: &str) -> Option<Self> {
        Self::try_new(point, map, inside).map_or_else(
            |error| {
                skipped(test, &format!("no autofs can be mounted here: {error}"));
                None
            },
            Some,
        )
    }

    fn try_new(point: &Path, map: &str, inside: &str) -> io::Result<Self> {
        let script = format!(
            "mount -t autofs -o fd=0,pgrp=$$,minproto=5,maxproto=5,{map} test \"$0\" \
             && {{ cd \"$0\" && {inside}; }} && echo mounted && exec sleep 1000"
        );
        let (asked, ask) = io::pipe()?;
        let mut command = Command::new("unshare");
        command
            .args(["-m", "--propagation", "private", "sh", "-c", &script])
            .arg(point)
            .process_group(0)
            .stdin(ask)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut holder = fork::spawn(&mut command)?;
        drop(command); // And with it the pipe's other end.
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line)?;
        if line == "mounted\n" {
            let asked = asked.into();
            return Ok(Self { holder, asked });
        }
        holder.wait()?;
        let why = io::read_to_string(holder.stderr.take().unwrap())?;
        Err(io::Error::other(why.trim().to_owned()))
    }

    /// The words to run a command through that sees the mount, in that directory.
    fn wrapper(&self, directory: &Path) -> Vec<String> {
        let pid = self.holder.id().to_string();
        let words = ["nsenter", "-m", "-t", &pid, "sh", "-c"];
        let script = ["cd \"$0\" && exec \"$@\"", directory.to_str().unwrap()];
        words.into_iter().chain(script).map(str::to_owned).collect()
    }

    /// Whether the kernel has requested a mount.
    fn is_triggered(&self) -> bool {
        sys::waiting(&self.asked) > 0
    }
}

impl Drop for Automount {
    fn drop(&mut self) {
        self.holder.kill().unwrap();
        self.holder.wait().unwrap();
    }
}

#[test]
fn an_automount_is_triggered_by_no_walk_and_no_comparison() {
    let test = "an_automount_is_triggered_by_no_walk_and_no_comparison";
    for options in [&["-x"][..], &[], &["--initial", "--format", "json"]] {
        let tree = Tree::new();
        tree.mkdirs("d/auto");
        let Some(automount) = Automount::new(test, &tree.path("d/auto"), "direct", "true") else {
            return;
        };
        let wrapper = automount.wrapper(&tree.path(""));
        let wrapper: Vec<_> = wrapper.iter().map(String::as_str).collect();
        let builder = tree.watch().through(&wrapper).args(options);
        let watch = builder.args(["--rescan", "0.2"]).start();
        // Three rescans, and events in the directory above.
        for name in ["d/one", "d/two", "d/three"] {
            tree.touch(name);
            let is_reported = || watch.reported().iter().any(|line| line.contains(name));
            assert!(eventually(is_reported), "{name}");
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
        assert!(!automount.is_triggered(), "{options:?}");
        watch.stop();
        // Opening it waits for the mount.
        let wrapper = automount.wrapper(&tree.path("d"));
        let mut list = Command::new(&wrapper[0]);
        list.args(&wrapper[1..]).args(["ls", "auto/"]);
        let mut list = fork::spawn(&mut list).unwrap();
        assert!(eventually(|| automount.is_triggered()), "by ls");
        list.kill().unwrap();
        list.wait().unwrap();
    }
}

#[test]
fn an_automount_above_a_path_is_not_searched_for_a_repository() {
    let test = "an_automount_above_a_path_is_not_searched_for_a_repository";
    let tree = Tree::new();
    tree.mkdir("auto");
    let inside = "mkdir host && mount -t tmpfs test host && mkdir -p host/project/d \
                  && echo '*.log' >host/project/.gitignore";
    let Some(automount) = Automount::new(test, &tree.path("auto"), "indirect", inside) else {
        return;
    };
    let wrapper = automount.wrapper(&tree.path("auto/host"));
    let wrapper: Vec<_> = wrapper.iter().map(String::as_str).collect();
    let builder = tree.watch().through(&wrapper).path("project");
    let watch = builder.args(["--gitignore", "--rescan", "0.4"]).start();
    // What is in a directory above a PATH is looked at every second.
    let script = "for name in one two three; do sleep 1; touch $name.log $name; done";
    let write = automount.wrapper(&tree.path("auto/host/project"));
    let mut command = Command::new(&write[0]);
    command.args(&write[1..]).args(["sh", "-c", script]);
    assert!(fork::spawn(&mut command).unwrap().wait().unwrap().success());
    let is_reported = || watch.reported().iter().any(|line| line.contains("three"));
    assert!(eventually(is_reported));
    assert!(!automount.is_triggered());
    let reported = watch.reported();
    assert!(
        !reported.iter().any(|line| line.contains(".log")),
        "{reported:?}"
    );
    watch.stop();
}
