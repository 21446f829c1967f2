//! The bytes of all names, one after another, each after its length.
//!
//! Never gives room back by itself: names that are gone are waste, until whoever knows
//! which are in use has the rest made compact.

use super::NONE;

#[derive(Default)]
pub(super) struct Names {
    /// Names, each after its length.
    bytes: Vec<u8>,
    /// How many of them are of names that are no longer used.
    waste: usize,
}

impl Names {
    /// The bytes of a name.
    pub(super) fn get(&self, at: u32) -> &[u8] {
        let (start, end) = bounds(&self.bytes, at);
        &self.bytes[start..end]
    }

    pub(super) fn keep(&mut self, name: &[u8]) -> u32 {
        let at = u32::try_from(self.bytes.len()).expect("fewer than 4 GiB of names");
        match u8::try_from(name.len()) {
            Ok(length) if length < LONG => self.bytes.push(length),
            _ => {
                // Some file systems have names of more than 255 bytes.
                let length = u16::try_from(name.len()).expect("the kernel's names are short");
                self.bytes.push(LONG);
                self.bytes.extend(length.to_ne_bytes());
            }
        }
        self.bytes.extend(name);
        at
    }

    /// Forgets a name. `true`: most of the bytes are waste, and are to be made compact.
    pub(super) fn forget(&mut self, at: u32) -> bool {
        self.waste += bounds(&self.bytes, at).1 - at as usize;
        self.waste > 64 << 10 && self.waste > self.bytes.len() / 2
    }

    /// Keeps nothing but those in use, and sets where each is now.
    pub(super) fn compact<'a>(&mut self, used: impl Iterator<Item = &'a mut u32>) {
        let old = std::mem::take(&mut self.bytes);
        self.bytes.reserve(old.len() - self.waste);
        self.waste = 0;
        for at in used {
            let kept = *at as usize..bounds(&old, *at).1;
            *at = u32::try_from(self.bytes.len()).unwrap_or(NONE);
            self.bytes.extend(&old[kept]);
        }
    }
}

/// A length that does not fit into a byte follows in two.
const LONG: u8 = 255;

/// Where the bytes of a name begin and end.
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
