//! Lists operations, the records of each if nobody watched, and the records if somebody did.

use crate::common::Tree;

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) before: fn(&Tree),
    pub(crate) change: fn(&Tree),
    pub(crate) offline: &'static [&'static str],
    pub(crate) live: &'static [&'static str],
}

/// The operations, their records if nobody watched, and their records if somebody did.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "nothing",
        before: |tree| tree.write("a", "1"),
        change: |_| {},
        offline: &[],
        live: &[],
    },
    Case {
        name: "a new file",
        before: |_| {},
        change: |tree| tree.write("a", "1"),
        offline: &["created file ./a"],
        live: &["created file ./a", "changed file ./a"],
    },
    Case {
        name: "other bytes, as many",
        before: |tree| tree.write("a", "1"),
        change: |tree| tree.overwrite("a", "2"),
        offline: &["changed file ./a"],
        live: &["changed file ./a"],
    },
    Case {
        name: "the same bytes",
        before: |tree| tree.write("a", "1"),
        change: |tree| tree.overwrite("a", "1"),
        offline: &[],
        live: &[],
    },
    Case {
        name: "a new mode",
        before: |tree| tree.write("a", "1"),
        change: |tree| tree.chmod("a", 0o600),
        offline: &[],
        live: &[],
    },
    Case {
        name: "a directory that is replaced by a copy",
        before: |tree| {
            for top in [tree.path("d"), tree.outside("copy")] {
                tree.mkdirs(top.join("e"));
                tree.symlink("x", top.join("e/link"));
                tree.write(top.join("e/a"), "1");
            }
        },
        change: |tree| {
            tree.rename("d", tree.outside("old"));
            tree.rename(tree.outside("copy"), "d");
        },
        offline: &[],
        live: &[
            "deleted file ./d/e/a",
            "deleted symlink ./d/e/link",
            "deleted directory ./d/e",
            "deleted directory ./d",
            "created directory ./d",
            "created directory ./d/e",
            "created symlink ./d/e/link",
            "created file ./d/e/a",
        ],
    },
    Case {
        name: "a rename",
        before: |tree| tree.write("a", "1"),
        change: |tree| tree.rename("a", "b"),
        offline: &["renamed file ./a -> ./b"],
        live: &["renamed file ./a -> ./b"],
    },
    Case {
        name: "a rename, and other bytes",
        before: |tree| tree.write("a", "1"),
        change: |tree| {
            tree.rename("a", "b");
            tree.overwrite("b", "2");
        },
        offline: &["renamed file ./a -> ./b", "changed file ./b"],
        live: &["renamed file ./a -> ./b", "changed file ./b"],
    },
    Case {
        name: "a renamed directory",
        before: |tree| {
            tree.mkdirs("d/e");
            tree.write("d/e/a", "1");
        },
        change: |tree| tree.rename("d", "f"),
        offline: &["renamed directory ./d -> ./f"],
        live: &["renamed directory ./d -> ./f"],
    },
    Case {
        name: "a file that moved out of a directory that is gone",
        before: |tree| {
            tree.mkdir("d");
            tree.write("d/a", "1");
            tree.write("d/b", "2");
        },
        change: |tree| {
            tree.rename("d/a", "a");
            tree.remove_all("d");
        },
        offline: &[
            "renamed file ./d/a -> ./a",
            "deleted file ./d/b",
            "deleted directory ./d",
        ],
        live: &[
            "renamed file ./d/a -> ./a",
            "deleted file ./d/b",
            "deleted directory ./d",
        ],
    },
    Case {
        name: "an atomic save",
        before: |tree| tree.write("a", "1"),
        change: |tree| {
            tree.write("t", "2");
            tree.rename("t", "a");
        },
        offline: &["changed file ./a"],
        live: &[
            "created file ./t",
            "renamed file ./t -> ./a",
            "changed file ./a",
        ],
    },
    Case {
        name: "a rename over other bytes",
        before: |tree| {
            tree.write("a", "1");
            tree.write("t", "2");
        },
        change: |tree| tree.rename("t", "a"),
        offline: &["renamed file ./t -> ./a", "changed file ./a"],
        live: &["renamed file ./t -> ./a", "changed file ./a"],
    },
    Case {
        name: "a rename over the same bytes",
        before: |tree| {
            tree.write("a", "1");
            tree.write("t", "1");
        },
        change: |tree| tree.rename("t", "a"),
        offline: &["renamed file ./t -> ./a"],
        live: &["renamed file ./t -> ./a"],
    },
    Case {
        name: "a chain of renames",
        before: |tree| {
            tree.write("log", "2");
            tree.write("log.1", "1");
        },
        change: |tree| {
            tree.rename("log.1", "log.2");
            tree.rename("log", "log.1");
        },
        offline: &[
            "renamed file ./log.1 -> ./log.2",
            "renamed file ./log -> ./log.1",
        ],
        live: &[
            "renamed file ./log.1 -> ./log.2",
            "renamed file ./log -> ./log.1",
        ],
    },
    Case {
        name: "a file instead of a directory",
        before: |tree| {
            tree.mkdir("a");
            tree.write("a/b", "1");
        },
        change: |tree| {
            tree.remove_all("a");
            tree.symlink("nowhere", "a");
        },
        offline: &[
            "deleted file ./a/b",
            "deleted directory ./a",
            "created symlink ./a",
        ],
        live: &[
            "deleted file ./a/b",
            "deleted directory ./a",
            "created symlink ./a",
        ],
    },
    Case {
        name: "a second name of a file",
        before: |tree| tree.write("a", "1"),
        change: |tree| tree.link("a", "b"),
        offline: &["created file ./b"],
        live: &["created file ./b"],
    },
    Case {
        name: "a deep new directory",
        before: |_| {},
        change: |tree| {
            tree.mkdirs("d/e");
            tree.fifo("d/e/p");
        },
        offline: &[
            "created directory ./d",
            "created directory ./d/e",
            "created other ./d/e/p",
        ],
        live: &[
            "created directory ./d",
            "created directory ./d/e",
            "created other ./d/e/p",
        ],
    },
    Case {
        name: "another directory of the same name, beside and above unchanged files",
        before: |tree| {
            tree.mkdirs("d/e/f");
            tree.write("d/a", "1");
            tree.write("d/e/b", "2");
            tree.write("d/e/f/c", "3");
            tree.mkdir("g");
            tree.write("g/new", "4");
        },
        change: |tree| {
            tree.rename("d/e", "h");
            tree.rename("g", "d/e");
        },
        offline: &[
            "renamed directory ./d/e -> ./h",
            "renamed directory ./g -> ./d/e",
        ],
        live: &[
            "renamed directory ./d/e -> ./h",
            "renamed directory ./g -> ./d/e",
        ],
    },
    Case {
        name: "a file deep below unchanged ones",
        before: |tree| {
            tree.mkdirs("d/e");
            tree.mkdirs("d/f");
            tree.write("a", "1");
            tree.write("d/b", "2");
            tree.write("d/e/c", "3");
            tree.write("d/f/d", "4");
        },
        change: |tree| {
            tree.remove("d/e/c");
            tree.rmdir("d/e");
            tree.overwrite("d/f/d", "5");
        },
        offline: &[
            "deleted file ./d/e/c",
            "deleted directory ./d/e",
            "changed file ./d/f/d",
        ],
        live: &[
            "deleted file ./d/e/c",
            "deleted directory ./d/e",
            "changed file ./d/f/d",
        ],
    },
];
