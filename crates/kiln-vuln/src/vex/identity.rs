//! The identifiers of one product, held against each other.
//!
//! A package URL decides, whatever an id, a hash, a CPE or a name beside it says: those are not exact
//! enough to suppress anything by. Two package URLs of different packages name nothing.

use kiln_types::Purl;

use super::image::{ImageName, is_of_image};

/// What the identifiers of a product come to.
#[derive(Default)]
pub(super) struct Identity {
    /// The names that count.
    pub(super) names: Vec<String>,
    /// What contradicts them, where they count nevertheless.
    pub(super) doubt: Option<String>,
    /// Why none counts.
    pub(super) refused: Option<String>,
}

/// Which of the names of a product count. `beside` are its CPEs, and `called` what its document calls
/// it: name and version, each empty where it is not said.
pub(super) fn identity(names: Vec<String>, beside: &[&str], called: (&str, &str)) -> Identity {
    let purls: Vec<(&String, Option<Purl>)> = names
        .iter()
        .filter(|name| is_purl(name))
        .map(|name| (name, name.parse().ok()))
        .collect();
    let Some((first, purl)) = purls.first() else {
        return Identity {
            names,
            ..Identity::default()
        };
    };
    if let Some((other, _)) = purls
        .iter()
        .find(|other| !agree((first, purl), (other.0, &other.1)))
    {
        return Identity {
            refused: Some(shortened(&format!(
                "its names contradict each other: {first} and {other}"
            ))),
            ..Identity::default()
        };
    }
    let doubt = purl
        .as_ref()
        .filter(|_| !is_of_image(first))
        .and_then(|purl| {
            let cpe = beside.iter().find(|cpe| {
                cpe_of(cpe).is_some_and(|(name, version)| differs(purl, &name, &version))
            });
            let called = match called {
                (name, version) if differs(purl, name, version) => {
                    Some(format!("{name} {version}").trim().to_owned())
                }
                _ => None,
            };
            let other = cpe.map(ToString::to_string).or(called)?;
            Some(shortened(&format!(
                "its names contradict each other, and {first} holds against `{other}`"
            )))
        });
    // The digest of an image says as much as its package URL; that of a file is not known here.
    let is_image = is_of_image(first);
    let counts = |name: &String| is_purl(name) || (is_image && name.starts_with("sha256:"));
    Identity {
        names: names.iter().filter(|name| counts(name)).cloned().collect(),
        doubt,
        refused: None,
    }
}

fn is_purl(name: &str) -> bool {
    name.get(..4)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("pkg:"))
}

/// Whether two package URLs may mean one thing: one package, in one version where both have one.
fn agree(one: (&str, &Option<Purl>), other: (&str, &Option<Purl>)) -> bool {
    if is_of_image(one.0) && is_of_image(other.0) {
        let (one, other) = (ImageName::of(one.0), ImageName::of(other.0));
        let may_be = |one: &[String], other: &[String]| {
            one.is_empty() || other.is_empty() || one.iter().any(|said| other.contains(said))
        };
        return may_be(&one.digests, &other.digests) && may_be(&one.tags, &other.tags);
    }
    // What is no package URL means nothing, and so nothing else.
    let (Some(one), Some(other)) = (one.1, other.1) else {
        return true;
    };
    let is_version = match (one.version(), other.version()) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    one.bare() == other.bare() && is_version
}

/// Whether a name or a version, where it is said, is another one than a package URL's. Parts of a
/// name, a revision and an epoch make no difference: other schemes do not have them.
fn differs(purl: &Purl, name: &str, version: &str) -> bool {
    let key = |name: &str| -> String {
        name.chars()
            .filter(|letter| letter.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect()
    };
    let (own, said) = (key(purl.name()), key(name));
    let is_name = said.is_empty() || own.contains(&said) || said.contains(&own);
    let plain = |version: &str| -> String {
        let version = match version.split_once(':') {
            Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => rest,
            _ => version,
        };
        version.trim_start_matches('v').to_owned()
    };
    let begins = |long: &str, short: &str| {
        long.strip_prefix(short).is_some_and(|rest| {
            rest.chars()
                .next()
                .is_none_or(|next| !next.is_ascii_alphanumeric() && next != '.')
        })
    };
    let own = plain(purl.version().unwrap_or_default());
    let said = plain(version);
    let is_version =
        own.is_empty() || said.is_empty() || begins(&own, &said) || begins(&said, &own);
    !(is_name && is_version)
}

/// The product and the version of a CPE (NISTIR 7695), in either of its bindings.
fn cpe_of(text: &str) -> Option<(String, String)> {
    let rest = text
        .strip_prefix("cpe:2.3:")
        .or_else(|| text.strip_prefix("cpe:/"))?;
    let mut fields = vec![String::new()];
    let mut letters = rest.chars();
    while let Some(letter) = letters.next() {
        match (letter, fields.last_mut()) {
            (':', _) => fields.push(String::new()),
            ('\\', Some(field)) => field.extend(letters.next()),
            (letter, Some(field)) => field.push(letter),
            (_, None) => {}
        }
    }
    let field = |place: usize| {
        let text = fields.get(place).map_or("", String::as_str);
        match text {
            "*" | "-" => String::new(),
            text => text.to_owned(),
        }
    };
    Some((field(2), field(3)))
}

fn shortened(text: &str) -> String {
    text.chars().take(400).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_url_decides_and_what_contradicts_it_is_told() {
        const ZLIB: &str = "pkg:deb/debian/zlib1g@1:1.3.1-1";
        for (names, cpe, called, counts, doubt, refused) in [
            (vec![ZLIB], "", ("", ""), 1, false, false),
            (
                vec!["foo", ZLIB, "sha256:00"],
                "",
                ("", ""),
                1,
                false,
                false,
            ),
            (vec!["foo", "sha256:00"], "", ("", ""), 2, false, false),
            (
                vec![ZLIB],
                "cpe:2.3:a:zlib:zlib:1.3.1:*:*:*",
                ("", ""),
                1,
                false,
                false,
            ),
            (vec![ZLIB], "cpe:/a:zlib:zlib", ("", ""), 1, false, false),
            (
                vec![ZLIB],
                "cpe:2.3:a:zlib:zlib:9:*:*:*",
                ("", ""),
                1,
                true,
                false,
            ),
            (
                vec![ZLIB],
                "cpe:2.3:a:x:openssl:*:*:*:*",
                ("", ""),
                1,
                true,
                false,
            ),
            (vec![ZLIB], "", ("zlib1g", "1.3.1-1"), 1, false, false),
            (vec![ZLIB], "", ("zlib1g", "2"), 1, true, false),
            (vec![ZLIB], "", ("openssl", ""), 1, true, false),
            (
                vec![ZLIB, "pkg:deb/debian/zlib1g"],
                "",
                ("", ""),
                2,
                false,
                false,
            ),
            (
                vec![ZLIB, "pkg:deb/debian/openssl"],
                "",
                ("", ""),
                0,
                false,
                true,
            ),
            (
                vec![ZLIB, "pkg:deb/debian/zlib1g@2"],
                "",
                ("", ""),
                0,
                false,
                true,
            ),
            (vec![ZLIB, "pkg:oci/nginx"], "", ("", ""), 0, false, true),
            (
                vec!["pkg:oci/nginx?tag=1", "pkg:docker/nginx@1", "sha256:00"],
                "",
                ("", ""),
                3,
                false,
                false,
            ),
            (
                vec!["pkg:oci/nginx?tag=1", "pkg:docker/nginx@2"],
                "",
                ("", ""),
                0,
                false,
                true,
            ),
        ] {
            let owned = names.iter().map(ToString::to_string).collect();
            let found = identity(owned, &[cpe], called);
            assert_eq!(
                (
                    found.names.len(),
                    found.doubt.is_some(),
                    found.refused.is_some()
                ),
                (counts, doubt, refused),
                "{names:?} {cpe} {called:?}"
            );
        }
    }
}
