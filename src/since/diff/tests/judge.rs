//! Judges the records of a comparison.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Compared;
use super::stream::{Reported, is_below};
use crate::change::fold::{Entry, Fold, key};
use crate::change::{Bytes, Change, Content, InodeTimes, Kind, OwnedChange};
use crate::file_status::Stat;
use crate::net_effect::NetEffect;
use crate::tracker::Hashing;
use crate::tracker::fake::{Node, digest};
use crate::tracker::model::Id;

/// The records, applied to the tree that was reported.
#[derive(Default)]
struct Judged {
    fold: Fold,
    /// The node of each reported entry, by its number.
    nodes: HashMap<usize, Node>,
    /// The numbers of entries whose content a record has.
    with_content: BTreeSet<usize>,
    renamed: BTreeSet<usize>,
}

impl Judged {
    fn apply(
        &mut self,
        change: &Change<Vec<u8>>,
        is_top: &dyn Fn(&[u8]) -> bool,
    ) -> Result<(), &'static str> {
        self.fold.apply(change, is_top)?;
        match change {
            Change::Created { path, content, .. } | Change::Changed { path, content } => {
                let number = self.entry(path).number;
                if content.bytes.is_some() && !self.with_content.insert(number) {
                    return Err("content twice");
                }
            }
            Change::Renamed { path, .. } => {
                self.renamed.insert(self.entry(path).number);
            }
            Change::Deleted { .. } => {}
            _ => return Err("no difference between trees"),
        }
        Ok(())
    }

    fn entry(&self, path: &[u8]) -> &Entry {
        &self.fold.names[key(path)]
    }

    /// Whether what the records have renamed is still there, and what they have replaced by a file
    /// with other bytes was changed.
    fn finish(&self) -> Result<(), &'static str> {
        let entries = self.fold.names.values();
        let there: BTreeSet<usize> = entries.clone().map(|entry| entry.number).collect();
        if !self.renamed.is_subset(&there) {
            return Err("renamed and deleted");
        }
        if entries.into_iter().any(Entry::is_owed) {
            return Err("replaced by other bytes, and not changed");
        }
        Ok(())
    }
}

impl Compared<'_> {
    /// # Errors
    /// What is wrong.
    pub(super) fn judge(&self) -> Result<(), String> {
        let now: BTreeMap<String, Id> = self
            .start
            .reported()
            .into_iter()
            .map(|(path, id)| (text(&path), id))
            .collect();
        let judged = self.judge_tree(&self.changes, &now)?;
        if !self.changes.is_empty() && self.is_same_tree(&now) {
            return Err(self.wrong("nothing differs"));
        }
        self.judge_renames(&now, &judged)?;
        self.judge_tree(&self.settled(), &now)
            .map(drop)
            .map_err(|why| format!("settled: {why}"))
    }

    /// Whether records fold what was reported to the tree.
    fn judge_tree(
        &self,
        changes: &[OwnedChange],
        now: &BTreeMap<String, Id>,
    ) -> Result<Judged, String> {
        let mut judged = Judged::default();
        for (path, before) in &self.stream.names {
            let content = Content {
                bytes: before.size.map(|size| Bytes {
                    size,
                    digest: before.digest,
                }),
                stat: None,
            };
            let number = judged.fold.add(path.as_bytes(), before.kind, content, true);
            judged.nodes.insert(number, before.node);
        }
        let is_top = |path: &[u8]| {
            let mut paths = self.case.now.paths.iter();
            paths.any(|(shown, _)| shown.as_bytes() == path)
        };
        for change in changes {
            judged
                .apply(&change.change, &is_top)
                .map_err(|why| self.wrong(&format!("{why}: {}", line(change))))?;
        }
        judged.finish().map_err(|why| self.wrong(why))?;
        let left: Vec<String> = judged.fold.names.keys().map(|path| text(path)).collect();
        let right: Vec<String> = now.keys().cloned().collect();
        if left != right {
            return Err(self.wrong(&format!("folds to {left:?}, not {right:?}")));
        }
        for (path, &id) in now {
            self.judge_entry(path, id, &judged)
                .map_err(|why| self.wrong(&format!("{path}: {why}")))?;
        }
        Ok(judged)
    }

    /// The records as `--settle` emits them.
    fn settled(&self) -> Vec<OwnedChange> {
        let mut effect = NetEffect::default();
        for change in &self.changes {
            effect.apply(change.clone());
        }
        // No name has more tildes at its end than one of `BACKUPS`.
        effect.take(2).collect()
    }

    fn judge_entry(&self, path: &str, id: Id, judged: &Judged) -> Result<(), String> {
        let entry = judged.entry(path.as_bytes());
        let tracker = &self.start.tracker;
        if entry.kind != tracker.model.kind(id) {
            return Err(format!("is a {:?}", entry.kind));
        }
        if entry.kind != Kind::File {
            return Ok(());
        }
        let mut unread = self.unread.iter().filter(|&&(other, _)| other == id);
        match (unread.next(), tracker.is_to_be_read(id)) {
            (Some(&(_, reported)), true) if entry.digest == reported => return Ok(()),
            (Some(_), true) => return Err("is unread, with another digest".into()),
            (Some(_), false) => return Err("is known, and unread".into()),
            (None, true) => return Err("is not known, and not unread".into()),
            (None, false) => {}
        }
        let bytes = self.disk.bytes(self.start.nodes[&id]);
        if entry.digest.is_some_and(|found| found != digest(bytes)) {
            return Err("has another digest".into());
        }
        if entry.size.is_some_and(|size| size != bytes.len() as u64) {
            return Err(format!("has another size than {}", bytes.len()));
        }
        if entry.size.is_none() {
            return Err("has no size".into());
        }
        let is_read = self.case.now.hashing == Hashing::Eager
            && bytes.len() as u64 <= self.case.now.hash_limit;
        if is_read
            && entry.digest.is_none()
            && (judged.with_content.contains(&entry.number)
                || self.case.comparison.completes_digests)
        {
            return Err("has no digest".into());
        }
        Ok(())
    }

    /// Whether the tree is as it was reported, as far as records show.
    fn is_same_tree(&self, now: &BTreeMap<String, Id>) -> bool {
        let before = &self.stream.names;
        before.len() == now.len()
            && before.iter().all(|(path, before)| {
                let Some(&id) = now.get(path) else {
                    return false;
                };
                let node = self.start.nodes[&id];
                let stat = self.case.now.stat(&self.disk, node);
                let is_content = match (before.kind, before.digest) {
                    (Kind::File, Some(_)) if self.is_unread(&stat) => before.times.is_some(),
                    (Kind::File, Some(before)) => before == digest(self.disk.bytes(node)),
                    (Kind::File, None) => {
                        !self.case.comparison.completes_digests || self.is_unread(&stat)
                    }
                    _ => true,
                };
                let is_status = before.kind != Kind::File
                    || before.size == Some(stat.size)
                        && before.times.is_none_or(|times| times.mtime == stat.mtime);
                before.node == node && before.kind == stat.kind && is_content && is_status
            })
    }

    fn is_unread(&self, stat: &Stat) -> bool {
        self.case.now.hashing != Hashing::Eager || stat.size > self.case.now.hash_limit
    }

    /// What has the same inode number and birth time under another name was renamed, unless
    /// something that the trees show stands against it.
    fn judge_renames(&self, now: &BTreeMap<String, Id>, judged: &Judged) -> Result<(), String> {
        let case = self.case;
        let births = case.before.has_birth_times && case.now.has_birth_times;
        if !case.comparison.renames || !births {
            return Ok(());
        }
        let mut paths: HashMap<Node, (Vec<&String>, Vec<&String>)> = HashMap::new();
        for (path, before) in &self.stream.names {
            paths.entry(before.node).or_default().0.push(path);
        }
        for (path, id) in now {
            paths.entry(self.start.nodes[id]).or_default().1.push(path);
        }
        for (node, (before, after)) in paths {
            let ([from], [to]) = (&before[..], &after[..]) else {
                continue;
            };
            let old = &self.stream.names[*from];
            let id = now[*to];
            let is_fixed = |path: &String| {
                let mut paths = case.now.paths.iter();
                paths.any(|(shown, _)| shown == path || is_below(shown, path))
            };
            if from == to || is_fixed(from) || is_fixed(to) || !self.is_recognized(old, id) {
                continue;
            }
            let stays = now.get(*from).is_some_and(|&other| {
                !self.is_known(other)
                    || matches!(
                        self.start.tracker.model.kind(other),
                        Kind::Symlink | Kind::Other
                    )
            });
            let stat = case.now.stat(&self.disk, node);
            let is_written = || {
                old.digest != Some(digest(self.disk.bytes(node)))
                    || self.is_unread(&stat)
                        && old.times.is_none_or(|times| times.mtime != stat.mtime)
            };
            // Then the content of both names changed.
            let is_split = old.kind == Kind::File && now.contains_key(*from) && is_written();
            if stays || is_split {
                continue;
            }
            let number = judged.entry(to.as_bytes()).number;
            if judged.nodes.get(&number) != Some(&node) {
                return Err(self.wrong(&format!("{to} was {from}, and is not renamed")));
            }
        }
        Ok(())
    }

    fn is_known(&self, id: Id) -> bool {
        let model = &self.start.tracker.model;
        let is_entered = model.kind(id) != Kind::Directory || !model.is_not_entered(id);
        !self.start.unknown.contains(&id) && is_entered
    }

    /// Whether the stream and the disk show that an entry is the reported one.
    fn is_recognized(&self, old: &Reported, id: Id) -> bool {
        let stat = self.case.now.stat(&self.disk, self.start.nodes[&id]);
        let is_same = |times: InodeTimes| times.ino == stat.inode.ino && times.btime == stat.btime;
        matches!(old.kind, Kind::File | Kind::Directory)
            && old.times.is_some_and(is_same)
            && self.is_known(id)
    }

    fn wrong(&self, why: &str) -> String {
        let records: Vec<_> = self.changes.iter().map(line).collect();
        let now: BTreeSet<String> = self
            .start
            .reported()
            .into_iter()
            .map(|(path, id)| {
                let unknown = if self.start.unknown.contains(&id) {
                    " ?"
                } else {
                    ""
                };
                let stat = self.case.now.stat(&self.disk, self.start.nodes[&id]);
                format!(
                    "{} {:?} {}{unknown}",
                    text(&path),
                    stat.kind,
                    stat.inode.ino
                )
            })
            .collect();
        format!(
            "{why}\n{:#?}\nnow {now:#?}\nrecords {records:#?}\nunread {:?}",
            self.stream.lines, self.unread
        )
    }
}

/// A record with size and the beginning of the digest.
fn line(record: &OwnedChange) -> String {
    let content = match &record.change {
        Change::Created { content, .. } | Change::Changed { content, .. } => content,
        _ => return short(record),
    };
    let digest = content.digest().map(|digest| hex::encode(&digest[..2]));
    format!("{} {:?} {digest:?}", short(record), content.size())
}

/// A path as text; the PATH `/` is empty.
pub(super) fn text(path: &[u8]) -> String {
    String::from_utf8(key(path).to_vec()).unwrap()
}

/// A record without content.
pub(super) fn short(OwnedChange { change, .. }: &OwnedChange) -> String {
    match change {
        Change::Created { path, .. } => format!("created {}", text(path)),
        Change::Changed { path, .. } => format!("changed {}", text(path)),
        Change::Renamed { from, path, .. } => format!("renamed {} {}", text(from), text(path)),
        Change::Deleted { path, .. } => format!("deleted {}", text(path)),
        other => format!("{other:?}"),
    }
}
