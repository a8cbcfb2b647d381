//! What emulators of servers share: giving paths to system accounts, and dpkg's list of such.

use super::output::Output;
use super::{EmulateError, Tree};

/// dpkg-statoverride(1)'s list.
const STATOVERRIDE: &str = "var/lib/dpkg/statoverride";

/// The number of a user or group by its name; root's where there is none.
fn number(tree: &dyn Tree, file: &str, name: &str) -> Result<u32, EmulateError> {
    let content = tree.read(file)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&content);
    Ok(text
        .lines()
        .find(|line| line.split(':').next() == Some(name))
        .and_then(|line| line.split(':').nth(2)?.parse().ok())
        .unwrap_or(0))
}

/// The numbers of a user and a group.
pub(super) fn numbers(
    tree: &dyn Tree,
    user: &str,
    group: &str,
) -> Result<(u32, u32), EmulateError> {
    Ok((
        number(tree, "etc/passwd", user)?,
        number(tree, "etc/group", group)?,
    ))
}

/// A directory with this owner and mode, made or changed (`chown`, `chmod`).
///
/// Settings stay root's where they would become those of the user that the image runs as: a
/// program must not be able to change its own settings.
pub(super) fn directory(
    tree: &dyn Tree,
    output: &mut Output<'_>,
    path: &str,
    mode: u32,
    (user, group): (&str, &str),
) -> Result<(), EmulateError> {
    let (uid, gid) = numbers(tree, user, group)?;
    if is_own_setting(tree, path, uid, gid) {
        return Ok(());
    }
    let entry = output.directory(path, mode)?;
    (entry.uid, entry.gid) = (uid, gid);
    Ok(())
}

/// A file that is there, with this owner and mode, noted with dpkg (`dpkg-statoverride --update
/// --add`). The same exception holds as for [`directory`].
pub(super) fn override_file(
    tree: &dyn Tree,
    output: &mut Output<'_>,
    path: &str,
    mode: u32,
    (user, group): (&str, &str),
) -> Result<(), EmulateError> {
    let (uid, gid) = numbers(tree, user, group)?;
    if is_own_setting(tree, path, uid, gid) {
        return Ok(());
    }
    if let Some(content) = tree.read(path)? {
        let entry = output.file(path, mode, content)?;
        (entry.uid, entry.gid) = (uid, gid);
    }
    note_override(tree, output, path, mode, (user, group))
}

/// Notes an owner and mode with dpkg.
pub(super) fn note_override(
    tree: &dyn Tree,
    output: &mut Output<'_>,
    path: &str,
    mode: u32,
    (user, group): (&str, &str),
) -> Result<(), EmulateError> {
    if !tree.has_package("dpkg") {
        return Ok(());
    }
    let mut list = tree.read(STATOVERRIDE)?.unwrap_or_default();
    list.extend(format!("{user} {group} {mode:o} /{path}\n").bytes());
    output.file(STATOVERRIDE, 0o644, list)?;
    Ok(())
}

fn is_own_setting(tree: &dyn Tree, path: &str, uid: u32, gid: u32) -> bool {
    let run_as = tree.plan().accounts.run_as.filter(|(uid, _)| *uid != 0);
    path.starts_with("etc/") && run_as.is_some_and(|(own, group)| own == uid || group == gid)
}
