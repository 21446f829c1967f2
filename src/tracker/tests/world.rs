//! A tracker over a disk in memory, driven as the main loop drives it, and held to what
//! it promises after every step.

mod life;
mod steps;

use std::collections::{BTreeMap, VecDeque};

use super::super::fake::{Fake, Node, Odds, Op, Queued, digest};
use super::super::model::{Flag, Id, Model};
use super::super::port::{Disk, Inode};
use super::super::{Hashing, Moment, Root, Settings, Tracker};
use super::fold::Fold;
use crate::change::{Content, Kind, Trouble};
use crate::filter::Filter;

/// The wall clock when the disk is made, in nanoseconds since 1970.
const BIRTH: i64 = 1_700_000_000_000_000_000;

/// A millisecond.
pub(super) const MS: u64 = 1_000_000;

/// One file that the baseline will read.
struct Errand {
    /// The entry.
    id: Id,
    /// How its PATH is opened.
    root: Vec<u8>,
    /// The way to its directory.
    route: Vec<u8>,
    /// Which directory must be there.
    inode: Inode,
    /// Its name.
    name: Vec<u8>,
}

/// How a world is made.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// What the user chose.
    pub(super) settings: Settings,
    /// The PATHs.
    pub(super) roots: Vec<&'static str>,
    /// What is left to chance.
    pub(super) seed: u64,
    /// How often.
    pub(super) odds: Odds,
    /// How many events fit into the queue.
    pub(super) most_events: usize,
    /// How many watches there may be.
    pub(super) most_watches: usize,
}

impl Default for Plan {
    fn default() -> Self {
        let settings = Settings {
            hashing: Hashing::Eager,
            hash_limit: 1 << 30,
            max_depth: None,
            one_file_system: false,
            attributes: false,
            strict: false,
            rescan: None,
            began: 0,
            began_coarse: 0,
        };
        let (odds, none) = (Odds::default(), usize::MAX);
        Self {
            settings,
            roots: vec!["t"],
            seed: 0,
            odds,
            most_events: none,
            most_watches: none,
        }
    }
}

/// Everything together.
pub(super) struct World {
    /// The disk and the kernel.
    pub(super) disk: Fake,
    /// The rules.
    pub(super) tracker: Tracker,
    /// What was told adds up to this.
    pub(super) fold: Fold,
    /// What was told.
    pub(super) said: Vec<String>,
    /// What was said to a person.
    pub(super) troubles: Vec<(String, Trouble)>,
    /// Events that were read and not applied.
    unread: VecDeque<Queued>,
    /// What is left of the baseline.
    errands: Vec<Errand>,
    /// The monotonic clock.
    pub(super) tick: u64,
}

impl World {
    /// Over a tree that those operations made some time ago.
    pub(super) fn new(plan: &Plan, setup: &[Op]) -> Self {
        let mut disk = Fake::new(plan.seed, BIRTH);
        for op in [Op::MakeDir("t"), Op::MakeDir("u"), Op::MakeDir("o")]
            .iter()
            .chain(setup)
        {
            assert!(disk.perform(*op).is_some(), "{op:?} was possible");
        }
        disk.shut_all();
        let began = BIRTH + 10_000_000_000;
        disk.set_time(began);
        disk.kernel.most_events = plan.most_events;
        disk.kernel.most_watches = plan.most_watches;
        let settings = Settings {
            began,
            began_coarse: began,
            ..plan.settings
        };
        let tracker = Tracker::new(
            settings,
            Filter::default(),
            Vec::new(),
            Model::with_seed(1),
            0,
        );
        let (fold, said, troubles) = (Fold::default(), Vec::new(), Vec::new());
        let (unread, errands) = (VecDeque::new(), Vec::new());
        let mut world = Self {
            disk,
            tracker,
            fold,
            said,
            troubles,
            unread,
            errands,
            tick: 0,
        };
        for root in &plan.roots {
            world.plant(root.as_bytes());
        }
        world.hand_out();
        world.disk.odds = plan.odds;
        if plan.settings.strict || plan.settings.attributes {
            let now = world.now();
            world.tracker.turn(&mut world.disk, now).acquaint();
            world.disk.release();
        }
        world
    }

    /// One in which everything is known and has long been quiet.
    pub(super) fn quiet(plan: &Plan, setup: &[Op]) -> Self {
        let mut world = Self::new(plan, setup);
        world.passes(5000 * MS);
        world.settles();
        assert_eq!(world.news(), Vec::<String>::new(), "nothing has happened");
        world
    }

    /// The time.
    fn now(&self) -> Moment {
        let wall = BIRTH + 10_000_000_000 + i64::try_from(self.tick).unwrap();
        Moment {
            tick: self.tick,
            wall,
        }
    }

    /// Time passes.
    pub(super) fn passes(&mut self, by: u64) {
        self.tick += by;
        self.disk.set_time(self.now().wall);
    }

    // The watch begins.

    /// Watches a PATH.
    fn plant(&mut self, path: &[u8]) {
        let node = self.disk.plant(path).expect("the PATH is there");
        let id = self.tracker.model.insert(None, b"", Kind::Directory);
        self.tracker.model.set(id, Flag::ROOT);
        let (open, shown, absolute) = (path.to_vec(), path.to_vec(), [b"/", path].concat());
        self.tracker.roots.push(Root {
            open,
            shown,
            absolute,
            entry: Some(id),
        });
        let mut ids = BTreeMap::new();
        let mut truth = self.disk.truth(path);
        truth.sort_by(|one, other| one.0.cmp(&other.0));
        for (at, kind, node_at) in truth {
            let child = if node_at == node {
                id
            } else {
                self.known(&mut ids, &at, kind, node_at)
            };
            let bytes = (kind == Kind::File).then(|| self.disk.bytes(node_at));
            let content = Content {
                size: bytes.map(|bytes| bytes.len() as u64),
                digest: bytes.map(digest),
            };
            self.fold.start(&at, kind, content);
            if kind == Kind::Directory {
                self.tracker
                    .model
                    .set_inode(child, self.disk.inode(node_at));
                match self.disk.kernel.watch(node_at) {
                    Ok(wd) => drop(self.tracker.model.set_wd(child, Some(wd))),
                    Err(fault) => self.tracker.cannot_watch(child, &fault),
                }
                ids.insert(at, child);
            }
        }
        self.absorb();
    }

    /// An entry for a name that the walk found.
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
        self.tracker.welcome(id, dir, self.disk.inode(node).ino);
        id
    }

    /// The baseline knows what to read.
    fn hand_out(&mut self) {
        let model = &self.tracker.model;
        for id in model.all().filter(|id| model.kind(*id) == Kind::File) {
            let Some(dir) = model.parent(id) else {
                continue;
            };
            let mut route = Vec::new();
            model.write_route(dir, &mut route);
            let (inode, name) = (model.inode(dir), model.name(id).to_vec());
            let root = self
                .tracker
                .roots
                .iter()
                .find(|at| at.entry == Some(model.root(id)));
            let root = root.unwrap().open.clone();
            self.errands.push(Errand {
                id,
                root,
                route,
                inode,
                name,
            });
        }
    }
}
