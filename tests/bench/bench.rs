//! `cargo bench` measures balerion, inotifywait and the floors by turns, on trees made for it.
//! Writes RESULTS.md and chart.svg beside this file. The ratios count: the speed of a machine
//! varies, and the tools take turns.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints what it finds"
)]

mod burst;
mod chart;
mod floor;
mod fold;
mod idle;
mod latency;
mod life;
mod report;
mod run;
mod session;
mod stats;
#[allow(unsafe_code, reason = "system calls that std lacks, and nothing else")]
mod sys;
mod tools;
mod trees;
mod work;

use clap::{Parser, ValueEnum};
use session::{Session, Sizes};
use stats::Row;
use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tools::{EAGER, Tools};

/// Errors are only printed.
type Fallible<T> = Result<T, Box<dyn Error>>;

/// Where the sources are, and the results go.
const HOME: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench");
/// Names another program to measure in the place of balerion.
const OVERRIDE: &str = "BALERION_BENCH_BIN";

/// The arguments after `cargo bench --`.
#[derive(Parser)]
#[command(about = "Measures balerion against inotifywait and the least that can be done")]
struct Options {
    /// Tiny trees and one round: does everything work? Prints and writes nothing
    #[arg(long)]
    quick: bool,
    /// Only these measures; prints and writes nothing
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Measure>,
    /// How often each tool takes its turn
    #[arg(long)]
    rounds: Option<usize>,
    /// Given by `cargo bench`, and not by `cargo test --all-targets`
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measure {
    Startup,
    /// From exec to every file having been hashed.
    Baseline,
    Memory,
    Exit,
    /// CPU time for many changes, and whether all were reported.
    Burst,
    Latency,
    Idle,
    /// Real commands beside a watcher.
    Work,
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().collect();
    if let [_, kind, tree] = arguments.as_slice()
        && let Some(kind) = kind.to_str()
        && floor::ALL.contains(&kind)
    {
        // The benchmark, which reads stderr, has ended: nothing is printed.
        return ExitCode::from(u8::from(floor::run(kind, tree).is_err()));
    }
    match bench(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures, prints and, if all was measured, writes the results.
fn bench(options: &Options) -> Fallible<()> {
    sys::notice_interrupts();
    let other = env::var_os(OVERRIDE).map(PathBuf::from);
    let own = other.is_none();
    let balerion = other.unwrap_or_else(|| env!("CARGO_BIN_EXE_balerion").into());
    let mut sizes = if options.quick || !options.bench {
        Sizes::quick()
    } else {
        Sizes::full()
    };
    sizes.rounds = options.rounds.unwrap_or(sizes.rounds).max(1);
    let whole = options.bench && !options.quick && options.only.is_empty() && own;

    let version = report::balerion_version(&balerion);
    let mut session = Session::new(Tools::find(balerion, env::current_exe()?), sizes)?;
    let rows = measure(&mut session, &options.only)?;
    let mut table = report::table(&rows);
    let mut shares = Vec::new();
    if options.only.is_empty() || options.only.contains(&Measure::Work) {
        shares = work::measure(&mut session)?;
        table += &report::shares(&shares);
    }
    println!("{table}");
    if session.tools.named(&[EAGER]).is_empty() || session.failed {
        return Err("not everything could be measured: nothing is written".into());
    }
    if whole {
        let home = Path::new(HOME);
        let text = report::page(&session, &version, &table);
        fs::write(home.join("RESULTS.md"), text)?;
        eprintln!("bench: wrote tests/bench/RESULTS.md");
        if let Some(svg) = chart::draw(&rows, &shares) {
            fs::write(home.join("chart.svg"), svg)?;
            eprintln!("bench: wrote tests/bench/chart.svg");
        }
    }
    Ok(())
}

/// Takes every measure that is wanted, in the order of the table.
fn measure(session: &mut Session, only: &[Measure]) -> Fallible<Vec<Row>> {
    let wanted = |measure: Measure| only.is_empty() || only.contains(&measure);
    let mut rows = life::measure(session, wanted)?;
    if wanted(Measure::Burst) {
        rows.extend(burst::measure(session)?);
    }
    if wanted(Measure::Latency) {
        rows.extend(latency::measure(session)?);
    }
    if wanted(Measure::Idle) {
        rows.extend(idle::measure(session)?);
    }
    Ok(rows)
}
