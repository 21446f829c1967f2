//! Draws the ratios to inotifywait as a bar chart in SVG. The axis is logarithmic, so that
//! half and twice as much are equally long; the chart has a background of its own, so that it can
//! be read on a light and on a dark page.
use crate::stats::{Row, Shares, short};
use crate::tools::{EAGER, WATCHERS};

const WIDTH: f64 = 860.0;
/// The left edge of the bars; the names are left of it.
const LEFT: f64 = 372.0;
/// The right edge, with room for the figure of the longest bar.
const RIGHT: f64 = WIDTH - 64.0;
const TOP: f64 = 84.0;
const STEP: f64 = 28.0;
const BAR: f64 = 14.0;
/// Under the rows: the axis, and what its sides mean.
const BOTTOM: f64 = 62.0;
/// Colours and fonts, none taken from the page around.
const STYLE: &str = "text{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#c9d1d9}\
    .head{font-size:17px;font-weight:600;fill:#f0f6fc}.soft{font-size:12px;fill:#8b949e}\
    .name{text-anchor:end;font-size:11.5px}.mid{text-anchor:middle}.end{text-anchor:end}.num{font-weight:600;fill:#f0f6fc}\
    .grid{stroke:#21262d}.one{stroke:#8b949e;stroke-width:1.5}.less{fill:#3fb950}.more{fill:#db8b3b}";

/// The scale of the axis: powers of two around all ratios.
struct Scale {
    low: i32,
    high: i32,
}

impl Scale {
    /// A scale that has all ratios, and both sides of 1.
    fn around(ratios: &[(&str, f64)]) -> Self {
        let reach = |power: i32| {
            ratios
                .iter()
                .any(|(_, ratio)| ratio.log2() > f64::from(power))
        };
        let fall = |power: i32| {
            ratios
                .iter()
                .any(|(_, ratio)| ratio.log2() < f64::from(power))
        };
        Self {
            low: (-10..-1).find(|power| fall(power + 1)).unwrap_or(-1),
            high: (2..11).rev().find(|power| reach(power - 1)).unwrap_or(1),
        }
    }

    fn at(&self, ratio: f64) -> f64 {
        let share = (ratio.log2() - f64::from(self.low)) / f64::from(self.high - self.low);
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }
}

/// The chart; nothing if there are no ratios to inotifywait.
pub(crate) fn draw(rows: &[Row], shares: &[Shares]) -> Option<String> {
    let beside = beside(shares);
    let measured = rows
        .iter()
        .filter_map(|row| Some((row.name.as_str(), row.ratio(&row.peer)?)));
    let ratios: Vec<(&str, f64)> = measured
        .chain(beside.iter().map(|(name, ratio)| (name.as_str(), *ratio)))
        .filter(|(_, ratio)| *ratio > 0.0 && ratio.is_finite())
        .collect();
    if ratios.is_empty() {
        return None;
    }
    let count = f64::from(u32::try_from(ratios.len()).ok()?);
    let end = TOP + count * STEP;
    let height = end + BOTTOM;
    let scale = Scale::around(&ratios);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-label=\"balerion beside other watchers\">\n\
         <style>{STYLE}</style>\n\
         <rect x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"10\" fill=\"#0d1117\" stroke=\"#30363d\"/>\n\
         <text class=\"head\" x=\"24\" y=\"36\">balerion ÷ inotifywait, and ÷ each watcher beside a command</text>\n\
         <text class=\"soft\" x=\"24\" y=\"57\">median ratios, the tools measured by turns \
         in one run</text>\n",
        WIDTH - 1.0,
        height - 1.0,
    );
    svg += &axis(&scale, end);
    for (row, (name, ratio)) in (0_u32..).zip(&ratios) {
        svg += &bar(&scale, TOP + f64::from(row) * STEP, name, *ratio);
    }
    Some(svg + &unity(&scale, end) + "</svg>\n")
}

/// balerion beside each other watcher, for every command.
fn beside(shares: &[Shares]) -> Vec<(String, f64)> {
    let share_of = |row: &Shares, label: &str| {
        let index = WATCHERS.iter().position(|known| *known == label)?;
        row.shares[index].filter(|share| *share > 0.0)
    };
    let mut ratios = Vec::new();
    for row in shares {
        for peer in WATCHERS.iter().filter(|label| !label.starts_with(EAGER)) {
            if let (Some(mine), Some(other)) = (share_of(row, EAGER), share_of(row, peer)) {
                ratios.push((format!("CPU beside {}: ÷ {peer}", row.name), mine / other));
            }
        }
    }
    ratios
}

/// The grid, a line at every power of two, and what 1 means.
fn axis(scale: &Scale, end: f64) -> String {
    let mut svg = String::new();
    for power in scale.low..=scale.high {
        let ratio = f64::from(power).exp2();
        let (x, label) = (scale.at(ratio), label(power));
        svg += &format!(
            "<path class=\"grid\" d=\"M{x:.1} {:.1}V{end:.1}\"/>\
             <text class=\"soft mid\" x=\"{x:.1}\" y=\"{:.1}\">{label}</text>\n",
            TOP - 6.0,
            end + 18.0,
        );
    }
    let one = scale.at(1.0);
    svg + &format!(
        "<text class=\"soft end\" x=\"{:.1}\" y=\"{y:.1}\">← balerion needs less</text>\
         <text class=\"soft\" x=\"{:.1}\" y=\"{y:.1}\">needs more →</text>\n",
        one - 12.0,
        one + 12.0,
        y = end + 42.0,
    )
}

/// A power of two as people write it.
fn label(power: i32) -> String {
    let size = 1_u32 << power.unsigned_abs();
    if power < 0 {
        format!("1/{size}")
    } else {
        size.to_string()
    }
}

/// One name with its bar, from 1 to the ratio, and its figure.
fn bar(scale: &Scale, top: f64, name: &str, ratio: f64) -> String {
    let (one, tip) = (scale.at(1.0), scale.at(ratio));
    let (class, side, figure) = if ratio <= 1.0 {
        ("less", "num end", tip - 7.0)
    } else {
        ("more", "num", tip + 7.0)
    };
    let (x, width) = (one.min(tip), (one - tip).abs().max(1.0));
    let text = top + BAR - 2.5;
    format!(
        "<text class=\"name\" x=\"{:.1}\" y=\"{text:.1}\">{}</text>\
         <rect class=\"{class}\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2.5\"/>\
         <text class=\"{side}\" x=\"{figure:.1}\" y=\"{text:.1}\">{}</text>\n",
        LEFT - 52.0,
        escape(name),
        short(ratio),
    )
}

/// The line of inotifywait, over the bars that begin at it.
fn unity(scale: &Scale, end: f64) -> String {
    let one = scale.at(1.0);
    format!(
        "<path class=\"one\" d=\"M{one:.1} {:.1}V{end:.1}\"/>\n",
        TOP - 6.0
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
