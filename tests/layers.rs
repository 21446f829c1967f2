//! Checks that each module of `src/` uses only modules that stand before it in a table, so that
//! there is no cycle.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules, each after all that it may use.
const LAYERS: &[(&str, &[&str])] = &[
    ("escape", &[]),
    ("event", &[]),
    ("change", &[]),
    ("names", &[]),
    ("nanos", &[]),
    ("file_status", &["change"]),
    ("build", &[]),
    ("stage_order", &[]),
    ("fair_queue", &[]),
    ("blocking_task", &[]),
    ("sys", &["event", "change", "file_status"]),
    ("absolute_path", &["blocking_task", "sys"]),
    ("mounts", &["file_status", "sys"]),
    ("decode", &["event"]),
    ("coalesce", &["event"]),
    ("output", &["change", "escape", "sys"]),
    ("error", &["escape", "file_status", "sys"]),
    (
        "filter",
        &[
            "blocking_task",
            "error",
            "escape",
            "file_status",
            "mounts",
            "sys",
        ],
    ),
    (
        "tracker",
        &[
            "coalesce",
            "event",
            "change",
            "fair_queue",
            "file_status",
            "filter",
            "names",
            "stage_order",
        ],
    ),
    ("trace", &["escape", "event"]),
    ("stderr", &["change", "error", "escape", "nanos", "sys"]),
    ("interrupt", &["sys"]),
    ("start_guard", &["sys"]),
    ("net_effect", &["change"]),
    ("settle", &["change", "net_effect"]),
    (
        "since",
        &[
            "change",
            "net_effect",
            "escape",
            "file_status",
            "names",
            "sys",
            "tracker",
        ],
    ),
    (
        "hash",
        &[
            "change",
            "fair_queue",
            "nanos",
            "sys",
            "tracker",
            "file_status",
            "since",
        ],
    ),
    ("self_output", &["change", "sys", "tracker", "file_status"]),
    (
        "disk",
        &[
            "event",
            "change",
            "hash",
            "self_output",
            "sys",
            "tracker",
            "file_status",
            "mounts",
        ],
    ),
    (
        "walk",
        &[
            "change",
            "disk",
            "event",
            "interrupt",
            "mounts",
            "since",
            "sys",
            "tracker",
            "file_status",
        ],
    ),
    (
        "root_builder",
        &[
            "absolute_path",
            "blocking_task",
            "change",
            "error",
            "escape",
            "sys",
            "tracker",
            "walk",
            "disk",
            "stderr",
            "file_status",
            "mounts",
        ],
    ),
    ("cli", &["error", "escape", "output", "tracker"]),
    ("manual", &["cli", "escape"]),
    ("input", &["error", "escape", "sys"]),
    (
        "baseline",
        &["change", "file_status", "hash", "since", "tracker"],
    ),
    ("lock", &["error", "escape", "file_status", "sys"]),
    ("log_file", &["error", "escape", "lock", "sys"]),
    ("sd_notify", &["sys"]),
    (
        "daemon",
        &["change", "error", "escape", "lock", "sys", "stderr"],
    ),
    (
        "watcher",
        &[
            "blocking_task",
            "escape",
            "event",
            "change",
            "filter",
            "mounts",
            "nanos",
            "sys",
            "decode",
            "tracker",
            "output",
            "error",
            "trace",
            "stderr",
            "file_status",
            "hash",
            "self_output",
            "disk",
            "walk",
            "root_builder",
            "baseline",
            "log_file",
            "sd_notify",
            "interrupt",
            "net_effect",
            "settle",
            "since",
            "stage_order",
        ],
    ),
    (
        "config",
        &[
            "absolute_path",
            "cli",
            "escape",
            "input",
            "error",
            "filter",
            "log_file",
            "nanos",
            "output",
            "sys",
            "tracker",
            "stderr",
            "watcher",
        ],
    ),
    (
        "main",
        &[
            "cli",
            "config",
            "input",
            "manual",
            "daemon",
            "error",
            "start_guard",
            "blocking_task",
            "sys",
            "stderr",
            "watcher",
        ],
    ),
];

/// Every file of `src/`, with its module and its text without comments.
fn sources() -> Vec<(PathBuf, String, String)> {
    let mut stack = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let top = stack[0].clone();
    let mut files = Vec::new();
    while let Some(dir) = stack.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                stack.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(&top).unwrap().to_path_buf();
                let first = below
                    .components()
                    .next()
                    .unwrap()
                    .as_os_str()
                    .to_str()
                    .unwrap();
                let module = first.trim_end_matches(".rs").to_owned();
                let text = fs::read_to_string(&path).unwrap();
                let code = text
                    .lines()
                    .map(|line| line.split("//").next().unwrap_or_default());
                files.push((below, module, code.collect::<Vec<_>>().join("\n")));
            }
        }
    }
    files
}

/// The modules that a file uses: those after `crate::`, alone or in braces, and in `main.rs`
/// those that begin a path.
fn named(module: &str, code: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        text.chars()
            .take_while(|each| each.is_alphanumeric() || *each == '_')
            .collect()
    };
    let mut found = BTreeSet::new();
    for (_, rest) in code
        .match_indices("crate::")
        .map(|(at, what)| (at, &code[at + what.len()..]))
    {
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = group.split("};").next().unwrap_or_default();
                found.extend(group.split(',').map(|each| word(each.trim())));
            }
            None => drop(found.insert(word(rest))),
        }
    }
    if module == "main" {
        for other in LAYERS.iter().map(|(other, _)| *other) {
            let begins_a_path = |at: usize| {
                !code[..at]
                    .ends_with(|each: char| each.is_alphanumeric() || each == '_' || each == ':')
            };
            if code
                .match_indices(&format!("{other}::"))
                .any(|(at, _)| begins_a_path(at))
            {
                found.insert(other.to_owned());
            }
        }
    }
    found.retain(|each| !each.is_empty());
    found
}

#[test]
fn every_module_knows_only_modules_before_it() {
    for (at, (module, may_know)) in LAYERS.iter().enumerate() {
        for other in *may_know {
            let before = LAYERS[..at].iter().any(|(name, _)| name == other);
            assert!(before, "{other} is to stand before {module} in the table");
        }
    }
}

#[test]
fn every_file_names_only_what_its_module_may_know() {
    let mut wrong = Vec::new();
    for (file, module, code) in sources() {
        let Some((_, may_know)) = LAYERS.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{} is in no module of the table", file.display()));
            continue;
        };
        for other in named(&module, &code) {
            if other != module && !may_know.contains(&other.as_str()) {
                wrong.push(format!("{} names {other}", file.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn of_change_the_system_calls_know_only_kinds_and_attributes() {
    for (file, module, code) in sources() {
        if module == "sys" {
            let named = code.matches("crate::change").count();
            let allowed = ["crate::change::Kind;", "crate::change::{Attributes, Kind};"];
            let allowed = allowed.map(|text| code.matches(text).count());
            assert_eq!(named, allowed.iter().sum::<usize>(), "{}", file.display());
        }
    }
}

#[test]
fn only_the_system_calls_and_the_decoder_name_libc_or_are_unsafe() {
    for (file, module, code) in sources() {
        if module != "sys" && module != "decode" {
            let is_word = |word: &str| {
                let mut words = code.split(|each: char| !(each.is_alphanumeric() || each == '_'));
                words.any(|each| each == word)
            };
            for word in ["libc", "unsafe", "unsafe_code"] {
                assert!(
                    !is_word(word),
                    "{} is for src/sys and src/decode.rs: {}",
                    word,
                    file.display()
                );
            }
        }
    }
}
