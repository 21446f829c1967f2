//! Computes medians and ratios of the figures of each tool's turns. A ratio is the
//! median of the ratios within a round, so that a slow drift of the machine cancels out.
use std::collections::HashMap;

/// One figure of a tool, by round; `None` where it failed or has none.
type Series = Vec<Option<f64>>;

/// The results of the tools' turns.
pub(crate) struct Turns<T>(HashMap<&'static str, Vec<Option<T>>>);

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Turns<T> {
    /// Adds a turn of a tool; `None` if it failed.
    pub(crate) fn add(&mut self, label: &'static str, result: Option<T>) {
        self.0.entry(label).or_default().push(result);
    }

    /// Whether a tool had a turn and never failed.
    pub(crate) fn worked(&self, label: &str) -> bool {
        let turns = self.0.get(label);
        turns.is_some_and(|turns| turns.iter().all(Option::is_some))
    }

    /// A row of one figure: balerion's, inotifywait's and the floor's, by their labels.
    pub(crate) fn row(
        &self,
        name: String,
        unit: Unit,
        versus: [&str; 3],
        figure: impl Fn(&T) -> Option<f64>,
    ) -> Row {
        let [mine, peer, floor] = versus.map(|label| self.series(label, &figure));
        Row {
            name,
            unit,
            mine,
            peer,
            floor,
        }
    }

    /// The median of a tool's turns; nothing if it had none or failed in one.
    pub(crate) fn median(&self, label: &str) -> Option<f64>
    where
        T: Copy + Into<f64>,
    {
        let turns = self.0.get(label)?;
        let figures: Option<Vec<f64>> = turns.iter().map(|turn| turn.map(Into::into)).collect();
        median(figures?)
    }

    /// One figure out of each turn of a tool; empty if it had none.
    fn series(&self, label: &str, figure: impl Fn(&T) -> Option<f64>) -> Series {
        let turns = self.0.get(label).map_or(&[][..], Vec::as_slice);
        turns
            .iter()
            .map(|turn| turn.as_ref().and_then(&figure))
            .collect()
    }
}

/// What a figure is, which decides how it is printed.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    /// Time in seconds.
    Seconds,
    /// Memory in bytes.
    Bytes,
    /// A count, of which the worst round is shown.
    Count,
}

pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) mine: Series,
    pub(crate) peer: Series,
    pub(crate) floor: Series,
}

impl Row {
    /// A series as one figure in words.
    pub(crate) fn figure(&self, series: &Series) -> String {
        let values = series.iter().flatten().copied();
        let value = match self.unit {
            Unit::Count => values.max_by(f64::total_cmp),
            Unit::Seconds | Unit::Bytes => median(values.collect()),
        };
        value.map_or("–".into(), |value| match self.unit {
            Unit::Count => format!("{value:.0}"),
            Unit::Bytes => format!("{} MiB", short(value / f64::from(1 << 20))),
            Unit::Seconds if value == 0.0 => "0".into(),
            Unit::Seconds if value < 1e-3 => format!("{} µs", short(value * 1e6)),
            Unit::Seconds if value < 1.0 => format!("{} ms", short(value * 1e3)),
            Unit::Seconds => format!("{} s", short(value)),
        })
    }

    pub(crate) fn ratio(&self, other: &Series) -> Option<f64> {
        let pairs = self.mine.iter().zip(other);
        let ratios = pairs.filter_map(|(mine, other)| match (mine, other) {
            (Some(mine), Some(other)) if *other > 0.0 && other.is_finite() => Some(mine / other),
            _ => None,
        });
        match self.unit {
            Unit::Count => None,
            Unit::Seconds | Unit::Bytes => median(ratios.collect()),
        }
    }
}

/// The middle one, or what lies between the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get((values.len() - 1) / 2)?;
    // Of equals, so that the middle of infinities is one.
    Some(if lower == upper {
        *upper
    } else {
        f64::midpoint(*lower, *upper)
    })
}

pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.0995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The CPU time of every watcher beside a command, as a share of the command's own.
pub(crate) struct Shares {
    pub(crate) name: String,
    /// In the order of the watchers; nothing for one that is not installed.
    pub(crate) shares: Vec<Option<f64>>,
}
