//! Turns a file that holds a stream into its items, on a thread that reads ahead while they are
//! applied, so that two processors work. Where no thread can be made, the caller reads.
//!
//! Invariants: no more than [`WAITING`] pieces are held; no more is read than the size that the file
//! had at first, since it may grow as fast as it is read.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use super::lines::{Item, Lines};
use super::record::RecordPath;

/// Bytes of one pread(2): 256 KiB.
const READ_SIZE: usize = 256 << 10;

/// Pieces that wait to be applied.
const WAITING: usize = 4;

/// The items that end in one piece of the file.
#[derive(Default)]
pub(super) struct Items {
    items: Vec<Item<Range<usize>>>,
    /// The paths of the records, one after the other: an allocation for each would be made on one
    /// thread and freed on another.
    paths: Vec<u8>,
}

pub(super) enum ReadAhead {
    Thread {
        pieces: Receiver<io::Result<Items>>,
        thread: JoinHandle<FileLines>,
    },
    InPlace(FileLines),
}

/// A file that is read from its beginning.
pub(super) struct FileLines {
    file: File,
    offset: u64,
    /// Its size at first.
    end: u64,
    lines: Lines,
    buffer: Vec<u8>,
}

impl ReadAhead {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let again = FileLines::new(file.try_clone()?)?;
        let (sender, pieces) = sync_channel(WAITING);
        let reader = thread::Builder::new().name("since".into());
        Ok(match reader.spawn(move || again.send_all(&sender)) {
            Ok(thread) => Self::Thread { pieces, thread },
            Err(_) => Self::InPlace(FileLines::new(file)?),
        })
    }

    /// The next items; `None` at the end.
    ///
    /// # Errors
    /// Those of pread(2).
    pub(super) fn next(&mut self) -> io::Result<Option<Items>> {
        match self {
            Self::Thread { pieces, .. } => pieces.recv().ok().transpose(),
            Self::InPlace(file) => file.next(),
        }
    }

    /// Gives the state of the lines, once `next` has given `None`.
    pub(super) fn finish(self) -> Lines {
        let file = match self {
            Self::Thread { thread, .. } => thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Self::InPlace(file) => file,
        };
        file.lines
    }
}

impl Items {
    pub(super) fn push(&mut self, item: Item<RecordPath<'_>>) {
        self.items.push(item.map(|path| {
            let start = self.paths.len();
            self.paths.extend(&*path);
            start..self.paths.len()
        }));
    }

    pub(super) fn for_each(self, mut take: impl FnMut(Item<&[u8]>)) {
        for item in self.items {
            take(item.map(|path| &self.paths[path]));
        }
    }
}

impl FileLines {
    fn new(file: File) -> io::Result<Self> {
        let end = file.metadata()?.len();
        Ok(Self {
            file,
            offset: 0,
            end,
            lines: Lines::default(),
            buffer: vec![0; READ_SIZE],
        })
    }

    fn next(&mut self) -> io::Result<Option<Items>> {
        let count = loop {
            let left = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
            let piece = &mut self.buffer[..READ_SIZE.min(left)];
            match self.file.read_at(piece, self.offset) {
                Ok(0) => return Ok(None),
                Ok(count) => break count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        self.offset += count as u64;
        let mut items = Items::default();
        self.lines
            .feed(&self.buffer[..count], &mut |item| items.push(item));
        Ok(Some(items))
    }

    /// Reads until the end, an error, or until the receiver is dropped.
    fn send_all(mut self, pieces: &SyncSender<io::Result<Items>>) -> Self {
        while let Some(piece) = self.next().transpose() {
            let is_last = piece.is_err();
            if pieces.send(piece).is_err() || is_last {
                break;
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{FileLines, Item, ReadAhead};

    fn read(mut file: ReadAhead) -> (Vec<Item<Vec<u8>>>, Option<u64>) {
        let mut items = Vec::new();
        while let Some(piece) = file.next().expect("read") {
            piece.for_each(|item| items.push(item.map(<[u8]>::to_vec)));
        }
        (items, file.finish().torn_at())
    }

    #[test]
    fn what_a_thread_reads_ahead_is_what_is_read_in_place() {
        let mut file = tempfile::tempfile().expect("file");
        for number in 0..9000 {
            writeln!(
                file,
                r#"{{"time":"1970-01-01T00:00:09Z","event":"deleted","path":"r/{number}"}}"#
            )
            .expect("written");
        }
        write!(file, "{{\"ti").expect("written");
        let ahead = ReadAhead::new(file.try_clone().expect("cloned")).expect("begun");
        assert!(matches!(ahead, ReadAhead::Thread { .. }));
        let (items, torn_at) = read(ahead);
        assert_eq!(items.len(), 9000);
        assert_eq!(torn_at, Some(file.metadata().expect("size").len() - 4));
        let in_place = read(ReadAhead::InPlace(FileLines::new(file).expect("begun")));
        assert!(in_place == (items, torn_at), "the items differ");
    }

    #[test]
    fn what_is_appended_while_it_is_read_is_left_out() {
        let line = "{\"time\":\"1970-01-01T00:00:09Z\",\"event\":\"deleted\",\"path\":\"r\"}\n";
        let mut file = tempfile::tempfile().expect("file");
        file.write_all(line.repeat(5).as_bytes()).expect("written");
        let begun = FileLines::new(file.try_clone().expect("cloned")).expect("begun");
        file.write_all(line.repeat(2).as_bytes()).expect("written");
        let (items, torn_at) = read(ReadAhead::InPlace(begun));
        assert_eq!((items.len(), torn_at), (5, None));
    }

    #[test]
    fn who_stops_taking_pieces_stops_the_thread() {
        let mut file = tempfile::tempfile().expect("file");
        file.write_all(&vec![b'x'; 16 << 20]).expect("written");
        let ahead = ReadAhead::new(file).expect("begun");
        let ReadAhead::Thread { pieces, thread } = ahead else {
            panic!("no thread");
        };
        drop(pieces);
        thread.join().expect("it ends");
    }
}
