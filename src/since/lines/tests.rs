//! Folds streams that come in pieces of any size: whole, torn, of several sessions, and with lines
//! that are no records.

use super::{LONGEST, Lines};
use crate::since::read_ahead::Items;
use crate::since::sessions::{Folded, NoSession, Sessions};

/// Why there is no tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum NoTree {
    NoStream,
    NoSession(NoSession),
}

fn fold_pieces<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<Folded, NoTree> {
    let (mut lines, mut sessions) = (Lines::default(), Sessions::default());
    for piece in pieces {
        let mut items = Items::default();
        lines.feed(piece, &mut |item| items.push(item));
        items.for_each(|item| sessions.apply(item));
    }
    match sessions.finish() {
        _ if !lines.has_records() => Err(NoTree::NoStream),
        folded => folded.map_err(NoTree::NoSession),
    }
}

const TIME: &str = "1970-01-01T00:00:09Z";

fn line(event: &str, fields: &str) -> String {
    format!("{{\"time\":\"{TIME}\",\"event\":\"{event}\"{fields}}}\n")
}

fn start(session: &str, resumes: Option<&str>) -> String {
    let resumes = resumes.map_or(String::new(), |id| format!(",\"resumes\":\"{id}\""));
    line(
        "start",
        &format!(
            ",\"paths\":[\"r\"],\"absolute\":[\"/r\"],\"session\":\"{session}\",\"hash\":\"eager\"{resumes}"
        ),
    )
}

fn name(event: &str, path: &str, digest: u8) -> String {
    let (kind, digest) = match digest {
        0 => ("directory", String::new()),
        digest => (
            "file",
            format!(",\"sha256\":\"{}\"", hex::encode([digest; 32])),
        ),
    };
    line(
        event,
        &format!(",\"kind\":\"{kind}\",\"path\":\"{path}\"{digest}"),
    )
}

fn snapshot(session: &str) -> String {
    [
        start(session, None),
        name("existing", "r", 0),
        name("existing", "r/a", 1),
        name("existing", "r/d", 0),
        name("existing", "r/d/b", 2),
        line("ready", ",\"directories\":2,\"files\":2"),
    ]
    .concat()
}

/// What the bytes fold to, in pieces of any size.
fn fold(bytes: &[u8]) -> Result<(String, String), NoTree> {
    let mut results = Vec::new();
    for size in [1, 7, 1 << 20] {
        results.push(fold_pieces(bytes.chunks(size)).map(|folded| {
            let names = folded.tree.list().into_iter().map(|(path, _, digest)| {
                digest.map_or(path.clone(), |digest| format!("{path}={digest}"))
            });
            (names.collect::<Vec<_>>().join(" "), folded.start.session)
        }));
    }
    assert!(
        results.iter().all(|result| *result == results[0]),
        "{results:?}"
    );
    results.swap_remove(0)
}

fn ok(tree: &str, session: &str) -> Result<(String, String), NoTree> {
    Ok((tree.to_owned(), session.to_owned()))
}

const BASE: &str = "r r/a=1 r/d r/d/b=2";

#[test]
fn the_last_complete_session_is_folded_with_what_follows_it() {
    let changes = [
        name("created", "r/c", 3),
        name("changed", "r/a", 4),
        line(
            "renamed",
            ",\"kind\":\"directory\",\"from\":\"r/d\",\"path\":\"r/e\"",
        ),
        name("deleted", "r/e/b", 2),
        line("frobnicated", ""),
    ]
    .concat();
    let cases = [
        ("a snapshot", snapshot("1"), ok(BASE, "1")),
        (
            "with changes",
            snapshot("1") + &changes,
            ok("r r/a=4 r/c=3 r/e", "1"),
        ),
        (
            "two sessions",
            snapshot("1") + &changes + &snapshot("2"),
            ok(BASE, "2"),
        ),
        (
            "a session that did not become ready",
            snapshot("1") + &changes + &start("2", None) + &name("existing", "r", 0),
            ok("r r/a=4 r/c=3 r/e", "1"),
        ),
        (
            "one that resumes",
            snapshot("1") + &start("2", Some("1")) + &name("created", "r/c", 3),
            ok("r r/a=1 r/c=3 r/d r/d/b=2", "2"),
        ),
        (
            "one that resumes over one that did not become ready",
            snapshot("1") + &start("2", None) + &start("3", Some("1")) + &name("deleted", "r/a", 1),
            ok("r r/d r/d/b=2", "3"),
        ),
        (
            "a chain of them",
            snapshot("1")
                + &start("2", Some("1"))
                + &start("3", Some("2"))
                + &name("deleted", "r/a", 1),
            ok("r r/d r/d/b=2", "3"),
        ),
        (
            "a PATH that was not there",
            start("1", None)
                + &line("ready", ",\"directories\":0,\"files\":0")
                + &name("created", "r", 0)
                + &name("created", "r/c", 3),
            ok("r r/c=3", "1"),
        ),
        (
            "a PATH that was gone and is back",
            snapshot("1")
                + &["r/a", "r/d/b", "r/d", "r"]
                    .map(|path| name("deleted", path, 1))
                    .concat()
                + &name("created", "r", 0)
                + &name("created", "r/c", 3),
            ok("r r/c=3", "1"),
        ),
    ];
    for (case, stream, expected) in cases {
        assert_eq!(fold(stream.as_bytes()), expected, "{case}");
    }
}

#[test]
fn what_is_no_complete_session_gives_no_tree() {
    let cases = [
        ("nothing", String::new(), NoTree::NoStream),
        ("text", "New file: ./a\n".to_owned(), NoTree::NoStream),
        ("other JSON", "{\"a\":1}\n[]\n".to_owned(), NoTree::NoStream),
        ("NULs", "\0".repeat(5000), NoTree::NoStream),
        (
            "no ready",
            snapshot("1").replace("\"ready\"", "\"readier\""),
            NoTree::NoSession(NoSession::NotReady { start: 1 }),
        ),
        (
            "no snapshot",
            start("1", None) + &line("ready", ",\"directories\":2,\"files\":2"),
            NoTree::NoSession(NoSession::NoSnapshot { start: 1 }),
        ),
        (
            "it resumes what is not here",
            start("2", Some("1")) + &name("created", "r/c", 3) + &line("ready", ""),
            NoTree::NoSession(NoSession::NothingToResume { start: 1 }),
        ),
        (
            "a record is missing",
            snapshot("1") + &name("created", "r/x/c", 3),
            NoTree::NoSession(NoSession::RecordsMissing { before: 7 }),
        ),
        (
            "a line in the middle is none",
            snapshot("1") + "{\"time\":\"\n" + &name("created", "r/c", 3),
            NoTree::NoSession(NoSession::NoRecord { line: 7 }),
        ),
        (
            "zeroes in the middle",
            // The first record after them goes with them.
            snapshot("1")
                + &"\0".repeat(99)
                + &name("created", "r/c", 3)
                + &name("created", "r/e", 3),
            NoTree::NoSession(NoSession::NoRecord { line: 7 }),
        ),
    ];
    for (case, stream, expected) in cases {
        assert_eq!(fold(stream.as_bytes()), Err(expected), "{case}");
    }
    let (begun, other) = (start("2", None), name("created", "r/x/c", 3));
    let begun_after_a_broken_one = snapshot("1") + &other + &begun;
    let not_ready = NoTree::NoSession(NoSession::NotReady { start: 8 });
    assert_eq!(fold(begun_after_a_broken_one.as_bytes()), Err(not_ready));
    let no_start = NoTree::NoSession(NoSession::NoStart);
    assert_eq!(fold(other.as_bytes()), Err(no_start), "rotated");
}

#[test]
fn a_torn_or_zeroed_tail_is_left_out() {
    let whole = snapshot("1") + &name("created", "r/c", 3);
    let last = whole.len() - name("created", "r/c", 3).len();
    for cut in last..whole.len() {
        for tail in ["", "\0", "\0\0\0\0"] {
            let mut bytes = whole.as_bytes()[..cut].to_vec();
            bytes.extend(tail.bytes());
            assert_eq!(fold(&bytes), ok(BASE, "1"), "{cut} {tail:?}");
        }
    }
    // What comes after the tear begins a session.
    let torn = snapshot("1") + "{\"ti\n" + &snapshot("2");
    assert_eq!(fold(torn.as_bytes()), ok(BASE, "2"));
    let resumed = snapshot("1") + "{\"ti\n" + &start("2", Some("1"));
    assert_eq!(fold(resumed.as_bytes()), ok(BASE, "2"));
}

#[test]
fn what_a_crash_leaves_of_the_first_record_may_be_appended_to() {
    let read = |bytes: &[u8]| {
        let mut lines = Lines::default();
        lines.feed(bytes, &mut |_| {});
        lines.may_be_appended_to()
    };
    let record = start("1", None);
    let record = record.trim_end();
    for cut in 0..=record.len() {
        for tail in ["", "\0", "\0\0\0\0"] {
            let torn = record[..cut].to_owned() + tail;
            assert!(read(torn.as_bytes()), "{torn:?}");
        }
    }
    for other in [
        "log",
        "log\0",
        "{\"time\":\"1\"}",
        "{\"time\":\"1\"}\0",
        "{\"time\":\"1\n",
        "{\"time\":\"1\0log",
        "{\"time\":\"1\0{\"time\":\"2\0",
    ] {
        assert!(!read(other.as_bytes()), "{other:?}");
    }
}

#[test]
fn nul_may_end_records_and_long_lines_are_none() {
    let nul = snapshot("1").replace('\n', "\0");
    assert_eq!(fold(nul.as_bytes()), ok(BASE, "1"));
    let long = snapshot("1") + &"x".repeat(LONGEST + 9) + "\n" + &start("2", Some("1"));
    let folded = fold_pieces(long.as_bytes().chunks(1 << 12));
    assert_eq!(
        folded.map(|folded| folded.start.session).ok(),
        Some("2".to_owned())
    );
}

#[test]
fn the_record_of_a_long_path_is_read() {
    let mut stream = snapshot("1");
    let mut path = "r".to_owned();
    let mut names = BASE.split(' ').count() + 1;
    while path.len() < 2 * LONGEST {
        names += 1;
        path += "/";
        path += &"x".repeat(1000);
        stream += &name("created", &path, 0);
    }
    stream += &name("created", "r/c", 3);
    let folded = fold_pieces(stream.as_bytes().chunks(1 << 12)).expect("a tree");
    assert_eq!(folded.tree.list().len(), names);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(cut in 0..2000usize, at in 0..2000usize, byte: u8, junk in proptest::collection::vec(0..=255u8, 0..40)) {
        let mut bytes = (snapshot("1") + &start("2", Some("1")) + &name("created", "r/c", 3)).into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let cut = cut % bytes.len();
        bytes.splice(cut..cut, junk);
        let _any = fold(&bytes);
    }
}
