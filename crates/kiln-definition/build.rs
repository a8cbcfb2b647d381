//! Lists the files of the catalog at the top of the project, so that `catalog` can embed them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let catalog = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../catalog");
    println!("cargo::rerun-if-changed=../../catalog");
    let mut table = String::from("&[\n");
    for image in sorted(&catalog)? {
        if !image.join("image.yaml").is_file() {
            continue;
        }
        let name = name_of(&image)?;
        let mut files = Vec::new();
        walk(&image, "", &mut files)?;
        writeln!(table, "({name:?}, &[")?;
        for file in files {
            writeln!(
                table,
                "CatalogFile {{ path: {file:?}, bytes: include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {:?})) }},",
                format!("/../../catalog/{name}/{file}")
            )?;
        }
        table.push_str("]),\n");
    }
    table.push_str("]\n");
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo says by OUT_DIR where generated files go"
    )]
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    fs::write(Path::new(&out).join("catalog.rs"), table)?;
    Ok(())
}

fn walk(
    directory: &Path,
    prefix: &str,
    files: &mut Vec<String>,
) -> Result<(), Box<dyn std::error::Error>> {
    for path in sorted(directory)? {
        println!("cargo::rerun-if-changed={}", path.display());
        let name = format!("{prefix}{}", name_of(&path)?);
        if path.is_dir() {
            walk(&path, &format!("{name}/"), files)?;
        } else {
            files.push(name);
        }
    }
    Ok(())
}

fn sorted(directory: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    let mut paths = fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> Result<String, String> {
    path.file_name()
        .and_then(|name| name.to_str())
        .map(str::to_owned)
        .ok_or_else(|| format!("no name: {}", path.display()))
}
