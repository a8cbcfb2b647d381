//! From root to the user that the definition names.

use crate::environment::Environment;
use crate::system;

/// Where this runs as root: becomes the user, for good. Otherwise nothing happens, because then the
/// engine has chosen the user.
pub(crate) fn become_user(name: &str, environment: &mut Environment) -> Result<(), String> {
    let (uid, _) = system::identity();
    if uid != 0 {
        return Ok(());
    }
    let users = std::fs::read_to_string("/etc/passwd")
        .map_err(|error| format!("`/etc/passwd` cannot be read: {error}"))?;
    let (uid, gid, home) =
        find(&users, name).ok_or_else(|| format!("there is no user `{name}` in `/etc/passwd`"))?;
    system::become_user(uid, gid).map_err(|error| {
        format!(
            "this container runs as root and cannot become `{name}`: {error}; start it as that \
             user, with `--user {uid}:{gid}`"
        )
    })?;
    environment.set("HOME", &home);
    Ok(())
}

/// The ids and the home of a user (passwd(5)).
fn find(users: &str, name: &str) -> Option<(u32, u32, String)> {
    let fields = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&name))?;
    let number = |at: usize| fields.get(at).and_then(|text| text.parse().ok());
    Some((number(2)?, number(3)?, (*fields.get(5)?).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\nx:*:7:8::/home/x:/bin/false\nbad:x:a:0:::\n";
        assert_eq!(find(users, "x"), Some((7, 8, "/home/x".to_owned())));
        assert_eq!(find(users, "roo"), None);
        assert_eq!(find(users, "bad"), None);
    }
}
