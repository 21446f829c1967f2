//! Keeps the records that are not emitted yet: those that may be written now, and behind them large
//! subtrees, which are emitted in pieces, and what came after these.
//!
//! Invariant: records leave in the order in which the model changed.

use std::collections::VecDeque;

use super::emission::Emission;
use crate::change::ChangeBuffer;

/// Bytes of paths in a piece: 1 MiB, and little in tests, whose trees are small.
const PIECE_PATH_BYTES: usize = if cfg!(test) { 16 } else { 1 << 20 };

/// A part of what is emitted after [`Records::ready`].
pub(super) enum Part {
    Emission(Emission),
    Buffer(ChangeBuffer),
}

pub(crate) struct Records {
    /// What may be written now.
    pub(crate) ready: ChangeBuffer,
    pub(super) left: VecDeque<Part>,
    /// When what is added from now on became known, in nanoseconds since 1970.
    time: i64,
}

impl Records {
    /// `time`: as in [`Self::set_time`].
    pub(in crate::tracker) fn new(time: i64) -> Self {
        Self {
            ready: ChangeBuffer::default(),
            left: VecDeque::new(),
            time,
        }
    }

    /// The buffer to which records are added: behind all that is left to be emitted.
    pub(crate) fn current(&mut self) -> &mut ChangeBuffer {
        if matches!(self.left.back(), Some(Part::Emission(_))) {
            self.left.push_back(Part::Buffer(self.ready.successor()));
        }
        let buffer = match self.left.back_mut() {
            Some(Part::Buffer(buffer)) => buffer,
            Some(Part::Emission(_)) | None => &mut self.ready,
        };
        buffer.set_time(self.time);
        buffer
    }

    pub(super) fn time(&self) -> i64 {
        self.time
    }

    /// Sets when the records that are added from now on became known, in nanoseconds since 1970;
    /// returns the time before.
    pub(in crate::tracker) fn set_time(&mut self, time: i64) -> i64 {
        std::mem::replace(&mut self.time, time)
    }

    /// Adds a subtree that is emitted in pieces; records from now on come after it.
    pub(super) fn push(&mut self, emission: Emission) {
        self.left.push_back(Part::Emission(emission));
    }

    /// Whether there is more than what may be written now.
    pub(super) fn has_more(&self) -> bool {
        !self.left.is_empty()
    }

    /// The length of all paths in the current buffer with which a piece that begins now is full.
    pub(in crate::tracker) fn piece_end(&mut self) -> usize {
        self.current().path_bytes().saturating_add(PIECE_PATH_BYTES)
    }
}
