//! Measures bursts of changes: the CPU time that a tool needs for an operation, and whether its
//! lines add up to the tree in the end.
use crate::fold::Model;
use crate::run::Run;
use crate::session::{Session, note};
use crate::stats::{Row, Unit, thousands};
use crate::tools::{EAGER, Kind, NOBODY, OFF, PEER, Tool, digested, stated};
use crate::trees::Writers;
use crate::{Fallible, floor, trees};
use std::fs;
use std::path::Path;
use std::time::Duration;

const DIRECTORIES: usize = 200;

struct Burst {
    /// Seconds of CPU time for an operation.
    cpu: f64,
    /// Names, or contents, that are not as on disk.
    wrong: usize,
}

pub(crate) fn measure(session: &mut Session) -> Fallible<Vec<Row>> {
    let mut rows = Vec::new();
    for (count, paced, pace) in [
        (1, true, "10,000 a second"),
        (1, false, "full speed"),
        (2, false, "two writers at full speed"),
    ] {
        rows.extend(burst(session, Writers { count, paced }, pace)?);
    }
    Ok(rows)
}

fn burst(session: &mut Session, writers: Writers, pace: &str) -> Fallible<Vec<Row>> {
    let wanted = session.sizes.burst;
    let name = format!("{} operations, {pace}", thousands(wanted));
    note(&format!("burst: {name}"));
    let tree = session.path("burst");
    let all = [
        floor::ECHO,
        floor::ECHO_DIGESTS,
        floor::ECHO_STATS,
        PEER,
        EAGER,
        OFF,
    ];
    let bursts = session.by_turns(&all, |tool| one(tool, &tree, wanted, writers))?;
    let [eager, off] = [(EAGER, ""), (OFF, ", --hash off")].map(|(mine, suffix)| {
        let name = format!("CPU per operation, {pace}{suffix}");
        let versus = [mine, PEER, floor::ECHO];
        bursts.row(name, Unit::Seconds, versus, |burst| Some(burst.cpu))
    });
    let digesting = [EAGER, NOBODY, floor::ECHO_DIGESTS];
    let digesting = bursts.row(
        digested(&format!("CPU per operation, {pace}")),
        Unit::Seconds,
        digesting,
        |burst| Some(burst.cpu),
    );
    let stating = bursts.row(
        stated(&format!("CPU per operation, {pace}, --hash off")),
        Unit::Seconds,
        [OFF, NOBODY, floor::ECHO_STATS],
        |burst| Some(burst.cpu),
    );
    let name = format!("Wrong after {name}");
    let versus = [EAGER, PEER, floor::ECHO];
    let count = |burst: &Burst| u32::try_from(burst.wrong).ok().map(f64::from);
    Ok(vec![
        eager,
        digesting,
        off,
        stating,
        bursts.row(name, Unit::Count, versus, count),
    ])
}

fn one(tool: &Tool, tree: &Path, wanted: usize, writers: Writers) -> Fallible<Burst> {
    if tree.exists() {
        fs::remove_dir_all(tree)?;
    }
    trees::flat(tree, DIRECTORIES)?;
    let mut known = Model::of_disk(tree)?;
    let mut run = Run::start_and_wait(tool, tree)?;
    let before = run.cpu()?;
    let done = trees::burst(tree, DIRECTORIES, wanted, writers)?;
    // balerion promises the truth once the disk has been quiet for a second.
    let quiet = match tool.kind {
        Kind::Balerion => Duration::from_millis(1100),
        Kind::Inotifywait => Duration::from_millis(300),
    };
    run.settle(quiet)?;
    let cpu = run.cpu()? - before;
    run.stop()?;
    for (_, line) in run.lines() {
        known.apply(line);
    }
    let wrong = known.wrong(&Model::of_disk(tree)?, tool.digests);
    Ok(Burst {
        cpu: cpu.as_secs_f64() / f64::from(u32::try_from(done)?),
        wrong,
    })
}
