//! Shadow files, as `shadowconfig on` (pwconv(8), grpconv(8)) makes them of account files.

use super::EmulateError;
use super::accounts::Table;
use super::output::Output;

/// Debian's fixed number of the group `shadow` (base-passwd's `group.master`).
const SHADOW: u32 = 42;

/// Moves the passwords of both tables into `/etc/shadow` and `/etc/gshadow`.
///
/// The day of the last change stays empty, which means that ageing is off (shadow(5)): today's
/// date must not get into an image, and day 0 would ask for a new password at the first login.
pub(super) fn shadow_files(
    users: &mut Table,
    groups: &mut Table,
    output: &mut Output<'_>,
) -> Result<(), EmulateError> {
    let mut shadow = String::new();
    for line in &mut users.lines {
        let password = take_password(line);
        let name = line.first().map_or("", String::as_str);
        shadow.push_str(&format!("{name}:{password}::0:99999:7:::\n"));
    }
    let mut gshadow = String::new();
    for line in &mut groups.lines {
        let password = take_password(line);
        let name = line.first().map_or("", String::as_str);
        let members = line.get(3).map_or("", String::as_str);
        gshadow.push_str(&format!("{name}:{password}::{members}\n"));
    }
    for (path, content) in [("etc/shadow", shadow), ("etc/gshadow", gshadow)] {
        if !output.exists(path) {
            output.file(path, 0o640, content)?.gid = SHADOW;
        }
    }
    Ok(())
}

/// The password of a line, `*` (none that fits) where it had been moved already.
fn take_password(line: &mut [String]) -> String {
    match line.get_mut(1) {
        Some(field) => match std::mem::replace(field, "x".to_owned()).as_str() {
            "x" | "" => "*".to_owned(),
            password => password.to_owned(),
        },
        None => "*".to_owned(),
    }
}
