//! Turns a command line that is valid, but likely not what was meant, into notes for stderr. Refuses
//! nothing, and asks no disk.

use super::{Cli, ColorWhen, globs};
use crate::output::{EventName, Format};
use crate::tracker::Hashing;

impl Cli {
    /// A sentence for each option that has no effect beside another one, and for each glob
    /// that was likely meant as something else. `paths`: all PATHs; `directory`: the working
    /// directory.
    pub(crate) fn notes(&self, paths: &[Vec<u8>], directory: &[u8]) -> Vec<String> {
        let mut notes = self.without_effect();
        let roots: Vec<_> = paths
            .iter()
            .map(|path| named_root(path, directory))
            .collect();
        for (option, given) in [("--exclude", &self.exclude), ("--include", &self.include)] {
            let noted = given
                .iter()
                .filter_map(|glob| globs::note(option, glob, &roots));
            notes.extend(noted);
        }
        notes
    }

    fn without_effect(&self) -> Vec<String> {
        let json = self.format == Format::Json;
        let text = self.format == Format::Text;
        let for_json = if text {
            "with --format text: it is for --format json"
        } else {
            "with --format paths: it is for --format json"
        };
        let asks_for = |name| self.events.contains(&name);
        let misses_renames = self.no_renames
            && asks_for(EventName::Renamed)
            && !asks_for(EventName::Created)
            && !asks_for(EventName::Deleted);
        let cases = [
            (
                misses_renames,
                "--events renamed",
                "with --no-renames: a rename is deleted and created",
            ),
            (
                self.timestamps && json,
                "--timestamps",
                "with --format json: every record has `time`",
            ),
            (
                self.timestamps && !text && !json,
                "--timestamps",
                "with --format paths",
            ),
            (
                self.color == ColorWhen::Always && json,
                "--color always",
                "with --format json",
            ),
            (
                self.color == ColorWhen::Always && !text && !json,
                "--color always",
                "with --format paths",
            ),
            (self.initial && !json, "--initial", for_json),
            (self.host.is_some() && !json, "--host", for_json),
            (self.stat && !json, "--stat", for_json),
            (self.snapshot.is_some() && !json, "--snapshot", for_json),
            (
                self.hash == Some(Hashing::Off) && self.hash_limit != super::DEFAULT_HASH_LIMIT,
                "--hash-limit",
                "with --hash off: no file is read",
            ),
        ];
        cases
            .into_iter()
            .filter(|(is_so, _, _)| *is_so)
            .map(|(_, option, why)| format!("{option} has no effect {why}"))
            .collect()
    }
}

/// A PATH in the forms with which a glob may begin. Bytes that are not UTF-8 are in no glob.
fn named_root(path: &[u8], directory: &[u8]) -> globs::NamedRoot {
    let path = match path.iter().rposition(|&byte| byte != b'/') {
        Some(last) => &path[..=last],
        None => b"/",
    };
    let absolute = if path.starts_with(b"/") {
        path.to_vec()
    } else if path == b"." {
        directory.to_vec()
    } else {
        [directory, b"/", path].concat()
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    globs::NamedRoot {
        shown: text(path),
        absolute: text(&absolute),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Cli;

    fn notes(args: &[&str]) -> Vec<String> {
        let words = std::iter::once(&"balerion").chain(args);
        let cli = Cli::try_parse_from(words).expect("arguments");
        let paths: Vec<_> = cli
            .paths
            .iter()
            .map(|path| path.as_encoded_bytes().to_vec())
            .collect();
        cli.notes(&paths, b"/home/u")
    }

    #[test]
    fn an_option_without_effect_is_noted() {
        for (args, note) in [
            (
                &["--format=json", "--timestamps"][..],
                "--timestamps has no effect with --format json: every record has `time`",
            ),
            (
                &["--format=paths", "--timestamps"],
                "--timestamps has no effect with --format paths",
            ),
            (
                &["--color=always", "--format=json"],
                "--color always has no effect with --format json",
            ),
            (
                &["--no-renames", "--events=renamed,changed"],
                "--events renamed has no effect with --no-renames: a rename is deleted and created",
            ),
            (
                &["--hash=off", "--hash-limit=1M"],
                "--hash-limit has no effect with --hash off: no file is read",
            ),
        ] {
            assert_eq!(notes(args), [note], "{args:?}");
        }
        for args in [
            &["--timestamps"][..],
            &["--color=always"],
            &["--color=auto", "--format=json"],
            &["--hash-limit=1M"],
            &["--hash=off"],
            &["--no-renames"],
            &["--no-renames", "--events=renamed,deleted"],
        ] {
            assert_eq!(notes(args), Vec::<String>::new(), "{args:?}");
        }
    }

    #[test]
    fn globs_are_compared_with_the_paths() {
        let found = notes(&[
            "project/",
            "--exclude",
            "/home/u/project/target",
            "--include",
            "*.rs",
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with("'/target'"), "{found:?}");
    }
}
