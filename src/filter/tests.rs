//! Tests globs as tables, and rule files on disk.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod compiled_later;
mod gitignore;
mod many_directories;

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Filter, FilterOptions, GlobFile};

fn globs(exclude: &[&str], include: &[&str]) -> Result<Filter, String> {
    let owned = |globs: &[&str]| {
        globs
            .iter()
            .map(|&glob| glob.to_owned())
            .collect::<Vec<_>>()
    };
    let (exclude, include) = (owned(exclude), owned(include));
    Filter::new(&FilterOptions {
        exclude: &exclude,
        exclude_from: &[],
        include: &include,
        gitignore: false,
    })
}

/// A filter by rule files, and the globs given.
fn with_rules(exclude: &[&str], include: &[&str]) -> Filter {
    let globs = globs(exclude, include).unwrap();
    let rules = super::rules::Rules::new(None, super::rule_source::RuleSource::new());
    Filter {
        rules: Some(rules.into()),
        ..globs
    }
}

/// Which of the names are reported; a directory's ends with a slash.
fn reported<'a>(filter: &Filter, root: &Path, names: &[&'a str]) -> Vec<&'a str> {
    let root = root.as_os_str().as_bytes();
    let hides = |name: &&&str| {
        let path = name.strip_suffix('/').unwrap_or(name);
        !filter.hides(root, path.as_bytes(), name.ends_with('/'))
    };
    names.iter().filter(hides).copied().collect()
}

fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = tree.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    tree
}

#[test]
fn without_a_choice_every_name_counts() {
    let filter = globs(&[], &[]).unwrap();
    assert!(filter.hides_nothing());
    assert!(!filter.reads_rules());
    assert!(!filter.is_rule_file(b".gitignore"));
    assert!(!filter.hides(b"/", b".git", true));
    assert!(!globs(&["x"], &[]).unwrap().hides_nothing());
    assert!(!globs(&[], &["x"]).unwrap().hides_nothing());
}

#[test]
fn the_last_excluding_glob_that_matches_decides() {
    let root = Path::new("/nowhere");
    let names = [
        "a.o",
        "sub/a.o",
        "sub/keep.o",
        "target/",
        "sub/target/",
        "target",
        "#a",
        "{x}",
    ];
    for (exclude, left) in [
        (
            &["*.o"][..],
            &["target/", "sub/target/", "target", "#a", "{x}"][..],
        ),
        (
            &["*.o", "!keep.o"],
            &[
                "sub/keep.o",
                "target/",
                "sub/target/",
                "target",
                "#a",
                "{x}",
            ],
        ),
        (
            &["!keep.o", "*.o"],
            &["target/", "sub/target/", "target", "#a", "{x}"],
        ),
        (
            &["target/"],
            &["a.o", "sub/a.o", "sub/keep.o", "target", "#a", "{x}"],
        ),
        (
            &["/target"],
            &["a.o", "sub/a.o", "sub/keep.o", "sub/target/", "#a", "{x}"],
        ),
        (
            &["./target"],
            &["a.o", "sub/a.o", "sub/keep.o", "sub/target/", "#a", "{x}"],
        ),
        (&["sub/*"], &["a.o", "target/", "target", "#a", "{x}"]),
        (
            &["#a", "{a,keep}.o"],
            &["target/", "sub/target/", "target", "{x}"],
        ),
    ] {
        assert_eq!(
            reported(&globs(exclude, &[]).unwrap(), root, &names),
            left,
            "{exclude:?}"
        );
    }
}

#[test]
fn included_is_what_matches_or_lies_below_what_does_and_every_directory() {
    let root = Path::new("/nowhere");
    let names = [
        "a.rs",
        "a.c",
        "src/",
        "src/a.c",
        "src/gen/",
        "src/gen/b.c",
        "doc/",
        "doc/src",
    ];
    for (exclude, include, left) in [
        (
            &[][..],
            &["*.rs"][..],
            &["a.rs", "src/", "src/gen/", "doc/"][..],
        ),
        (
            &[],
            &["/src"],
            &["src/", "src/a.c", "src/gen/", "src/gen/b.c", "doc/"],
        ),
        (
            &[],
            &["src/"],
            &["src/", "src/a.c", "src/gen/", "src/gen/b.c", "doc/"],
        ),
        (
            &[],
            &["src", "!src/gen"],
            &["src/", "src/a.c", "src/gen/", "doc/", "doc/src"],
        ),
        (
            &["gen", "doc"],
            &["src", "*.rs"],
            &["a.rs", "src/", "src/a.c", "src/gen/b.c", "doc/src"],
        ),
        (&["*.rs"], &["*.rs"], &["src/", "src/gen/", "doc/"]),
    ] {
        assert_eq!(
            reported(&globs(exclude, include).unwrap(), root, &names),
            left,
            "{exclude:?} {include:?}"
        );
    }
}

#[test]
fn a_glob_that_is_none_is_refused_by_name() {
    for (exclude, include, why) in [
        (
            &["a[b"][..],
            &[][..],
            "--exclude \"a[b\" is no glob: unclosed character class",
        ),
        (
            &[],
            &["a{b"],
            "--include \"a{b\" is no glob: unclosed alternate group",
        ),
        (&["a\\"], &[], "--exclude \"a\\\\\" is no glob: dangling"),
        (
            &["[z-a]"],
            &[],
            "--exclude \"[z-a]\" is no glob: invalid range",
        ),
        (
            &["[\u{1b}-\u{7}]\u{85}"],
            &[],
            r#"--exclude "[\x1b-\x07]\xc2\x85" is no glob: invalid range; '\x1b' > '\x07'"#,
        ),
        (&[""], &[], "--exclude \"\" is no glob: it is empty"),
        (&["x"], &["!y"], "--include \"!y\" leaves nothing to report"),
    ] {
        let refused = globs(exclude, include).err().unwrap();
        assert!(refused.starts_with(why), "{refused}");
    }
}

#[test]
fn files_of_globs_come_before_globs_and_are_refused_by_line() {
    let tree = tree(&[
        ("globs", "\u{feff}# a comment\r\n\r\n*.o\r\n!b.o\n"),
        ("bad", "*.o\n\n[\n"),
    ]);
    let choose = |file: &str, exclude: &[&str]| {
        let bytes = fs::read(tree.path().join(file)).unwrap();
        let shown = file.to_owned();
        let files = [GlobFile { shown, bytes }];
        let exclude: Vec<String> = exclude.iter().map(|&glob| glob.to_owned()).collect();
        Filter::new(&FilterOptions {
            exclude: &exclude,
            exclude_from: &files,
            include: &[],
            gitignore: false,
        })
    };
    let names = ["# a comment", "a.o", "b.o", "c"];
    let filter = choose("globs", &[]).unwrap();
    assert_eq!(
        reported(&filter, tree.path(), &names),
        ["# a comment", "b.o", "c"]
    );
    let filter = choose("globs", &["b.o", "!a.o"]).unwrap();
    assert_eq!(
        reported(&filter, tree.path(), &names),
        ["# a comment", "a.o", "c"]
    );
    let refused = choose("bad", &[]).err().unwrap();
    assert!(
        refused.starts_with("line 3 of ")
            && refused.contains("is no glob: \"[\": unclosed character class"),
        "{refused}"
    );
}

#[test]
fn far_below_a_path_globs_see_the_end_of_a_name_s_path() {
    let end = b"d/a.o";
    for (glob, hides) in [
        ("*.o", true),
        ("**/d/*.o", true),
        ("d/*.o", false),
        ("/*/a.o", false),
        ("*.c", false),
    ] {
        let filter = globs(&[glob], &[]).unwrap();
        assert_eq!(filter.hides_below(end, false), hides, "{glob}");
    }
    assert!(globs(&[], &["*.c"]).unwrap().hides_below(end, false));
    assert!(with_rules(&[], &[]).hides_below(b"d/.git", true));
}
