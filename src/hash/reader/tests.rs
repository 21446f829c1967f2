//! Reads files in a temporary directory: whole, in steps, and while they change.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::super::regular_file::RegularFile;
use super::*;

/// No limit that matters.
const LIMIT: u64 = 1 << 40;

fn write(dir: &Path, bytes: &[u8]) -> File {
    std::fs::write(dir.join("f"), bytes).unwrap();
    File::options().write(true).open(dir.join("f")).unwrap()
}

fn opened(dir: &Path) -> RegularFile {
    let dir = File::open(dir).unwrap();
    RegularFile::open(dir.as_fd(), b"f").unwrap()
}

fn sha256(bytes: &[u8]) -> Option<[u8; 32]> {
    Some(Sha256::digest(bytes).into())
}

/// Reads to the end in steps without time; how many there were.
fn in_steps(reader: &mut Reader) -> (Result<FileDigest, FsError>, usize) {
    let mut buffer = Vec::new();
    for steps in 1.. {
        match reader
            .step(Instant::now(), Instant::now(), &mut buffer)
            .transpose()
        {
            Some(read) => return (read, steps),
            None => assert!(steps < 10_000, "it reads for ever"),
        }
    }
    unreachable!()
}

#[test]
fn a_file_is_read_in_steps_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..=255).cycle().take(3 * CHUNK + 17).collect();
    write(dir.path(), &bytes);
    let (read, steps) = in_steps(&mut opened(dir.path()).reader(LIMIT).unwrap());
    let read = read.unwrap();
    assert_eq!(read.digest, sha256(&bytes));
    assert!(read.while_read == WhileRead::Unchanged && read.took > 0);
    assert_eq!((read.stat.size, steps), (bytes.len() as u64, 4));
}

#[test]
fn a_file_that_is_truncated_and_written_in_turn_is_not_taken_to_have_a_wrong_size() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), b"");
    let stat = opened(dir.path()).stat;
    let later = |seconds: i64| stat.mtime + seconds * 1_000_000_000;
    assert!(!is_always_longer(&stat, &stat, later(1)));
    assert!(is_always_longer(&stat, &stat, later(3)));
    assert!(
        is_always_longer(&stat, &stat, later(-3)),
        "a clock that was set back"
    );
    assert!(!is_always_longer(
        &Stat { size: 1, ..stat },
        &stat,
        later(3)
    ));
}

#[test]
fn a_small_file_that_grew_before_it_was_read_is_not_read_on() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), b"x");
    let seen = opened(dir.path());
    std::thread::sleep(Duration::from_millis(20)); // Of another mtime.
    file.set_len(1 << 36).unwrap(); // Sparse: 64 GiB.
    let mut buffer = Vec::new();
    let before = bytes_read();
    let read = seen.digest(LIMIT, Instant::now(), &mut buffer).unwrap();
    assert_eq!(read.while_read, WhileRead::MayHaveChanged);
    assert_eq!((read.stat.size, read.digest), (1, sha256(b"x")));
    // Other tests of this process read at the same time, and little.
    assert!(bytes_read() - before < 1 << 30);
}

#[test]
fn a_large_file_that_grows_while_it_is_read_is_read_to_the_size_that_was_seen() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), &vec![7; 2 * CHUNK]);
    let mut reader = opened(dir.path()).reader(LIMIT).unwrap();
    let first = reader
        .step(Instant::now(), Instant::now(), &mut Vec::new())
        .unwrap();
    assert_eq!(first, None);
    std::thread::sleep(Duration::from_millis(20));
    file.set_len(1 << 40).unwrap();
    let (read, steps) = in_steps(&mut reader);
    let read = read.unwrap();
    assert!(read.while_read == WhileRead::MayHaveChanged && steps <= 2);
    assert_eq!(read.digest, sha256(&vec![7; 2 * CHUNK]));
}

#[test]
fn a_file_that_grows_past_the_limit_while_it_is_read_has_no_digest() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), &vec![7; 2 * CHUNK]);
    let limit = 3 * CHUNK as u64;
    let mut reader = opened(dir.path()).reader(limit).unwrap();
    reader
        .step(Instant::now(), Instant::now(), &mut Vec::new())
        .unwrap();
    file.set_len(4 * CHUNK as u64).unwrap();
    let read = in_steps(&mut reader).0.unwrap();
    assert_eq!((read.digest, read.stat.size), (None, 4 * CHUNK as u64));
}

#[test]
fn a_file_that_is_cut_or_written_while_it_is_read_is_not_stable() {
    for cuts in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let file = write(dir.path(), &vec![7; 2 * CHUNK]);
        let mut reader = opened(dir.path()).reader(LIMIT).unwrap();
        reader
            .step(Instant::now(), Instant::now(), &mut Vec::new())
            .unwrap();
        std::thread::sleep(Duration::from_millis(20));
        if cuts {
            file.set_len(CHUNK as u64 + 5).unwrap();
        } else {
            file.write_all_at(b"new", 0).unwrap();
        }
        let read = in_steps(&mut reader).0.unwrap();
        assert_eq!(read.while_read, WhileRead::MayHaveChanged, "cut: {cuts}");
    }
}

#[test]
fn what_is_no_regular_file_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("f")).unwrap();
    let opened = RegularFile::open(File::open(dir.path()).unwrap().as_fd(), b"f");
    assert_eq!(opened.err(), Some(FsError::NotFound));
}

#[test]
fn the_buffer_of_a_small_file_is_small() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), b"twelve bytes");
    let mut buffer = Vec::new();
    opened(dir.path())
        .digest(LIMIT, Instant::now(), &mut buffer)
        .unwrap();
    assert!(buffer.len() <= 4096);
}

#[test]
fn a_small_file_that_was_written_before_it_was_read_is_not_stable_for_a_strict_reader() {
    let dir = tempfile::tempdir().unwrap();
    for (is_strict, while_read) in [
        (false, WhileRead::Unchanged),
        (true, WhileRead::MayHaveChanged),
    ] {
        let file = write(dir.path(), b"old");
        let long_ago = SystemTime::now() - Duration::from_secs(10);
        file.set_modified(long_ago).unwrap();
        let opened = opened(dir.path());
        write(dir.path(), b"new");
        let reader = opened.reader(LIMIT).unwrap();
        let reader = if is_strict { reader.strict() } else { reader };
        let read = reader.read_all(Instant::now(), &mut Vec::new()).unwrap();
        assert_eq!((read.digest, read.while_read), (sha256(b"new"), while_read));
    }
}
