//! Turns `page.md` and the definition of the command line into plain text, for a terminal
//! of a host without man(1). Never asks how wide the terminal is.

use clap::Command;

use super::page::PAGE;

/// The columns that man(1) uses at most by default.
const WIDTH: usize = 80;

const INDENT: &str = "       ";

/// Renders the page.
pub(super) fn render(command: &Command) -> String {
    let mut text = String::new();
    for line in PAGE.lines() {
        match line {
            "@SYNOPSIS" => text += &format!("{INDENT}balerion [OPTIONS] [PATH]...\n"),
            "@OPTIONS" => text += &options(command),
            _ => text += &block(line),
        }
    }
    text
}

/// A line of the page; wrapped, unless it is an example.
fn block(line: &str) -> String {
    let line = line.trim_end();
    if line.is_empty() || line.starts_with("    ") {
        return format!("{}{line}\n", if line.is_empty() { "" } else { INDENT });
    }
    if let Some(title) = line.strip_prefix("## ") {
        return format!("   {title}\n");
    }
    if let Some(title) = line.strip_prefix("# ") {
        return format!("{title}\n");
    }
    let is_item = line.starts_with("- ");
    let mut text = String::new();
    let mut row = INDENT.to_owned();
    for (number, word) in line.split(' ').enumerate() {
        if number > 0 && row.chars().count() + 1 + word.chars().count() > WIDTH {
            text += &format!("{row}\n");
            row = format!("{INDENT}{}", if is_item { "  " } else { "" });
            row += word;
        } else {
            row += if number > 0 { " " } else { "" };
            row += word;
        }
    }
    format!("{text}{row}\n")
}

/// The options as `--help` has them.
fn options(command: &Command) -> String {
    let help = command
        .clone()
        .help_template("{all-args}")
        .after_long_help("")
        .term_width(WIDTH)
        .render_long_help();
    help.to_string()
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{WIDTH, block, render};
    use crate::cli::Cli;
    use crate::manual::page::PAGE;

    #[test]
    fn every_section_and_every_option_is_in_the_text() {
        let command = Cli::command();
        let text = render(&command);
        for section in PAGE.lines().filter_map(|line| line.strip_prefix("# ")) {
            assert!(text.contains(&format!("{section}\n")), "{section}");
        }
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let Some(long) = arg.get_long() else { continue };
            assert!(text.contains(&format!("--{long}")), "{long}");
        }
        assert!(!text.contains("@OPTIONS") && !text.contains("@SYNOPSIS"));
    }

    #[test]
    fn paragraphs_are_wrapped_and_examples_stand_as_they_are() {
        let words = "word ".repeat(40);
        for line in block(&words)
            .lines()
            .chain(block(&format!("- {words}")).lines())
        {
            assert!(line.len() <= WIDTH, "{line:?}");
        }
        let example = "      while read -r _; do :; done";
        assert!(block(example).ends_with(&format!("{example}\n")));
        assert_eq!(block(""), "\n");
    }
}
