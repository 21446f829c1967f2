//! Measures what a watch costs on a tree in which nothing happens.
use crate::run::Run;
use crate::session::{Session, note};
use crate::stats::{Row, Turns, Unit};
use crate::tools::{EAGER, PEER};
use crate::{Fallible, floor};
use std::thread;
use std::time::Duration;

/// The time for a tool to come to rest.
const REST: Duration = Duration::from_secs(1);

/// The rows of both figures; all tools run at the same time.
pub(crate) fn measure(session: &mut Session) -> Fallible<Vec<Row>> {
    let (tree, name) = session.broad()?;
    let span = session.sizes.idle;
    note(&format!("idle: {} s, {name}", span.as_secs()));
    let versus = [EAGER, PEER, floor::WALK];
    let mut runs = Vec::new();
    for tool in session.tools.named(&versus) {
        runs.push((tool.label, Run::start_and_wait(tool, &tree)?));
    }
    thread::sleep(REST);
    let used = |run: &Run| Fallible::Ok((run.cpu()?, run.switches()?));
    let before = runs
        .iter()
        .map(|(_, run)| used(run))
        .collect::<Fallible<Vec<_>>>()?;
    thread::sleep(span);

    let mut turns = Turns::default();
    for ((label, run), (cpu, switches)) in runs.iter().zip(before) {
        let (cpu_now, switches_now) = used(run)?;
        let switches = u32::try_from(switches_now.saturating_sub(switches))?;
        let cpu = cpu_now.saturating_sub(cpu).as_secs_f64();
        turns.add(label, Some((cpu, f64::from(switches))));
    }
    let row = |what: &str, unit, figure: fn(&(f64, f64)) -> f64| {
        let name = format!("{what} in {} idle seconds", span.as_secs());
        turns.row(name, unit, versus, |turn| Some(figure(turn)))
    };
    Ok(vec![
        row("CPU time", Unit::Seconds, |turn| turn.0),
        row("Context switches", Unit::Count, |turn| turn.1),
    ])
}
