//! Parses a JSON record, and checks that it has the fields that its event must have, and none
//! that contradict each other (contract, section 3).

use serde_json::Value;

use super::sha256;

/// One line of `--format json`.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) value: Value,
}

/// The fields that each event must have besides `event` and `time`.
const FIELDS: [(&str, &[&str]); 11] = [
    (
        "start",
        &["version", "paths", "absolute", "session", "hash"],
    ),
    ("existing", &["kind", "path"]),
    ("ready", &["directories", "files"]),
    ("created", &["kind", "path"]),
    ("changed", &["kind", "path"]),
    ("renamed", &["kind", "from", "path"]),
    ("deleted", &["kind", "path"]),
    ("attributes", &["kind", "path", "mode", "uid", "gid"]),
    ("closed", &["kind", "path"]),
    ("touched", &["kind", "path", "mtime"]),
    ("overflow", &[]),
];

impl Record {
    /// Parses a line; the error describes what is wrong with it.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(line).map_err(|_| "not UTF-8".to_owned())?;
        let value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let record = Self { value };
        record.check()?;
        Ok(record)
    }

    fn check(&self) -> Result<(), String> {
        let event = self.text("event").ok_or("no event")?;
        let (_, fields) = FIELDS
            .iter()
            .find(|(name, _)| *name == event)
            .ok_or_else(|| format!("no such event: {event}"))?;
        for field in *fields {
            if self.value.get(field).is_none() {
                return Err(format!("{field} is missing"));
            }
        }
        let time = self.text("time").ok_or("no time")?;
        if !is_time(time) {
            return Err(format!("not a time: {time}"));
        }
        if fields.contains(&"kind") {
            let kind = self.kind();
            if !["file", "directory", "symlink", "other"].contains(&kind) {
                return Err(format!("no such kind: {kind}"));
            }
            self.path_checked("path")?;
        }
        if fields.contains(&"from") {
            self.path_checked("from")?;
        }
        self.check_content()
    }

    /// Checks that the digest is one, of a file, and agrees with the size.
    fn check_content(&self) -> Result<(), String> {
        let size = self.value.get("size").map(Value::as_u64);
        if size == Some(None) {
            return Err("size is not a number of bytes".to_owned());
        }
        let Some(digest) = self.value.get("sha256") else {
            return Ok(());
        };
        let digest = digest.as_str().unwrap_or_default();
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digest.len() != 64 || !digest.bytes().all(is_hex) {
            return Err("sha256 is not 64 lower-case hexadecimal digits".to_owned());
        }
        if self.kind() != "file" {
            return Err("a digest of what is not a file".to_owned());
        }
        let size = size.flatten().ok_or("a digest without a size")?;
        if (size == 0) != (digest == sha256(b"")) {
            return Err("size and sha256 contradict each other".to_owned());
        }
        Ok(())
    }

    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.value.get(field)?.as_str()
    }

    pub(crate) fn number(&self, field: &str) -> Option<u64> {
        self.value.get(field)?.as_u64()
    }

    pub(crate) fn event(&self) -> &str {
        self.text("event").unwrap_or_default()
    }

    /// The kind, empty where the event has none.
    pub(crate) fn kind(&self) -> &str {
        self.text("kind").unwrap_or_default()
    }

    pub(crate) fn sha256(&self) -> Option<&str> {
        self.text("sha256")
    }

    pub(crate) fn size(&self) -> Option<u64> {
        self.number("size")
    }

    /// The raw bytes of `path` or `from`.
    pub(crate) fn bytes(&self, field: &str) -> Vec<u8> {
        self.path_checked(field).unwrap_or_default()
    }

    /// The raw bytes of a path, from the hexadecimal form where there is one; that
    /// form is there exactly when the path is not UTF-8.
    fn path_checked(&self, field: &str) -> Result<Vec<u8>, String> {
        let text = self.text(field).ok_or(format!("{field} is no string"))?;
        let Some(raw) = self.value.get(format!("{field}_hex")) else {
            return Ok(text.as_bytes().to_vec());
        };
        let raw = hex::decode(raw.as_str().unwrap_or("not a string"))
            .map_err(|error| format!("{field}_hex: {error}"))?;
        if std::str::from_utf8(&raw).is_ok() {
            return Err(format!("{field}_hex of a path that is UTF-8"));
        }
        if squeezed(&String::from_utf8_lossy(&raw)) != squeezed(text) {
            return Err(format!("{field} and {field}_hex disagree"));
        }
        Ok(raw)
    }

    /// The record in short, for expectations: `renamed file ./a -> ./b`.
    pub(crate) fn summary(&self) -> String {
        let path = || String::from_utf8_lossy(&self.bytes("path")).into_owned();
        match self.event() {
            event @ ("start" | "ready" | "overflow") => event.to_owned(),
            "renamed" => format!(
                "renamed {} {} -> {}",
                self.kind(),
                String::from_utf8_lossy(&self.bytes("from")),
                path()
            ),
            event => format!("{event} {} {}", self.kind(), path()),
        }
    }
}

/// RFC 3339, UTC, microseconds: `2026-01-02T03:04:05.678901Z`.
pub(crate) fn is_time(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|character| match character {
            '0'..='9' => '0',
            other => other,
        })
        .collect();
    let stem = "0000-00-00T00:00:00.000000";
    shape == format!("{stem}Z") || shape == format!("{stem}+00:00")
}

/// The number of U+FFFD for one invalid sequence is not specified.
fn squeezed(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        if character != '\u{fffd}' || !out.ends_with('\u{fffd}') {
            out.push(character);
        }
    }
    out
}
