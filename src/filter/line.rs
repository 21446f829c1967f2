//! Turns a line as git reads it into a glob as the matching library reads it.
//!
//! They agree on nearly everything. They differ in what a `[class]` may hold and match,
//! in braces, which mean nothing to git, and in which blanks at the end count.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Braces {
    Literal,
    /// `*.{c,h}` is `*.c` or `*.h`.
    Alternatives,
}

/// A class that never ends.
const UNCLOSED: &str = "a [ has no ] (write \\[ for the character itself)";

const BACKWARDS: &str = "a range in [ ] ends before it begins";

/// A class that git would not know.
const UNKNOWN: &str = "[: :] does not name a class of characters";

/// A class with nothing in it that a name could hold.
const NOTHING: &str = "[ ] holds nothing that a name could";

/// A backslash before nothing.
const DANGLING: &str = "a \\ at the end has nothing to quote";

pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    bytes
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// The glob of a line; none in an empty one or a comment.
///
/// # Errors
/// What is wrong with it. To git, such a line matches nothing.
pub(super) fn translate(line: &str, braces: Braces) -> Result<Option<String>, &'static str> {
    let line = without_blanks(line);
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut glob = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => glob.extend(['\\', rest.next().ok_or(DANGLING)?]),
            '{' | '}' if braces == Braces::Literal => glob.extend(['\\', c]),
            '[' => Class::read(&mut rest)?.write(&mut glob)?,
            _ => glob.push(c),
        }
    }
    keep_blank(&mut glob);
    Ok(Some(anchored_as(line, glob)))
}

/// A line without the spaces at its end, but for those that are quoted.
fn without_blanks(line: &str) -> &str {
    let bare = line.trim_end_matches(' ');
    let quotes = bare.len() - bare.trim_end_matches('\\').len();
    if quotes % 2 == 1 && bare.len() < line.len() {
        &line[..=bare.len()]
    } else {
        bare
    }
}

/// Keeps a blank at the end that counts, which the library would take away.
fn keep_blank(glob: &mut String) {
    if let Some(blank) = glob
        .chars()
        .next_back()
        .filter(|c| c.is_whitespace() && *c != ' ')
    {
        glob.pop();
        let quotes = glob.len() - glob.trim_end_matches('\\').len();
        glob.truncate(glob.len() - quotes % 2);
        glob.extend(['[', blank, ']']);
    }
}

/// Whether a `/` before the end binds a glob to its directory is read from the line: in
/// a class, one may have come or gone.
fn anchored_as(line: &str, glob: String) -> String {
    let has_slash = |text: &str| text.strip_suffix('/').unwrap_or(text).contains('/');
    let (bang, body) = glob.split_at(usize::from(glob.starts_with('!')));
    match (has_slash(&line[bang.len()..]), has_slash(body)) {
        (false, true) => format!("{bang}**/{body}"),
        (true, false) => format!("{bang}/{body}"),
        _ => glob,
    }
}

/// What stands between `[` and `]`.
struct Class {
    negated: bool,
    ranges: Vec<(char, char)>,
}

/// The classes that git knows by name, all of ASCII.
const NAMED: [(&str, &[(char, char)]); 12] = [
    ("alnum", &[('0', '9'), ('A', 'Z'), ('a', 'z')]),
    ("alpha", &[('A', 'Z'), ('a', 'z')]),
    ("blank", &[('\t', '\t'), (' ', ' ')]),
    ("cntrl", &[('\0', '\x1f'), ('\x7f', '\x7f')]),
    ("digit", &[('0', '9')]),
    ("graph", &[('!', '~')]),
    ("lower", &[('a', 'z')]),
    ("print", &[(' ', '~')]),
    ("punct", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
    ("space", &[('\t', '\r'), (' ', ' ')]),
    ("upper", &[('A', 'Z')]),
    ("xdigit", &[('0', '9'), ('A', 'F'), ('a', 'f')]),
];

impl Class {
    /// As git reads what follows a `[`, up to its `]`.
    fn read(rest: &mut std::str::Chars<'_>) -> Result<Self, &'static str> {
        let mut ranges = Vec::new();
        let negated = rest.as_str().starts_with(['!', '^']);
        if negated {
            rest.next();
        }
        let mut before = None;
        let mut is_first = true;
        loop {
            let c = rest.next().ok_or(UNCLOSED)?;
            match (c, before) {
                (']', _) if !is_first => return Ok(Self { negated, ranges }),
                ('-', Some(low))
                    if !rest.as_str().is_empty() && !rest.as_str().starts_with(']') =>
                {
                    let high = unquoted(rest)?;
                    if high < low {
                        return Err(BACKWARDS);
                    }
                    ranges.pop();
                    ranges.push((low, high));
                    before = None;
                }
                _ => match class_name(rest.as_str()).filter(|_| c == '[') {
                    Some(name) => {
                        let (_, named) = NAMED
                            .iter()
                            .find(|(known, _)| *known == name)
                            .ok_or(UNKNOWN)?;
                        ranges.extend(*named);
                        rest.nth(name.len() + 2);
                        before = None;
                    }
                    None => {
                        let c = if c == '\\' {
                            rest.next().ok_or(DANGLING)?
                        } else {
                            c
                        };
                        ranges.push((c, c));
                        before = Some(c);
                    }
                },
            }
            is_first = false;
        }
    }

    /// As the library reads it: no backslash quotes there, so it is the order that
    /// keeps `]`, `-`, `!` and `^` from meaning something. `/` never matches.
    fn write(mut self, glob: &mut String) -> Result<(), &'static str> {
        if self.negated {
            self.ranges.push(('/', '/'));
        } else {
            self.take_out('/');
        }
        let special = [']', '-', '!', '^'];
        let held = special.map(|c| self.take_out(c));
        let [bracket, dash, bang, caret] = held;
        let is_bare = self.ranges.is_empty() && !bracket;
        match (is_bare && !self.negated, dash, bang, caret) {
            (true, false, false, false) => return Err(NOTHING),
            (true, false, true, true) => glob.push_str("{\\!,\\^}"),
            (true, false, true, false) => glob.push_str("\\!"),
            (true, false, false, true) => glob.push_str("\\^"),
            _ => {
                glob.push_str(if self.negated { "[!" } else { "[" });
                glob.push_str(if bracket { "]" } else { "" });
                glob.push_str(if is_bare && dash { "-" } else { "" });
                for (low, high) in self.ranges {
                    glob.push(low);
                    if low != high {
                        glob.extend(['-', high]);
                    }
                }
                glob.push_str(if bang { "!" } else { "" });
                glob.push_str(if caret { "^" } else { "" });
                glob.push_str(if dash && !is_bare { "-" } else { "" });
                glob.push(']');
            }
        }
        Ok(())
    }

    /// Takes a character out of all ranges; whether it was in one.
    fn take_out(&mut self, c: char) -> bool {
        let mut found = false;
        let mut left = Vec::with_capacity(self.ranges.len() + 1);
        for &(low, high) in &self.ranges {
            if !(low..=high).contains(&c) {
                left.push((low, high));
                continue;
            }
            found = true;
            if low < c {
                left.push((low, char::from_u32(u32::from(c) - 1).unwrap_or(low)));
            }
            if c < high {
                left.push((char::from_u32(u32::from(c) + 1).unwrap_or(high), high));
            }
        }
        self.ranges = left;
        found
    }
}

fn unquoted(rest: &mut std::str::Chars<'_>) -> Result<char, &'static str> {
    match rest.next().ok_or(UNCLOSED)? {
        '\\' => rest.next().ok_or(DANGLING),
        c => Ok(c),
    }
}

/// What is named in `[:name:]`, of which the first bracket has been read.
fn class_name(rest: &str) -> Option<&str> {
    let rest = rest.strip_prefix(':')?;
    rest[..rest.find(']')?].strip_suffix(':')
}
