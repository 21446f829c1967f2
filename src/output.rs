//! Turns changes into what is printed: text, JSON Lines or bare paths.
//!
//! Writes into the caller's buffer only. Invariant: no byte of a path can break a
//! line or a terminal, unless records end in NUL, for which the user asked.

mod json;
mod session;
mod text;
mod time;
pub(crate) mod writer;

use crate::change::{Change, ChangeBuffer};
pub(crate) use session::Header;
use session::Session;
use time::{TimeFormat, TimeText};

/// `--format`. The comments of its values are its help.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Format {
    /// A sentence a change
    Text,
    /// A JSON object a change
    Json,
    /// A path a change
    Paths,
}

/// An event that `--events` takes. The comments of its values are its help; the aliases are the
/// names that inotifywait has for them.
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

/// The changes that are printed: a bit for each [`EventName`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Events(u8);

impl Events {
    pub(crate) const NONE: Self = Self(0);

    /// What is printed if `--events` is not given.
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

    pub(crate) const fn has_all(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether this record is printed; one that is no change of the tree always is.
    fn has(self, change: &Change) -> bool {
        let name = match change {
            Change::Created { .. } => EventName::Created,
            Change::Changed { .. } => EventName::Changed,
            Change::Renamed { .. } => EventName::Renamed,
            Change::Deleted { .. } => EventName::Deleted,
            Change::AttributesChanged { .. } => EventName::Attributes,
            Change::Closed { .. } => EventName::Closed,
            Change::Touched { .. } => EventName::Touched,
            Change::Start | Change::Existing { .. } | Change::Ready { .. } | Change::Overflow => {
                return true;
            }
        };
        self.contains(name)
    }
}

/// The time before each line of text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LineTime {
    None,
    /// RFC 3339 with the offset of the local zone.
    Rfc3339,
    /// The local time of day, on a terminal.
    Clock,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) format: Format,
    pub(crate) nul: bool,
    pub(crate) line_time: LineTime,
    pub(crate) color: bool,
    pub(crate) events: Events,
    /// Whether JSON has inode number and times of files.
    pub(crate) stat: bool,
}

impl Style {
    pub(crate) fn end(&self) -> u8 {
        if self.nul { 0 } else { b'\n' }
    }
}

pub(crate) struct Printer {
    style: Style,
    /// The time of the changes, as it is printed.
    time: TimeText,
    session: Session,
}

impl Printer {
    /// `host`: the name that each record has, with its session and sequence number.
    pub(crate) fn new(style: Style, host: Option<String>, header: Header) -> Self {
        let time = match (style.format, style.line_time) {
            (Format::Json, _) => TimeFormat::Utc,
            (_, LineTime::Clock) => TimeFormat::Clock,
            (_, LineTime::Rfc3339 | LineTime::None) => TimeFormat::Local,
        };
        Self {
            style,
            time: TimeText::new(time),
            session: Session::new(host, header),
        }
    }

    pub(crate) fn header(&mut self) -> &mut Header {
        &mut self.session.header
    }

    /// Whether a change becomes a record.
    pub(crate) fn prints(&self, change: &Change) -> bool {
        let has_form = self.style.format == Format::Json || change.is_of_the_tree();
        has_form && self.style.events.has(change)
    }

    /// Appends a record to `out`. Returns whether it was a change of the tree and was printed, as
    /// `--count` counts.
    pub(crate) fn print(
        &mut self,
        buffer: &ChangeBuffer,
        change: &Change,
        wall: i64,
        out: &mut Vec<u8>,
    ) -> bool {
        if !self.prints(change) {
            return false;
        }
        match self.style.format {
            Format::Text => {
                let time = match self.style.line_time {
                    LineTime::None => "",
                    LineTime::Rfc3339 | LineTime::Clock => self.time.at(wall),
                };
                text::write(&self.style, buffer, change, time, out);
            }
            Format::Json => {
                if *change == Change::Start {
                    self.session.begin();
                }
                let envelope = json::Envelope {
                    time: self.time.at(wall),
                    key: self.session.key(),
                };
                let fields = json::Fields {
                    buffer,
                    session: &self.session,
                    stat: self.style.stat,
                };
                envelope.write(fields, change, out);
            }
            Format::Paths => text::write_path(&self.style, buffer, change, out),
        }
        out.push(self.style.end());
        self.session.advance();
        change.is_of_the_tree()
    }
}

#[cfg(test)]
mod tests;
