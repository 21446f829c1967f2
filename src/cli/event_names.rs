//! Turns the names given to `--events` into events, by our names and inotifywait's.

use std::ffi::OsStr;

use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};

use crate::output::EventName;

/// Parses one name. Blanks around it are ignored, so that a list may have a blank after each comma.
#[derive(Clone)]
pub(super) struct EventNames;

/// Events of inotifywait that balerion does not have, since they are no changes.
const READS: [&str; 4] = ["access", "open", "close_nowrite", "close"];

impl TypedValueParser for EventNames {
    type Value = EventName;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<EventName, Error> {
        let name = value.to_str().unwrap_or_default().trim();
        if READS.contains(&name) {
            let why = format!(
                "no event is called '{name}' in --events: balerion reports changes, and opening or reading a file is none\n"
            );
            return Err(Error::raw(ErrorKind::ValueValidation, why).with_cmd(command));
        }
        EnumValueParser::<EventName>::new().parse_ref(command, arg, OsStr::new(name))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        // Completions offer every name.
        let names = <EventName as clap::ValueEnum>::value_variants();
        let values = names.iter().filter_map(clap::ValueEnum::to_possible_value);
        Some(Box::new(values))
    }
}
