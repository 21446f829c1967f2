//! Turns the bytes of a path into text that can break neither a line nor a terminal.

use std::ops::RangeInclusive;

/// Characters that end a line or show what follows in another order: Unicode's separators of lines
/// and paragraphs, and its bidirectional embeddings, overrides and isolates (UAX 9).
pub(crate) const BREAKS_AND_DIRECTIONS: [RangeInclusive<char>; 2] =
    ['\u{2028}'..='\u{202e}', '\u{2066}'..='\u{2069}'];

/// Whether a character may break a line or a terminal, or show what follows in another order.
pub(crate) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || BREAKS_AND_DIRECTIONS
            .iter()
            .any(|range| range.contains(&character))
}

/// Appends a path; escapes backslashes, bytes that are not UTF-8, and what [`is_unsafe`].
pub(crate) fn escape(path: &[u8], out: &mut Vec<u8>) {
    // Most paths need nothing.
    if path
        .iter()
        .all(|&byte| (0x20..0x7f).contains(&byte) && byte != b'\\')
    {
        out.extend(path);
        return;
    }
    for chunk in path.utf8_chunks() {
        for character in chunk.valid().chars() {
            let mut bytes = [0; 4];
            let bytes = character.encode_utf8(&mut bytes).as_bytes();
            match character {
                '\n' => out.extend(b"\\n"),
                '\t' => out.extend(b"\\t"),
                '\r' => out.extend(b"\\r"),
                '\\' => out.extend(b"\\\\"),
                _ if is_unsafe(character) => escape_bytes(bytes, out),
                _ => out.extend(bytes),
            }
        }
        escape_bytes(chunk.invalid(), out);
    }
}

/// Each byte as `\xhh`.
fn escape_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        out.extend(b"\\x");
        out.extend(hex::encode([*byte]).as_bytes());
    }
}

/// A text with nothing but what [`is_unsafe`] escaped.
pub(crate) fn without_controls(text: &str) -> String {
    let shown = |character: char| {
        let text = character.to_string();
        if is_unsafe(character) {
            escaped(text.as_bytes())
        } else {
            text
        }
    };
    text.chars().map(shown).collect()
}

pub(crate) fn escaped(path: &[u8]) -> String {
    let mut out = Vec::with_capacity(path.len());
    escape(path, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn what_could_break_a_line_or_a_terminal_is_escaped() {
        let cases: [(&[u8], &str); 9] = [
            (b"./plain name.txt", "./plain name.txt"),
            (b"a\nb\tc\rd\\e", r"a\nb\tc\rd\\e"),
            (b"\x1b[31m", r"\x1b[31m"),
            (b"del\x7f", r"del\x7f"),
            ("c1\u{85}".as_bytes(), r"c1\xc2\x85"),
            (b"latin \xe9!", r"latin \xe9!"),
            (
                "one\u{2028}two\u{2029}".as_bytes(),
                r"one\xe2\x80\xa8two\xe2\x80\xa9",
            ),
            (
                "gpj\u{202e}.sh\u{2066}".as_bytes(),
                r"gpj\xe2\x80\xae.sh\xe2\x81\xa6",
            ),
            ("\u{e9}\u{1f600}".as_bytes(), "\u{e9}\u{1f600}"),
        ];
        for (path, shown) in cases {
            assert_eq!(escaped(path), shown);
        }
    }
}
