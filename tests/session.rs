//! Draws README.md's picture of a session from a real run, and checks that `tests/session.svg`
//! is up to date. `BALERION_PICTURE=write cargo test --test session` draws it anew.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Tree, fork};

/// The commands typed in the tree, and the number of lines printed for each.
const STEPS: [(&str, usize); 9] = [
    ("echo hello > notes.txt", 2),
    ("mv notes.txt todo.txt", 1),
    ("mkdir -p docs/api", 2),
    ("echo hi > docs/api/index.md", 2),
    ("echo 'fn main() {}' > src/.main.rs.swp", 2),
    ("mv src/.main.rs.swp src/main.rs", 2),
    ("touch todo.txt", 0),
    ("mv docs ..", 3),
    ("rm todo.txt", 1),
];

/// One line of the picture.
enum Line {
    Typed(String),
    /// With the escape sequences of a terminal.
    Printed(String),
}

/// Runs the session: what was typed, and what balerion printed in between.
fn session() -> Vec<Line> {
    let tree = Tree::new();
    tree.mkdir("src");
    tree.write("src/main.rs", "fn main() { todo!() }\n");
    let watch = tree.watch().args(["--color", "always"]);
    let mut watch = watch.baseline().start();
    let mut lines = vec![Line::Typed("balerion".to_owned())];
    lines.push(Line::Printed(
        watch.await_stderr("balerion: ready: ").text(),
    ));
    for (typed, count) in STEPS {
        let mut shell = Command::new("sh");
        shell.args(["-ec", typed]).current_dir(tree.root());
        assert!(
            fork::output(&mut shell).unwrap().status.success(),
            "{typed}"
        );
        lines.push(Line::Typed(typed.to_owned()));
        for _ in 0..count {
            lines.push(Line::Printed(watch.next_line().text()));
        }
    }
    let ended = watch.stop();
    let printed: usize = STEPS.iter().map(|(_, count)| count).sum();
    assert_eq!(ended.lines().len(), printed, "{:#?}", ended.lines());
    lines
}

/// In pixels.
const LINE: usize = 20;
const WIDTH: usize = 660;

/// A CSS class for each colour, in the light and the dark scheme.
const STYLE: &str = "\
    .card { fill: #ffffff; stroke: #d0d7de }
    text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1f2328; white-space: pre }
    .typed { fill: #6e7781 }
    .c31 { fill: #b3261e } .c32 { fill: #1a7f37 } .c33 { fill: #8a6100 } .c34 { fill: #0550ae }
    @media (prefers-color-scheme: dark) {
      .card { fill: #0d1117; stroke: #30363d }
      text { fill: #e6edf3 }
      .typed { fill: #8b949e }
      .c31 { fill: #ff7b72 } .c32 { fill: #56d364 } .c33 { fill: #e3b341 } .c34 { fill: #79c0ff }
    }";

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Turns a terminal's colours into spans with a class.
fn coloured(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut svg = escaped(parts.next().unwrap());
    for part in parts {
        let (code, text) = part.split_once('m').unwrap();
        svg += &match code {
            "0" => escaped(text),
            code => format!("<tspan class=\"c{code}\">{}</tspan>", escaped(text)),
        };
    }
    svg
}

fn picture(lines: &[Line]) -> String {
    let height = LINE * lines.len() + 24;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n  <title>A session: what is typed in a \
         watched directory, and what balerion prints</title>\n  <style>\n{STYLE}\n  </style>\n  \
         <rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"6\"/>\n",
        WIDTH - 1,
        height - 1
    );
    for (line, number) in lines.iter().zip(1..) {
        let y = 10 + LINE * number;
        svg += &match line {
            Line::Typed(text) => format!(
                "  <text class=\"typed\" x=\"14\" y=\"{y}\">$ {}</text>\n",
                escaped(text)
            ),
            Line::Printed(text) => {
                format!("  <text x=\"14\" y=\"{y}\">{}</text>\n", coloured(text))
            }
        };
    }
    svg + "</svg>\n"
}

#[test]
fn the_picture_shows_what_is_printed_today() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/session.svg");
    let drawn = picture(&session());
    if std::env::var_os("BALERION_PICTURE").is_some_and(|what| what == "write") {
        fs::write(&file, &drawn).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap();
    assert!(
        drawn == kept,
        "draw it anew: BALERION_PICTURE=write cargo test --test session"
    );
}
