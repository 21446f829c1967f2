//! Answers what a file system returns for an inode: its kind, its bytes, and statx(2).
//!
//! Changes nothing.

use super::{Body, Node, Tree};
use crate::change::{Attributes, Kind};
use crate::tracker::disk::{Inode, Stat};

impl Tree {
    pub(crate) fn kind(&self, node: Node) -> Kind {
        match self.node(node).body {
            Body::Directory(_) => Kind::Directory,
            Body::File(_) => Kind::File,
            Body::Symlink => Kind::Symlink,
            Body::Other => Kind::Other,
        }
    }

    /// A file's bytes.
    pub(crate) fn bytes(&self, node: Node) -> &[u8] {
        match &self.node(node).body {
            Body::File(bytes) => bytes,
            _ => &[],
        }
    }

    /// Its inode number, with that of the device.
    pub(crate) fn inode(&self, node: Node) -> Inode {
        Inode {
            dev: 1,
            ino: self.node(node).ino,
        }
    }

    /// statx(2).
    pub(crate) fn stat(&self, node: Node) -> Stat {
        let body = self.node(node);
        let mode = if body.is_readable { 0o644 } else { 0 };
        Stat {
            kind: self.kind(node),
            inode: self.inode(node),
            nlink: body.nlink,
            size: self.bytes(node).len() as u64,
            allocated: body.beyond_end + self.bytes(node).len() as u64,
            mtime: body.mtime,
            ctime: body.ctime,
            btime: Some(body.btime),
            attributes: Attributes {
                mode,
                uid: 0,
                // So that no two states are the same.
                gid: body.chmods,
            },
            mount: 1,
            is_mount_root: false,
            is_automount: false,
        }
    }
}
