//! Every fuzz target is declared and has seeds.

use super::files::File;
use crate::Problem;

/// Checks the targets below `fuzz/fuzz_targets`.
#[must_use]
pub fn check(files: &[File]) -> Vec<Problem> {
    let manifest = files
        .iter()
        .find(|file| file.path == "fuzz/Cargo.toml")
        .and_then(|file| file.text.as_deref())
        .unwrap_or_default();
    let mut problems = Vec::new();
    for file in files {
        let Some(name) = file
            .path
            .strip_prefix("fuzz/fuzz_targets/")
            .and_then(|path| path.strip_suffix(".rs"))
        else {
            continue;
        };
        if !manifest.contains(&format!("name = \"{name}\"")) {
            problems.push(Problem::new(
                &file.path,
                "has no `[[bin]]` in fuzz/Cargo.toml",
            ));
        }
        let seeds = format!("fuzz/seeds/{name}/");
        if !files.iter().any(|file| file.path.starts_with(&seeds)) {
            problems.push(Problem::new(&file.path, format!("has no seeds in {seeds}")));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_needs_its_declaration_and_seeds() {
        let target = File::new("fuzz/fuzz_targets/tar.rs", "");
        let manifest = File::new("fuzz/Cargo.toml", "[[bin]]\nname = \"tar\"\n");
        let seed = File::new("fuzz/seeds/tar/empty", "");
        assert_eq!(check(&[target.clone(), manifest.clone(), seed.clone()]), []);
        assert_eq!(check(&[target.clone(), manifest]).len(), 1);
        assert_eq!(check(&[target, seed]).len(), 1);
    }
}
