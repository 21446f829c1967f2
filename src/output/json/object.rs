//! Appends one JSON object: names and punctuation itself, values through serde_json.
//!
//! A record has some twenty strings that need no escape, its names first. serde_json looks at each
//! byte of them, which took a quarter of the CPU time of a burst.
//! Invariant: what needs an escape, or may need one, is written by serde_json.

use serde::Serialize;

use super::values::{Escaping, Hex, Text, is_plain};
use crate::change::Digest;

pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> Object<'o> {
    /// Begins with a first field, a [`word`](Self::word).
    pub(super) fn begin(out: &'o mut Vec<u8>, name: &'static str, word: &str) -> Self {
        out.push(b'{');
        let mut object = Self { out };
        object.first_name(name);
        object.quoted(word.as_bytes());
        object
    }

    pub(super) fn end(self) {
        self.out.push(b'}');
    }

    #[inline]
    fn first_name(&mut self, name: &'static str) {
        self.quoted(name.as_bytes());
        self.out.push(b':');
    }

    #[inline]
    fn name(&mut self, name: &'static str) {
        self.out.push(b',');
        self.first_name(name);
    }

    #[inline]
    fn quoted(&mut self, plain: &[u8]) {
        debug_assert!(is_plain(plain));
        self.out.push(b'"');
        self.out.extend_from_slice(plain);
        self.out.push(b'"');
    }

    /// Appends a string of letters, digits and `-:.`, such as the name of a kind, or a time.
    #[inline]
    pub(super) fn word(&mut self, name: &'static str, word: &str) {
        self.name(name);
        self.quoted(word.as_bytes());
    }

    pub(super) fn digest(&mut self, name: &'static str, digest: &Digest) {
        let mut digits = [0; 64];
        hex::encode_to_slice(digest, &mut digits).expect("two digits for each byte");
        self.name(name);
        self.quoted(&digits);
    }

    /// Appends the text of a path, and its bytes, if they are not UTF-8.
    pub(super) fn path(&mut self, name: &'static str, hex_name: &'static str, path: &[u8]) {
        if is_plain(path) {
            self.name(name);
            self.quoted(path);
            return;
        }
        let text = Text::new(path);
        self.value(name, &text);
        if !text.is_utf8() {
            self.value(hex_name, &Hex(path));
        }
    }

    pub(super) fn value(&mut self, name: &'static str, value: &(impl Serialize + ?Sized)) {
        self.name(name);
        let mut serializer = serde_json::Serializer::with_formatter(&mut *self.out, Escaping);
        value
            .serialize(&mut serializer)
            .expect("a Vec takes every byte, and every value can be serialised");
    }
}

#[cfg(test)]
mod tests {
    use super::{Escaping, is_plain};

    #[test]
    fn what_serde_json_would_escape_is_not_plain() {
        for character in (0..0x200).filter_map(char::from_u32) {
            let text = format!("a{character}b");
            let mut json = Vec::new();
            let mut serializer = serde_json::Serializer::with_formatter(&mut json, Escaping);
            serde::Serialize::serialize(&text, &mut serializer).expect("it is written");
            let is_unchanged = json == format!("\"{text}\"").as_bytes();
            assert_eq!(
                is_plain(text.as_bytes()),
                is_unchanged && character.is_ascii(),
                "{character:?}"
            );
        }
    }
}
