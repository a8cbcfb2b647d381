//! The commands that the documents show do what they show, on today's packages.

use std::path::Path;
use std::process::Command;

use kiln_testkit::{DocumentCommand, document_commands, document_samples, markdown_files};

use super::{Engine, text};

#[test]
fn documents_show_what_happens() {
    // Not for the engine: where there is one, there are mirrors too.
    if Engine::find().is_none() {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documents-store");
    let (mut ran, mut problems) = (0, Vec::new());
    for file in markdown_files(&root).unwrap() {
        // A reader has no lock of the catalog's images yet.
        let _ = std::fs::remove_dir_all(home.join("records/lock"));
        let folder = tempfile::tempdir().unwrap();
        document_samples(&file, folder.path()).unwrap();
        for command in document_commands(&file).unwrap() {
            ran += 1;
            if let Some(problem) = problem_of(&command, folder.path(), &home) {
                let name = file.strip_prefix(&root).unwrap_or(&file);
                problems.push(format!("{}:{}: {problem}", name.display(), command.line));
            }
        }
    }
    assert!(ran > 20, "only {ran} commands were found");
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

fn problem_of(command: &DocumentCommand, folder: &Path, home: &Path) -> Option<String> {
    let Some(arguments) = command.kiln_arguments() else {
        return Some(format!(
            "`{}` is no plain command of kiln: mark the block `text`",
            command.command
        ));
    };
    let output = Command::new(env!("CARGO_BIN_EXE_kiln"))
        .args(&arguments)
        .current_dir(folder)
        .env("KILN_HOME", home)
        .output()
        .unwrap();
    let said = text(&output.stdout);
    let shown = command.output.trim_end();
    let fits = command.fits(&said) || {
        // Blank lines before the next command or the end of the block are not output.
        let trimmed = DocumentCommand {
            output: shown.to_owned(),
            ..command.clone()
        };
        trimmed.fits(said.trim_end())
    };
    (!output.status.success() || !fits).then(|| {
        format!(
            "`{}` ended with {:?} and said\n{said}{}instead of\n{shown}",
            command.command,
            output.status.code(),
            text(&output.stderr)
        )
    })
}
