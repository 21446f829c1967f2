//! Keeps which files are balerion's own output, and so are never reported.
//!
//! A file that was an output stays so when it is renamed and no longer written to
//! (a rotated log). Since a new file may get the inode number of a deleted one, files are
//! identified by their birth time, too. What has the name of an output and was not opened may be
//! anybody's. Invariant: it counts for no longer than it has that name.

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
    /// Names under which any file is an output.
    names: Vec<OutputName>,
}

struct OutputName {
    dir: Inode,
    name: Vec<u8>,
    /// The file that was seen by this name, unless it was seen by another one since.
    file: Option<Inode>,
}

impl OutputName {
    fn is(&self, dir: Inode, name: &[u8]) -> bool {
        self.dir == dir && self.name == name
    }
}

impl SelfOutputs {
    /// Adds the file that an output is open on; does nothing if that is no regular file.
    pub(crate) fn add(&mut self, stat: &Stat) {
        if stat.kind == Kind::File && !self.inodes().any(|output| output == stat.inode) {
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
            let (dir, name) = (stat.inode, name.as_bytes());
            if !self.names.iter().any(|output| output.is(dir, name)) {
                let name = name.to_vec();
                self.names.push(OutputName {
                    dir,
                    name,
                    file: None,
                });
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
    /// number, and notes whether its name is that of an output. `found`: its directory and name.
    pub(crate) fn note_seen(&mut self, found: Option<(Inode, &[u8])>, stat: &Stat) {
        let seen = stat.inode;
        self.files
            .retain(|(output, birth)| *output != seen || *birth == stat.btime);
        for output in &mut self.names {
            if found.is_some_and(|(dir, name)| output.is(dir, name)) {
                output.file = (stat.kind == Kind::File).then_some(seen);
            } else if output.file == Some(seen) {
                output.file = None;
            }
        }
    }

    /// Whether the file that was seen last is an output, by its inode.
    pub(crate) fn has(&self, inode: Inode) -> bool {
        let mut named = self.names.iter().filter_map(|output| output.file);
        self.inodes().any(|output| output == inode) || named.any(|output| output == inode)
    }

    /// The outputs that were opened.
    pub(crate) fn inodes(&self) -> impl Iterator<Item = Inode> {
        self.files.iter().map(|(output, _)| *output)
    }
}
