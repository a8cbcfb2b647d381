//! Steps that touch files.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use kiln_script::Template;

use crate::environment::Environment;
use crate::system;

/// The largest secret or template in bytes.
const LARGEST: u64 = 16 << 20;

/// A text file of a bounded size.
pub(crate) fn read_text(path: &str) -> Result<String, String> {
    let fail = |reason: &dyn std::fmt::Display| format!("`{path}` cannot be read: {reason}");
    let size = fs::metadata(path).map_err(|error| fail(&error))?.len();
    if size > LARGEST {
        return Err(fail(&format!("it is larger than {LARGEST} bytes")));
    }
    fs::read_to_string(path).map_err(|error| fail(&error))
}

/// Makes sure that a directory is there and can be written.
pub(crate) fn writable(path: &str, mode: u32, own: bool, note: &str) -> Result<(), String> {
    let place = Path::new(path);
    let (uid, gid) = system::identity();
    let advice = |reason: String| {
        let note = if note.is_empty() {
            String::new()
        } else {
            format!(" {note}")
        };
        format!("{reason}; this container runs as uid {uid} gid {gid}.{note}")
    };
    if !place.exists() {
        let mut builder = fs::DirBuilder::new();
        let made = match place.parent() {
            Some(parent) if !parent.exists() => fs::DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(parent),
            _ => Ok(()),
        };
        if let Err(error) = made.and_then(|()| builder.mode(mode).create(place)) {
            let nearest = place.ancestors().find(|above| above.exists());
            let above = nearest.map_or_else(String::new, |above| format!(" ({})", owner(above)));
            return Err(advice(format!("`{path}` cannot be made: {error}{above}")));
        }
    }
    let data = fs::metadata(place).map_err(|error| format!("`{path}`: {error}"))?;
    if !data.is_dir() {
        return Err(format!("`{path}` is not a directory"));
    }
    if own && data.uid() != uid {
        return Err(advice(format!(
            "`{path}` must belong to the user that runs: {}",
            owner(place)
        )));
    }
    system::check_writable(place).map_err(|error| {
        let read_only = error.kind() == std::io::ErrorKind::ReadOnlyFilesystem;
        let hint = if read_only {
            "; mount a volume or a tmpfs there"
        } else {
            ""
        };
        advice(format!(
            "`{path}` cannot be written: {error}{hint} ({})",
            owner(place)
        ))
    })
}

fn owner(path: &Path) -> String {
    match fs::metadata(path) {
        Ok(data) => format!(
            "`{}` belongs to uid {} gid {} with mode {:04o}",
            path.display(),
            data.uid(),
            data.gid(),
            data.mode() & 0o7777
        ),
        Err(error) => format!("`{}`: {error}", path.display()),
    }
}

/// Writes a file, or adds to its end. The mode holds whatever the umask.
pub(crate) fn write(path: &str, mode: u32, append: bool, content: &str) -> Result<(), String> {
    let result = || -> std::io::Result<()> {
        let mut options = File::options();
        options.create(true).mode(mode);
        if append {
            options.append(true);
        } else {
            options.write(true).truncate(true);
        }
        let is_new = !Path::new(path).exists();
        let mut file = options.open(path)?;
        if is_new {
            file.set_permissions(fs::Permissions::from_mode(mode))?;
        }
        file.write_all(content.as_bytes())?;
        file.sync_all()
    };
    result().map_err(|error| {
        let (uid, gid) = system::identity();
        format!("`{path}` cannot be written as uid {uid} gid {gid}: {error}")
    })
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &str) -> Result<(), String> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("`{path}` cannot be removed: {error}"))
        }
        _ => Ok(()),
    }
}

/// The files of a directory by name, directories left out; none where it is not there.
pub(crate) fn files_of(folder: &str) -> Result<Vec<String>, String> {
    let fail = |error: std::io::Error| format!("`{folder}` cannot be read: {error}");
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fail(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(fail)?.path();
        if path.is_file() {
            let text = path.to_str();
            files.push(
                text.ok_or_else(|| format!("`{}` is not UTF-8", path.display()))?
                    .to_owned(),
            );
        }
    }
    files.sort();
    Ok(files)
}

/// Fills templates from the environment.
pub(crate) fn fill(
    from: &str,
    to: &str,
    mode: u32,
    keep_unknown: bool,
    environment: &Environment,
) -> Result<(), String> {
    let one = |from: &str, to: &str| -> Result<(), String> {
        let text = read_text(from)?;
        let get = |name: &str| environment.get(name);
        let filled = if keep_unknown {
            Template::parse_lenient(&text).fill_known(&get)
        } else {
            Template::parse(&text)
                .and_then(|template| template.fill(&get))
                .map_err(|error| format!("`{from}`: {error}"))?
        };
        write(to, mode, false, &filled)
    };
    if Path::new(from).is_file() {
        return one(from, to);
    }
    for file in files_of(from)? {
        let name = file.rsplit('/').next().unwrap_or_default();
        if let Some(name) = name.strip_suffix(".template") {
            one(&file, &format!("{}/{name}", to.trim_end_matches('/')))?;
        }
    }
    Ok(())
}
