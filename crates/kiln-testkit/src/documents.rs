//! The commands that documents show, so that a test can run them.
//!
//! A fenced block marked `console` is a transcript: a line that begins with `$ ` is a command (it
//! goes on where a line ends in `\`), what follows is its output. A block that cannot be run is
//! marked `text`. In the output `…` stands for anything: at the end of a line for its rest, alone
//! on a line for any lines.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A command that a document shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentCommand {
    /// The document.
    pub file: PathBuf,
    /// The line of the command, from 1.
    pub line: usize,
    /// The number of its block in the document, from 0. Commands of one block run in one folder.
    pub block: usize,
    /// The command, without `$ `.
    pub command: String,
    /// The output shown below it.
    pub output: String,
}

impl DocumentCommand {
    /// The arguments of a plain `kiln …` command; `None` for any other, and where a shell would be
    /// needed (pipes, variables, several commands).
    #[must_use]
    pub fn kiln_arguments(&self) -> Option<Vec<String>> {
        let mut words = words(&self.command)?;
        if words.first().map(String::as_str) != Some("kiln") {
            return None;
        }
        words.remove(0);
        Some(words)
    }

    /// Whether the real output fits what is shown.
    #[must_use]
    pub fn fits(&self, output: &str) -> bool {
        let shown: Vec<&str> = self.output.lines().map(str::trim_end).collect();
        let real: Vec<&str> = output.lines().map(str::trim_end).collect();
        lines_fit(&shown, &real)
    }
}

fn lines_fit(shown: &[&str], real: &[&str]) -> bool {
    match shown.split_first() {
        None => real.is_empty(),
        Some((&"…", rest)) => (0..=real.len()).any(|skipped| lines_fit(rest, &real[skipped..])),
        Some((first, rest)) => real.split_first().is_some_and(|(line, others)| {
            let same = match first.strip_suffix('…') {
                Some(start) => line.starts_with(start),
                None => line == first,
            };
            same && lines_fit(rest, others)
        }),
    }
}

/// The words of a command line with `'…'`, `"…"` and `\`; `None` where a shell would be needed.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = command.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('\''), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (_, '\\') => word.get_or_insert_default().push(characters.next()?),
            (_, '$' | '`') | (None, '|' | '&' | ';' | '<' | '>' | '*' | '(' | ')') => return None,
            (None, '#') if word.is_none() => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// The commands of a Markdown document, in order.
///
/// # Errors
/// When it cannot be read.
pub fn document_commands(file: &Path) -> io::Result<Vec<DocumentCommand>> {
    Ok(commands(file, &fs::read_to_string(file)?))
}

fn commands(file: &Path, text: &str) -> Vec<DocumentCommand> {
    let mut found: Vec<DocumentCommand> = Vec::new();
    let mut block = 0;
    // Whether this is inside a fence, and whether that is a transcript.
    let mut fence: Option<bool> = None;
    let mut continued = false;
    let mut in_command = false;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        if let Some(language) = trimmed.strip_prefix("```") {
            fence = match fence {
                Some(true) => {
                    block += 1;
                    None
                }
                Some(false) => None,
                None => Some(language.trim() == "console"),
            };
            (continued, in_command) = (false, false);
        } else if fence == Some(true) {
            if let Some(last) = found.last_mut().filter(|_| continued) {
                last.command.truncate(last.command.len() - 1);
                last.command.push_str(trimmed);
                continued = trimmed.ends_with('\\');
            } else if let Some(command) = trimmed.strip_prefix("$ ") {
                found.push(DocumentCommand {
                    file: file.to_path_buf(),
                    line: index + 1,
                    block,
                    command: command.to_owned(),
                    output: String::new(),
                });
                continued = command.ends_with('\\');
                in_command = true;
            } else if let Some(last) = found.last_mut().filter(|_| in_command) {
                last.output.push_str(line);
                last.output.push('\n');
            }
        }
    }
    found
}

/// Puts the files that a document's commands work with into a folder: those of the folder beside the
/// document that has its name. Says whether there are any.
///
/// # Errors
/// When a file cannot be read or written.
pub fn document_samples(file: &Path, folder: &Path) -> io::Result<bool> {
    let samples = file.with_extension("");
    if !samples.is_dir() {
        return Ok(false);
    }
    let mut folders = vec![(samples, folder.to_path_buf())];
    while let Some((from, to)) = folders.pop() {
        fs::create_dir_all(&to)?;
        for entry in fs::read_dir(&from)? {
            let entry = entry?;
            let to = to.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push((entry.path(), to));
            } else {
                fs::copy(entry.path(), to)?;
            }
        }
    }
    Ok(true)
}

/// README.md and all documents below `docs`, sorted.
///
/// # Errors
/// When a folder cannot be read.
pub fn markdown_files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let readme = root.join("README.md");
    if readme.exists() {
        files.push(readme);
    }
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# Guide
```console
$ kiln build 'my image' \\
    --platform all
built
…
done in …
$ kiln show | head
```
```text
$ kiln not run
```
```console
$ kiln help
```
";

    #[test]
    fn transcripts_are_read_and_other_blocks_are_not() {
        let found = commands(Path::new("g.md"), TEXT);
        let lines: Vec<(usize, usize)> = found.iter().map(|c| (c.line, c.block)).collect();
        assert_eq!(lines, [(3, 0), (8, 0), (14, 1)]);
        let wanted: Option<Vec<String>> = Some(
            ["build", "my image", "--platform", "all"]
                .map(str::to_owned)
                .into(),
        );
        assert_eq!(found[0].kiln_arguments(), wanted);
        assert_eq!(found[1].kiln_arguments(), None, "a pipe needs a shell");
        assert!(found[0].fits("built\nmore\nand more\ndone in 3 s\n"));
        assert!(!found[0].fits("built\nmore\n"));
        assert!(!found[2].fits("something\n"));
    }
}
