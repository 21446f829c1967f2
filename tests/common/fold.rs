//! Applies a stream of records to the tree at `ready`, strictly: a record that repeats another,
//! or is about a name that is not there, is a violation (contract, section 4).

mod node;

use std::collections::BTreeMap;

use super::Tree;
use super::disk::{self, Snapshot};
use super::record::Record;
use node::{Node, Place};

/// The tree that the records add up to.
pub(crate) struct Fold {
    /// Has each PATH as a child, under the name that was given.
    top: Node,
    prefixes: Vec<Vec<u8>>,
    /// The tree changed already while the watch began: it starts from the `existing` records.
    early: bool,
    /// A session has begun.
    started: bool,
    /// The `ready` record has come.
    ready: bool,
    pub(crate) violations: Vec<String>,
    /// How many records there were of each event.
    pub(crate) counts: BTreeMap<String, usize>,
}

/// Where a log that begins with a snapshot, folded strictly over all of its sessions, and
/// the tree differ. `hashes`: whether a digest that was never reported counts.
pub(crate) fn log_differences(tree: &Tree, log: &[u8], hashes: bool) -> Vec<String> {
    let mut truth = Snapshot::new();
    disk::snapshot(&tree.root(), b".", &mut truth);
    let mut empty = truth.clone();
    empty.retain(|path, _| path == b".");
    let mut fold = Fold::new(&empty, &[b".".to_vec()], true);
    for line in log.split(|&byte| byte == b'\n') {
        if !line.is_empty() {
            fold.feed(line);
        }
    }
    let mut all = fold.differences(&truth, hashes);
    all.extend(fold.violations);
    all
}

impl Fold {
    /// A fold over the tree at the start, below these PATHs.
    pub(crate) fn new(start: &Snapshot, prefixes: &[Vec<u8>], early: bool) -> Self {
        let mut fold = Self {
            top: Node {
                kind: "directory".to_owned(),
                ..Node::default()
            },
            prefixes: prefixes.to_vec(),
            early,
            started: false,
            ready: false,
            violations: Vec::new(),
            counts: BTreeMap::new(),
        };
        // Sorted by bytes a parent comes before what is below it.
        for (path, entry) in start {
            if early && !fold.prefixes.contains(path) {
                continue;
            }
            let place = split(&fold.prefixes, path).unwrap();
            let node = Node {
                kind: entry.kind.to_owned(),
                sha256: entry.sha256.clone(),
                size: entry.size,
                ..Node::default()
            };
            fold.top.insert(&place, node).unwrap();
        }
        fold
    }

    pub(crate) fn feed(&mut self, line: &[u8]) {
        let result = Record::parse(line).and_then(|record| {
            *self.counts.entry(record.event().to_owned()).or_default() += 1;
            self.apply(&record)
        });
        if let Err(wrong) = result {
            let line = String::from_utf8_lossy(line);
            self.violations.push(format!("{wrong}: {line}"));
        }
    }

    /// Applies one record. A record that is wrong is applied as far as it makes
    /// sense, so that one mistake does not show as hundreds.
    fn apply(&mut self, record: &Record) -> Result<(), String> {
        let path = record.bytes("path");
        match record.event() {
            "start" => {
                self.start(record.text("resumes").is_some());
                Ok(())
            }
            "ready" if self.ready => Err("ready again".to_owned()),
            "ready" => {
                self.ready = true;
                Ok(())
            }
            "existing" => self.existing(record, &path),
            "created" => self.created(record, &path),
            "changed" => self.changed(record, &path),
            "renamed" => self.renamed(record, &path),
            "deleted" => self.deleted(record, &path),
            "attributes" => self.known(record, &path).map(drop),
            _ => Ok(()),
        }
    }

    /// Begins a session. One after the first lists the whole tree, so the fold forgets all; one
    /// that resumes goes on from what is known.
    fn start(&mut self, resumes: bool) {
        let is_first = !std::mem::replace(&mut self.started, true);
        let is_listed = self.ready || self.early;
        if is_first || !is_listed {
            return;
        }
        self.ready = false;
        if resumes {
            // The next session does not know which `changed` records a killed session has not
            // written.
            self.top.forget_displaced();
        } else {
            self.early = true;
            for root in self.top.children.values_mut() {
                root.children.clear();
            }
        }
    }

    /// Applies `existing`: a name that was there when the watch began.
    fn existing(&mut self, record: &Record, path: &[u8]) -> Result<(), String> {
        if self.ready {
            return Err("existing after ready".to_owned());
        }
        let place = split(&self.prefixes, path)?;
        if self.early && place.len() > 1 {
            if self.top.find(&place).is_some() {
                return Err("the name is there already".to_owned());
            }
            return self.top.insert(&place, Node::of(record)).map(drop);
        }
        let node = self.known(record, path)?;
        match record.sha256() {
            reported @ Some(_) if reported != node.sha256.as_deref() => {
                Err("another digest".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn created(&mut self, record: &Record, path: &[u8]) -> Result<(), String> {
        let place = split(&self.prefixes, path)?;
        let old = self.top.insert(&place, Node::of(record))?;
        match old {
            None => Ok(()),
            Some(old) => Err(format!("the name is there, a {}", old.kind)),
        }
    }

    /// Applies `changed`: the bytes must differ.
    fn changed(&mut self, record: &Record, path: &[u8]) -> Result<(), String> {
        if record.kind() != "file" {
            return Err("only a file has content".to_owned());
        }
        let node = self.known(record, path)?;
        let reported = record.sha256().map(str::to_owned);
        let displaced = node.displaced.take();
        let same = reported.is_some() && reported == node.sha256;
        (node.sha256, node.size) = (reported.clone(), record.size());
        if same && displaced.is_none_or(|displaced| displaced == reported) {
            return Err("the digest is the one last reported".to_owned());
        }
        Ok(())
    }

    /// Applies `renamed`: moves a name, and all below it.
    fn renamed(&mut self, record: &Record, path: &[u8]) -> Result<(), String> {
        let from = record.bytes("from");
        self.known(record, &from)?;
        let (source, target) = (split(&self.prefixes, &from)?, split(&self.prefixes, path)?);
        if target.starts_with(&source) {
            return Err("renamed to itself or below itself".to_owned());
        }
        if source.starts_with(&target) {
            return Err("renamed onto a directory that holds it".to_owned());
        }
        self.top.parent(&target)?;
        let mut node = self.top.remove(&source).ok_or("no such source")?;
        node.displaced = None;
        if let Some(old) = self.top.find(&target)
            && old.kind == "file"
            && node.kind == "file"
        {
            node.displaced = Some(old.displaced.clone().unwrap_or(old.sha256.clone()));
        }
        self.top.insert(&target, node).map(drop)
    }

    fn deleted(&mut self, record: &Record, path: &[u8]) -> Result<(), String> {
        self.known(record, path)?;
        let place = split(&self.prefixes, path)?;
        let node = self.top.remove(&place).ok_or("no such name")?;
        match node.children.keys().next() {
            None => Ok(()),
            Some(name) => Err(format!(
                "{} names were below it, such as {}",
                node.children.len(),
                String::from_utf8_lossy(name)
            )),
        }
    }

    /// The node of a path, which must be there and of the kind reported.
    fn known(&mut self, record: &Record, path: &[u8]) -> Result<&mut Node, String> {
        let place = split(&self.prefixes, path)?;
        let node = self.top.find_mut(&place).ok_or("the name is not there")?;
        if node.kind != record.kind() {
            return Err(format!("the name is there as a {}", node.kind));
        }
        Ok(node)
    }

    /// The differences between the fold and the disk, a line each. `hashes`:
    /// whether a digest that was never reported counts.
    pub(crate) fn differences(&self, truth: &Snapshot, hashes: bool) -> Vec<String> {
        let mut folded = BTreeMap::new();
        for (name, node) in &self.top.children {
            node.list(name.clone(), &mut folded);
        }
        let mut out = Vec::new();
        for (path, entry) in truth {
            let name = String::from_utf8_lossy(path);
            match folded.get(path) {
                None => out.push(format!("on disk, not reported: {} {name}", entry.kind)),
                Some(node) => node.differs(&name, entry, hashes, &mut out),
            }
        }
        for (path, node) in &folded {
            if !truth.contains_key(path) {
                let name = String::from_utf8_lossy(path);
                out.push(format!("reported, not on disk: {} {name}", node.kind));
            }
        }
        out
    }
}

/// Splits a path into the PATH it is below, the longest that fits, and its names.
fn split<'a>(prefixes: &'a [Vec<u8>], path: &'a [u8]) -> Result<Place<'a>, String> {
    let holds = |prefix: &&Vec<u8>| {
        path.strip_prefix(prefix.as_slice())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    let prefix = prefixes
        .iter()
        .filter(holds)
        .max_by_key(|prefix| prefix.len())
        .ok_or("not below any PATH")?;
    let mut place = vec![prefix.as_slice()];
    if let Some(rest) = path.get(prefix.len() + 1..) {
        for name in rest.split(|byte| *byte == b'/') {
            if [&b""[..], b".", b".."].contains(&name) || name.contains(&0) {
                return Err("not a plain path".to_owned());
            }
            place.push(name);
        }
    }
    Ok(place)
}
