//! Reads the mount table, `/proc/self/mountinfo`, for mount points that changed and for the class of
//! a file system.
//!
//! Asks no mounted file system, so that none can make it wait. Holds no descriptor of any mount.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::HashMap;

use crate::file_status::{FsClass, Stat};
use crate::sys::epoll::take_exceptional;

/// epoll(7) reports EPOLLPRI for it when a mount is added or removed.
const MOUNTINFO: &str = "/proc/self/mountinfo";

/// The class of a file system by its name in mountinfo.
fn class_of(file_system: &str) -> FsClass {
    match file_system {
        "nfs" | "nfs4" => FsClass::Remote("NFS"),
        "cifs" | "smb3" | "smbfs" => FsClass::Remote("SMB"),
        "9p" => FsClass::Remote("9p"),
        "virtiofs" => FsClass::Remote("virtiofs"),
        "ceph" => FsClass::Remote("Ceph"),
        "afs" => FsClass::Remote("AFS"),
        "acfs" | "beegfs" | "coda" | "gfs2" | "gpfs" | "hostfs" | "lustre" | "ncpfs" | "ocfs2"
        | "panfs" | "prl_fs" | "pvfs2" | "vboxsf" | "vmhgfs" => {
            FsClass::Remote("a shared file system")
        }
        "autofs" => FsClass::Automount,
        "overlay" => FsClass::Layered("overlayfs"),
        "fusectl" => FsClass::Pseudo("fusectl"),
        "proc" => FsClass::Pseudo("proc"),
        "sysfs" => FsClass::Pseudo("sysfs"),
        "cgroup" | "cgroup2" => FsClass::Pseudo("cgroup"),
        "debugfs" => FsClass::Pseudo("debugfs"),
        "tracefs" => FsClass::Pseudo("tracefs"),
        "configfs" => FsClass::Pseudo("configfs"),
        "securityfs" => FsClass::Pseudo("securityfs"),
        "bpf" => FsClass::Pseudo("bpf"),
        "pstore" => FsClass::Pseudo("pstore"),
        "efivarfs" => FsClass::Pseudo("efivarfs"),
        "selinuxfs" => FsClass::Pseudo("selinuxfs"),
        "devpts" => FsClass::Pseudo("devpts"),
        "mqueue" => FsClass::Pseudo("mqueue"),
        "binder" | "binfmt_misc" | "cpuset" | "dlmfs" | "functionfs" | "gadgetfs" | "ibmasmfs"
        | "ipathfs" | "nfsd" | "nsfs" | "ocfs2_dlmfs" | "openpromfs" | "oprofilefs" | "pidfs"
        | "resctrl" | "rpc_pipefs" | "s390_hypfs" | "smackfs" | "spufs" | "usbdevfs" | "usbfs"
        | "xenfs" => FsClass::Pseudo("a file system of the kernel"),
        // "fuse", "fuseblk", "fuse.sshfs".
        _ if file_system.starts_with("fuse") => FsClass::Remote("FUSE"),
        _ => FsClass::Local,
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Mount {
    /// An absolute path.
    pub(crate) mount_point: Vec<u8>,
    pub(crate) number: u64,
    /// The number of the mount that it is mounted on.
    parent: u64,
    /// Major and minor number, as in [`Stat`].
    dev: u64,
    file_system: String,
}

impl Mount {
    pub(crate) fn class(&self) -> FsClass {
        class_of(&self.file_system)
    }
}

/// The mounts of this process, and the file that reports changes of them.
pub(crate) struct Mounts {
    /// `None`: there is no /proc, so that no mount is known.
    file: Option<File>,
    pub(crate) all: BTreeSet<Mount>,
}

impl Mounts {
    /// Reads the mount table.
    pub(crate) fn new() -> Self {
        let mut file = File::open(MOUNTINFO).ok();
        let all = file.as_mut().and_then(|file| read(file).ok());
        Self {
            file: file.filter(|_| all.is_some()),
            all: all.unwrap_or_default(),
        }
    }

    /// The mount with this ID.
    pub(crate) fn numbered(&self, number: u64) -> Option<&Mount> {
        self.all.iter().find(|mount| mount.number == number)
    }

    /// The file that reports changes.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(File::as_fd)
    }

    /// Reads the table again. Returns the mount points where something was unmounted, then those
    /// where something was mounted.
    pub(crate) fn take_changed(&mut self) -> Vec<(Vec<u8>, MountChange)> {
        // If it cannot be read, the changes are found when it changes next.
        let Some(Ok(new)) = self.file.as_mut().map(read) else {
            return Vec::new();
        };
        let gone = self.all.difference(&new);
        let gone = gone.map(|mount| (mount.mount_point.clone(), MountChange::Unmounted));
        let come = new.difference(&self.all);
        let come = come.map(|mount| (mount.mount_point.clone(), MountChange::Mounted));
        let changed = gone.chain(come).collect();
        self.all = new;
        changed
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MountChange {
    Unmounted,
    Mounted,
}

/// How a file system may be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    Direct,
    /// It may not answer. The ID of its mount.
    MayStall(u64),
    /// Looking a name up in it may mount something.
    Automount,
}

/// Finds the class of the file system that a file is on. It has a descriptor of its own, since each
/// one reports a change once.
pub(crate) struct MountTable {
    known: Mutex<Known>,
}

struct Known {
    /// Without a /proc, every file system is taken to be local.
    mounts: Mounts,
    /// By mount ID; there may be thousands.
    classes: HashMap<u64, FsClass>,
}

impl MountTable {
    pub(crate) fn new() -> Self {
        let mut known = Known {
            mounts: Mounts::new(),
            classes: HashMap::default(),
        };
        known.set_classes();
        Self {
            known: Mutex::new(known),
        }
    }

    /// Reads the table again, if it has changed.
    fn refreshed(&self) -> MutexGuard<'_, Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.mounts.fd().is_some_and(take_exceptional) {
            known.mounts.take_changed();
            known.set_classes();
        }
        known
    }

    /// The class of the file system that a file is on. A mount ID may be used again, so that the
    /// table is read again if it has changed.
    pub(crate) fn class(&self, stat: &Stat) -> FsClass {
        let known = self.refreshed();
        let found = match stat.mount {
            // The kernel does not give the mount ID.
            0 => {
                let all = &known.mounts.all;
                let found = all.iter().find(|mount| mount.dev == stat.inode.dev);
                found.map(Mount::class)
            }
            number => known.classes.get(&number).copied(),
        };
        // A file that is on none of these is in a subvolume, or on a mount of another namespace.
        found.unwrap_or(FsClass::Local)
    }

    /// Whether a file is not read: it is larger than `limit` bytes, or is mounted from a file system of
    /// the kernel's own.
    pub(crate) fn leaves_unread(&self, stat: &Stat, limit: u64) -> bool {
        let is_pseudo = || matches!(self.class(stat), FsClass::Pseudo(_));
        // In a directory of such a file system none is read, for which no mount is looked up.
        stat.size > limit || stat.is_mount_root && is_pseudo()
    }

    /// Whether there is a file system on which opening a name may mount something.
    pub(crate) fn has_automounts(&self) -> bool {
        let is_it = |mount: &Mount| mount.class() == FsClass::Automount;
        self.refreshed().mounts.all.iter().any(is_it)
    }

    /// Whether there is a file system that may not answer; what an automount mounts may be one.
    pub(crate) fn may_stall(&self) -> bool {
        let known = self.refreshed();
        let mut all = known.mounts.all.iter();
        all.any(|mount| may_stall(mount.class()))
    }

    /// How to ask the file system that an absolute path without symbolic links leads to.
    pub(crate) fn access(&self, path: &Path) -> Access {
        let known = self.refreshed();
        let point = |mount: &Mount| Path::new(OsStr::from_bytes(&mount.mount_point)).to_owned();
        let all = known.mounts.all.iter();
        let above = all.filter(|mount| path.starts_with(point(mount)));
        // Of several at one mount point, only the topmost is not covered. One that is may still
        // be reached.
        let longest = above.clone().map(|mount| mount.mount_point.len()).max();
        let nearest = above.filter(|mount| Some(mount.mount_point.len()) == longest);
        let is_covered = |mount: &Mount| nearest.clone().any(|other| other.parent == mount.number);
        if nearest
            .clone()
            .any(|mount| mount.class() == FsClass::Automount && !is_covered(mount))
        {
            return Access::Automount;
        }
        let stalling = nearest.clone().find(|mount| may_stall(mount.class()));
        stalling.map_or(Access::Direct, |mount| Access::MayStall(mount.number))
    }
}

impl Known {
    fn set_classes(&mut self) {
        let all = self.mounts.all.iter();
        self.classes = all.map(|mount| (mount.number, mount.class())).collect();
    }
}

/// Whether a file system may not answer; what an automount mounts may be remote.
fn may_stall(class: FsClass) -> bool {
    class.may_stall() || class == FsClass::Automount
}

fn read(file: &mut File) -> io::Result<BTreeSet<Mount>> {
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut text)?;
    Ok(text
        .split(|&byte| byte == b'\n')
        .filter_map(parse)
        .collect())
}

/// Parses a line of proc_pid_mountinfo(5): mount ID, parent ID, device, root, mount point, options,
/// optional fields, "-", file system.
fn parse(line: &[u8]) -> Option<Mount> {
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<u64>().ok();
    let mut fields = line.split(|&byte| byte == b' ');
    let (id, parent) = (number(fields.next()?)?, number(fields.next()?)?);
    let mut device = fields.next()?.splitn(2, |&byte| byte == b':');
    let (major, minor) = (number(device.next()?)?, number(device.next()?)?);
    let mount_point = unescaped(fields.nth(1)?);
    let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
    let file_system = String::from_utf8_lossy(fields.next()?).into_owned();
    Some(Mount {
        mount_point,
        number: id,
        parent,
        dev: major << 32 | minor,
        file_system,
    })
}

/// Decodes a path in which space, tab, newline and backslash are written as `\ooo`.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after
            .get(..3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(octal) if byte == b'\\' => {
                out.push(octal);
                rest = &after[3..];
            }
            _ => {
                out.push(byte);
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{class_of, parse};
    use crate::file_status::FsClass;

    #[test]
    fn a_line_gives_number_device_mount_point_and_file_system() {
        let line = br"36 35 98:5 /mnt1 /mnt\040two/a\134b rw,noatime master:1 shared:2 - ext3 /dev/root rw";
        let mount = parse(line).expect("a mount");
        assert_eq!(mount.number, 36);
        assert_eq!(mount.dev, 98 << 32 | 5);
        assert_eq!(mount.mount_point, br"/mnt two/a\b");
        assert_eq!(mount.file_system, "ext3");
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"36 35 98:0 / /x rw"), None);
    }

    #[test]
    fn a_file_system_is_known_by_its_name() {
        for name in [
            "fuse",
            "fuseblk",
            "fuse.sshfs",
            "nfs4",
            "cifs",
            "9p",
            "ceph",
            "gpfs",
            "vmhgfs",
            "pvfs2",
        ] {
            assert!(class_of(name).may_stall(), "{name}");
        }
        let pseudo = "proc sysfs debugfs tracefs configfs securityfs cgroup cgroup2 bpf pstore \
                      efivarfs selinuxfs binfmt_misc mqueue devpts fusectl rpc_pipefs nsfs \
                      cpuset ocfs2_dlmfs gadgetfs binder";
        for name in pseudo.split_whitespace() {
            assert!(matches!(class_of(name), FsClass::Pseudo(_)), "{name}");
        }
        for name in ["ext4", "xfs", "btrfs", "tmpfs", "zfs", "devtmpfs", "ramfs"] {
            assert_eq!(class_of(name), FsClass::Local, "{name}");
        }
        assert_eq!(class_of("autofs"), FsClass::Automount);
    }
}
