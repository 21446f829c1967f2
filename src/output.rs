//! Turns changes into what is printed: text, JSON Lines or bare paths.
//!
//! Never writes anywhere itself. Invariant: nothing that a path holds can break a
//! line or a terminal, unless records end in NUL and the reader asked for raw bytes.

mod escape;
mod json;
pub(crate) mod sink;
mod text;

pub(crate) use escape::escaped;

use crate::change::{Batch, Change};

/// How records look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// A sentence a change.
    Text,
    /// A JSON object a change.
    Json,
    /// A path a change.
    Paths,
}

/// Which changes are printed: a bit for each event that can be named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Events(u8);

impl Events {
    /// All but attributes.
    pub(crate) const DEFAULT: Self = Self(0b0_1111);

    /// None.
    pub(crate) const NONE: Self = Self(0);

    /// The bit of an event's name.
    fn bit(name: &str) -> Option<u8> {
        let names = ["created", "changed", "renamed", "deleted", "attributes"];
        names.iter().position(|each| *each == name).map(|at| 1 << at)
    }

    /// With one more event; `None` when there is none of that name.
    pub(crate) fn with(self, name: &str) -> Option<Self> {
        Self::bit(name).map(|bit| Self(self.0 | bit))
    }

    /// Whether changes of mode and owner are among them.
    pub(crate) fn has_attributes(self) -> bool {
        self.0 & 0b1_0000 != 0
    }

    /// Whether this change is among them; what is no change always is.
    fn has(self, change: &Change) -> bool {
        let bit = match change {
            Change::Created { .. } => 1,
            Change::Changed { .. } => 2,
            Change::Renamed { .. } => 4,
            Change::Deleted { .. } => 8,
            Change::AttributesChanged { .. } => 16,
            Change::Existing { .. } | Change::Ready { .. } | Change::Overflow => return true,
        };
        self.0 & bit != 0
    }
}

/// How changes are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// How records look.
    pub(crate) format: Format,
    /// Records end in NUL.
    pub(crate) nul: bool,
    /// Local time before each line of text.
    pub(crate) timestamps: bool,
    /// Colours for a person.
    pub(crate) color: bool,
    /// Which changes.
    pub(crate) events: Events,
}

/// Renders records.
pub(crate) struct Printer {
    /// How.
    style: Style,
    /// The time of the batch, as it is printed, and in nanoseconds since 1970.
    stamp: (String, i64),
}

impl Printer {
    /// In a style.
    pub(crate) fn new(style: Style) -> Self {
        Self { style, stamp: (String::new(), i64::MIN) }
    }

    /// Appends one record to `out`; whether it was a change that was printed, which
    /// is what `--count` counts.
    pub(crate) fn print(&mut self, batch: &Batch, change: &Change, wall: i64, out: &mut Vec<u8>) -> bool {
        if !self.style.events.has(change) {
            return false;
        }
        if self.stamp.1 != wall {
            let local = self.style.format == Format::Text;
            self.stamp = (stamp(wall, local), wall);
        }
        let before = out.len();
        match self.style.format {
            Format::Text => text::write(&self.style, batch, change, &self.stamp.0, out),
            Format::Json => json::write(batch, change, &self.stamp.0, out),
            Format::Paths => text::write_path(&self.style, batch, change, out),
        }
        if out.len() > before {
            out.push(if self.style.nul { 0 } else { b'\n' });
        }
        let is_change = !matches!(change, Change::Existing { .. } | Change::Ready { .. } | Change::Overflow);
        is_change && out.len() > before
    }
}

/// A time as RFC 3339 with microseconds: local, or in UTC.
pub(crate) fn stamp(wall: i64, local: bool) -> String {
    let Ok(time) = jiff::Timestamp::from_nanosecond(i128::from(wall)) else {
        return String::new();
    };
    if local {
        let zoned = time.to_zoned(jiff::tz::TimeZone::system());
        zoned.strftime("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string()
    } else {
        time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
    }
}

#[cfg(test)]
mod tests;
