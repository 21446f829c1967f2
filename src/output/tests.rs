//! Tests the printed records, to the letter.

mod json;

use super::{EventName, Events, Format, Header, LineTime, Printer, Style};
use crate::change::{Attributes, Change, ChangeBuffer, Content, Kind, Span};

fn all_events() -> Events {
    let names = [EventName::Attributes, EventName::Closed, EventName::Touched];
    names.into_iter().fold(Events::DEFAULT, Events::with)
}

fn plain(format: Format) -> Style {
    Style {
        format,
        nul: false,
        line_time: LineTime::None,
        color: false,
        events: Events::DEFAULT,
        stat: false,
    }
}

/// The printed record of one change, whose path is given.
fn printed(style: Style, path: &[u8], change: impl Fn(std::ops::Range<usize>) -> Change) -> String {
    let mut buffer = ChangeBuffer::default();
    let span = buffer.path(|bytes| bytes.extend(path));
    let mut out = Vec::new();
    Printer::new(style, None, Header::default()).print(
        &buffer,
        &change(span),
        1_700_000_000_123_456_789,
        &mut out,
    );
    String::from_utf8(out).expect("text")
}

#[test]
fn text_is_one_sentence_a_change() {
    let kinds = [
        (Kind::File, true, "New file: ./x\n"),
        (Kind::Symlink, true, "New file: ./x\n"),
    ];
    let directories = [
        (Kind::Directory, true, "Watching new directory: ./x\n"),
        (Kind::Directory, false, "New directory: ./x\n"),
    ];
    for (kind, entered, line) in kinds.into_iter().chain(directories) {
        let content = Content::default();
        let text = printed(plain(Format::Text), b"./x", |path| Change::Created {
            kind,
            path,
            content,
            attributes: None,
            entered,
        });
        assert_eq!(text, line);
    }
    for (kind, line) in [
        (Kind::File, "Deleted: ./x\n"),
        (Kind::Directory, "Deleted directory: ./x\n"),
    ] {
        assert_eq!(
            printed(plain(Format::Text), b"./x", |path| Change::Deleted {
                kind,
                path
            }),
            line
        );
    }
    let renamed = |path: std::ops::Range<usize>| Change::Renamed {
        kind: Kind::File,
        from: path.clone(),
        path,
    };
    assert_eq!(
        printed(plain(Format::Text), b"./x", renamed),
        "Renamed: ./x -> ./x\n"
    );
    assert_eq!(
        printed(plain(Format::Text), b"./x", |_| Change::Overflow),
        ""
    );
}

#[test]
fn records_that_end_in_nul_hold_raw_bytes() {
    let style = Style {
        nul: true,
        ..plain(Format::Paths)
    };
    assert_eq!(
        printed(style, b"a\nb", |path| Change::Deleted {
            kind: Kind::File,
            path
        }),
        "a\nb\0"
    );
}

#[test]
fn only_chosen_events_are_printed_and_counted() {
    let events = Events::NONE.with(EventName::Deleted);
    let style = Style {
        events,
        ..plain(Format::Text)
    };
    assert_eq!(
        printed(style, b"x", |path| Change::Changed {
            path,
            content: Content::default()
        }),
        ""
    );
    assert_eq!(
        printed(style, b"x", |path| Change::Deleted {
            kind: Kind::File,
            path
        }),
        "Deleted: x\n"
    );
}

#[test]
fn text_names_what_changed_of_attributes_and_nothing_else() {
    let old = Attributes {
        mode: 0o644,
        uid: 0,
        gid: 0,
    };
    let cases: [(Attributes, Option<Attributes>, &[u8], &str); 6] = [
        (
            Attributes { mode: 0o600, ..old },
            Some(old),
            b"",
            "(mode 0644 -> 0600)",
        ),
        (
            Attributes { uid: 1000, ..old },
            Some(old),
            b"",
            "(owner 0:0 -> 1000:0)",
        ),
        (
            Attributes {
                mode: 0o600,
                uid: 1000,
                gid: 0,
            },
            Some(old),
            b"",
            "(mode 0644 -> 0600, owner 0:0 -> 1000:0)",
        ),
        (old, Some(old), b"user.a\0", "(xattrs user.a)"),
        (
            Attributes { mode: 0o600, ..old },
            Some(old),
            b"user.a\0user.\n\0",
            r"(mode 0644 -> 0600, xattrs user.a user.\n)",
        ),
        (old, None, b"", "(mode 0644, owner 0:0)"),
    ];
    let style = Style {
        events: all_events(),
        ..plain(Format::Text)
    };
    for (new, old, xattrs, shown) in cases {
        let line = record_of(style, |buffer| Change::AttributesChanged {
            kind: Kind::File,
            path: span(buffer, b"./x"),
            new,
            old,
            xattrs: span(buffer, xattrs),
        });
        assert_eq!(line, format!("Attributes changed: ./x {shown}\n"));
    }
}

#[test]
fn the_two_paths_of_a_rename_are_never_ambiguous() {
    let cases: [(&[u8], &[u8], &str); 8] = [
        (b"a", b"b", "a -> b"),
        (b"a->b", b"c - d", "a->b -> c - d"),
        (b"a -> b", b"c", r#""a -> b" -> c"#),
        (b"a", b"b -> c", r#"a -> "b -> c""#),
        (b"a ->", b"-> b", r#""a ->" -> "-> b""#),
        (b"\"a\"", b"b", r#""\"a\"" -> b"#),
        (b"say \"x\"", b"b", r#"say "x" -> b"#),
        (b"a -> \"\\\n", b"b", r#""a -> \"\\\n" -> b"#),
    ];
    for (from, to, shown) in cases {
        let line = record_of(plain(Format::Text), |buffer| Change::Renamed {
            kind: Kind::File,
            from: span(buffer, from),
            path: span(buffer, to),
        });
        assert_eq!(line, format!("Renamed: {shown}\n"));
    }
    let raw = Style {
        nul: true,
        ..plain(Format::Text)
    };
    let line = record_of(raw, |buffer| Change::Renamed {
        kind: Kind::File,
        from: span(buffer, b"a -> b"),
        path: span(buffer, b"c"),
    });
    assert_eq!(line, "Renamed: a -> b -> c\0", "raw bytes, as asked for");
}

#[test]
fn a_line_for_a_terminal_has_its_time_dimmed() {
    let style = Style {
        line_time: LineTime::Clock,
        color: true,
        ..plain(Format::Text)
    };
    let line = printed(style, b"x", |path| Change::Deleted {
        kind: Kind::File,
        path,
    });
    let (time, rest) = line.split_at("\u{1b}[2m00:00:00.000\u{1b}[0m ".len());
    assert!(
        time.starts_with("\u{1b}[2m") && time.ends_with(".123\u{1b}[0m "),
        "{line:?}"
    );
    assert_eq!(rest, "\u{1b}[31mDeleted:\u{1b}[0m x\n");
}

/// The printed record of the change that `fill` makes in a buffer.
fn record_of(style: Style, fill: impl Fn(&mut ChangeBuffer) -> Change) -> String {
    let mut buffer = ChangeBuffer::default();
    let change = fill(&mut buffer);
    let mut out = Vec::new();
    Printer::new(style, None, Header::default()).print(
        &buffer,
        &change,
        1_700_000_000_123_456_789,
        &mut out,
    );
    String::from_utf8(out).expect("UTF-8")
}

fn span(buffer: &mut ChangeBuffer, bytes: &[u8]) -> Span {
    buffer.path(|path| path.extend(bytes))
}
