//! Drives a tracker over a disk in memory as the main loop drives it, and checks its promises
//! after every step.

mod life;
mod steps;

use std::collections::{BTreeMap, VecDeque};

use super::super::disk::{Disk, Inode};
use super::super::fake::{Fake, Node, Odds, Op, Queued, digest};
use super::super::model::{Flag, Id};
use super::super::{Root, Settings, Timestamps, Tracker};
use crate::change::fold::Fold;
use crate::change::{Bytes, Content, Kind, Warning};
use crate::filter::{Filter, FilterOptions};

/// The wall clock when the disk is made, in nanoseconds since 1970.
pub(super) const BIRTH: i64 = 1_700_000_000_000_000_000;

/// A millisecond in nanoseconds.
pub(super) const MS: u64 = 1_000_000;

/// One file that the baseline will read.
struct ReadBatch {
    id: Id,
    root: Vec<u8>,
    route: Vec<u8>,
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
    pub(super) records: Vec<String>,
    pub(super) warnings: Vec<(String, Warning)>,
    /// Events that were read and not applied.
    unread: VecDeque<Queued>,
    batches: Vec<ReadBatch>,
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
        if options.ignores_case {
            disk.ignore_case();
        }
        let began = options.clock;
        disk.set_time(began);
        disk.kernel.most_events = options.most_events;
        disk.kernel.most_watches = options.most_watches;
        let settings = Settings {
            began,
            began_coarse: began,
            ..options.settings
        };
        let globs = |globs: &[&str]| {
            globs
                .iter()
                .map(|&glob| glob.to_owned())
                .collect::<Vec<_>>()
        };
        let filter = Filter::new(&FilterOptions {
            exclude: &globs(&options.exclude),
            exclude_from: &[],
            include: &globs(&options.include),
            gitignore: false,
        });
        let filter = filter.expect("the globs are well formed");
        let tracker = Tracker::new(disk, settings, filter, 0);
        let (fold, records, warnings) = (Fold::default(), Vec::new(), Vec::new());
        let (unread, batches) = (VecDeque::new(), Vec::new());
        let mut world = Self {
            tracker,
            fold,
            records,
            warnings,
            unread,
            batches,
            tick: 0,
            clock: began,
        };
        for root in &options.roots {
            world.build(root.as_bytes(), root.as_bytes());
        }
        for (link, path) in &options.links {
            world.build(path.as_bytes(), link.as_bytes());
            world.tracker.hide_followed(link.as_bytes());
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
            world.tracker.at(now).init_metadata();
            world.tracker.disk.release();
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

    // The watch begins.

    /// Builds a PATH that leads to `path`, and is reported as `shown`.
    fn build(&mut self, path: &[u8], shown: &[u8]) {
        let roots = self.tracker.roots.directories().iter();
        let roots = roots.filter(|root| root.open.starts_with(path));
        let others: Vec<_> = roots.map(|root| (root.open.clone(), root.entry)).collect();
        let node = self.tracker.disk.build(path).expect("the PATH is there");
        let id = self.tracker.model.insert(None, b"", Kind::Directory);
        self.tracker.model.set(id, Flag::ROOT);
        self.tracker.roots.add_directory(Root {
            open: path.to_vec(),
            shown: shown.to_vec(),
            absolute: [b"/", path].concat(),
            class: crate::file_status::FsClass::Local,
            entry: id,
        });
        // The link that leads to the PATH is not reported, too.
        self.fold.names.remove(shown);
        let mut ids = BTreeMap::new();
        let mut truth = self.tracker.disk.truth(path);
        truth.sort_by(|one, other| one.0.cmp(&other.0));
        for (at, kind, node_at) in truth {
            let is_above = |(root, _): &(Vec<u8>, Id)| at.starts_with(&[root, &b"/"[..]].concat());
            if others.iter().any(is_above) || !self.is_reported(path, &at, kind) {
                continue;
            }
            let child = if node_at == node {
                id
            } else {
                self.known(&mut ids, &at, kind, node_at)
            };
            if let Some((_, other)) = others.iter().find(|(root, _)| *root == at) {
                self.tracker.mark_alias(child, *other);
                continue;
            }
            let bytes = (kind == Kind::File).then(|| self.tracker.disk.bytes(node_at));
            let content = Content {
                bytes: bytes.map(|bytes| Bytes {
                    size: bytes.len() as u64,
                    digest: Some(digest(bytes)),
                }),
                stat: None,
            };
            let shown = [shown, &at[path.len()..]].concat();
            self.fold.add(&shown, kind, content, false);
            if kind == Kind::Directory {
                self.tracker
                    .model
                    .set_inode(child, self.tracker.disk.inode(node_at));
                if !self.tracker.model.is_not_entered(child) {
                    match self.tracker.disk.kernel.watch(node_at) {
                        Ok(wd) => self.tracker.model.set_watch(child, wd),
                        Err(fault) => self.tracker.cannot_watch(child, &fault),
                    }
                }
                ids.insert(at, child);
            }
        }
        self.absorb();
    }

    /// Whether a name in a PATH is reported: neither hidden, nor in a hidden directory, nor beyond
    /// `--max-depth`.
    pub(super) fn is_reported(&self, root: &[u8], path: &[u8], kind: Kind) -> bool {
        let Some(below) = path[root.len()..].strip_prefix(b"/") else {
            return true;
        };
        let absolute = [b"/", root].concat();
        let filter = &self.tracker.filter;
        let ends = (0..=below.len()).filter(|&end| below.get(end).is_none_or(|&byte| byte == b'/'));
        let depth = ends.clone().count();
        let most = self.tracker.settings.max_depth;
        let is_dir = |end| end < below.len() || kind == Kind::Directory;
        most.is_none_or(|most| depth <= most as usize)
            && !ends
                .into_iter()
                .any(|end| filter.hides(&absolute, &below[..end], is_dir(end)))
    }

    /// Enters a name that the walk found.
    fn known(
        &mut self,
        ids: &mut BTreeMap<Vec<u8>, Id>,
        path: &[u8],
        kind: Kind,
        node: Node,
    ) -> Id {
        let cut = path.iter().rposition(|byte| *byte == b'/').unwrap();
        let dir = ids[&path[..cut]];
        let id = self.tracker.model.insert(Some(dir), &path[cut + 1..], kind);
        self.tracker
            .add_walked(id, dir, self.tracker.disk.inode(node).ino);
        id
    }

    fn hand_out(&mut self) {
        let model = &self.tracker.model;
        for id in model.all().filter(|id| model.kind(*id) == Kind::File) {
            let Some(dir) = model.parent(id) else {
                continue;
            };
            let mut route = Vec::new();
            model.write_relative_path(dir, &mut route);
            let (inode, name) = (model.inode(dir), model.name(id).to_vec());
            let root = self.tracker.roots.with_entry(model.root(id));
            let root = root.unwrap().open.clone();
            self.batches.push(ReadBatch {
                id,
                root,
                route,
                inode,
                name,
            });
        }
    }
}
