//! Tests JSON records: their fields, the order of these, and the numbering of a session's records.

use super::super::{EventName, Events, Format, Header, Printer, Style};
use super::{all_events, plain, printed, record_of, span};
use crate::change::{Attributes, Bytes, Change, ChangeBuffer, Content, EMPTY, InodeTimes, Kind};

#[test]
fn json_names_digest_size_and_the_bytes_of_a_path_that_is_not_utf8() {
    let content = Content {
        bytes: Some(Bytes {
            size: 0,
            digest: Some(EMPTY),
        }),
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

/// Content in which every field is known.
fn full_content() -> Content {
    Content {
        bytes: Some(Bytes {
            size: 0,
            digest: Some(EMPTY),
        }),
        stat: Some(InodeTimes {
            ino: 7,
            mtime: 1_700_000_000_000_000_001,
            ctime: 0,
            btime: Some(-1),
        }),
    }
}

const OWNER: Attributes = Attributes {
    mode: 0o4755,
    uid: 0,
    gid: 50,
};

#[test]
fn json_fields_are_always_in_the_same_order() {
    let time = r#"{"time":"2023-11-14T22:13:20.123456Z","event":"#;
    let with_stat = Style {
        stat: true,
        events: all_events(),
        ..plain(Format::Json)
    };
    let without_stat = Style {
        stat: false,
        ..with_stat
    };
    let digest = hex::encode(EMPTY);
    let stat = r#""inode":7,"mtime":"2023-11-14T22:13:20.000000001Z","ctime":"1970-01-01T00:00:00.000000000Z","btime":"1969-12-31T23:59:59.999999999Z""#;
    let owner = r#""mode":"4755","uid":0,"gid":50"#;
    let created = |buffer: &mut ChangeBuffer| Change::Created {
        kind: Kind::File,
        path: span(buffer, b"./x"),
        content: full_content(),
        attributes: Some(OWNER),
        entered: false,
    };
    let existing = |buffer: &mut ChangeBuffer| Change::Existing {
        kind: Kind::Other,
        path: span(buffer, b"./x"),
        content: Content::default(),
        attributes: None,
    };
    let renamed = |buffer: &mut ChangeBuffer| Change::Renamed {
        kind: Kind::Directory,
        from: span(buffer, b"./\xfe"),
        path: span(buffer, b"./\xff"),
    };
    let attributes = |buffer: &mut ChangeBuffer| Change::AttributesChanged {
        kind: Kind::Symlink,
        path: span(buffer, b"./x"),
        new: OWNER,
        old: Some(Attributes {
            mode: 0o600,
            ..OWNER
        }),
        xattrs: span(buffer, b"user.a\0security.b\0"),
    };
    let closed = |buffer: &mut ChangeBuffer| Change::Closed {
        path: span(buffer, b"./x"),
        content: full_content(),
    };
    let touched = |buffer: &mut ChangeBuffer| Change::Touched {
        path: span(buffer, b"./x"),
        mtime: 1,
    };
    let ready = |_: &mut ChangeBuffer| Change::Ready {
        directories: 1,
        files: 2,
    };
    let cases = [
        (
            record_of(with_stat, created),
            format!(
                r#"{time}"created","kind":"file","path":"./x","size":0,"sha256":"{digest}",{stat},{owner}}}"#
            ),
        ),
        (
            record_of(without_stat, closed),
            format!(r#"{time}"closed","kind":"file","path":"./x","size":0,"sha256":"{digest}"}}"#),
        ),
        (
            record_of(with_stat, existing),
            format!(r#"{time}"existing","kind":"other","path":"./x"}}"#),
        ),
        (
            record_of(with_stat, renamed),
            format!(
                r#"{time}"renamed","kind":"directory","from":"./�","from_hex":"2e2ffe","path":"./�","path_hex":"2e2fff"}}"#
            ),
        ),
        (
            record_of(with_stat, attributes),
            format!(
                r#"{time}"attributes","kind":"symlink","path":"./x",{owner},"old_mode":"0600","old_uid":0,"old_gid":50,"xattrs":["user.a","security.b"]}}"#
            ),
        ),
        (
            record_of(with_stat, touched),
            format!(
                r#"{time}"touched","kind":"file","path":"./x","mtime":"1970-01-01T00:00:00.000000001Z"}}"#
            ),
        ),
        (
            record_of(with_stat, ready),
            format!(r#"{time}"ready","directories":1,"files":2}}"#),
        ),
        (
            record_of(with_stat, |_| Change::Overflow),
            format!(r#"{time}"overflow"}}"#),
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(line, expected + "\n");
    }
}

#[test]
fn json_escapes_what_may_break_a_line_or_a_terminal() {
    let path = "./\u{1b}a\u{7f}b\u{80}c\u{9f}d\u{2028}e\u{202e}f\u{2069}\u{a0}\"\\\u{e9}\n";
    let line = record_of(plain(Format::Json), |buffer| Change::Deleted {
        kind: Kind::File,
        path: span(buffer, path.as_bytes()),
    });
    let escaped = r#""path":"./\u001ba\u007fb\u0080c\u009fd\u2028e\u202ef\u2069"#;
    assert!(line.contains(escaped), "{line}");
    assert!(!line.trim_end().contains(char::is_control), "{line}");
    let record: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(record["path"], path);
}

#[test]
fn a_session_begins_with_start_and_its_records_are_numbered_without_a_gap() {
    let header = Header {
        version: "1.0",
        paths: vec![b"./a/".to_vec(), b"\xff".to_vec()],
        absolute: vec![b"/w/a".to_vec(), b"/w/\xff".to_vec()],
        hash: "lazy",
        resumes: Some("before".to_owned()),
    };
    let events = Events::NONE.with(EventName::Created);
    let style = Style {
        events,
        ..plain(Format::Json)
    };
    let mut printer = Printer::new(style, Some("here".to_owned()), header);
    let mut out = Vec::new();
    let mut buffer = ChangeBuffer::default();
    let path = span(&mut buffer, b"x");
    for session in 0..2 {
        assert!(!printer.print(&buffer, &Change::Start, session, &mut out));
        let gone = Change::Deleted {
            kind: Kind::File,
            path: path.clone(),
        };
        assert!(
            !printer.print(&buffer, &gone, 0, &mut out),
            "it was not asked for"
        );
        assert!(
            !printer.print(&buffer, &Change::Overflow, 0, &mut out),
            "it does not count"
        );
    }
    let text = String::from_utf8(out).expect("UTF-8");
    let records: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let seqs: Vec<_> = records
        .iter()
        .map(|record| record["seq"].as_u64())
        .collect();
    assert_eq!(seqs, [Some(0), Some(1), Some(0), Some(1)], "{text}");
    assert!(records.iter().all(|record| record["host"] == "here"));
    assert_eq!(records[0]["session"], records[1]["session"]);
    assert_ne!(records[0]["session"], records[2]["session"]);
    let start = &records[0];
    assert_eq!(start["event"], "start");
    assert_eq!(start["version"], "1.0");
    assert_eq!(start["paths"], serde_json::json!(["./a/", "\u{fffd}"]));
    assert_eq!(start["paths_hex"], serde_json::json!(["2e2f612f", "ff"]));
    assert_eq!(
        start["absolute"],
        serde_json::json!(["/w/a", "/w/\u{fffd}"])
    );
    assert_eq!(start["hash"], "lazy");
    assert_eq!(start["resumes"], "before");
    assert_eq!(
        text.matches("\"session\"").count(),
        4,
        "once a record: {text}"
    );
}

#[test]
fn without_a_host_only_start_has_a_session() {
    let mut printer = Printer::new(plain(Format::Json), None, Header::default());
    let mut out = Vec::new();
    printer.print(&ChangeBuffer::default(), &Change::Start, 0, &mut out);
    printer.print(&ChangeBuffer::default(), &Change::Overflow, 0, &mut out);
    let text = String::from_utf8(out).expect("UTF-8");
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].contains("\"session\":\""), "{text}");
    assert!(
        !lines[0].contains("resumes") && !lines[0].contains("_hex"),
        "{text}"
    );
    assert_eq!(
        lines[1],
        r#"{"time":"1970-01-01T00:00:00.000000Z","event":"overflow"}"#
    );
    for format in [Format::Text, Format::Paths] {
        let host = Some("here".to_owned());
        let mut printer = Printer::new(plain(format), host, Header::default());
        let mut out = Vec::new();
        printer.print(&ChangeBuffer::default(), &Change::Start, 0, &mut out);
        assert!(out.is_empty(), "{format:?} has no sessions");
    }
}
