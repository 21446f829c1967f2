//! Keeps which files are balerion's own output, and so are never reported.
//!
//! A file that was an output stays so when it is renamed and no longer written to
//! (a rotated log). Since a new file may get the inode number of a deleted one, files are
//! identified by their birth time, too.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::change::Kind;
use crate::file_status::Stat;
use crate::sys::stat::stat_path;
use crate::tracker::disk::Inode;

#[derive(Default)]
pub(crate) struct SelfOutputs {
    /// Output files, with their birth times.
    files: Vec<(Inode, Option<i64>)>,
    /// Names under which any file is an output: a directory and a name in it.
    names: Vec<(Inode, Vec<u8>)>,
}

impl SelfOutputs {
    /// Adds the file that an output is open on; does nothing if that is no regular file.
    pub(crate) fn add(&mut self, stat: &Stat) {
        if stat.kind == Kind::File && !self.has(stat.inode) {
            self.files.push((stat.inode, stat.btime));
        }
    }

    /// Adds a path: any file with that name is an output, even before we open it, since
    /// logrotate(8) may create the new log itself.
    pub(crate) fn add_path(&mut self, path: &Path) {
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let found = stat_path(parent.as_os_str().as_bytes());
        if let (Ok(stat), Some(name)) = (found, path.file_name()) {
            let output = (stat.inode, name.as_bytes().to_vec());
            if !self.names.contains(&output) {
                self.names.push(output);
            }
        }
    }

    /// Notes that a file is no longer written to. It stays an output only if its birth time
    /// distinguishes it from a new file with the same inode number.
    pub(crate) fn retire(&mut self, stat: &Stat) {
        if stat.btime.is_none() {
            self.files.retain(|(output, _)| *output != stat.inode);
        }
    }

    /// Notes the status of a file that was found: removes a deleted output with the same inode
    /// number, and adds the file if its name is that of an output. `found`: its directory and name.
    pub(crate) fn note_seen(&mut self, found: Option<(Inode, &[u8])>, stat: &Stat) {
        let seen = stat.inode;
        self.files
            .retain(|(output, birth)| *output != seen || *birth == stat.btime);
        if let Some((dir, name)) = found
            && self
                .names
                .iter()
                .any(|(known, output)| *known == dir && output == name)
        {
            self.add(stat);
        }
    }

    pub(crate) fn has(&self, inode: Inode) -> bool {
        self.files.iter().any(|(output, _)| *output == inode)
    }

    pub(crate) fn inodes(&self) -> Vec<Inode> {
        self.files.iter().map(|(output, _)| *output).collect()
    }
}
