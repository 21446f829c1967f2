//! Makes the trees to watch, of known shapes, and writes to them.
//! Whatever is written is the same in every run, for every tool.
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Files in every directory of a tree.
pub(crate) const FILES: usize = 4;
/// Bytes of a small file, as in a source tree of many.
const SMALL: usize = 800;
/// Bytes of what the writers write.
const WRITTEN: usize = 64;

/// Bytes that differ from file to file.
fn content(seed: usize, length: usize) -> Vec<u8> {
    let mut bytes = format!("{seed:016x} ").into_bytes();
    bytes.resize(length, b'.');
    bytes
}

fn fill(directory: &Path, seed: usize) -> io::Result<()> {
    (0..FILES).try_for_each(|file| {
        let bytes = content(seed * FILES + file, SMALL);
        fs::write(directory.join(format!("file-{file}.txt")), bytes)
    })
}

/// `directories`, ten in each, and small files in all of them.
pub(crate) fn broad(root: &Path, directories: usize) -> io::Result<()> {
    let mut made: Vec<PathBuf> = vec![root.to_owned()];
    for number in 0..directories {
        if number > 0 {
            made.push(made[(number - 1) / 10].join(format!("dir-{number:05}")));
        }
        fs::create_dir(&made[number])?;
        fill(&made[number], number)?;
    }
    Ok(())
}

/// Gives every file of a tree that [`broad`] made other bytes.
pub(crate) fn rewrite(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name() != Some(".git".as_ref()) {
                rewrite(&path)?;
            }
        } else {
            let mut bytes = fs::read(&path)?;
            bytes.reverse();
            fs::write(&path, bytes)?;
        }
    }
    Ok(())
}

/// Directories beside each one of the chain in [`deep`].
const SIDES: usize = 6;

/// How many directories [`deep`] makes.
pub(crate) fn deep_directories(levels: usize) -> usize {
    levels * (1 + SIDES)
}

/// A chain of `levels` directories, each with more beside the next one; small files in all.
pub(crate) fn deep(root: &Path, levels: usize) -> io::Result<()> {
    let mut at = root.to_owned();
    for level in 0..levels {
        fs::create_dir(&at)?;
        fill(&at, level)?;
        for side in 0..SIDES {
            let path = at.join(format!("side-{side}"));
            fs::create_dir(&path)?;
            fill(&path, level * SIDES + side)?;
        }
        at.push(format!("l-{level}"));
    }
    Ok(())
}

/// One directory with so many empty files.
pub(crate) fn wide(root: &Path, files: usize) -> io::Result<()> {
    fs::create_dir(root)?;
    (0..files).try_for_each(|file| File::create(root.join(format!("file-{file:06}"))).map(drop))
}

/// So many files of 1 MiB, four to a directory.
pub(crate) fn large(root: &Path, files: usize) -> io::Result<()> {
    fs::create_dir(root)?;
    for file in 0..files {
        let directory = root.join(format!("dir-{}", file / FILES));
        fs::create_dir_all(&directory)?;
        fs::write(
            directory.join(format!("file-{file}")),
            content(file, 1 << 20),
        )?;
    }
    Ok(())
}

/// So many directories, with ten files in each, to be written in.
pub(crate) fn flat(root: &Path, directories: usize) -> io::Result<()> {
    fs::create_dir(root)?;
    for directory in 0..directories {
        let path = root.join(format!("dir-{directory}"));
        fs::create_dir(&path)?;
        for file in 0..10 {
            let name = path.join(format!("keep-{file}"));
            fs::write(name, content(directory * 10 + file, WRITTEN))?;
        }
    }
    Ok(())
}

/// The operations of a paced writer of a [`burst`] in each millisecond.
const PER_MILLISECOND: usize = 10;

/// The writers of a [`burst`].
#[derive(Clone, Copy)]
pub(crate) struct Writers {
    pub(crate) count: usize,
    /// Whether they wait for each millisecond.
    pub(crate) paced: bool,
}

/// At least `wanted` operations in a [`flat`] tree: files are created, rewritten, renamed
/// from one directory to the next, and unlinked. Returns how many there were.
pub(crate) fn burst(
    root: &Path,
    directories: usize,
    wanted: usize,
    writers: Writers,
) -> io::Result<usize> {
    thread::scope(|scope| {
        let share = wanted.div_ceil(writers.count);
        let started = (0..writers.count)
            .map(|number| scope.spawn(move || write(root, directories, share, writers, number)));
        let started: Vec<_> = started.collect();
        let ended = started.into_iter().map(|writer| {
            writer
                .join()
                .map_err(|_| io::Error::other("a writer panicked"))?
        });
        ended.sum()
    })
}

/// One writer's share of a [`burst`]; which steps are its own goes by its number.
fn write(
    root: &Path,
    directories: usize,
    wanted: usize,
    writers: Writers,
    number: usize,
) -> io::Result<usize> {
    let at = |directory: usize, name: String| {
        root.join(format!("dir-{}/{name}", directory % directories))
    };
    let began = Instant::now();
    let mut done = 0;
    for step in (number..).step_by(writers.count) {
        if done >= wanted {
            break;
        }
        if writers.paced {
            let due = Duration::from_millis((done / PER_MILLISECOND).try_into().unwrap_or(0));
            thread::sleep(due.saturating_sub(began.elapsed()));
        }
        let new = at(step, format!("new-{step}"));
        fs::write(&new, content(step, WRITTEN))?;
        let old = at(step / 8, format!("keep-{}", step / 8 / directories));
        done += match step % 8 {
            1 | 4 => fs::rename(&new, at(step + 1, format!("moved-{step}"))).map(|()| 2)?,
            2 | 6 => fs::remove_file(&new).map(|()| 2)?,
            3 | 7 => fs::write(&new, content(!step, WRITTEN)).map(|()| 2)?,
            5 if !old.exists() => 1,
            5 if step % 16 == 5 => fs::write(&old, content(!step, WRITTEN)).map(|()| 2)?,
            5 => fs::remove_file(&old).map(|()| 2)?,
            _ => 1,
        };
    }
    Ok(done)
}

/// The time between two changes of [`trickle`].
const APART: Duration = Duration::from_millis(5);

/// One change at a time in the tree of [`for_trickle`]: a new file, then an old one that
/// is rewritten. Returns when each was about to be made.
pub(crate) fn trickle(root: &Path, samples: usize) -> io::Result<Vec<(Instant, Instant)>> {
    let mut times = Vec::new();
    for sample in 0..samples {
        thread::sleep(APART);
        let created = Instant::now();
        let mut file = File::create_new(fresh(root, sample))?;
        file.write_all(&content(sample, WRITTEN))?;
        drop(file);
        thread::sleep(APART);
        let mut options = OpenOptions::new();
        let mut file = options.write(true).open(again(root, sample))?;
        let written = Instant::now();
        file.write_all(&content(!sample, WRITTEN))?;
        drop(file);
        times.push((created, written));
    }
    Ok(times)
}

/// A file that [`trickle`] makes.
pub(crate) fn fresh(root: &Path, sample: usize) -> PathBuf {
    root.join(format!("dir-0/fresh-{sample}"))
}

/// A file that [`trickle`] rewrites.
pub(crate) fn again(root: &Path, sample: usize) -> PathBuf {
    root.join(format!("dir-0/again-{sample}"))
}

/// The tree for [`trickle`].
pub(crate) fn for_trickle(root: &Path, samples: usize) -> io::Result<()> {
    flat(root, 20)?;
    (0..samples).try_for_each(|sample| fs::write(again(root, sample), content(sample, WRITTEN)))
}
