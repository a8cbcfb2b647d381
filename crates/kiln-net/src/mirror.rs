//! The address of a mirror, and of a path below it.

use std::fmt;
use std::path::{Path, PathBuf};

use reqwest::Url;

/// The root of a mirror: `https://host/debian`, `http://user:password@host/`, `file:/srv/debian`.
///
/// Printed without user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Mirror {
    root: Root,
    credentials: Option<(String, Option<String>)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Root {
    /// Ends in a slash; without user, password, query and fragment.
    Web(Url),
    Directory(PathBuf),
}

/// Where a path of a mirror is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Web(Url),
    File(PathBuf),
}

/// An address that is no mirror's, or a path that no mirror may be asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` {reason}")]
pub struct MirrorError {
    /// What was written, without user and password, shortened.
    pub found: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Mirror {
    /// Parses the root of a mirror.
    ///
    /// # Errors
    /// When it is not an `http:`, `https:` or absolute `file:` URL, or has a query or a fragment.
    pub fn parse(text: &str) -> Result<Self, MirrorError> {
        let error = |reason| MirrorError {
            found: redacted(text),
            reason,
        };
        if text.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(error("holds control characters"));
        }
        if let Some(rest) = strip_scheme(text, "file:") {
            let path = match rest.strip_prefix("//") {
                Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
                None => rest,
            };
            if !path.starts_with('/') {
                return Err(error(
                    "is not an absolute path: a local mirror is written `file:/directory`",
                ));
            }
            let path = percent_decoded(path).ok_or_else(|| error("has a wrong `%` escape"))?;
            return Ok(Self {
                root: Root::Directory(PathBuf::from(path)),
                credentials: None,
            });
        }
        // The URL parser takes `http:/x` and `http:///x` for the host `x`.
        if text
            .split_once("://")
            .is_none_or(|(_, rest)| rest.starts_with('/'))
        {
            return Err(error("is not a URL with a host"));
        }
        let mut url = Url::parse(text).map_err(|_| error("is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(error(
                "is not an address of a mirror: expected `https:`, `http:` or `file:`",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(error(
                "has a query or a fragment, which the root of a mirror cannot have",
            ));
        }
        let credentials = if url.username().is_empty() && url.password().is_none() {
            None
        } else {
            let decode =
                |text: &str| percent_decoded(text).ok_or_else(|| error("has a wrong `%` escape"));
            Some((
                decode(url.username())?,
                url.password().map(decode).transpose()?,
            ))
        };
        if url.set_username("").is_err() || url.set_password(None).is_err() {
            return Err(error("has a user that cannot be taken out of it"));
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self {
            root: Root::Web(url),
            credentials,
        })
    }

    /// Whether the mirror is a local directory.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        matches!(self.root, Root::Directory(_))
    }

    pub(crate) fn credentials(&self) -> Option<(&str, Option<&str>)> {
        self.credentials
            .as_ref()
            .map(|(user, password)| (user.as_str(), password.as_deref()))
    }

    /// The place of a file below this root, asked for with a query.
    pub(crate) fn place_with(&self, path: &str, query: Option<&str>) -> Result<Place, MirrorError> {
        let mut place = self.place(path)?;
        if let Place::Web(url) = &mut place {
            url.set_query(query);
        }
        Ok(place)
    }

    /// The place of a path below this root. The path is taken literally: it is no URL, and `%`, `?`
    /// and `#` in it mean themselves.
    pub(crate) fn place(&self, path: &str) -> Result<Place, MirrorError> {
        let parts = parts_of(path)?;
        Ok(match &self.root {
            Root::Web(root) => {
                let mut url = root.clone();
                if let Ok(mut segments) = url.path_segments_mut() {
                    segments.pop_if_empty().extend(parts);
                }
                Place::Web(url)
            }
            Root::Directory(root) => {
                let mut file = root.clone();
                file.extend(parts.iter().map(Path::new));
                Place::File(file)
            }
        })
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.root {
            Root::Web(url) => f.write_str(url.as_str()),
            Root::Directory(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mirror({self})")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Web(url) => f.write_str(&redacted(url.as_str())),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// The parts of a relative path; `.` is left out, what could lead outside is refused.
fn parts_of(path: &str) -> Result<Vec<&str>, MirrorError> {
    let error = |reason| MirrorError {
        found: path.chars().take(200).collect(),
        reason,
    };
    if path.is_empty() || path.len() > 4_096 {
        return Err(error(
            "is not a path on a mirror: it has no or too many characters",
        ));
    }
    if path.starts_with('/') {
        return Err(error("is not a path on a mirror: it begins with `/`"));
    }
    if path
        .chars()
        .any(|character| character.is_control() || character == '\\')
    {
        return Err(error(
            "is not a path on a mirror: it holds control characters or `\\`",
        ));
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            "" => return Err(error("is not a path on a mirror: it has an empty part")),
            ".." => return Err(error("leads out of the mirror")),
            part => parts.push(part),
        }
    }
    if parts.is_empty() {
        return Err(error("names no file"));
    }
    Ok(parts)
}

fn strip_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let head = text.get(..scheme.len())?;
    if head.eq_ignore_ascii_case(scheme) {
        text.get(scheme.len()..)
    } else {
        None
    }
}

/// An address without what stands before its last `@` of the authority, and without its query, which
/// may be a token: what may be shown or kept.
#[must_use]
pub fn redacted(text: &str) -> String {
    hidden(text).chars().take(300).collect()
}

fn hidden(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        // `user:password@host:port`, as proxies are sometimes written.
        return text
            .rsplit_once('@')
            .map_or(text, |(_, host)| host)
            .to_owned();
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // A password with a slash in it ends the authority early: then nothing of it is shown.
    let authority = match authority.rsplit_once('@') {
        Some((_, host)) => host,
        None if path.contains('@') => return format!("{scheme}://…"),
        None => authority,
    };
    match path.split_once('?') {
        Some((path, _)) => format!("{scheme}://{authority}{path}?…"),
        None => format!("{scheme}://{authority}{path}"),
    }
}

/// RFC 3986, 2.1.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn places() {
        for (root, path, expected) in [
            (
                "http://a.example/debian",
                "pool/main/g/gcc/libstdc++6_14.2.0-19_amd64.deb",
                "http://a.example/debian/pool/main/g/gcc/libstdc++6_14.2.0-19_amd64.deb",
            ),
            (
                "http://a.example",
                "./Packages",
                "http://a.example/Packages",
            ),
            (
                "https://u:p%40@a.example:8443/x/",
                "a~b_1%3a2",
                "https://a.example:8443/x/a~b_1%253a2",
            ),
            (
                "https://a.example/x/",
                "a?b#c d",
                "https://a.example/x/a%3Fb%23c%20d",
            ),
            (
                "file:/srv/debian",
                "dists/trixie/InRelease",
                "file:/srv/debian/dists/trixie/InRelease",
            ),
            ("file:///srv/my%20mirror/", "x", "file:/srv/my mirror/x"),
            ("FILE://localhost/srv", "x", "file:/srv/x"),
        ] {
            assert_eq!(
                Mirror::parse(root)
                    .unwrap()
                    .place(path)
                    .unwrap()
                    .to_string(),
                expected
            );
        }
        let web = Mirror::parse("https://a.example/x").unwrap();
        let Place::Web(url) = web.place_with("f.json", Some("a=b/c&d=%3F")).unwrap() else {
            panic!("it is on the web");
        };
        assert_eq!(url.as_str(), "https://a.example/x/f.json?a=b/c&d=%3F");
        let mirror = Mirror::parse("https://u:p%40@a.example/").unwrap();
        assert_eq!(mirror.credentials(), Some(("u", Some("p@"))));
    }

    #[test]
    fn path_traversal_and_odd_paths_are_refused() {
        let mirror = Mirror::parse("file:/srv").unwrap();
        for path in [
            "",
            "/etc/passwd",
            "..",
            "a/../../etc/passwd",
            "a//b",
            "a/",
            ".",
            "a\\..\\b",
            "a\0b",
            "a\nb",
        ] {
            assert!(mirror.place(path).is_err(), "{path:?}");
        }
        // Literal, and so harmless: no server decodes it twice.
        let web = Mirror::parse("http://a.example/x").unwrap();
        assert_eq!(
            web.place("%2e%2e/y").unwrap().to_string(),
            "http://a.example/x/%252e%252e/y"
        );
    }

    proptest! {
        #[test]
        fn no_path_leads_out_of_its_mirror(path in "[a-z./\\\\%2e?#@: ]{0,24}|\\PC{0,24}", root: String) {
            let _ = Mirror::parse(&root).map(|mirror| mirror.place(&path));
            let web = Mirror::parse("http://a.example/x/").unwrap();
            if let Ok(Place::Web(url)) = web.place(&path) {
                prop_assert!(url.as_str().starts_with("http://a.example/x/"), "{}", url);
                prop_assert_eq!((url.query(), url.fragment()), (None, None));
                let again = Url::parse(url.as_str()).unwrap();
                prop_assert_eq!(again.as_str(), url.as_str());
            }
            let local = Mirror::parse("file:/srv").unwrap();
            if let Ok(Place::File(file)) = local.place(&path) {
                prop_assert!(file.starts_with("/srv"));
                prop_assert!(file.components().all(|part| part != std::path::Component::ParentDir));
            }
        }
    }

    #[test]
    fn roots_that_are_none() {
        for root in [
            "",
            "debian",
            "ftp://a.example/",
            "file:debian",
            "file://host/x",
            "http:///x",
            "http:/x",
            "http:x",
            "http://",
            "http://a/?q",
            "http://a/\n",
        ] {
            assert!(Mirror::parse(root).is_err(), "{root:?}");
        }
    }

    #[test]
    fn passwords_are_never_shown() {
        for text in [
            "https://user:secret@host/x",
            "ftp://user:secret@host/x",
            "user:secret@host:3128",
            "http://user:se/secret@host/",
            "http://secret@host:x/",
            "http://us@er:secret@host/?q",
            "http://host/x?token=secret",
            &format!("http://user:{}secret@host/", "long".repeat(100)),
            &format!("http://user:secret{}@host/", "long".repeat(100)),
        ] {
            assert!(!redacted(text).contains("secret"), "{}", redacted(text));
            if let Err(error) = Mirror::parse(text) {
                assert!(!error.to_string().contains("secret"), "{error}");
            }
        }
        let mirror = Mirror::parse("https://user:secret@host/x").unwrap();
        assert_eq!(
            format!("{mirror} {mirror:?}"),
            "https://host/x/ Mirror(https://host/x/)"
        );
    }
}
