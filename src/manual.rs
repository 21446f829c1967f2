//! What is printed about the program itself: completions for a shell, and the man page.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::cli::Cli;

/// Prints completions for a shell.
///
/// # Errors
/// stdout does not take them.
pub(crate) fn completions(shell: clap_complete::Shell) -> io::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "balerion", &mut text);
    io::stdout().write_all(&text)
}

/// Prints the man page, in troff.
///
/// # Errors
/// stdout does not take it.
pub(crate) fn man() -> io::Result<()> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut text)?;
    io::stdout().write_all(&text)
}
