//! Measures a tool from exec to exit: start-up, the baseline, the peak of memory, and the end.
use crate::run::Run;
use crate::session::{Session, note};
use crate::stats::{Row, Turns, Unit, thousands};
use crate::tools::{EAGER, NOBODY, OFF, PEER, Tool, digested};
use crate::{Fallible, Measure, floor, trees};
use std::path::Path;

struct Life {
    /// Seconds from exec to ready.
    ready: f64,
    /// Seconds from exec to every file having been read, of a tool that does so.
    baseline: Option<f64>,
    /// The peak of the resident set before the end, in bytes.
    peak: f64,
    /// Seconds from SIGTERM to gone.
    exit: f64,
}

/// Runs a tool on a tree, from exec to exit.
fn live(tool: &Tool, tree: &Path) -> Fallible<Life> {
    let mut run = Run::start(tool, tree)?;
    let ready = run.ready()?.as_secs_f64();
    let baseline = run.baseline()?.map(|time| time.as_secs_f64());
    let peak = u32::try_from(run.peak_memory()? / 1024)?;
    Ok(Life {
        ready,
        baseline,
        peak: f64::from(peak) * 1024.0,
        exit: run.stop()?.as_secs_f64(),
    })
}

/// The rows of these measures that are wanted.
pub(crate) fn measure(
    session: &mut Session,
    wanted: impl Fn(Measure) -> bool,
) -> Fallible<Vec<Row>> {
    use Measure::{Baseline, Exit, Memory, Startup};
    if ![Startup, Baseline, Memory, Exit].into_iter().any(&wanted) {
        return Ok(Vec::new());
    }
    let (tree, name) = session.broad()?;
    note(&format!("start to end: {name}"));
    let all = [
        floor::WALK,
        floor::ECHO,
        floor::HASH,
        floor::HASH_REGULAR,
        PEER,
        EAGER,
        OFF,
    ];
    let lives = session.by_turns(&all, |tool| live(tool, &tree))?;

    let mut rows = Vec::new();
    if wanted(Startup) {
        for (mine, what) in [(EAGER, name.as_str()), (OFF, "the same, --hash off")] {
            let name = format!("Start, {what}");
            let versus = [mine, PEER, floor::WALK];
            rows.push(lives.row(name, Unit::Seconds, versus, |life| Some(life.ready)));
        }
        rows.push(deep(session)?);
        rows.push(wide(session)?);
    }
    if wanted(Baseline) {
        rows.extend(baseline(&lives, &name));
        rows.extend(large(session)?);
    }
    if wanted(Memory) {
        for (mine, what) in [(EAGER, "all hashed"), (OFF, "--hash off")] {
            let name = format!("Peak memory, {what}");
            let versus = [mine, PEER, floor::ECHO];
            rows.push(lives.row(name, Unit::Bytes, versus, |life| Some(life.peak)));
        }
    }
    if wanted(Exit) {
        let name = "SIGTERM to gone".into();
        let versus = [EAGER, PEER, floor::WALK];
        rows.push(lives.row(name, Unit::Seconds, versus, |life| Some(life.exit)));
    }
    Ok(rows)
}

fn deep(session: &mut Session) -> Fallible<Row> {
    let levels = session.sizes.deep;
    let tree = session.tree("deep", |path| trees::deep(path, levels))?;
    let directories = thousands(trees::deep_directories(levels));
    start(
        session,
        &tree,
        &format!("{directories} directories, {levels} deep"),
    )
}

/// The start on one directory with many files.
fn wide(session: &mut Session) -> Fallible<Row> {
    let files = session.sizes.wide;
    let tree = session.tree("wide", |path| trees::wide(path, files))?;
    start(
        session,
        &tree,
        &format!("one directory, {} files", thousands(files)),
    )
}

/// The start on a tree, and no more than that.
fn start(session: &mut Session, tree: &Path, name: &str) -> Fallible<Row> {
    note(&format!("start: {name}"));
    let versus = [EAGER, PEER, floor::WALK];
    let starts = session.by_turns(&versus, |tool| {
        let mut run = Run::start(tool, tree)?;
        let ready = run.ready()?.as_secs_f64();
        run.stop()?;
        Ok(ready)
    })?;
    Ok(
        starts.row(format!("Start, {name}"), Unit::Seconds, versus, |ready| {
            Some(*ready)
        }),
    )
}

/// The baseline of a tree of large files.
fn large(session: &mut Session) -> Fallible<[Row; 2]> {
    let files = session.sizes.large;
    let tree = session.tree("large", |path| trees::large(path, files))?;
    let name = format!("{} files of 1 MiB", thousands(files));
    note(&format!("baseline: {name}"));
    let all = [floor::HASH, floor::HASH_REGULAR, EAGER];
    let lives = session.by_turns(&all, |tool| live(tool, &tree))?;
    Ok(baseline(&lives, &name))
}

/// The rows of a baseline: inotifywait reads no files, so it has none.
fn baseline(lives: &Turns<Life>, name: &str) -> [Row; 2] {
    let versus = |name: String, floor| {
        let versus = [EAGER, NOBODY, floor];
        lives.row(name, Unit::Seconds, versus, |life| life.baseline)
    };
    [
        versus(format!("All hashed, {name}"), floor::HASH),
        versus(
            digested(&format!("All hashed, {name}")),
            floor::HASH_REGULAR,
        ),
    ]
}
