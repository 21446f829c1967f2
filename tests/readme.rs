//! Tests that README.md agrees with the binary and the sources: it names the options that there
//! are, and files that exist, and has the events of the man page.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use common::{Tree, serve};

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

/// Options of other programs in README.md.
const OTHERS: [&str; 16] = [
    "--all-targets",
    "--allow-overflow",
    "--check",
    "--ignore-nothing",
    "--line-buffered",
    "--locked",
    "--no-fail-fast",
    "--nocapture",
    "--only-emit-events",
    "--path",
    "--release",
    "--system",
    "--target",
    "--test",
    "--unbuffered",
    "--now",
];

/// Options that README.md need not have: another name of one that it has, and what every
/// program has.
const ELSEWHERE: [&str; 2] = ["--one", "--version"];

fn readme() -> String {
    fs::read_to_string(Path::new(PACKAGE).join("README.md")).unwrap()
}

/// The words of a text that are options with two dashes.
fn options(text: &str) -> BTreeSet<String> {
    let is_part = |each: char| each.is_ascii_alphanumeric() || each == '-';
    text.split(|each: char| !is_part(each))
        .filter(|word| word.starts_with("--") && word.len() > 2 && !word.starts_with("---"))
        .map(|word| word.trim_end_matches('-').to_owned())
        .collect()
}

fn printed(args: &[&str]) -> String {
    let output = serve::run(&Tree::new(), args);
    assert_eq!(output.status.code(), Some(0), "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_option_that_there_is_stands_in_the_readme_and_no_other() {
    // Only what begins a line is the option itself: others are named in descriptions.
    let help = printed(&["--help"]);
    let ours: BTreeSet<_> = help
        .lines()
        .filter(|line| line.trim_start().starts_with('-'))
        .flat_map(|line| options(line.split('<').next().unwrap()))
        .collect();
    assert!(ours.len() > 30, "{ours:?}");
    let named = options(&readme());
    let unknown: Vec<_> = named
        .difference(&ours)
        .filter(|option| !OTHERS.contains(&option.as_str()))
        .collect();
    assert_eq!(
        unknown,
        Vec::<&String>::new(),
        "README.md names no options of ours"
    );
    let missing: Vec<_> = ours
        .difference(&named)
        .filter(|option| !ELSEWHERE.contains(&option.as_str()))
        .collect();
    assert_eq!(missing, Vec::<&String>::new(), "README.md lacks options");
}

#[test]
fn the_files_that_the_readme_names_exist() {
    let text = readme();
    let is_part = |each: char| each.is_ascii_alphanumeric() || "/._-".contains(each);
    let mut found = 0;
    for word in text.split(|each: char| !is_part(each)) {
        let word = word.trim_end_matches('.');
        if word.starts_with("tests/") || word.starts_with("src/") && word.ends_with('/') {
            assert!(Path::new(PACKAGE).join(word).exists(), "there is no {word}");
            found += 1;
        }
    }
    assert!(found > 5);
}

#[test]
fn the_readme_has_the_events_of_the_man_page() {
    let text = readme();
    let table = text.split_once("\n## JSON records\n").unwrap().1;
    let rows: BTreeSet<_> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .take(11)
        .collect();
    let page = include_str!("../src/manual/page.md");
    let json = page.split_once("\n## JSON\n").unwrap().1;
    let json = json.split_once("\n# ").unwrap().0;
    let described: BTreeSet<_> = json
        .lines()
        .filter_map(|line| line.strip_prefix("- `")?.split('`').next())
        .collect();
    assert_eq!(rows, described);
}

#[test]
fn what_people_read_is_in_the_words_of_the_field() {
    let help = printed(&["--help"]);
    let page = include_str!("../src/manual/page.md").to_owned();
    for (name, text) in [("README.md", readme()), ("--help", help), ("page.md", page)] {
        let words: BTreeSet<_> = text
            .split(|each: char| !each.is_alphanumeric())
            .map(str::to_lowercase)
            .collect();
        for word in [
            "told", "tells", "untold", "sentinel", "room", "rooms", "claim",
        ] {
            assert!(!words.contains(word), "{name} says {word:?}");
        }
    }
}
