//! Tests rule files that a thread compiles, of a user who changes many.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use super::super::rule_source::RuleSource;
use super::super::rules::{RuleChanges, Rules};
use super::{Filter, tree, with_rules};

/// The text of a rule file of so many globs, of which one hides `name`.
fn globs(count: usize, name: &str) -> String {
    let others: String = (1..count).map(|n| format!("/?{n}\n")).collect();
    format!("{others}/{name}\n")
}

/// A tree of directories, and the filter by the rule files that are put there.
struct Directories {
    tree: tempfile::TempDir,
    filter: Filter,
}

impl Directories {
    fn root(&self) -> &[u8] {
        self.tree.path().as_os_str().as_bytes()
    }

    /// Writes the rule file of a directory, and reads it.
    fn write(&self, dir: &str, text: &str) {
        let path = self.tree.path().join(dir);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join(".gitignore"), text).unwrap();
        self.filter.forget(self.root(), dir.as_bytes());
        self.hides(dir, "x");
    }

    fn hides(&self, dir: &str, name: &str) -> bool {
        let path = format!("{dir}/{name}");
        self.filter.hides(self.root(), path.as_bytes(), false)
    }

    /// Makes a check, and reads what it finds; the directories found.
    fn check(&self) -> Vec<Vec<u8>> {
        let RuleChanges::In(changed) = self.filter.find_changes() else {
            panic!("not all rules have changed");
        };
        let changed: Vec<_> = changed.into_iter().map(|(_, dir)| dir).collect();
        for dir in &changed {
            self.filter.forget(self.root(), dir);
            self.hides(std::str::from_utf8(dir).unwrap(), "x");
        }
        changed
    }

    /// Makes checks until all rules count; the directories found.
    fn catch_up(&self) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        for _ in 0..20_000 {
            if !self.filter.are_rules_late() {
                return found;
            }
            found.extend(self.check());
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        panic!("they are never compiled");
    }
}

#[test]
fn of_many_rule_files_that_change_some_count_as_before_until_a_thread_has_compiled_them() {
    let (tree, filter) = (tree(&[]), with_rules(&[], &[]));
    let all = Directories { tree, filter };
    let dirs = ["d0", "d1", "d2"];
    for dir in dirs {
        all.write(dir, &globs(700, "old"));
    }
    // Before the loop begins, all are compiled.
    assert!(dirs.iter().all(|dir| all.hides(dir, "old")));
    assert_eq!(all.filter.find_changes(), RuleChanges::In(Vec::new()));
    // The same bytes need no compiling, and few globs little time.
    all.write("d0", &globs(700, "old"));
    all.write("d1", &globs(50, "new"));
    assert!(all.hides("d0", "old") && all.hides("d1", "new"));
    assert!(!all.filter.are_rules_late());
    // A file that nothing is known of is compiled at once; the next one is not, nor any change.
    all.write("e0", &globs(700, "new"));
    all.write("e1", &globs(700, "new"));
    all.write("d2", &globs(700, "new"));
    assert!(all.hides("e0", "new") && !all.hides("e1", "new"));
    assert!(all.hides("d2", "old") && !all.hides("d2", "new"));
    assert!(all.filter.are_rules_late());
    let mut found = all.catch_up();
    found.sort_unstable();
    assert!(found.contains(&b"d2".to_vec()) && !found.contains(&b"d0".to_vec()));
    assert!(all.hides("e1", "new") && all.hides("d2", "new") && !all.hides("d2", "old"));
}

#[test]
fn rules_that_change_while_they_are_compiled_count_in_the_end() {
    let (tree, filter) = (tree(&[]), with_rules(&[], &[]));
    let all = Directories { tree, filter };
    all.filter.find_changes();
    for round in 0..20 {
        for dir in ["d", "e"] {
            all.write(dir, &globs(700, &format!("name{round}")));
        }
        if round % 4 == 0 {
            all.filter.find_changes();
        }
    }
    all.catch_up();
    assert!(all.hides("d", "name19") && all.hides("e", "name19"));
    assert!(!all.hides("d", "name18") && !all.hides("e", "name18"));
    // No more rules are compiled than all files may have; the others wait for their turn.
    for number in 0..20 {
        all.write(&format!("many{number}"), &globs(1_900, "name"));
    }
    all.catch_up();
    let hidden = (0..20).filter(|number| all.hides(&format!("many{number}"), "name"));
    let hidden = hidden.count();
    assert!((8..=10).contains(&hidden), "{hidden} files are used whole");
}

#[test]
fn a_file_counts_in_the_end_though_others_change_all_the_time() {
    let (tree, filter) = (tree(&[]), with_rules(&[], &[]));
    let all = Directories { tree, filter };
    // Many lines that take no time to compile.
    let others: Vec<_> = (0..100).map(|number| format!("other{number}")).collect();
    let write_others = |round: usize| {
        for other in &others {
            all.write(other, &format!("{}/name{round}\n", "#\n".repeat(150)));
        }
    };
    write_others(0);
    all.write("d", &globs(200, "old"));
    all.filter.find_changes();
    write_others(1);
    all.write("d", &globs(200, "new"));
    for round in 2..50 {
        all.check();
        if all.hides("d", "new") {
            return;
        }
        write_others(round);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("it is never compiled, or never read again");
}

#[test]
fn a_file_that_many_directories_have_rules_of_is_compiled_once() {
    let (tree, users) = (tree(&[]), tempfile::NamedTempFile::new().unwrap());
    let rules = Rules::new(Some(users.path().to_owned()), RuleSource::new());
    let filter = Filter {
        rules: Some(rules.into()),
        ..Filter::default()
    };
    let all = Directories { tree, filter };
    fs::write(users.path(), globs(200, "old")).unwrap();
    let dirs: Vec<_> = (0..20).map(|number| format!("d{number}")).collect();
    for dir in &dirs {
        fs::create_dir_all(all.tree.path().join(dir).join(".git")).unwrap();
        assert!(all.hides(dir, "old"));
    }
    assert_eq!(all.check(), [b""; 0]);
    fs::write(users.path(), globs(200, "new")).unwrap();
    assert_eq!(all.check().len(), dirs.len());
    assert!(dirs.iter().all(|dir| all.hides(dir, "old")));
    assert_eq!(all.catch_up().len(), dirs.len());
    assert!(dirs.iter().all(|dir| all.hides(dir, "new")));
}
