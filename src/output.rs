//! Turns changes into what is printed: text, JSON Lines or bare paths.
//!
//! Never writes anywhere itself. Invariant: nothing that a path holds can break a
//! line or a terminal, unless records end in NUL and the reader asked for raw bytes.

mod json;
pub(crate) mod sink;
mod text;

use std::fmt::Write;

use crate::change::{Batch, Change};

/// `--format`; the comments are its help.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Format {
    /// A sentence a change
    Text,
    /// A JSON object a change
    Json,
    /// A path a change
    Paths,
}

/// An event that `--events` takes; the comments are its help, the aliases inotifywait's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum EventName {
    /// A name appeared
    #[value(alias = "create")]
    Created,
    /// The bytes of a file differ
    #[value(alias = "modify")]
    Changed,
    /// A name moved within the tree
    #[value(aliases = ["move", "moved_from", "moved_to", "move_self"])]
    Renamed,
    /// A name is gone
    #[value(aliases = ["delete", "delete_self", "unmount"])]
    Deleted,
    /// Mode, owner or extended attributes changed (only where it is named)
    #[value(alias = "attrib")]
    Attributes,
    /// A writer closed the file, and its digest is final (only where it is named)
    #[value(alias = "close_write")]
    Closed,
    /// The mtime changed and the bytes did not (only where it is named)
    Touched,
}

/// Which changes are printed: a bit for each event that can be named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Events(u8);

impl Events {
    pub(crate) const NONE: Self = Self(0);

    /// What is printed where `--events` is not given.
    pub(crate) const DEFAULT: Self = Self::NONE
        .with(EventName::Created)
        .with(EventName::Changed)
        .with(EventName::Renamed)
        .with(EventName::Deleted);

    const fn bit(name: EventName) -> u8 {
        1 << name as u8
    }

    pub(crate) const fn with(self, name: EventName) -> Self {
        Self(self.0 | Self::bit(name))
    }

    pub(crate) const fn contains(self, name: EventName) -> bool {
        self.0 & Self::bit(name) != 0
    }

    /// Whether this change is among them; what is no change always is.
    fn has(self, change: &Change) -> bool {
        let name = match change {
            Change::Created { .. } => EventName::Created,
            Change::Changed { .. } => EventName::Changed,
            Change::Renamed { .. } => EventName::Renamed,
            Change::Deleted { .. } => EventName::Deleted,
            Change::AttributesChanged { .. } => EventName::Attributes,
            Change::Closed { .. } => EventName::Closed,
            Change::Touched { .. } => EventName::Touched,
            Change::Existing { .. } | Change::Ready { .. } | Change::Overflow => return true,
        };
        self.contains(name)
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
