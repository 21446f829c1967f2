//! Drives a tracker over a disk in memory as the main loop drives it, and checks its promises
//! after every step.

mod life;
mod paths;
mod steps;

use std::collections::VecDeque;

use super::super::disk::{Disk, FileDigest, FsError, Inode};
use super::super::fake::{Fake, Odds, Op, Queued};
use super::super::model::{Flag, Id};
use super::super::{Settings, Timestamps, Tracker};
use crate::change::Warning;
use crate::change::fold::Fold;
use crate::filter::{Filter, FilterOptions};

/// The wall clock when the disk is made, in nanoseconds since 1970.
pub(super) const BIRTH: i64 = 1_700_000_000_000_000_000;

/// A millisecond in nanoseconds.
pub(super) const MS: u64 = 1_000_000;

/// One file that the baseline will read.
struct PendingRead {
    /// What was read, if its answer is on the way.
    read: Option<Result<FileDigest, FsError>>,
    id: Id,
    root: Vec<u8>,
    relative_path: Vec<u8>,
    /// The directory that its path must lead to.
    inode: Inode,
    name: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(super) struct WorldOptions {
    pub(super) settings: Settings,
    pub(super) roots: Vec<&'static str>,
    /// PATHs that lead through a symbolic link: its path, and the directory that it leads to.
    pub(super) links: Vec<(&'static str, &'static str)>,
    /// PATHs that are single files.
    pub(super) files: Vec<&'static str>,
    pub(super) seed: u64,
    pub(super) odds: Odds,
    /// How many events fit into the queue.
    pub(super) most_events: usize,
    pub(super) most_watches: usize,
    /// Whether names that differ in case alone are one.
    pub(super) ignores_case: bool,
    /// Globs of `--exclude` and of `--include`.
    pub(super) exclude: Vec<&'static str>,
    pub(super) include: Vec<&'static str>,
    /// The wall clock when the watch begins; the tree was made at [`BIRTH`].
    pub(super) clock: i64,
}

impl Default for WorldOptions {
    fn default() -> Self {
        let (odds, none) = (Odds::default(), usize::MAX);
        Self {
            settings: Settings::default(),
            roots: vec!["t"],
            links: Vec::new(),
            files: Vec::new(),
            seed: 0,
            odds,
            most_events: none,
            most_watches: none,
            ignores_case: false,
            exclude: Vec::new(),
            include: Vec::new(),
            clock: BIRTH + 10_000_000_000,
        }
    }
}

pub(super) struct World {
    pub(super) tracker: Tracker<Fake>,
    /// The tree that the emitted records add up to.
    pub(super) fold: Fold,
    /// PATHs that need not be in a directory of another one.
    pub(super) tops: Vec<&'static str>,
    pub(super) records: Vec<String>,
    pub(super) warnings: Vec<(String, Warning)>,
    /// Events that were read and not applied.
    unread: VecDeque<Queued>,
    pending_reads: Vec<PendingRead>,
    /// The monotonic clock.
    pub(super) tick: u64,
    /// The wall clock when the watch began.
    pub(super) clock: i64,
}

impl World {
    /// A world over a tree that `setup` made some time ago.
    pub(super) fn new(options: &WorldOptions, setup: &[Op]) -> Self {
        let mut disk = Fake::new(options.seed, BIRTH);
        for op in [Op::MakeDir("t"), Op::MakeDir("u"), Op::MakeDir("o")]
            .iter()
            .chain(setup)
        {
            assert!(disk.perform(*op).is_some(), "{op:?} was possible");
        }
        disk.shut_all();
        disk.see_all();
        if options.ignores_case {
            disk.ignore_case();
        }
        let began = options.clock;
        disk.set_time(began);
        disk.kernel.most_events = options.most_events;
        disk.kernel.most_watches = options.most_watches;
        let globs = |globs: &[&str]| {
            globs
                .iter()
                .map(|&glob| glob.to_owned())
                .collect::<Vec<_>>()
        };
        let start = Timestamps {
            tick: 0,
            wall: began,
        };
        let filter = Filter::new(&FilterOptions {
            exclude: &globs(&options.exclude),
            exclude_from: &[],
            include: &globs(&options.include),
            gitignore: false,
        });
        let filter = filter.expect("the globs are well formed");
        let tracker = Tracker::new(disk, options.settings, filter, start);
        let (fold, records, warnings) = (Fold::default(), Vec::new(), Vec::new());
        let (unread, pending_reads) = (VecDeque::new(), Vec::new());
        let links = options.links.iter().map(|(link, _)| *link);
        let mut world = Self {
            tracker,
            fold,
            tops: links.chain(options.files.iter().copied()).collect(),
            records,
            warnings,
            unread,
            pending_reads,
            tick: 0,
            clock: began,
        };
        for root in &options.roots {
            world.build(root.as_bytes(), root.as_bytes());
        }
        for (link, path) in &options.links {
            let disk = &world.tracker.disk;
            let target = disk.at(path.as_bytes()).expect("it is there");
            if disk.kernel.is_watched(target) {
                continue; // It is in another PATH, and reported once.
            }
            world.build(path.as_bytes(), link.as_bytes());
            world.tracker.hide_followed(link.as_bytes());
        }
        for (entry, _) in world.tracker.hide_roots_not_entered() {
            let mut path = Vec::new();
            world.tracker.write_path(entry, &mut path);
            world.fold.names.remove(&path);
        }
        for path in &options.files {
            world.add_file(path);
        }
        world.hand_out();
        world.tracker.disk.odds = options.odds;
        let Settings {
            strict,
            attributes,
            touched,
            ..
        } = options.settings;
        if strict || attributes || touched {
            let now = world.now();
            let entries: Vec<_> = world.tracker.model.all().collect();
            world.tracker.at(now).init_metadata(&entries);
            world.tracker.disk.release();
            let model = &world.tracker.model;
            for id in entries
                .into_iter()
                .filter(|id| !model.has(*id, Flag::HIDDEN))
            {
                let mut path = Vec::new();
                world.tracker.write_path(id, &mut path);
                if let Some(entry) = world.fold.names.get_mut(&path) {
                    entry.attributes = world.tracker.known_attributes(id);
                }
            }
        }
        world
    }

    /// A world whose tree is completely read and has long been quiet.
    pub(super) fn quiet(options: &WorldOptions, setup: &[Op]) -> Self {
        let mut world = Self::new(options, setup);
        world.passes(5000 * MS);
        world.settles();
        assert_eq!(
            world.new_records(),
            Vec::<String>::new(),
            "nothing has happened"
        );
        world
    }

    pub(super) fn now(&self) -> Timestamps {
        let wall = self.clock + i64::try_from(self.tick).unwrap();
        Timestamps {
            tick: self.tick,
            wall,
        }
    }

    pub(super) fn passes(&mut self, by: u64) {
        self.tick += by;
        self.tracker.disk.set_time(self.now().wall);
    }
}
