//! Tests the strict fold, which all other tests rely on, with correct streams and with streams
//! that are wrong in one way each.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::disk::{Entry, Snapshot};
use common::fold::Fold;
use common::sha256;
use serde_json::{Value, json};

/// The tree at the start: `./d` with `./d/f` (bytes "1"), and `./a` (bytes "2").
fn start() -> Snapshot {
    let file = |bytes: &[u8]| Entry {
        kind: "file",
        sha256: Some(sha256(bytes)),
        size: Some(1),
    };
    let directory = Entry {
        kind: "directory",
        sha256: None,
        size: None,
    };
    Snapshot::from([
        (b".".to_vec(), directory.clone()),
        (b"./d".to_vec(), directory),
        (b"./d/f".to_vec(), file(b"1")),
        (b"./a".to_vec(), file(b"2")),
    ])
}

/// A record; `rest` holds the fields besides time.
fn line(mut rest: Value) -> Vec<u8> {
    rest["time"] = json!("2026-01-02T03:04:05.678901Z");
    rest.to_string().into_bytes()
}

/// Folds `ready` and then these records over the tree at the start.
fn fold(records: &[Value]) -> Fold {
    let mut fold = Fold::new(&start(), &[b".".to_vec()], false);
    fold.feed(&line(
        json!({"event": "ready", "directories": 2, "files": 2}),
    ));
    for record in records {
        fold.feed(&line(record.clone()));
    }
    fold
}

fn created(kind: &str, path: &str) -> Value {
    json!({"event": "created", "kind": kind, "path": path})
}

fn deleted(kind: &str, path: &str) -> Value {
    json!({"event": "deleted", "kind": kind, "path": path})
}

fn renamed(kind: &str, from: &str, path: &str) -> Value {
    json!({"event": "renamed", "kind": kind, "from": from, "path": path})
}

fn changed(path: &str, bytes: &[u8]) -> Value {
    json!({
        "event": "changed", "kind": "file", "path": path,
        "size": bytes.len(), "sha256": sha256(bytes)
    })
}

#[test]
fn right_streams_have_no_violations() {
    let streams = [
        vec![],
        vec![changed("./a", b"3"), changed("./a", b"2")],
        vec![renamed("directory", "./d", "./e"), changed("./e/f", b"3")],
        vec![deleted("file", "./d/f"), deleted("directory", "./d")],
        vec![renamed("file", "./a", "./d/f"), changed("./d/f", b"2")],
        vec![created("directory", "./n"), created("other", "./n/p")],
        vec![deleted("file", "./a"), created("symlink", "./a")],
        vec![json!({"event": "overflow"})],
    ];
    for records in streams {
        let fold = fold(&records);
        assert!(
            fold.violations.is_empty(),
            "{records:?}: {:?}",
            fold.violations
        );
    }
}

#[test]
fn wrong_records_are_each_found() {
    let unknown = json!({"event": "moved", "kind": "file", "path": "./a"});
    let contradiction = json!({
        "event": "changed", "kind": "file", "path": "./a", "size": 1, "sha256": sha256(b"")
    });
    let upper = json!({
        "event": "changed", "kind": "file", "path": "./a", "size": 0,
        "sha256": sha256(b"").to_uppercase()
    });
    let needless = json!({
        "event": "created", "kind": "file", "path": "./n", "path_hex": hex::encode("./n")
    });
    for record in [
        unknown,
        contradiction,
        upper,
        needless,
        json!({"event": "ready", "directories": 2, "files": 2}),
        json!({"event": "created", "path": "./n"}),
        created("file", "./a"),
        created("file", "./none/n"),
        created("file", "./a/n"),
        created("door", "./n"),
        created("file", "elsewhere"),
        created("file", "./d/../n"),
        created("file", ".//n"),
        deleted("file", "./none"),
        deleted("file", "./d"),
        deleted("directory", "./d"),
        changed("./none", b"3"),
        changed("./a", b"2"),
        json!({"event": "changed", "kind": "directory", "path": "./d"}),
        renamed("file", "./none", "./n"),
        renamed("file", "./a", "./none/n"),
        renamed("file", "./a", "./a"),
        renamed("directory", "./d", "./d/e"),
        renamed("file", "./d/f", "./d"),
    ] {
        let fold = fold(std::slice::from_ref(&record));
        assert_eq!(fold.violations.len(), 1, "{record}: {:?}", fold.violations);
    }
    let mut fold = fold(&[]);
    fold.feed(b"no json");
    fold.feed(br#"{"event":"overflow","time":"2026-01-02 03:04:05"}"#);
    assert_eq!(fold.violations.len(), 2);
}

#[test]
fn after_a_replacement_one_change_is_due_if_the_bytes_differ() {
    let over = renamed("file", "./a", "./d/f");
    let mut truth = start();
    truth.remove(&b"./a"[..]);
    truth.get_mut(&b"./d/f"[..]).unwrap().sha256 = Some(sha256(b"2"));
    let missing = fold(std::slice::from_ref(&over)).differences(&truth, true);
    assert_eq!(missing.len(), 1, "{missing:?}");
    let change = changed("./d/f", b"2");
    let reported = fold(&[over.clone(), change.clone()]);
    assert!(reported.differences(&truth, true).is_empty());
    let twice = fold(&[over, change.clone(), change]);
    assert_eq!(twice.violations.len(), 1);
}

#[test]
fn every_difference_from_the_disk_is_found() {
    let fold = fold(&[]);
    assert!(fold.differences(&start(), true).is_empty());
    let mut truth = start();
    truth.remove(&b"./a"[..]);
    truth.insert(b"./b".to_vec(), truth[&b"./d/f"[..]].clone());
    truth.get_mut(&b"./d/f"[..]).unwrap().sha256 = Some(sha256(b"3"));
    assert_eq!(fold.differences(&truth, true).len(), 3);
}
