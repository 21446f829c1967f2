//! Prints completions, the man page and the systemd unit.
//!
//! Has no list of options: all come from the definition of the command line.

mod page;
mod text;

use std::io::{self, IsTerminal, Write};

use clap::{Command, CommandFactory};

use crate::cli::Cli;

/// Prints completions for a shell.
///
/// # Errors
/// stdout does not take them.
pub(crate) fn completions(shell: clap_complete::Shell) -> io::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(
        shell,
        &mut without_hidden(&Cli::command()),
        "balerion",
        &mut text,
    );
    io::stdout().write_all(&text)
}

/// The command line without hidden options, which clap_complete would offer. clap cannot remove an
/// option, so that a new command is made.
fn without_hidden(full: &Command) -> Command {
    let shown = full.get_arguments().filter(|arg| !arg.is_hide_set());
    Command::new("balerion")
        .version(env!("BALERION_VERSION"))
        .args(shown.cloned())
}

/// Prints the man page: in troff, or, on a terminal, as text.
///
/// # Errors
/// stdout does not take it.
pub(crate) fn man() -> io::Result<()> {
    let command = Cli::command();
    let page = if io::stdout().is_terminal() {
        text::render(&command)
    } else {
        page::render(&command)?
    };
    io::stdout().write_all(page.as_bytes())
}

/// Prints the systemd unit, with the rules for logrotate in comments at its end.
///
/// # Errors
/// stdout does not take it.
pub(crate) fn unit() -> io::Result<()> {
    io::stdout().write_all(include_bytes!("manual/balerion.service"))
}
