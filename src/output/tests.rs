//! What is printed, to the letter.

use super::{EventName, Events, Format, Printer, Style};
use crate::change::{Batch, Change, Content, EMPTY, Kind};

fn plain(format: Format) -> Style {
    Style {
        format,
        nul: false,
        timestamps: false,
        color: false,
        events: Events::DEFAULT,
    }
}

/// What is printed for one change whose path is given.
fn printed(style: Style, path: &[u8], change: impl Fn(std::ops::Range<usize>) -> Change) -> String {
    let mut batch = Batch::default();
    let span = batch.path(|bytes| bytes.extend(path));
    let mut out = Vec::new();
    Printer::new(style).print(&batch, &change(span), 1_700_000_000_123_456_789, &mut out);
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
            entered,
            attributes: None,
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
fn json_names_digest_size_and_the_bytes_of_a_path_that_is_not_utf8() {
    let content = Content {
        size: Some(0),
        digest: Some(EMPTY),
        stat: None,
    };
    let line = printed(plain(Format::Json), b"./\xff", |path| Change::Changed {
        path,
        content,
    });
    let record: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(record["time"], "2023-11-14T22:13:20.123456Z");
    assert_eq!(record["event"], "changed");
    assert_eq!(record["kind"], "file");
    assert_eq!(record["path"], "./\u{fffd}");
    assert_eq!(record["path_hex"], "2e2fff");
    assert_eq!(record["size"], 0);
    assert_eq!(record["sha256"], hex::encode(EMPTY));
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
