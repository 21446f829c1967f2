//! Turns one line of a JSON stream into the fields that a fold needs.
//!
//! Almost all lines are flat objects without an escape: these are parsed without a copy. All
//! others, and all that are malformed, are left to serde. Invariant: both give the same.

use std::borrow::Cow;

use serde::Deserialize;

/// The fields of a record. One that the record does not have is empty, `None` or an empty list.
#[derive(Deserialize, Default, PartialEq, Eq, Debug)]
#[serde(default)]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    pub(super) event: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) time: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) path: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) path_hex: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) from: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) from_hex: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) sha256: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) mtime: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) ctime: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) btime: Cow<'a, str>,
    pub(super) size: Option<u64>,
    pub(super) inode: Option<u64>,
    #[serde(borrow)]
    pub(super) mode: Cow<'a, str>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) directories: Option<u64>,
    pub(super) files: Option<u64>,
    #[serde(borrow)]
    pub(super) session: Cow<'a, str>,
    pub(super) resumes: Option<String>,
    pub(super) paths: Vec<String>,
    pub(super) paths_hex: Vec<String>,
    pub(super) absolute: Vec<String>,
    pub(super) absolute_hex: Vec<String>,
}

/// Where the value of a key is stored.
enum Field<'f, 'a> {
    /// A string; its bit marks that it was found.
    Text(&'f mut Cow<'a, str>, u32),
    /// A number; its bit marks that it was found.
    Number(&'f mut Option<u64>, u32),
    /// A field that only `start` records have: these are left to serde.
    OfStart,
    /// A field that is not needed.
    Unknown,
}

impl<'a> Line<'a> {
    /// `None`: it is no JSON object, or a field has a value of another type.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        Self::in_place(line).or_else(|| serde_json::from_slice(line).ok())
    }

    /// Parses the event alone, whatever the other fields are.
    pub(super) fn parse_event(line: &'a [u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Event<'a> {
            #[serde(borrow)]
            event: Cow<'a, str>,
        }
        let Event { event } = serde_json::from_slice(line).ok()?;
        Some(Self {
            event,
            ..Self::default()
        })
    }

    /// Parses a flat object without escapes. `None`: it is left to serde.
    fn in_place(line: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        // Without an escape every string ends at the next quote.
        let is_special = |byte| byte < b' ' || byte == b'\\';
        if line.iter().fold(false, |any, &byte| any | is_special(byte)) {
            return None;
        }
        let mut rest = text.strip_prefix('{')?.strip_suffix('}')?;
        let mut found = Self::default();
        let mut seen = 0;
        loop {
            let (key, after) = string(rest)?;
            rest = found.take_value(key, after.strip_prefix(':')?, &mut seen)?;
            if rest.is_empty() {
                return Some(found);
            }
            rest = rest.strip_prefix(',')?;
        }
    }

    /// Stores the value at the beginning of `text`, and returns what follows it.
    fn take_value(&mut self, key: &str, text: &'a str, seen: &mut u32) -> Option<&'a str> {
        let field = self.field(key);
        if text.starts_with('"') {
            let (value, after) = string(text)?;
            match field {
                Field::Text(field, bit) => {
                    *field = Cow::Borrowed(value);
                    mark(seen, bit)?;
                }
                Field::Unknown => {}
                Field::Number(..) | Field::OfStart => return None,
            }
            return Some(after);
        }
        let (value, after) = number(text)?;
        match field {
            Field::Number(field, bit) => {
                *field = Some(value);
                mark(seen, bit)?;
            }
            Field::Unknown => {}
            Field::Text(..) | Field::OfStart => return None,
        }
        Some(after)
    }

    fn field(&mut self, key: &str) -> Field<'_, 'a> {
        match key {
            "event" => Field::Text(&mut self.event, 1),
            "time" => Field::Text(&mut self.time, 1 << 1),
            "kind" => Field::Text(&mut self.kind, 1 << 2),
            "path" => Field::Text(&mut self.path, 1 << 3),
            "path_hex" => Field::Text(&mut self.path_hex, 1 << 4),
            "from" => Field::Text(&mut self.from, 1 << 5),
            "from_hex" => Field::Text(&mut self.from_hex, 1 << 6),
            "sha256" => Field::Text(&mut self.sha256, 1 << 7),
            "mtime" => Field::Text(&mut self.mtime, 1 << 8),
            "ctime" => Field::Text(&mut self.ctime, 1 << 9),
            "btime" => Field::Text(&mut self.btime, 1 << 10),
            "session" => Field::Text(&mut self.session, 1 << 11),
            "size" => Field::Number(&mut self.size, 1 << 12),
            "inode" => Field::Number(&mut self.inode, 1 << 13),
            "mode" => Field::Text(&mut self.mode, 1 << 14),
            "uid" => Field::Number(&mut self.uid, 1 << 15),
            "gid" => Field::Number(&mut self.gid, 1 << 16),
            "directories" => Field::Number(&mut self.directories, 1 << 17),
            "files" => Field::Number(&mut self.files, 1 << 18),
            "resumes" | "paths" | "paths_hex" | "absolute" | "absolute_hex" => Field::OfStart,
            _ => Field::Unknown,
        }
    }
}

/// Marks a field as found. `None`: it is there twice, which serde refuses.
fn mark(seen: &mut u32, bit: u32) -> Option<()> {
    let is_first = *seen & bit == 0;
    *seen |= bit;
    is_first.then_some(())
}

/// A string at the beginning of a text, and what comes after it.
fn string(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('"')?;
    // Most are a few bytes long: a search made for long ones takes twice the time.
    let end = text.bytes().position(|byte| byte == b'"')?;
    Some((&text[..end], &text[end + 1..]))
}

/// A number without sign, fraction or exponent at the beginning of a text, and what comes after
/// it.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, after) = text.split_at(end);
    if digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    Some((digits.parse().ok()?, after))
}

#[cfg(test)]
mod tests {
    use super::Line;

    const LINES: [&str; 4] = [
        r#"{"time":"1970-01-01T00:00:09Z","event":"existing","kind":"file","path":"r/a","size":3,"sha256":"ff","inode":7,"mtime":"m","ctime":"c","btime":"b"}"#,
        r#"{"time":"t","host":"h","session":"s","seq":10,"event":"renamed","kind":"file","from":"ü","from_hex":"61","path":"b","path_hex":"62"}"#,
        r#"{"time":"t","event":"attributes","kind":"file","path":"r/a","mode":"0600","uid":1,"gid":2,"old_mode":"0644"}"#,
        r#"{"time":"t","event":"start","paths":["r"],"absolute":["/r"],"session":"s","resumes":"q"}"#,
    ];

    fn by_serde(line: &[u8]) -> Option<Line<'_>> {
        serde_json::from_slice(line).ok()
    }

    #[test]
    fn what_is_read_in_place_is_most_of_it() {
        for line in &LINES[..3] {
            let in_place = Line::in_place(line.as_bytes());
            assert!(in_place.is_some(), "{line}");
            assert_eq!(in_place, by_serde(line.as_bytes()), "{line}");
        }
        for line in [
            LINES[3],
            r#"{"path":"a\\b"}"#,
            r#"{"path":"a","path":"b"}"#,
            r#"{"path":3}"#,
            r#"{"size":"3"}"#,
            r#"{"size":03}"#,
            r#"{"size":-3}"#,
            r#"{"size":18446744073709551616}"#,
            r#"{ "path":"a"}"#,
            r#"{"path":"a",}"#,
            "{\"path\":\"a\tb\"}",
            "{}",
            "{",
            "",
        ] {
            assert_eq!(Line::in_place(line.as_bytes()), None, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_in_place_is_what_serde_gives(
            line in 0..4usize,
            edits in proptest::collection::vec((0..300usize, "[\\PC\"{}:,0-9\\\\]{0,2}", 0..3usize), 0..4),
        ) {
            let mut text: Vec<char> = LINES[line].chars().collect();
            for (at, put, cut) in edits {
                let at = at % text.len();
                let end = (at + cut).min(text.len());
                text.splice(at..end, put.chars());
                if text.is_empty() {
                    return Ok(());
                }
            }
            let text: String = text.into_iter().collect();
            if let Some(found) = Line::in_place(text.as_bytes()) {
                proptest::prop_assert_eq!(Some(found), by_serde(text.as_bytes()), "{}", text);
            }
        }
    }
}
