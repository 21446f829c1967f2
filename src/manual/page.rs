//! Turns `page.md` and the definition of the command line into a manual page: man(7).
//!
//! The text is a small part of Markdown: sections, paragraphs of one line, lists whose
//! items begin with a term in backquotes, numbered lists, and indented blocks that are
//! printed unchanged. Invariant: what is printed is ASCII.

use std::io;

use clap::{Arg, ArgAction, Command};

pub(super) const PAGE: &str = include_str!("page.md");

/// The date of the page: the last change of its text.
const DATE: &str = "2026-11-28";

/// Renders the page.
///
/// # Errors
/// Those of writing to memory: none.
pub(super) fn render(command: &Command) -> io::Result<String> {
    let mut command = command.clone();
    command.build();
    let version = env!("BALERION_VERSION");
    let mut page = format!(".TH BALERION 1 {DATE} \"balerion {version}\" \"User Commands\"\n");
    // No hyphens and no justification, so that options can be searched for.
    page += ".nh\n.ad l\n";
    let mut is_example = false;
    for line in PAGE.lines() {
        let example = line.strip_prefix("    ");
        if example.is_some() != is_example && !(is_example && line.is_empty()) {
            is_example = example.is_some();
            page += if is_example {
                ".PP\n.RS 4\n.EX\n"
            } else {
                ".EE\n.RE\n"
            };
        }
        match (example, line) {
            (Some(example), _) => page += &format!("{}\n", literal(example)),
            (None, "@SYNOPSIS") => page += &synopsis(&command),
            (None, "@OPTIONS") => page += &options(&command)?,
            (None, _) => page += &block(line),
        }
    }
    // The first paragraph of a section begins by itself.
    for heading in PAGE.lines().filter(|line| line.starts_with('#')) {
        let heading = block(heading);
        page = page.replace(&format!("{heading}.PP\n"), &heading);
    }
    Ok(page)
}

/// A line of text that is no example.
fn block(line: &str) -> String {
    if let Some(title) = line.strip_prefix("## ") {
        return format!(".SS {}\n", literal(title));
    }
    if let Some(title) = line.strip_prefix("# ") {
        return format!(".SH {}\n", literal(title));
    }
    if let Some(item) = line.strip_prefix("- ") {
        let term = item.strip_prefix('`').and_then(|item| item.split_once('`'));
        return match term {
            Some((term, text)) => format!(
                ".TP\n\\fB{}\\fR\n{}\n",
                literal(term),
                inline(text.trim_start())
            ),
            None => format!(".IP \\(bu 2\n{}\n", inline(item)),
        };
    }
    match line.split_once(". ") {
        _ if line.is_empty() => String::new(),
        Some((number, text)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!(".IP {number}. 4\n{}\n", inline(text))
        }
        // whatis(1) reads the line below NAME, which must be no paragraph.
        _ if line.starts_with("balerion - ") => {
            format!("{}\n", literal(line))
        }
        _ => format!(".PP\n{}\n", inline(line)),
    }
}

/// Text in which code between backquotes becomes bold.
fn inline(text: &str) -> String {
    let mut out = String::new();
    for (number, part) in text.split('`').enumerate() {
        if number % 2 == 0 {
            out += &literal(part);
        } else {
            out += &format!("\\fB{}\\fR", literal(part));
        }
    }
    out
}

/// Verbatim text: escaped, so that troff prints each character unchanged.
fn literal(text: &str) -> String {
    let mut out = String::new();
    for (number, character) in text.chars().enumerate() {
        match character {
            '\\' => out += "\\e",
            '-' => out += "\\-",
            '\'' => out += "\\(aq",
            '`' => out += "\\(ga",
            '^' => out += "\\(ha",
            '~' => out += "\\(ti",
            // At the start of a line it would be a request.
            '.' if number == 0 => out += "\\&.",
            _ => out.push(character),
        }
    }
    out
}

/// Every option with its value, as it may be given.
fn synopsis(command: &Command) -> String {
    let mut line = "\\fBbalerion\\fR".to_owned();
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    for arg in shown.filter(|arg| !arg.is_positional()) {
        let repeats = if matches!(arg.get_action(), ArgAction::Append) {
            // `\&`: no end of a sentence, after which troff puts two spaces.
            "...\\&"
        } else {
            ""
        };
        // An option and its value stay on one line.
        line += &format!("\n[{}]{repeats}", usage(arg).replace(' ', "\\ "));
    }
    format!("{line}\n[\\fIPATH\\fR]...\n")
}

fn usage(arg: &Arg) -> String {
    let name = match (arg.get_short(), arg.get_long()) {
        (Some(short), Some(long)) => format!("\\fB\\-{short}\\fR|\\fB\\-\\-{}\\fR", literal(long)),
        (Some(short), None) => format!("\\fB\\-{short}\\fR"),
        (None, long) => format!("\\fB\\-\\-{}\\fR", literal(long.unwrap_or_default())),
    };
    match arg.get_value_names() {
        Some([value, ..]) if arg.get_action().takes_values() => format!("{name} \\fI{value}\\fR"),
        _ => name,
    }
}

/// The options by their headings, each described as `--help` does.
fn options(command: &Command) -> io::Result<String> {
    let mut section = Vec::new();
    clap_mangen::Man::new(command.clone()).render_options_section(&mut section)?;
    let headings: Vec<_> = command
        .get_arguments()
        .filter_map(Arg::get_help_heading)
        .collect();
    let mut text = String::new();
    for line in String::from_utf8_lossy(&section).lines() {
        let title = line
            .strip_prefix(".SH ")
            .map(|title| title.trim_matches('"'));
        let heading = headings
            .iter()
            .find(|heading| title.is_some_and(|title| heading.to_uppercase() == title));
        match (title, heading) {
            // A part of the section, whose own title is in `page.md`.
            (Some(_), Some(heading)) => text += &format!(".SS {heading}\n"),
            (Some(_), None) => {}
            // An empty line inside a list is a paragraph of it, and breaks the line.
            (None, _) if line == ".br" => {}
            (None, _) if line.is_empty() && text.ends_with(".sp\n") => {}
            (None, _) if line.is_empty() => text += ".sp\n",
            (None, _) => text += &format!("{line}\n"),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{PAGE, block, inline, literal, render};
    use crate::cli::Cli;
    use crate::escape::BREAKS_AND_DIRECTIONS;

    #[test]
    fn text_is_printed_as_it_stands() {
        assert_eq!(literal(".a -0 '\\.rs$'"), "\\&.a \\-0 \\(aq\\e.rs$\\(aq");
        assert_eq!(inline("say `-0` twice"), "say \\fB\\-0\\fR twice");
        assert_eq!(block("## A b"), ".SS A b\n");
        assert_eq!(block("- `0` Good."), ".TP\n\\fB0\\fR\nGood.\n");
        assert_eq!(block("- Good."), ".IP \\(bu 2\nGood.\n");
        assert_eq!(block("1. One. Two."), ".IP 1. 4\nOne. Two.\n");
    }

    #[test]
    fn the_page_is_ascii_and_holds_every_option_with_its_value() {
        let command = Cli::command();
        let page = render(&command).expect("written to memory");
        assert!(page.is_ascii());
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let Some(long) = arg.get_long() else { continue };
            let name = literal(&format!("--{long}"));
            assert!(page.matches(&name).count() >= 2, "{long}");
        }
        for section in PAGE.lines().filter_map(|line| line.strip_prefix("# ")) {
            assert!(page.contains(&format!(".SH {section}\n")), "{section}");
        }
        assert!(
            page.contains("[\\fB\\-\\-timeout\\fR\\ \\fITIME\\fR]"),
            "{page}"
        );
    }

    #[test]
    fn the_characters_that_are_escaped_in_paths_are_described() {
        for range in BREAKS_AND_DIRECTIONS {
            let [start, end] = [*range.start(), *range.end()].map(u32::from);
            let range = format!("U+{start:X} to U+{end:X}");
            assert!(PAGE.contains(&range), "{range}");
        }
    }

    #[test]
    fn every_event_and_every_variable_that_is_read_is_described() {
        for event in [
            "start",
            "existing",
            "ready",
            "created",
            "changed",
            "renamed",
            "deleted",
            "attributes",
            "closed",
            "touched",
            "overflow",
        ] {
            assert!(PAGE.contains(&format!("\n- `{event}` ")), "{event}");
        }
        for variable in ["NO_COLOR", "TZ", "NOTIFY_SOCKET", "WATCHDOG_USEC"] {
            assert!(PAGE.contains(variable), "{variable}");
        }
    }
}
