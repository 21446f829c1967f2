//! Measures the time from one change to the moment when its line can be read from the pipe. The
//! tool has one processor, and whoever writes and reads the lines has another.
use crate::run::Run;
use crate::session::{Session, note};
use crate::stats::{Row, Unit, median};
use crate::sys::Cpus;
use crate::tools::{Change, EAGER, NOBODY, PEER, Tool, digested};
use crate::{Fallible, floor, trees};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// The medians of one turn, in seconds.
struct Latency {
    /// From open(2) of a new file to its having appeared.
    created: f64,
    /// From write(2) to an old file to its having changed.
    changed: f64,
}

pub(crate) fn measure(session: &mut Session) -> Fallible<Vec<Row>> {
    let samples = session.sizes.samples;
    note("latency: one change every 5 ms");
    let tree = session.path("latency");
    let versus = [EAGER, PEER, floor::ECHO];
    let digesting = [EAGER, NOBODY, floor::ECHO_DIGESTS];
    let all = Cpus::allowed()?;
    let tools = [EAGER, PEER, floor::ECHO, floor::ECHO_DIGESTS];
    let turns = session.by_turns(&tools, |tool| {
        let turn = one(tool, &tree, samples, all);
        all.occupy()?;
        turn
    })?;
    let created = "Latency p50, open(2) to created";
    let changed = "Latency p50, write(2) to changed";
    let row = |name: &str, versus, figure: fn(&Latency) -> f64| {
        turns.row(name.to_owned(), Unit::Seconds, versus, |turn| {
            Some(figure(turn))
        })
    };
    Ok(vec![
        row(created, versus, |turn| turn.created),
        row(changed, versus, |turn| turn.changed),
        row(&digested(changed), digesting, |turn| turn.changed),
    ])
}

/// One turn. Every name is created or rewritten once, so that its first line belongs to that.
fn one(tool: &Tool, tree: &Path, samples: usize, all: Cpus) -> Fallible<Latency> {
    if tree.exists() {
        fs::remove_dir_all(tree)?;
    }
    trees::for_trickle(tree, samples)?;
    let mut run = start_apart(tool, tree, all)?;
    let times = trees::trickle(tree, samples)?;
    run.settle(Duration::from_millis(200))?;
    run.stop()?;

    let (mut appeared, mut changed) = (HashMap::new(), HashMap::new());
    for (time, line) in run.lines() {
        match line.change {
            Change::Appeared => appeared.entry(line.path).or_insert(time),
            Change::Changed => changed.entry(line.path).or_insert(time),
            Change::Moved(_) | Change::Gone => continue,
        };
    }
    let (mut created, mut rewritten) = (Vec::new(), Vec::new());
    for (sample, (opened, written)) in times.into_iter().enumerate() {
        created.push(wait(&appeared, &trees::fresh(tree, sample), opened));
        rewritten.push(wait(&changed, &trees::again(tree, sample), written));
    }
    Ok(Latency {
        created: median(created).ok_or("no samples")?,
        changed: median(rewritten).ok_or("no samples")?,
    })
}

/// Starts a tool on another processor than that of the writer and the reader, if there are
/// two: whether they share one is up to the scheduler, and matters more than the tool.
fn start_apart(tool: &Tool, tree: &Path, all: Cpus) -> Fallible<Run> {
    let (theirs, ours) = match (all.nth(1), all.nth(0)) {
        (Some(theirs), Some(ours)) => (theirs, ours),
        _ => (all, all),
    };
    // Processes and threads inherit the set of processors.
    theirs.occupy()?;
    let run = Run::start_then(tool, tree, || ours.occupy())?;
    run.wait()?;
    Ok(run)
}

/// Seconds from a change to its line; infinity if there is none.
fn wait(lines: &HashMap<String, Instant>, path: &Path, began: Instant) -> f64 {
    let line = lines.get(path.to_string_lossy().as_ref());
    line.map_or(f64::INFINITY, |line| {
        line.saturating_duration_since(began).as_secs_f64()
    })
}
