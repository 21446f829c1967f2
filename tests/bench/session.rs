//! Keeps what one run of the benchmark needs: its sizes, the tools that work, the directory of its
//! trees, and the turns of the tools.
use crate::Fallible;
use crate::floor;
use crate::run::Run;
use crate::stats::{Turns, thousands};
use crate::sys;
use crate::tools::{Tool, Tools, WATCHERS};
use crate::trees;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A file system in memory: its cache is not evicted while it is measured.
const IN_MEMORY: &str = "/dev/shm";
/// The kernel's limit on a user's watches.
const WATCHES: &str = "/proc/sys/fs/inotify/max_user_watches";

pub(crate) struct Sizes {
    pub(crate) rounds: usize,
    pub(crate) broad: usize,
    pub(crate) deep: usize,
    pub(crate) wide: usize,
    /// Files of 1 MiB.
    pub(crate) large: usize,
    pub(crate) burst: usize,
    /// Changes of each kind whose latency is taken, in each turn.
    pub(crate) samples: usize,
    pub(crate) idle: Duration,
}

impl Sizes {
    /// Large enough for stable figures.
    pub(crate) fn full() -> Self {
        Self {
            rounds: 7,
            broad: 10_000,
            deep: 300,
            wide: 100_000,
            large: 256,
            burst: 10_000,
            samples: 40,
            idle: Duration::from_secs(5),
        }
    }

    /// Large enough to see that everything works.
    pub(crate) fn quick() -> Self {
        Self {
            rounds: 1,
            broad: 200,
            deep: 20,
            wide: 1000,
            large: 8,
            burst: 500,
            samples: 10,
            idle: Duration::from_secs(1),
        }
    }

    /// About how many KiB of trees that is, twice over.
    fn kib(&self) -> usize {
        2 * (self.broad * trees::FILES * 4 + self.large * 1024 + self.wide)
    }
}

pub(crate) struct Session {
    pub(crate) tools: Tools,
    pub(crate) sizes: Sizes,
    pub(crate) failed: bool,
    trees: TempDir,
}

impl Session {
    /// Makes the directory, and runs every tool once, so that it is in the page cache.
    pub(crate) fn new(tools: Tools, mut sizes: Sizes) -> Fallible<Self> {
        let watches = fs::read_to_string(WATCHES)?.trim().parse::<usize>()?;
        if sizes.broad > watches / 6 {
            sizes.broad = watches / 6;
            note(&format!("only {watches} watches: a smaller tree"));
        }
        let place = place(sizes.kib());
        let trees = tempfile::Builder::new()
            .prefix("balerion-bench-")
            .tempdir_in(place)?;
        let mut session = Self {
            tools,
            sizes,
            failed: false,
            trees,
        };
        if session.tools.peer_version.is_none() {
            note("inotifywait is not installed: measuring against the floors alone");
        }
        session.try_all()?;
        Ok(session)
    }

    /// Leaves out the tools that cannot watch a small tree.
    fn try_all(&mut self) -> Fallible<()> {
        let tree = self.tree("trial", |path| trees::flat(path, 3))?;
        let all = [&floor::ALL[..], &WATCHERS].concat();
        let turns = self.by_turns(&all, |tool| Run::start_and_wait(tool, &tree)?.stop())?;
        self.tools.retain(|tool| turns.worked(tool.label));
        Ok(())
    }

    /// The path of a tree that is made anew for every turn.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.trees.path().join(name)
    }

    /// The path of a tree, which is made if it is not there yet.
    pub(crate) fn tree(
        &self,
        name: &str,
        make: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Fallible<PathBuf> {
        let path = self.path(name);
        if !path.exists() {
            make(&path).map_err(|error| format!("making a tree: {error}"))?;
        }
        Ok(path)
    }

    /// The broad tree, and what it is called.
    pub(crate) fn broad(&self) -> Fallible<(PathBuf, String)> {
        let directories = self.sizes.broad;
        let path = self.tree("broad", |path| trees::broad(path, directories))?;
        let name = format!(
            "{} directories × {} files",
            thousands(directories),
            trees::FILES
        );
        Ok((path, name))
    }

    /// Measures the tools of these labels by turns, A B C, then C B A.
    pub(crate) fn by_turns<T>(
        &mut self,
        labels: &[&str],
        mut measure: impl FnMut(&Tool) -> Fallible<T>,
    ) -> Fallible<Turns<T>> {
        let mut turns = Turns::default();
        let mut tools = self.tools.named(labels);
        for _ in 0..self.sizes.rounds {
            for tool in &tools {
                let result = measure(tool);
                if sys::interrupted() {
                    return Err("interrupted".into());
                }
                if let Err(error) = &result {
                    note(&error.to_string());
                    self.failed = true;
                }
                turns.add(tool.label, result.ok());
            }
            tools.reverse();
        }
        Ok(turns)
    }

    pub(crate) fn place(&self) -> &'static str {
        if self.trees.path().starts_with(IN_MEMORY) {
            "in memory (tmpfs)"
        } else {
            "in the temporary directory"
        }
    }
}

pub(crate) fn note(text: &str) {
    eprintln!("bench: {text}");
}

/// Where there is room for trees: in memory, if df(1) says so.
fn place(kib: usize) -> PathBuf {
    let df = Command::new("df").args(["-Pk", IN_MEMORY]).output();
    let text = df.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let free = text.ok().and_then(|text| {
        let line = text.lines().nth(1)?;
        line.split_whitespace().nth(3)?.parse::<usize>().ok()
    });
    match free {
        Some(free) if free > kib => IN_MEMORY.into(),
        _ => env::temp_dir(),
    }
}
