//! A directory that is filled as a whole or not at all, so that nobody finds half of what a start
//! was to make, whenever it is killed.
//!
//! Steps fill a new directory inside it. When all are done that one gets another name, which is the
//! moment from which it is whole; then its contents move up, the file by which people and programs
//! know a whole one last. A start that finds the new directory removes it and begins again; one that
//! finds the other name goes on moving.

use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::{say, system};

/// What is being filled.
const NEW: &str = ".kiln-new";
/// What is whole and on its way up.
const MADE: &str = ".kiln-made";

/// A directory on its way.
pub(crate) struct Whole {
    folder: PathBuf,
    last: String,
    new: String,
    /// Holds others off as long as it is open.
    _lock: File,
}

/// Begins, unless `last` is in the directory or what was made only had to be moved.
pub(crate) fn begin(path: &str, last: &str) -> Result<Option<Whole>, String> {
    let folder = PathBuf::from(path);
    let fail = |error: std::io::Error| format!("`{path}` cannot be filled: {error}");
    let lock = File::open(&folder).map_err(fail)?;
    let made = folder.join(MADE);
    if folder.join(last).exists() && !made.exists() {
        return Ok(None);
    }
    if !system::lock(&lock) {
        return Err(format!("another container is filling `{path}`"));
    }
    if made.is_dir() {
        say(&format!("going on with what was made in `{path}`"));
        move_up(&folder, last)?;
        return Ok(None);
    }
    // Looked at again: who held the lock may have filled it.
    if folder.join(last).exists() {
        return Ok(None);
    }
    let new = folder.join(NEW);
    if new.exists() {
        say(&format!(
            "removing what an interrupted start left in `{path}`"
        ));
        fs::remove_dir_all(&new).map_err(|error| format!("`{}`: {error}", new.display()))?;
    }
    let mut others = names(&folder)?;
    // What mkfs makes of ext4 leaves it in every volume.
    others.retain(|name| name != "lost+found");
    if let Some(other) = others.first() {
        return Err(format!(
            "`{path}` is neither whole nor empty: there is `{other}`, but no `{last}`"
        ));
    }
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700).create(&new).map_err(fail)?;
    let new = new.to_str().map(str::to_owned);
    Ok(Some(Whole {
        new: new.ok_or_else(|| format!("`{path}` is not UTF-8"))?,
        last: last.to_owned(),
        folder,
        _lock: lock,
    }))
}

impl Whole {
    /// The directory to fill.
    pub(crate) fn place(&self) -> &str {
        &self.new
    }

    /// Everything is done: it becomes the directory's.
    pub(crate) fn finish(self) -> Result<(), String> {
        if !Path::new(&self.new).join(&self.last).exists() {
            let (new, last) = (&self.new, &self.last);
            return Err(format!(
                "the steps are done, but there is no `{new}/{last}`"
            ));
        }
        let renamed = fs::rename(&self.new, self.folder.join(MADE));
        renamed
            .and_then(|()| sync(&self.folder))
            .map_err(|error| format!("`{}` cannot get its new name: {error}", self.new))?;
        move_up(&self.folder, &self.last)
    }
}

/// Moves what was made to its place; where some of it is there already, the rest.
fn move_up(folder: &Path, last: &str) -> Result<(), String> {
    let made = folder.join(MADE);
    let fail = |error: std::io::Error| {
        let folder = folder.display();
        format!("what was made in `{folder}` cannot move to its place: {error}")
    };
    let mut names = names(&made)?;
    names.retain(|name| name != last);
    for name in &names {
        fs::rename(made.join(name), folder.join(name)).map_err(fail)?;
    }
    // The program that filled it has chosen a mode, and may insist on it.
    let mode = |path: &Path| Ok(fs::metadata(path)?.permissions().mode() & 0o7777);
    let wanted = mode(&made).map_err(fail)?;
    if mode(folder).map_err(fail)? != wanted {
        match fs::set_permissions(folder, fs::Permissions::from_mode(wanted)) {
            // Another's, in which this user may write all the same.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => say(&format!(
                "`{}` belongs to another user and keeps its mode",
                folder.display()
            )),
            outcome => outcome.map_err(fail)?,
        }
    }
    sync(folder).map_err(fail)?;
    if made.join(last).exists() {
        fs::rename(made.join(last), folder.join(last)).map_err(fail)?;
    }
    fs::remove_dir(&made).map_err(fail)?;
    sync(folder).map_err(fail)
}

fn names(folder: &Path) -> Result<Vec<String>, String> {
    let fail = |error: std::io::Error| format!("`{}` cannot be read: {error}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        let name = entry.map_err(fail)?.file_name();
        let name = name.into_string();
        names.push(name.map_err(|name| format!("{name:?} is not UTF-8"))?);
    }
    names.sort();
    Ok(names)
}

/// That names have changed is on disk, and not only their files.
fn sync(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("kiln-whole-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn begin(&self) -> Result<Option<Whole>, String> {
            begin(self.0.to_str().unwrap(), "VERSION")
        }

        fn list(&self) -> Vec<String> {
            names(&self.0).unwrap()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_interrupted_is_made_again_and_what_is_whole_is_left_alone() {
        let folder = Folder::new("again");
        fs::create_dir(folder.0.join("lost+found")).unwrap();
        let first = folder.begin().unwrap().unwrap();
        fs::write(Path::new(first.place()).join("VERSION"), "half").unwrap();
        let held = folder.begin().map(|_| ()).unwrap_err();
        assert!(held.contains("another container"), "{held}");
        drop(first);
        let second = folder.begin().unwrap().unwrap();
        assert!(names(Path::new(second.place())).unwrap().is_empty());
        fs::write(Path::new(second.place()).join("VERSION"), "17").unwrap();
        fs::create_dir_all(Path::new(second.place()).join("base/1")).unwrap();
        fs::set_permissions(second.place(), fs::Permissions::from_mode(0o750)).unwrap();
        second.finish().unwrap();
        assert_eq!(folder.list(), ["VERSION", "base", "lost+found"]);
        let mode = fs::metadata(&folder.0).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o750);
        assert!(folder.begin().unwrap().is_none());
        assert_eq!(fs::read_to_string(folder.0.join("VERSION")).unwrap(), "17");
    }

    #[test]
    fn a_move_goes_on_wherever_it_was_interrupted() {
        for moved in 0..4 {
            let folder = Folder::new("move");
            let made = folder.0.join(MADE);
            fs::create_dir(&made).unwrap();
            for (number, name) in ["a", "b", "VERSION"].into_iter().enumerate() {
                let place = if number < moved { &folder.0 } else { &made };
                fs::write(place.join(name), name).unwrap();
            }
            assert!(folder.begin().unwrap().is_none());
            assert_eq!(folder.list(), ["VERSION", "a", "b"], "{moved}");
        }
    }

    #[test]
    fn what_is_neither_whole_nor_empty_is_refused() {
        let folder = Folder::new("other");
        fs::write(folder.0.join("notes"), "").unwrap();
        let refused = folder.begin().map(|_| ()).unwrap_err();
        assert!(
            refused.contains("there is `notes`, but no `VERSION`"),
            "{refused}"
        );
        fs::remove_file(folder.0.join("notes")).unwrap();
        let empty = folder.begin().unwrap().unwrap();
        assert!(empty.finish().unwrap_err().contains("there is no"));
    }
}
