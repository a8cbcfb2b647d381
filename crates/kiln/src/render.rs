//! How results look: tables and sizes on standard output, prose and diagnostics on standard error.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use kiln_types::{Diagnostic, Severity};

/// A document for programs, with the version of its form. All begin with 1; the number changes when a
/// field changes its meaning.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Versioned<'a, T> {
    format: u32,
    #[serde(flatten)]
    document: &'a T,
}

impl<'a, T> Versioned<'a, T> {
    /// A document in the first version of its form.
    pub(crate) const fn new(document: &'a T) -> Self {
        Self {
            format: 1,
            document,
        }
    }
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Colours text, or leaves it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Painter {
    color: bool,
}

impl Painter {
    pub(crate) fn new(choice: ColorChoice, no_color: bool, terminal: bool) -> Self {
        let color = match choice {
            ColorChoice::Auto => terminal && !no_color,
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        };
        Self { color }
    }

    pub(crate) const fn is_plain(self) -> bool {
        !self.color
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.color {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub(crate) fn severity(self, severity: Severity) -> String {
        match severity {
            Severity::Error => self.paint("1;31", "error"),
            Severity::Warning => self.paint("1;33", "warning"),
            Severity::Note => self.paint("1;36", "note"),
        }
    }
}

/// Whether standard error is a terminal.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Whether standard output is a terminal.
pub(crate) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Writes data to standard output. A reader that went away is no error (exit 0).
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes prose to standard error; nobody can be told when that fails.
pub(crate) fn tell(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// A table with aligned columns. Numbers go right, text left.
pub(crate) struct Table {
    header: Vec<String>,
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns; a name that begins with `>` is of numbers.
    pub(crate) fn new(columns: &[&str]) -> Self {
        Self::named(columns)
    }

    /// The same with columns whose names are made.
    pub(crate) fn named<T: AsRef<str>>(columns: &[T]) -> Self {
        let columns = || columns.iter().map(AsRef::as_ref);
        let right = columns().map(|name: &str| name.starts_with('>')).collect();
        let header = columns()
            .map(|name| name.trim_start_matches('>').to_owned())
            .collect();
        Self {
            header,
            right,
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as text, with a final newline.
    pub(crate) fn render(&self, painter: Painter) -> String {
        let mut widths: Vec<usize> = self
            .header
            .iter()
            .map(|cell| cell.chars().count())
            .collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        let header: Vec<String> = self.header.iter().map(|cell| cell.to_uppercase()).collect();
        let _ = writeln!(text, "{}", painter.dim(&self.line(&header, &widths)));
        for row in &self.rows {
            let _ = writeln!(text, "{}", self.line(row, &widths));
        }
        text
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, width), right) in cells.iter().zip(widths).zip(&self.right) {
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            let _ = if *right {
                write!(line, "{padding}{cell}  ")
            } else {
                write!(line, "{cell}{padding}  ")
            };
        }
        line.trim_end().to_owned()
    }
}

/// A size for people: `1.4 MB` (decimal, as registries and docker count).
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    if value < 9.95 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

/// A duration for people.
pub(crate) fn duration(elapsed: std::time::Duration) -> String {
    let millis = elapsed.as_secs_f64() * 1000.0;
    if millis < 10.0 {
        format!("{millis:.1} ms")
    } else if millis < 1000.0 {
        format!("{millis:.0} ms")
    } else {
        format!("{:.1} s", millis / 1000.0)
    }
}

/// Foreign text for one line of a terminal: what would move the cursor, change colours, begin another
/// line or turn the direction is shown and not obeyed.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    shown(text, obeyed)
}

/// The same for text of several lines.
pub(crate) fn printable_lines(text: &str) -> Cow<'_, str> {
    shown(text, |c| obeyed(c) && !matches!(c, '\n' | '\t'))
}

fn obeyed(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

fn shown(text: &str, obeyed: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if obeyed(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Diagnostics as people read them: place, severity, code, message, then what was expected, what
/// was found, what to do, and the line itself where the text is at hand.
pub(crate) fn diagnostics(
    list: &[Diagnostic],
    text_of: &dyn Fn(&str) -> Option<String>,
    painter: Painter,
) -> String {
    let mut text = String::new();
    for diagnostic in list {
        let severity = painter.severity(diagnostic.severity);
        let message = painter.bold(&printable_lines(&diagnostic.message));
        let code = painter.dim(&format!("[{}]", diagnostic.code));
        match &diagnostic.location {
            Some(location) => {
                let _ = writeln!(text, "{location}: {severity}: {message} {code}");
                if let Some(line) = text_of(&location.file)
                    .as_deref()
                    .and_then(|all| source_line(all, location.line))
                {
                    let number = location.line.to_string();
                    let column = usize::try_from(location.column.max(1) - 1).unwrap_or(0);
                    let marker: String = line
                        .chars()
                        .take(column)
                        .map(|c| if c == '\t' { '\t' } else { ' ' })
                        .collect();
                    let width = usize::try_from(location.length).unwrap_or(1).clamp(1, 60);
                    let room = line.chars().count().saturating_sub(column).max(1);
                    let underline = "^".repeat(width.min(room));
                    let gap = " ".repeat(number.len());
                    let bar = painter.dim(&format!("{number} |"));
                    let _ = writeln!(text, "  {bar} {}", printable_lines(line));
                    let _ = writeln!(
                        text,
                        "  {gap} {} {marker}{}",
                        painter.dim("|"),
                        painter.red(&underline)
                    );
                }
            }
            None => {
                let _ = writeln!(text, "{severity}: {message} {code}");
            }
        }
        for (label, value) in [
            ("expected", &diagnostic.expected),
            ("found", &diagnostic.found),
            ("help", &diagnostic.help),
        ] {
            if let Some(value) = value {
                let _ = writeln!(text, "  {}: {}", painter.dim(label), printable_lines(value));
            }
        }
    }
    text
}

fn source_line(text: &str, line: u32) -> Option<&str> {
    let index = usize::try_from(line).ok()?.checked_sub(1)?;
    text.lines().nth(index).filter(|line| line.len() <= 400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9_949, "9.9 kB"),
            (12_345, "12 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (45_000_000, "45 MB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn foreign_text_moves_no_cursor() {
        assert_eq!(printable_lines("plain\n\tä"), "plain\n\tä");
        assert_eq!(printable("a\u{1b}[2Jb\rc\u{7f}"), "a\\u{1b}[2Jb\\rc\\u{7f}");
    }

    #[test]
    fn attack_a_name_forges_a_line() {
        let name = "usr/x\n0 failures\tok\u{2028}\u{202e}gnp\u{2066}";
        let one = printable(name);
        assert_eq!(one, "usr/x\\n0 failures\\tok\\u{2028}\\u{202e}gnp\\u{2066}");
        assert_eq!(printable_lines("a\n\u{202e}b"), "a\n\\u{202e}b");
    }

    #[test]
    fn tables_align() {
        let painter = Painter::new(ColorChoice::Never, false, false);
        let mut table = Table::new(&["name", ">size"]);
        table.row(["a".to_owned(), "10 B".to_owned()]);
        table.row(["longer".to_owned(), "1 B".to_owned()]);
        assert_eq!(
            table.render(painter),
            "NAME    SIZE\na       10 B\nlonger   1 B\n"
        );
    }
}
