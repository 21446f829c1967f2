//! Which files are our own output, and so are never reported.
//!
//! A file that was our output stays so when it is renamed and no longer written to
//! (a rotated log). Since the kernel gives the number of a deleted file to a new one,
//! a file is known by its birth time, too.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::change::Kind;
use crate::file_status::Stat;
use crate::sys::file;
use crate::sys::stat::stat_path;
use crate::tracker::disk::Inode;

#[derive(Default)]
pub(crate) struct SelfOutputs {
    /// Files that exist, with their birth times.
    files: Vec<(Inode, Option<i64>)>,
    /// Names under which any file is our output: a directory and a name in it.
    names: Vec<(Inode, Vec<u8>)>,
}

impl SelfOutputs {
    /// What an output is open on is not reported, if it is a file.
    pub(crate) fn add(&mut self, raw: &Stat) {
        if raw.kind == Kind::File && !self.has(raw.inode) {
            self.files.push((raw.inode, raw.btime));
        }
    }

    /// A name is that of an output, even before it was opened: logrotate(8) may create the new
    /// log itself.
    pub(crate) fn add_path(&mut self, path: &Path) {
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let found = file::with_c_str(parent.as_os_str().as_bytes(), stat_path);
        if let (Ok(raw), Some(name)) = (found, path.file_name()) {
            let output = (raw.inode, name.as_bytes().to_vec());
            if !self.names.contains(&output) {
                self.names.push(output);
            }
        }
    }

    /// A file that is no longer written to: it is remembered if it can be distinguished from a new
    /// one of its number.
    pub(crate) fn retire(&mut self, raw: &Stat) {
        if raw.btime.is_none() {
            self.files.retain(|(output, _)| *output != raw.inode);
        }
    }

    /// The status of a file was read; `found`: the directory and name, if it was found by these.
    pub(crate) fn note_seen(&mut self, found: Option<(Inode, &[u8])>, raw: &Stat) {
        let seen = raw.inode;
        self.files
            .retain(|(output, birth)| *output != seen || *birth == raw.btime);
        if let Some((dir, name)) = found
            && self
                .names
                .iter()
                .any(|(known, output)| *known == dir && output == name)
        {
            self.add(raw);
        }
    }

    pub(crate) fn has(&self, inode: Inode) -> bool {
        self.files.iter().any(|(output, _)| *output == inode)
    }

    pub(crate) fn inodes(&self) -> Vec<Inode> {
        self.files.iter().map(|(output, _)| *output).collect()
    }
}
