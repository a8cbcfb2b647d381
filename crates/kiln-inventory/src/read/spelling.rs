//! Names as documents spell them. A package URL says what a component is; writers differ in which of
//! its parts hold a name of several words, and some say another thing beside it.

use kiln_types::{ComponentKind, Purl};

/// The full name of a component, as its ecosystem writes it. `named` is what the document calls it.
pub(super) fn full_name(kind: ComponentKind, purl: &Purl, named: &str) -> String {
    let separator = match kind {
        ComponentKind::Maven => ":",
        _ => "/",
    };
    let name = match (purl.namespace(), kind.is_system()) {
        (Some(namespace), false) => format!("{namespace}{separator}{}", purl.name()),
        _ => purl.name().to_owned(),
    };
    match kind {
        // The group may be in the name (`org.example:lib`, `org.example%2Flib`), or beside the URL.
        ComponentKind::Maven if !name.contains(':') => {
            if let Some((group, artifact)) = name.rsplit_once('/') {
                return format!("{group}:{artifact}");
            }
            match named.rsplit_once([':', '/']) {
                Some((group, artifact)) if artifact == name => format!("{group}:{artifact}"),
                _ => name,
            }
        }
        // Syft puts what follows the third word into the subpath, where purl-spec has a folder of the
        // module: `github.com/a/b/v2` is one when it is a major version or the document's own name.
        ComponentKind::Golang => match purl.subpath() {
            Some(rest) if is_major(rest) || named == format!("{name}/{rest}") => {
                format!("{name}/{rest}")
            }
            _ => name,
        },
        // Package URLs fold the case of names that their ecosystem spells with capitals.
        kind if folded(kind, &name).is_some_and(|name| Some(name) == folded(kind, named)) => {
            named.to_owned()
        }
        _ => name,
    }
}

/// A name as package URLs fold it, for the kinds that they fold.
fn folded(kind: ComponentKind, name: &str) -> Option<String> {
    match kind {
        ComponentKind::Pypi => Some(name.to_lowercase().replace(['_', '.'], "-")),
        ComponentKind::Composer | ComponentKind::Nuget => Some(name.to_lowercase()),
        kind if kind.is_system() => Some(name.to_lowercase()),
        _ => None,
    }
}

/// `v2`, the suffix of the path of a module (go.dev/ref/mod).
fn is_major(text: &str) -> bool {
    text.strip_prefix('v').is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// What a document calls a component, where that is another thing than its package URL says. Other
/// spellings of the same are none: case, separators, an epoch that one leaves out, a `v`, a revision;
/// and of what is no system package a part of the name.
pub(super) fn contradiction(
    kind: ComponentKind,
    (name, version): (&str, &str),
    (named, told): (&str, &str),
) -> Option<String> {
    let key = |name: &str| -> String {
        name.chars()
            .map(|letter| match letter {
                '_' | '.' | ':' | '/' => '-',
                letter => letter.to_ascii_lowercase(),
            })
            .collect()
    };
    let (one, other) = (key(name), key(named));
    let is_named = match kind.is_system() {
        _ if other.is_empty() => true,
        true => one == other,
        false => ends_alike(&one, &other),
    };
    let has_one_epoch = match (epoch(version), epoch(told)) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    // Only distributions tell versions apart by case.
    let folded = |version: &str| match kind.is_system() {
        true => plain(version).to_owned(),
        false => plain(version).to_ascii_lowercase(),
    };
    let is_told = told.is_empty() || has_one_epoch && begins_alike(&folded(version), &folded(told));
    match (is_named, is_told) {
        (true, true) => None,
        (_, false) => Some(shortened(&format!("`{named} {told}`"))),
        (false, true) => Some(shortened(&format!("`{named}`"))),
    }
}

/// Whether one name is the other, or its last words.
fn ends_alike(one: &str, other: &str) -> bool {
    let is_end = |long: &str, short: &str| {
        long.strip_suffix(short)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('-'))
    };
    is_end(one, other) || is_end(other, one)
}

/// Whether one version is the other, or it without a revision, a build or the like.
fn begins_alike(one: &str, other: &str) -> bool {
    let is_begin = |long: &str, short: &str| {
        !short.is_empty()
            && long.strip_prefix(short).is_some_and(|rest| {
                let mut next = rest.chars();
                next.next()
                    .is_none_or(|next| !next.is_ascii_alphanumeric() && next != '.')
            })
    };
    one == other || is_begin(one, other) || is_begin(other, one)
}

fn epoch(version: &str) -> Option<&str> {
    let (epoch, _) = version.split_once(':')?;
    epoch
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(epoch)
}

/// A version without an epoch, and without the prefixes that programs of Go and tags have.
fn plain(version: &str) -> &str {
    let version = match version.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => version,
    };
    let version = version.strip_prefix("go").unwrap_or(version);
    version.strip_prefix(['v', 'V']).unwrap_or(version)
}

fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_other_spellings_are_the_same_name() {
        for (purl, named, expected) in [
            ("pkg:golang/github.com/a/b@v1", "", "github.com/a/b"),
            ("pkg:golang/github.com%2Fa%2Fb@v1", "", "github.com/a/b"),
            (
                "pkg:golang/github.com/a/b@v2.0.0#v2",
                "github.com/a/b/v2",
                "github.com/a/b/v2",
            ),
            (
                "pkg:golang/github.com/a/b@v2.0.0#v2",
                "b",
                "github.com/a/b/v2",
            ),
            ("pkg:golang/github.com/a/b@v2#cmd", "b", "github.com/a/b"),
            (
                "pkg:golang/k8s.io/a/b@v2#c/d",
                "k8s.io/a/b/c/d",
                "k8s.io/a/b/c/d",
            ),
            ("pkg:maven/org.example/lib@1", "lib", "org.example:lib"),
            ("pkg:maven/org.example:lib@1", "lib", "org.example:lib"),
            ("pkg:maven/org.example%3Alib@1", "lib", "org.example:lib"),
            ("pkg:maven/org.example%2Flib@1", "lib", "org.example:lib"),
            ("pkg:maven/lib@1", "org.example/lib", "org.example:lib"),
            ("pkg:maven/lib@1", "org.example:lib", "org.example:lib"),
            ("pkg:maven/lib@1", "lib", "lib"),
            ("pkg:npm/%40s/a@1", "a", "@s/a"),
            ("pkg:pypi/flask-login@1", "Flask_Login", "Flask_Login"),
            ("pkg:npm/lodash.merge@1", "lodash-merge", "lodash.merge"),
            ("pkg:npm/Lodash@1", "lodash", "Lodash"),
        ] {
            let purl: Purl = purl.parse().unwrap();
            let kind = ComponentKind::of_purl_type(purl.kind());
            assert_eq!(full_name(kind, &purl, named), expected, "{purl}");
        }
    }

    #[test]
    fn what_contradicts_is_told_apart_from_other_spellings() {
        for (name, version, named, told, is) in [
            ("zlib1g", "1:1.3-1+b1", "zlib1g", "1.3-1+b1", false),
            ("zlib", "9:9", "zlib", "1:1.3.1-1", true),
            ("zlib", "1", "harmless", "1", true),
            ("lodash", "4.17.21", "lodash", "4.17.4", true),
            ("lodash", "1", "lodash", "1.2.3", true),
            ("@s/a", "1", "a", "1", false),
            ("org.example:lib", "1", "org.example/lib", "1", false),
            ("flask-login", "0.6", "Flask_Login", "0.6", false),
            ("stdlib", "1.24.4", "stdlib", "go1.24.4", false),
            (
                "protobuf",
                "0.0.0-development",
                "protobuf",
                "0.0.0-DEVELOPMENT",
                false,
            ),
            ("github.com/a/b", "v1.0.0", "github.com/a/b", "1.0.0", false),
            ("bash", "0:5.1-2.el9", "bash", "5.1-2.el9", false),
            ("a", "1", "", "", false),
            ("b", "1", "ab", "1", true),
        ] {
            let found = contradiction(ComponentKind::Npm, (name, version), (named, told));
            assert_eq!(found.is_some(), is, "{name} {version} {named} {told}");
        }
        for (name, version, named, told, is) in [
            ("openssl", "9:3.0.0-1", "openssl", "1:3.0.0-1", true),
            ("openssl", "1:3.0.0-1", "openssl", "3.0.0-1", false),
            ("xx-openssl", "1", "openssl", "1", true),
            ("ssl", "1", "open-ssl", "1", true),
            ("libstdc++6", "1", "libstdc++6", "1", false),
        ] {
            let found = contradiction(ComponentKind::Deb, (name, version), (named, told));
            assert_eq!(found.is_some(), is, "{name} {version} {named} {told}");
        }
    }
}
