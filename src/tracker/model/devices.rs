//! Keeps the device numbers of directories in two bytes each: few have many directories.
//!
//! Asks no disk. Invariant: a number that has a slot keeps it. Users may make as many devices as
//! they like (subvolumes of btrfs): what has no slot any longer is kept by directory.

use foldhash::HashMap;

/// The slot that stands for a number that has none.
const NO_SLOT: u16 = u16::MAX;

#[derive(Default)]
pub(super) struct Devices {
    /// By slot.
    numbers: Vec<u64>,
    slots: HashMap<u64, u16>,
    /// Those without a slot, by the index of the directory.
    others: HashMap<usize, u64>,
}

impl Devices {
    /// The device number of a directory, by what [`Devices::set`] returned; 0 where that is not
    /// known.
    pub(super) fn number(&self, directory: usize, slot: u16) -> u64 {
        let number = match slot {
            NO_SLOT => self.others.get(&directory),
            slot => self.numbers.get(usize::from(slot)),
        };
        number.copied().unwrap_or(0)
    }

    /// Sets the device number of a directory; returns its slot.
    pub(super) fn set(&mut self, directory: usize, number: u64) -> u16 {
        self.remove(directory);
        if let Some(&slot) = self.slots.get(&number) {
            return slot;
        }
        match u16::try_from(self.numbers.len()) {
            Ok(slot) if slot != NO_SLOT => {
                self.numbers.push(number);
                self.slots.insert(number, slot);
                slot
            }
            _ => {
                self.others.insert(directory, number);
                NO_SLOT
            }
        }
    }

    /// Forgets the device number of a directory.
    pub(super) fn remove(&mut self, directory: usize) {
        if self.others.remove(&directory).is_some() && self.others.is_empty() {
            self.others = HashMap::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::change::Kind;
    use crate::tracker::disk::Inode;
    use crate::tracker::model::{Id, Model};

    #[test]
    fn directories_may_be_of_more_devices_than_there_are_slots() {
        const DEVICES: u64 = 66_000;
        let mut model = Model::default();
        let top = model.insert(None, b"t", Kind::Directory);
        let insert = |model: &mut Model, dev: u64| -> Id {
            let id = model.insert(Some(top), dev.to_string().as_bytes(), Kind::Directory);
            model.set_inode(id, Inode { dev, ino: 1 });
            id
        };
        let all: Vec<_> = (0..DEVICES)
            .map(|dev| (insert(&mut model, dev), dev))
            .collect();
        for &(id, dev) in &all {
            assert_eq!(model.inode(id), Inode { dev, ino: 1 });
        }
        // One without a slot gets another number, or makes room for another directory.
        let &(last, dev) = all.last().expect("there are some");
        for dev in [7, dev, DEVICES] {
            model.set_inode(last, Inode { dev, ino: 2 });
            assert_eq!(model.inode(last), Inode { dev, ino: 2 });
        }
        model.remove(last);
        let next = insert(&mut model, 8);
        assert_eq!(next, last, "its index is used again");
        assert_eq!(model.inode(next).dev, 8);
    }
}
