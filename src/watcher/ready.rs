//! Makes the text of the `ready` line on stderr: how many directories and files are watched, and
//! in which PATHs.

use crate::escape::escaped;

/// Most PATHs that are named; of more, the number is given.
const NAMED: usize = 5;

/// For example `12 directories, 340 files in src, tests; waiting for later`. A single `.` is not
/// named.
pub(super) fn text(
    (directories, files): (u64, u64),
    watched: &[&[u8]],
    missing: &[&[u8]],
) -> String {
    let directories = counted(directories, "directory", "directories");
    let files = counted(files, "file", "files");
    let mut text = format!("{directories}, {files}");
    if !watched.is_empty() && watched != [b"."] {
        text += &format!(" in {}", named(watched));
    }
    if !missing.is_empty() {
        text += &format!("; waiting for {}", named(missing));
    }
    text
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn named(paths: &[&[u8]]) -> String {
    let name = |path: &&[u8]| match *path {
        // The PATH `/`, since paths in it begin with a slash.
        b"" => "/".to_owned(),
        path => escaped(path),
    };
    let names: Vec<_> = paths.iter().take(NAMED).map(name).collect();
    let names = names.join(", ");
    match paths.len().saturating_sub(NAMED) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn it_counts_in_good_english_and_names_five_paths() {
        let many: Vec<&[u8]> = vec![b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h"];
        for (counts, watched, missing, wanted) in [
            ((1, 1), &[&b"."[..]][..], &[][..], "1 directory, 1 file"),
            ((2, 0), &[b"src"], &[], "2 directories, 0 files in src"),
            ((2, 0), &[b""], &[], "2 directories, 0 files in /"),
            (
                (0, 0),
                &[],
                &[&b"later"[..]],
                "0 directories, 0 files; waiting for later",
            ),
            (
                (1, 2),
                &[b".", b"x\ny"],
                &[b"z"],
                "1 directory, 2 files in ., x\\ny; waiting for z",
            ),
            (
                (9, 9),
                &many,
                &[],
                "9 directories, 9 files in a, b, c, d, e and 3 more",
            ),
        ] {
            assert_eq!(text(counts, watched, missing), wanted);
        }
    }
}
