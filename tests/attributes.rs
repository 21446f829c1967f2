//! Tests the reports of mode, owner and extended attributes.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

use common::{Record, Tree, skipped, sys};

const EVERY: [&str; 2] = ["--events", "created,changed,renamed,deleted,attributes"];

#[test]
fn a_file_is_created_with_the_mode_that_it_has_however_it_came() {
    let tree = Tree::new();
    fs::create_dir(tree.outside("tree")).unwrap();
    fs::write(tree.outside("tree/setuid"), "").unwrap();
    fs::set_permissions(
        tree.outside("tree/setuid"),
        fs::Permissions::from_mode(0o4755),
    )
    .unwrap();
    fs::set_permissions(tree.outside("tree"), fs::Permissions::from_mode(0o1750)).unwrap();
    let mut watch = tree.watch().json().args(EVERY).start();
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).mode(0o4700);
    drop(options.open(tree.path("made")).unwrap());
    let made = &watch.expect(&["created file ./made"])[0];
    assert_eq!(made.value["mode"], "4700");
    fs::rename(tree.outside("tree"), tree.path("moved")).unwrap();
    let moved = watch.expect(&["created directory ./moved", "created file ./moved/setuid"]);
    assert_eq!(moved[0].value["mode"], "1750");
    assert_eq!(moved[1].value["mode"], "4755");
    watch.finish();
}

fn set_mode(tree: &Tree, path: &str, mode: u32) {
    fs::set_permissions(tree.path(path), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn an_atomic_save_has_a_new_mode_only_if_that_differs() {
    let tree = Tree::new();
    for name in ["same", "private"] {
        tree.write(name, "1");
        set_mode(&tree, name, 0o644);
    }
    let args = ["--settle", "0.5"];
    let mut watch = tree.watch().json().args(EVERY).args(args).start();
    let save = |name, mode| {
        tree.write("new", "22");
        set_mode(&tree, "new", mode);
        tree.rename("new", name);
    };
    save("same", 0o644);
    watch.expect(&["changed file ./same"]);
    save("private", 0o600);
    let records = watch.expect(&["changed file ./private", "attributes file ./private"]);
    let modes = ["old_mode", "mode"].map(|field| records[1].text(field));
    assert_eq!(modes, [Some("0644"), Some("0600")]);
    watch.finish();
}

#[test]
fn a_new_mode_is_reported_of_all_hard_links() {
    let tree = Tree::new();
    tree.write("a", "1");
    set_mode(&tree, "a", 0o644);
    for name in ["b", "c"] {
        tree.link("a", name);
    }
    let mut watch = tree.watch().json().args(EVERY).baseline().start();
    set_mode(&tree, "b", 0o600);
    let records = watch.expect(&["attributes file ./b"]);
    assert_eq!(records[0].text("mode"), Some("0600"));
    watch.expect_in_any_order(&["attributes file ./a", "attributes file ./c"]);
    // By the new name before anybody has looked at it.
    for number in 0..20 {
        let new = format!("new{number}");
        tree.link("a", &new);
        set_mode(&tree, &new, if number % 2 == 0 { 0o640 } else { 0o600 });
        let (mut created, mut left) = (false, vec!["./a", "./b", "./c"]);
        while !created || !left.is_empty() {
            let record = Record::parse(&watch.next_line().bytes).unwrap();
            created |= record.event() == "created";
            left.retain(|path| record.text("path") != Some(*path));
        }
        tree.remove(&new);
        watch.until(&format!("deleted file ./{new}"));
    }
    watch.finish();
}

#[test]
fn what_is_renamed_at_once_is_created_with_its_mode() {
    let tree = Tree::new();
    let mut watch = tree.watch().json().args(EVERY).start();
    for number in 0..100 {
        tree.write("new", "1");
        set_mode(&tree, "new", 0o600);
        tree.rename("new", format!("f{number}"));
    }
    tree.touch("end");
    let mut there = HashSet::new();
    loop {
        let record = Record::parse(&watch.next_line().bytes).unwrap();
        let path = record.text("path").unwrap_or_default().to_owned();
        match record.event() {
            "created" if path == "./end" => break,
            "created" => {
                assert!(record.text("mode").is_some(), "{record:?}");
                assert!(there.insert(path), "{record:?}");
            }
            "renamed" => {
                assert!(there.remove(record.text("from").unwrap()), "{record:?}");
                assert!(there.insert(path), "{record:?}");
            }
            "deleted" => assert!(there.remove(&path), "{record:?}"),
            _ => {}
        }
    }
    let expected = (0..100).map(|number| format!("./f{number}"));
    assert_eq!(there, expected.collect());
    watch.stop();
}

#[test]
fn an_extended_attribute_that_comes_or_changes_is_reported_by_its_name() {
    let tree = Tree::new();
    tree.write("a", "one");
    if let Err(error) = sys::set_xattr(&tree.path("a"), "user.old", b"1") {
        return skipped("an_extended_attribute…", &error.to_string());
    }
    let mut watch = tree.watch().json().args(EVERY).start();
    for (name, value) in [("user.new", b"1"), ("user.old", b"2"), ("user.new", b"2")] {
        sys::set_xattr(&tree.path("a"), name, value).unwrap();
        let record = &watch.expect(&["attributes file ./a"])[0];
        assert_eq!(record.value["xattrs"], serde_json::json!([name]));
    }
    watch.finish();
}

/// Many large values would hold up the watch each time that the file is looked at.
#[test]
fn of_the_extended_attributes_beyond_a_mebibyte_the_lengths_are_compared() {
    let test = "of_the_extended_attributes_beyond_a_mebibyte…";
    // Other file systems have no room for so many.
    let Ok(memory) = tempfile::tempdir_in("/dev/shm") else {
        return skipped(test, "there is no /dev/shm");
    };
    let file = memory.path().join("a");
    fs::write(&file, "").unwrap();
    let set = |number: usize, byte: u8, length: usize| {
        sys::set_xattr(&file, &format!("user.{number:02}"), &vec![byte; length])
    };
    for number in 0..40 {
        if let Err(error) = set(number, b'1', 64 << 10) {
            return skipped(test, &error.to_string());
        }
    }
    let path = memory.path().to_str().unwrap();
    let tree = Tree::new();
    let mut watch = tree.watch().json().args(EVERY).path(path).start();
    set(39, b'2', 64 << 10).unwrap();
    for (number, length) in [(0, 64 << 10), (39, 1000)] {
        set(number, b'3', length).unwrap();
        let record = &watch.expect(&[&format!("attributes file {path}/a")])[0];
        let name = format!("user.{number:02}");
        assert_eq!(record.value["xattrs"], serde_json::json!([name]));
    }
    watch.stop();
}

#[test]
fn a_path_has_attributes_and_a_state_like_all_below_it() {
    let tree = Tree::new();
    tree.mkdirs("top/inner");
    fs::set_permissions(tree.path("top"), fs::Permissions::from_mode(0o755)).unwrap();
    let options = ["--initial", "--stat", "--wait-for-path"];
    let watch = tree.watch().json().args(EVERY).args(options).path("top");
    let mut watch = watch.start();
    for line in &watch.out.lines_from(1)[..2] {
        let existing: serde_json::Value = serde_json::from_slice(&line.bytes).unwrap();
        assert_eq!(existing["event"], "existing");
        assert_eq!(existing["mode"], "0755");
        for field in ["uid", "gid", "inode", "mtime", "ctime"] {
            assert!(existing.get(field).is_some(), "{field}: {existing}");
        }
    }
    fs::set_permissions(tree.path("top"), fs::Permissions::from_mode(0o700)).unwrap();
    let changed = &watch.expect(&["attributes directory top"])[0];
    assert_eq!(
        (&changed.value["old_mode"], &changed.value["mode"]),
        (&"0755".into(), &"0700".into())
    );
    if let Err(error) = sys::set_xattr(&tree.path("top"), "user.new", b"1") {
        skipped("a_path_has_attributes…: extended ones", &error.to_string());
    } else {
        let changed = &watch.expect(&["attributes directory top"])[0];
        assert_eq!(changed.value["xattrs"], serde_json::json!(["user.new"]));
    }
    fs::remove_dir_all(tree.path("top")).unwrap();
    watch.expect(&["deleted directory top/inner", "deleted directory top"]);
    fs::create_dir(tree.path("top")).unwrap();
    let created = &watch.expect(&["created directory top"])[0];
    for field in ["mode", "uid", "gid", "inode", "mtime", "ctime"] {
        assert!(created.value.get(field).is_some(), "{field}: {created:?}");
    }
    watch.stop();
}
