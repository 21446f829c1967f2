//! Changes a whole tree: with random writers, with more events than the queue has room for, and
//! with a write to every directory.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread;

use super::disk;
use super::writers::Writer;

/// Starts `count` writers in the tree, each on a thread of its own.
pub(crate) fn unleash(
    root: &Path,
    outside: &Path,
    seed: u64,
    count: u64,
    bursts: usize,
) -> Vec<thread::JoinHandle<()>> {
    let top = root.join("shared");
    fs::create_dir_all(&top).unwrap();
    (0..count)
        .map(|number| {
            let own = root.join(format!("own{number}"));
            let writer = Writer::new(&top, outside, &own, seed.wrapping_mul(1009) + number);
            thread::spawn(move || writer.rage(bursts))
        })
        .collect()
}

/// Makes more events than `events`, and leaves the tree as it was.
pub(crate) fn noise(directory: &Path, events: u64) {
    // Creation, writing, closing and removal: four events, never merged.
    for number in 0..=events / 4 {
        let path = directory.join(format!("n{number}"));
        fs::write(&path, b"x").unwrap();
        fs::remove_file(&path).unwrap();
    }
}

/// Makes a file in every directory and appends to one that is there, which shows a directory that
/// is not watched, or is watched under an old name.
pub(crate) fn probe(directory: &Path) {
    let Ok(open) = disk::open_directory(directory) else {
        return;
    };
    let listing = fs::read_dir(disk::within(&open, "")).unwrap();
    let mut grown = false;
    for found in listing.flatten() {
        let path = disk::within(&open, found.file_name());
        let Ok(status) = fs::symlink_metadata(&path) else {
            continue;
        };
        if status.is_dir() {
            probe(&path);
        } else if status.is_file() && status.nlink() == 1 && !grown {
            let file = File::options().append(true).open(&path);
            file.unwrap().write_all(b"probe\n").unwrap();
            grown = true;
        }
    }
    fs::write(disk::within(&open, ".probe"), b"probe\n").unwrap();
}
