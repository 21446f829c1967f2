//! Reads the stream of `--since` or `--resume` before the walk, compares it with the tree after the
//! baseline, and emits the differences before `ready`.

use std::path::PathBuf;
use std::sync::Arc;

use super::Watcher;
use super::baseline::BaselineState;
use crate::baseline::{Baseline, directory_path};
use crate::change::Kind;
use crate::disk::RealTracker;
use crate::error::Error;
use crate::since::{Comparison, Reader, Reads, Since, diff};
use crate::tracker::Reported;

/// Changes emitted before they are written.
const PIECE_CHANGES: usize = 512;

/// Bytes of their paths: 1 MiB.
const PIECE_BYTES: usize = 1 << 20;

/// The stream that is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum StreamSource {
    /// `--since`: a file, which stays as it is.
    File(PathBuf),
    /// `--resume`: the log, which is appended to. If it has no session, a snapshot is.
    Log,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Resumption {
    pub(crate) source: StreamSource,
    /// Whether all files are read, even with unchanged times (`--verify`).
    pub(crate) verifies: bool,
}

impl Watcher {
    /// Reads the stream.
    ///
    /// # Errors
    /// It cannot be read, or is about other PATHs.
    pub(super) fn read_stream(&mut self, resumption: &Resumption) -> Result<(), Error> {
        let is_log = resumption.source == StreamSource::Log;
        let mut reader = match &resumption.source {
            StreamSource::File(path) => Reader::open(path).map_err(Error::Usage)?,
            StreamSource::Log => self.log_reader()?,
        };
        while reader.step().map_err(Error::Usage)? {
            self.check_signals();
            if self.stop.has_ended() {
                return Ok(());
            }
        }
        let shown = reader.shown().to_owned();
        let end = reader.finish(Reads {
            all: resumption.verifies,
            without_digest: self.tracker.settings.hashing.is_eager(),
        });
        let separator = self.output.writer.end();
        if let Some(other) = end.separator.filter(|&end| is_log && end != separator) {
            let what = if other == 0 {
                "add --print0"
            } else {
                "leave --print0 out"
            };
            return Err(Error::Usage(format!(
                "the records of {shown} end otherwise than those of this run; {what}, or give another log"
            )));
        }
        let header = self.output.header();
        match end.since {
            Ok(since) if since.is_of(&header.paths, &header.absolute) => {
                header.resumes = Some(since.session().to_owned());
                self.baseline = BaselineState::Walking(Some(Arc::new(since)));
            }
            Ok(since) => {
                return Err(Error::Usage(format!(
                    "{shown} is about other PATHs: {}; give the same ones, spelt so, from the same directory",
                    since.shown_paths()
                )));
            }
            Err(why) if is_log && end.may_be_appended_to => {
                if !end.is_empty {
                    self.stderr
                        .line(&format!("{why}; a snapshot is appended to it"));
                }
                self.snapshots.set_initial();
            }
            Err(why) => return Err(Error::Usage(why)),
        }
        match end.torn_at {
            Some(torn_at) if is_log => self.cut_log(torn_at, &shown),
            Some(_) => {
                self.stderr.line(&format!(
                    "the last line of {shown} is torn, and is left out"
                ));
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn log_reader(&self) -> Result<Reader, Error> {
        let file = self.output.file().map_err(Error::Output)?;
        let shown = self
            .output
            .log
            .as_ref()
            .map_or_else(String::new, crate::log_file::Log::shown);
        Reader::new(file, shown).map_err(Error::Usage)
    }

    /// Cuts off the torn record that a crash has left.
    fn cut_log(&mut self, end: u64, shown: &str) -> Result<(), Error> {
        let file = self.output.file().map_err(Error::Output)?;
        file.set_len(end).map_err(Error::Output)?;
        self.output.writer.forget_unwritten();
        self.stderr.line(&format!(
            "the last line of {shown} was torn, and is cut off"
        ));
        Ok(())
    }

    /// Emits the differences between the tree that the stream reported and the model, unless the log
    /// is opened anew: the new file begins with a snapshot.
    ///
    /// # Errors
    /// It could not be written.
    pub(super) fn emit_differences(&mut self) -> Result<(), Error> {
        let baseline = self.baseline.reading();
        let Some((since, found)) = baseline.and_then(Baseline::take_comparison) else {
            return Ok(());
        };
        add_unlisted(&mut self.tracker, &since);
        let comparison = Comparison {
            completes_digests: self.output.log.is_some()
                && self.tracker.settings.hashing.is_eager(),
            completes_attributes: self.output.log.is_some(),
            renames: !self.tracker.settings.no_renames,
        };
        let tracker = &self.tracker;
        // As they are now; not of one that moved meanwhile.
        let mut times = |dir| Some(directory_path(tracker, dir)?.stat().ok()?.times());
        let difference = diff(&since, tracker, &found, &mut times, comparison);
        for (id, old) in difference.unread {
            let reported = old.map_or_else(Reported::default, |old| since.reported(old));
            self.tracker.expect(id, &reported);
        }
        let now = self.clock.now();
        self.tracker.at(now);
        for change in difference.changes {
            if !self.snapshots.is_comparing() {
                break;
            }
            let batch = self.tracker.records.current();
            batch.push_owned(change);
            if batch.changes().len() >= PIECE_CHANGES || batch.path_bytes() >= PIECE_BYTES {
                self.check_signals();
                self.write_all()?;
                if self.stop.has_ended() {
                    return Ok(());
                }
            }
        }
        self.write_all()
    }
}

/// Adds what was reported in directories that the walk could not list (their file system does not
/// answer, say): the scan that they are due compares it.
fn add_unlisted(tracker: &mut RealTracker, since: &Since) {
    let tree = since.tree();
    for dir in tracker.unlisted_directories() {
        let mut path = Vec::new();
        tracker.write_path(dir, &mut path);
        let Some(old) = since.at_path(&path) else {
            continue;
        };
        tracker.compare_reported_in(dir);
        let mut left = vec![(dir, old)];
        while let Some((dir, old)) = left.pop() {
            for child in tree.children(old) {
                let Some(kind) = tree.kind(child) else {
                    continue;
                };
                let reported = since.reported(child);
                let added = tracker.add_reported(dir, tree.name(child), kind, &reported);
                match (kind, added) {
                    (Kind::Directory, Some(id)) if tracker.is_unlisted(id) => {
                        left.push((id, child))
                    }
                    (Kind::File, Some(_)) => since.mark_unchanged(child),
                    _ => {}
                }
            }
        }
    }
}
