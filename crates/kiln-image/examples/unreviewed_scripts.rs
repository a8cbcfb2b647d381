//! Prints the maintainer scripts of packages that the table of script coverage does not know:
//! what names them there, and what a reviewer has to read.
//!
//! ```text
//! cargo run -p kiln-image --example unreviewed_scripts -- [--all] FILE.deb…
//! ```
#![expect(clippy::print_stdout, reason = "that is what it is for")]

use std::error::Error;
use std::fs::File;

use kiln_deb::package::DebFormat;
use kiln_image::to_review;
use kiln_types::PackageFormat as _;

fn main() -> Result<(), Box<dyn Error>> {
    let mut all = false;
    for argument in std::env::args().skip(1) {
        if argument == "--all" {
            all = true;
            continue;
        }
        let package = DebFormat.open(&argument, Box::new(File::open(&argument)?))?;
        let control = package.control();
        for script in to_review(control, all) {
            println!(
                "{} {} {}\n# {} {}",
                control.name, script.script, script.digest, control.version, control.architecture
            );
            for line in script.text.lines() {
                println!("    {line}");
            }
        }
    }
    Ok(())
}
