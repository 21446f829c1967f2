//! Turns a glob that was likely meant as something else into a note with the glob that was likely
//! meant. Compares text with the PATHs, and asks no disk.
//!
//! Refuses no glob, since each of these may be meant as it is.

/// A PATH in the forms with which a glob may begin by mistake.
#[derive(Debug)]
pub(super) struct NamedRoot {
    /// As it is printed, without slashes at its end.
    pub(super) shown: String,
    /// The absolute path; empty if it is not known.
    pub(super) absolute: String,
}

/// The note about a glob of `option`, if there is one.
pub(super) fn note(option: &str, glob: &str, roots: &[NamedRoot]) -> Option<String> {
    let (bang, bare) = match glob.strip_prefix('!') {
        Some(bare) => ("!", bare),
        None => ("", glob),
    };
    if is_regex(bare) {
        let meant = translated(bare).map_or_else(String::new, |meant| {
            format!(": the glob would be '{bang}{meant}'")
        });
        return Some(format!(
            "{option} takes a glob, and '{glob}' looks like a regular expression{meant}"
        ));
    }
    let meant = relative(bare, roots)?;
    Some(format!(
        "{option} '{glob}' is relative to each PATH, where it hardly matches: the glob for that path would be '{bang}{meant}'"
    ))
}

/// Whether a glob looks like a regular expression.
fn is_regex(glob: &str) -> bool {
    let is_group = glob.contains('(') && glob.contains(')') && glob.contains('|');
    let is_anywhere = glob.starts_with(".*/") && glob.ends_with("/.*");
    is_group
        || is_anywhere
        || glob.starts_with('^')
        || (glob.ends_with('$') && !glob.ends_with("\\$"))
        || ["\\.", ".+", ").*", "\\d", "\\w", "\\s", "\\b"]
            .iter()
            .any(|sign| glob.contains(sign))
}

/// Translates a regular expression into a glob. `None`: no glob means the same.
fn translated(regex: &str) -> Option<String> {
    let (start, body) = match regex.strip_prefix('^') {
        Some(body) => (
            true,
            body.strip_prefix("\\./")
                .or(body.strip_prefix("./"))
                .unwrap_or(body),
        ),
        None => (false, regex),
    };
    let (end, body) = match body.strip_suffix('$') {
        Some(body) => (true, body),
        None => (false, body),
    };
    let mut glob = String::new();
    let mut depth = 0u32;
    let mut rest = body.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '.' => match rest.peek() {
                Some('*' | '+') => {
                    rest.next();
                    glob.push('*');
                }
                // Any character, but in a file name most likely a dot.
                _ => glob.push('.'),
            },
            '\\' => match rest.next()? {
                c if c.is_ascii_alphanumeric() => return None,
                c => glob.push(c),
            },
            '(' => {
                depth += 1;
                glob.push('{');
            }
            ')' => {
                depth = depth.checked_sub(1)?;
                glob.push('}');
            }
            '|' if depth > 0 => glob.push(','),
            '*' | '+' | '?' | '|' | '[' | '{' | '^' | '$' => return None,
            c => glob.push(c),
        }
    }
    if depth != 0 {
        return None;
    }
    Some(trimmed(&glob, Anchors { start, end }))
}

/// Where a regular expression is anchored: by `^` and by `$`.
#[derive(Clone, Copy)]
struct Anchors {
    start: bool,
    end: bool,
}

/// Removes what matches anything from the ends of a glob: a name matches at any depth anyway, and a
/// directory with all that is in it.
fn trimmed(glob: &str, anchors: Anchors) -> String {
    let glob = glob.strip_prefix("*/").unwrap_or(glob);
    let glob = match glob.strip_suffix("/*") {
        Some(dir) => format!("{dir}/"),
        None => glob.to_owned(),
    };
    match (anchors.start, anchors.end && !glob.starts_with('*')) {
        (true, _) => format!("/{}", glob.trim_start_matches('/')),
        (false, true) => format!("*{glob}"),
        (false, false) => glob,
    }
}

/// The rest of a glob that begins with a PATH, anchored to that.
fn relative(glob: &str, roots: &[NamedRoot]) -> Option<String> {
    let below = |root: &str| {
        let rest = glob.strip_prefix(root)?.strip_prefix('/')?;
        (!rest.is_empty()).then(|| format!("/{rest}"))
    };
    if glob.starts_with('/') {
        return roots
            .iter()
            .filter(|root| root.absolute.len() > 1)
            .find_map(|root| below(&root.absolute));
    }
    // If `.` is a PATH, the glob may be relative to that.
    if roots.iter().any(|root| root.shown == ".") {
        return None;
    }
    roots
        .iter()
        .filter(|root| !root.shown.starts_with('/'))
        .find_map(|root| below(&root.shown))
}

#[cfg(test)]
mod tests {
    use super::{NamedRoot, note};

    fn root(shown: &str, absolute: &str) -> NamedRoot {
        NamedRoot {
            shown: shown.to_owned(),
            absolute: absolute.to_owned(),
        }
    }

    #[test]
    fn a_regular_expression_is_noted_with_the_glob_that_it_would_be() {
        for (regex, glob) in [
            (r".*\.swp$", "*.swp"),
            (r"\.swp$", "*.swp"),
            (r"^\.git/", "/.git/"),
            (r"\.git", ".git"),
            (r".*\.(o|tmp)$", "*.{o,tmp}"),
            (r".*/node_modules/.*", "node_modules/"),
            (r"^./target/.*", "/target/"),
            (r"build-.+", "build-*"),
            (r".*.swp$", "*.swp"),
        ] {
            let note = note("--exclude", regex, &[root(".", "/w")]).expect(regex);
            let end = format!("looks like a regular expression: the glob would be '{glob}'");
            assert!(note.ends_with(&end), "{regex}: {note}");
        }
        for regex in [r"^[a-z]+\.log$", r"\d+", r"x?\.o"] {
            let note = note("--exclude", regex, &[]).expect(regex);
            assert!(note.ends_with("looks like a regular expression"), "{note}");
        }
        assert_eq!(note("--exclude", "(a|b", &[]), None, "a glob, too");
        let negated = note("--exclude", r"!.*\.rs$", &[]).expect("a note");
        assert!(negated.ends_with("'!*.rs'"), "{negated}");
    }

    #[test]
    fn a_glob_as_people_write_them_has_no_note() {
        let roots = [
            root(".", "/home/u/project"),
            root("src", "/home/u/project/src"),
        ];
        for glob in [
            "*.swp",
            ".*",
            ".*.swp",
            "foo.*",
            "target/",
            "/target",
            "src/gen",
            "**/x",
            "*.{o,tmp}",
            "a(1)",
            "[ab].c",
            "/usr/lib",
            "!keep",
            "./here",
            "costs\\$",
            "/home/u/project",
        ] {
            assert_eq!(note("--exclude", glob, &roots), None, "{glob}");
        }
        assert_eq!(note("--exclude", "/proc/1", &[root("/", "/")]), None);
    }

    #[test]
    fn a_path_instead_of_a_glob_is_noted_with_the_glob_for_it() {
        let src = [root("src", "/home/u/project/src")];
        for (roots, path, glob) in [
            (
                &[root(".", "/home/u/project")],
                "/home/u/project/target",
                "'/target'",
            ),
            (&src, "/home/u/project/src/gen/", "'/gen/'"),
            (&src, "src/gen", "'/gen'"),
            (&src, "!src/gen/*.rs", "'!/gen/*.rs'"),
            (&[root("../x", "/home/u/x")], "../x/y", "'/y'"),
            (&[root("/srv", "/srv")], "/srv/www/tmp", "'/www/tmp'"),
        ] {
            let note = note("--exclude", path, roots).expect(path);
            assert!(note.ends_with(glob), "{path}: {note}");
        }
    }
}
