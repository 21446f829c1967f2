//! Keeps the bytes of all names in one buffer, each after its length: 11 bytes for `file10.txt`,
//! where an allocation of its own would take 48.
//!
//! Removes nothing by itself: names that are gone are waste, until the caller, which knows the names
//! in use, calls for compacting.

/// All names together have less than 4 GiB, the last one not counted; in tests, which have few, 2 MiB.
pub(crate) const MAX_BYTES: u32 = if cfg!(test) { 2 << 20 } else { u32::MAX };

#[derive(Default)]
pub(crate) struct Names {
    /// Names, each after its length.
    bytes: Vec<u8>,
    /// The number of bytes of names that are no longer used.
    waste: usize,
}

impl Names {
    pub(crate) fn get(&self, at: u32) -> &[u8] {
        let (start, end) = bounds(&self.bytes, at);
        &self.bytes[start..end]
    }

    /// Adds a name; returns its offset. `None`: it is longer than 64 KiB, or there is no room, but for
    /// what [`compact`](Self::compact) may make.
    pub(crate) fn keep(&mut self, name: &[u8]) -> Option<u32> {
        let at = u32::try_from(self.bytes.len()).ok();
        let at = at.filter(|&at| at < MAX_BYTES)?;
        match u8::try_from(name.len()) {
            Ok(length) if length < LONG => self.bytes.push(length),
            _ => {
                // Some file systems have names of more than 255 bytes.
                let length = u16::try_from(name.len()).ok()?;
                self.bytes.push(LONG);
                self.bytes.extend(length.to_ne_bytes());
            }
        }
        self.bytes.extend(name);
        Some(at)
    }

    /// Removes a name. `true`: most of the bytes are waste, so that [`compact`](Self::compact) is due.
    pub(crate) fn forget(&mut self, at: u32) -> bool {
        self.waste += bounds(&self.bytes, at).1 - at as usize;
        self.waste > 64 << 10 && self.waste > self.bytes.len() / 2
    }

    /// Keeps only the names in use, and updates their offsets.
    pub(crate) fn compact<'a>(&mut self, used: impl Iterator<Item = &'a mut u32>) {
        let old = std::mem::take(&mut self.bytes);
        self.bytes.reserve(old.len() - self.waste);
        self.waste = 0;
        for at in used {
            let kept = *at as usize..bounds(&old, *at).1;
            // No longer than before, when all fitted.
            *at = u32::try_from(self.bytes.len()).expect("fewer than 4 GiB");
            self.bytes.extend(&old[kept]);
        }
    }
}

/// The first byte of a name whose length, of two bytes, follows.
const LONG: u8 = 255;

/// The offsets of the bytes of a name: begin and end.
fn bounds(names: &[u8], at: u32) -> (usize, usize) {
    let at = at as usize;
    match names[at] {
        LONG => {
            let length = usize::from(u16::from_ne_bytes([names[at + 1], names[at + 2]]));
            (at + 3, at + 3 + length)
        }
        length => (at + 1, at + 1 + usize::from(length)),
    }
}
