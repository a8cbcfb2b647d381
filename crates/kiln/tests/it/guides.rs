//! Guides that bring the files that their commands work with: those need neither a network nor an
//! engine.

use std::path::Path;

use kiln_testkit::{Environment, document_commands, document_samples, markdown_files};

#[test]
fn guides_with_samples_show_what_happens() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut ran = 0;
    for file in markdown_files(&root).unwrap() {
        let environment = Environment::new(env!("CARGO_BIN_EXE_kiln"));
        if !document_samples(&file, &environment.work()).unwrap() {
            continue;
        }
        for command in document_commands(&file).unwrap() {
            let arguments = command.kiln_arguments().unwrap();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let run = environment.run(&arguments);
            let place = format!("{}:{}", file.display(), command.line);
            assert_eq!(run.code, Some(0), "{place}: {run}");
            let fits = command.fits(run.stdout.trim_end())
                || command.fits(&run.stdout)
                || kiln_testkit::DocumentCommand {
                    output: command.output.trim_end().to_owned(),
                    ..command.clone()
                }
                .fits(run.stdout.trim_end());
            assert!(fits, "{place}: {run} instead of\n{}", command.output);
            ran += 1;
        }
    }
    assert!(ran > 5, "only {ran} commands were found");
}
