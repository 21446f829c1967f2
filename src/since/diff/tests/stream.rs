//! Makes the stream of a session that watched a disk in memory, record by record.

use std::collections::{BTreeMap, BTreeSet};

use super::judge::text;
use super::start::{Odds, RunOptions, Start};
use crate::change::{Digest, InodeTimes, Kind};
use crate::file_status::Stat;
use crate::since::lines::Lines;
use crate::since::sessions::Sessions;
use crate::since::{Reads, Since};
use crate::tracker::Hashing;
use crate::tracker::fake::{Chance, Fake, Node, digest};

/// What was reported of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reported {
    pub(super) node: Node,
    pub(super) kind: Kind,
    pub(super) digest: Option<Digest>,
    pub(super) size: Option<u64>,
    pub(super) times: Option<InodeTimes>,
}

pub(super) struct Stream<'a> {
    options: &'a RunOptions,
    /// Whether records have inode number and times (`--stat`).
    has_stat: bool,
    pub(super) lines: Vec<String>,
    pub(super) names: BTreeMap<String, Reported>,
}

type Names = BTreeMap<String, Reported>;

impl<'a> Stream<'a> {
    /// A session with a snapshot of the disk.
    pub(super) fn begin(disk: &Fake, options: &'a RunOptions, has_stat: bool) -> Self {
        let texts = |texts: Vec<String>| texts.join(",");
        let given = options.paths.iter().map(|(shown, _)| {
            let shown = if shown.is_empty() { "/" } else { shown };
            format!("\"{shown}\"")
        });
        let absolute = options.paths.iter().map(|(_, at)| format!("\"/{at}\""));
        let start = format!(
            r#"{{"time":"{}","event":"start","version":"0","paths":[{}],"absolute":[{}],"session":"s","hash":"eager"}}"#,
            time(disk.time()),
            texts(given.collect()),
            texts(absolute.collect()),
        );
        let mut stream = Self {
            options,
            has_stat,
            lines: vec![start],
            names: BTreeMap::new(),
        };
        for (path, found) in stream.look(disk) {
            stream.write_state(disk, "existing", &path, found);
        }
        let ready = format!(
            r#"{{"time":"{}","event":"ready","directories":1,"files":1}}"#,
            time(disk.time())
        );
        stream.lines.push(ready);
        stream
    }

    /// What a session would report now, by path.
    fn look(&self, disk: &Fake) -> Names {
        let none = Odds {
            unwatched: 0,
            unread: 0,
            moved: 0,
        };
        let start = Start::walk(disk, self.options, None, &mut Chance::new(0), none);
        let mut names = Names::new();
        for (path, id) in start.reported() {
            let node = start.nodes[&id];
            let stat = self.options.stat(disk, node);
            names.insert(text(&path), self.state(disk, node, &stat));
        }
        names
    }

    fn state(&self, disk: &Fake, node: Node, stat: &Stat) -> Reported {
        let is_file = stat.kind == Kind::File;
        let is_read = is_file
            && self.options.hashing == Hashing::Eager
            && stat.size <= self.options.hash_limit
            && disk.is_readable(node);
        let has_times = self.has_stat && matches!(stat.kind, Kind::File | Kind::Directory);
        Reported {
            node,
            kind: stat.kind,
            digest: is_read.then(|| digest(disk.bytes(node))),
            size: is_file.then_some(stat.size),
            times: has_times.then(|| stat.times()),
        }
    }

    fn write_state(&mut self, disk: &Fake, event: &str, path: &str, found: Reported) {
        let kind = match found.kind {
            Kind::File => "file",
            Kind::Directory => "directory",
            Kind::Symlink => "symlink",
            Kind::Other => "other",
        };
        let now = time(disk.time());
        let shown = if path.is_empty() { "/" } else { path };
        let mut line =
            format!(r#"{{"time":"{now}","event":"{event}","kind":"{kind}","path":"{shown}""#);
        if let Some(size) = found.size {
            line += &format!(r#","size":{size}"#);
        }
        if let Some(digest) = found.digest {
            line += &format!(r#","sha256":"{}""#, hex::encode(digest));
        }
        if let Some(times) = found.times {
            let (ino, mtime, ctime) = (times.ino, time(times.mtime), time(times.ctime));
            line += &format!(r#","inode":{ino},"mtime":"{mtime}","ctime":"{ctime}""#);
            if let Some(btime) = times.btime {
                line += &format!(r#","btime":"{}""#, time(btime));
            }
        }
        self.lines.push(line + "}");
        self.names.insert(path.to_owned(), found);
    }

    /// Reports what has happened. `moved`: what one call may have renamed.
    pub(super) fn observe(&mut self, disk: &Fake, moved: &[Node]) {
        let after = self.look(disk);
        for &node in moved {
            self.observe_rename(disk, node, &after);
        }
        let is_kept = |path: &String, before: &Reported| {
            after.get(path).is_some_and(|now| {
                now.kind == before.kind && (now.kind == Kind::File || now.node == before.node)
            })
        };
        let gone: BTreeSet<String> =
            self.names
                .iter()
                .fold(BTreeSet::new(), |mut gone, (path, before)| {
                    let is_below = gone.iter().any(|above| is_below(path, above));
                    if is_below || !is_kept(path, before) {
                        gone.insert(path.clone());
                    }
                    gone
                });
        for path in gone.iter().rev() {
            self.write_name(disk, "deleted", "", path);
            self.names.remove(path);
        }
        for (path, now) in after {
            match self.names.get(&path) {
                None => self.write_state(disk, "created", &path, now),
                Some(before) if now.kind == Kind::File => {
                    let is_changed = match (before.digest, now.digest) {
                        (Some(before), Some(now)) => before != now,
                        _ => {
                            let status = |it: &Reported| {
                                (
                                    it.digest.is_some(),
                                    it.size,
                                    it.times.map(|times| times.mtime),
                                )
                            };
                            before.node != now.node || status(before) != status(&now)
                        }
                    };
                    if is_changed {
                        self.write_state(disk, "changed", &path, now);
                    }
                }
                Some(_) => {}
            }
        }
    }

    fn observe_rename(&mut self, disk: &Fake, node: Node, after: &Names) {
        let paths = |names: &Names| -> BTreeSet<String> {
            let with = names.iter().filter(|(_, it)| it.node == node);
            with.map(|(path, _)| path.clone()).collect()
        };
        let (before, now) = (paths(&self.names), paths(after));
        let mut gone = before.difference(&now);
        let mut new = now.difference(&before);
        let (Some(from), Some(to), None, None) = (gone.next(), new.next(), gone.next(), new.next())
        else {
            return;
        };
        let is_top = |path: &String| self.options.paths.iter().any(|(shown, _)| shown == path);
        let kind = self.names[from].kind;
        let is_dir = |path: &str| {
            self.names
                .get(path)
                .is_some_and(|it| it.kind == Kind::Directory)
        };
        let has_directory = to.rsplit_once('/').is_some_and(|(dir, _)| is_dir(dir));
        let may_replace = self.names.get(to).is_none_or(|old| {
            (old.kind == Kind::Directory) == (kind == Kind::Directory)
                && !self.names.keys().any(|path| is_below(path, to))
        });
        if is_top(from) || is_top(to) || is_below(to, from) || !has_directory || !may_replace {
            return;
        }
        self.write_name(disk, "renamed", &format!(r#""from":"{from}","#), to);
        move_subtree(&mut self.names, from, to);
    }

    fn write_name(&mut self, disk: &Fake, event: &str, more: &str, path: &str) {
        let now = time(disk.time());
        let path = if path.is_empty() { "/" } else { path };
        self.lines.push(format!(
            r#"{{"time":"{now}","event":"{event}","kind":"file",{more}"path":"{path}"}}"#
        ));
    }

    /// The tree that the stream folds to, if it has a snapshot.
    pub(super) fn since(&self, reads: Reads) -> Option<Since> {
        let (mut lines, mut sessions) = (Lines::default(), Sessions::default());
        let text = self.lines.join("\n") + "\n";
        lines.feed(text.as_bytes(), &mut |item| {
            let mut paths = Vec::new();
            let item = item.map(|path| {
                paths.push(path.into_owned());
                paths.len() - 1
            });
            sessions.apply(item.map(|at| paths[at].as_slice()));
        });
        let has_snapshot = self.lines[1].contains("existing");
        let folded = sessions.finish();
        assert_eq!(folded.is_ok(), has_snapshot, "the session is complete");
        folded.ok().map(|folded| Since::new(folded, reads))
    }
}

/// Moves a name, and all below it, over what is there.
pub(super) fn move_subtree<T>(names: &mut BTreeMap<String, T>, from: &str, to: &str) {
    let is_moved = |path: &&String| *path == from || is_below(path, from);
    for path in names.keys().filter(is_moved).cloned().collect::<Vec<_>>() {
        let entry = names.remove(&path).unwrap();
        names.insert(format!("{to}{}", &path[from.len()..]), entry);
    }
}

pub(super) fn is_below(path: &str, top: &str) -> bool {
    path.strip_prefix(top)
        .is_some_and(|rest| rest.starts_with('/'))
}

fn time(nanos: i64) -> String {
    let time = jiff::Timestamp::from_nanosecond(nanos.into());
    time.unwrap().to_string()
}
