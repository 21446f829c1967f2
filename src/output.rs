//! Turns changes into what is printed: text, JSON Lines or bare paths.
//!
//! Never writes anywhere itself. Invariant: nothing that a path holds can break a
//! line or a terminal, unless records end in NUL and the reader asked for raw bytes.

mod json;
pub(crate) mod sink;
mod text;

use std::fmt::Write;

use crate::change::{Batch, Change};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    Text,
    Json,
    Paths,
}

/// Which changes are printed: a bit for each event that can be named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Events(u8);

impl Events {
    pub(crate) const DEFAULT: Self = Self(0b0_1111);

    pub(crate) const NONE: Self = Self(0);

    fn bit(name: &str) -> Option<u8> {
        let names = [
            "created",
            "changed",
            "renamed",
            "deleted",
            "attributes",
            "closed",
            "touched",
        ];
        names
            .iter()
            .position(|each| *each == name)
            .map(|at| 1 << at)
    }

    /// With one more event; `None` when there is none of that name.
    pub(crate) fn with(self, name: &str) -> Option<Self> {
        Self::bit(name).map(|bit| Self(self.0 | bit))
    }

    /// Whether changes of mode and owner are among them.
    pub(crate) fn has_attributes(self) -> bool {
        self.0 & 0b1_0000 != 0
    }

    pub(crate) fn has_closed(self) -> bool {
        self.0 & 0b10_0000 != 0
    }

    pub(crate) fn has_touched(self) -> bool {
        self.0 & 0b100_0000 != 0
    }

    /// Whether this change is among them; what is no change always is.
    fn has(self, change: &Change) -> bool {
        let bit = match change {
            Change::Created { .. } => 1,
            Change::Changed { .. } => 2,
            Change::Renamed { .. } => 4,
            Change::Deleted { .. } => 8,
            Change::AttributesChanged { .. } => 16,
            Change::Closed { .. } => 32,
            Change::Touched { .. } => 64,
            Change::Existing { .. } | Change::Ready { .. } | Change::Overflow => return true,
        };
        self.0 & bit != 0
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) format: Format,
    pub(crate) nul: bool,
    /// Local time before each line of text.
    pub(crate) timestamps: bool,
    pub(crate) color: bool,
    pub(crate) events: Events,
}

impl Style {
    pub(crate) fn end(&self) -> u8 {
        if self.nul { 0 } else { b'\n' }
    }
}

pub(crate) struct Printer {
    style: Style,
    /// The time of the batch, as it is printed.
    stamp: TimeText,
}

impl Printer {
    pub(crate) fn new(style: Style) -> Self {
        Self {
            style,
            stamp: TimeText::new(style.format == Format::Text),
        }
    }

    /// Appends one record to `out`; whether it was a change that was printed, which
    /// is what `--count` counts.
    pub(crate) fn print(
        &mut self,
        batch: &Batch,
        change: &Change,
        wall: i64,
        out: &mut Vec<u8>,
    ) -> bool {
        if !self.style.events.has(change) {
            return false;
        }
        let stamp = self.stamp.at(wall);
        let before = out.len();
        match self.style.format {
            Format::Text => text::write(&self.style, batch, change, stamp, out),
            Format::Json => json::write(batch, change, stamp, out),
            Format::Paths => text::write_path(&self.style, batch, change, out),
        }
        if out.len() > before {
            out.push(self.style.end());
        }
        let is_change = !matches!(
            change,
            Change::Existing { .. } | Change::Ready { .. } | Change::Overflow
        );
        is_change && out.len() > before
    }
}

/// A time as RFC 3339 with microseconds. Date and zone are worked out once a second.
struct TimeText {
    /// Local time, or UTC.
    local: bool,
    /// When it is, in nanoseconds since 1970.
    wall: i64,
    text: String,
    /// How much of it is the same for a whole second.
    length: usize,
    zone: String,
}

impl TimeText {
    fn new(local: bool) -> Self {
        Self {
            local,
            wall: i64::MIN,
            text: String::new(),
            length: 0,
            zone: String::new(),
        }
    }

    fn at(&mut self, wall: i64) -> &str {
        const SECOND: i64 = 1_000_000_000;
        if wall != self.wall {
            if wall.div_euclid(SECOND) != self.wall.div_euclid(SECOND) {
                self.format_second(wall);
            }
            self.wall = wall;
            let micros = wall.rem_euclid(SECOND) / 1000;
            self.text.truncate(self.length);
            // Writing to a String cannot fail.
            let _written = write!(self.text, ".{micros:06}{}", self.zone);
        }
        &self.text
    }

    /// Works out what is the same for a whole second.
    fn format_second(&mut self, wall: i64) {
        let Ok(time) = jiff::Timestamp::from_nanosecond(i128::from(wall)) else {
            return;
        };
        let zone = if self.local {
            jiff::tz::TimeZone::system()
        } else {
            jiff::tz::TimeZone::UTC
        };
        let zoned = time.to_zoned(zone);
        self.text = zoned.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        self.length = self.text.len();
        self.zone = if self.local {
            zoned.strftime("%:z").to_string()
        } else {
            "Z".to_owned()
        };
    }
}

#[cfg(test)]
mod tests;
