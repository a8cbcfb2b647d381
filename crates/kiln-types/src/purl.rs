//! Package URLs (ECMA-427, package-url/purl-spec): `pkg:type/namespace/name@version?key=value#path`.
//!
//! Reading follows the specification's parse from right to left, and normalises by the rules of the
//! type, so two spellings of one package are equal values. Writing gives the canonical form.
//! Types without rules here are kept as they are written.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest package URL that is read, in bytes.
const LONGEST: usize = 16 << 10;

/// A package URL in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl {
    kind: String,
    namespace: Option<String>,
    name: String,
    version: Option<String>,
    qualifiers: BTreeMap<String, String>,
    subpath: Option<String>,
}

/// A text or a set of parts that makes no package URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a package URL: {reason}")]
pub struct PurlError {
    /// What was written, shortened.
    pub found: String,
    /// The rule that it breaks.
    pub reason: &'static str,
}

/// What a type of package URL demands of a namespace.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Any,
    Required,
    Prohibited,
}

/// Which parts of a type are written in lower case.
#[derive(Clone, Copy)]
struct Rules {
    namespace: Need,
    lower_namespace: bool,
    lower_name: bool,
    lower_version: bool,
}

impl Rules {
    /// The rules of a type, from its definition in the specification's `types/` folder. A namespace
    /// that a definition demands is demanded here only where all writers agree on it: several write
    /// `pkg:deb/name` or `pkg:maven/artifact`, and refusing those would lose the component.
    fn of(kind: &str) -> Self {
        let (namespace, lower_namespace, lower_name, lower_version) = match kind {
            "alpm" | "apk" | "bitbucket" | "composer" | "deb" | "github" | "hex" | "luarocks"
            | "brew" => (Need::Any, true, true, false),
            "vscode-extension" => (Need::Required, true, true, true),
            "rpm" | "qpkg" | "yocto" => (Need::Any, true, false, false),
            "bitnami" | "otp" | "pub" => (Need::Prohibited, false, true, false),
            "oci" | "pypi" => (Need::Prohibited, false, true, true),
            "chrome-extension" => (Need::Prohibited, false, true, false),
            "bazel" | "cargo" | "cocoapods" | "conda" | "cran" | "gem" | "hackage" | "julia"
            | "mlflow" | "nuget" | "opam" | "vcpkg" => (Need::Prohibited, false, false, false),
            "swift" => (Need::Required, false, false, false),
            "huggingface" => (Need::Any, false, false, true),
            _ => (Need::Any, false, false, false),
        };
        Self {
            namespace,
            lower_namespace,
            lower_name,
            lower_version,
        }
    }
}

impl Purl {
    /// A package URL of these parts, normalised. Parts are plain text, not percent-encoded; empty
    /// ones are as good as absent.
    ///
    /// # Errors
    /// When the type or a qualifier's key breaks its rules, when the name is empty, or when the type
    /// forbids or demands a part.
    pub fn new(
        kind: &str,
        namespace: Option<&str>,
        name: &str,
        version: Option<&str>,
    ) -> Result<Self, PurlError> {
        Self::build(kind, namespace, name, version, BTreeMap::new(), None)
    }

    /// As [`Purl::new`], with qualifiers and a path inside the package.
    ///
    /// # Errors
    /// As [`Purl::new`].
    pub fn build(
        kind: &str,
        namespace: Option<&str>,
        name: &str,
        version: Option<&str>,
        qualifiers: BTreeMap<String, String>,
        subpath: Option<&str>,
    ) -> Result<Self, PurlError> {
        let error = |reason| PurlError {
            found: format!("pkg:{kind}/{name}").chars().take(120).collect(),
            reason,
        };
        let first = kind.bytes().next();
        let is_kind = first.is_some_and(|byte| byte.is_ascii_alphabetic())
            && kind
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte));
        if !is_kind {
            return Err(error(
                "the type begins with a letter and holds letters, digits and `.-+` only",
            ));
        }
        let kind = kind.to_ascii_lowercase();
        let rules = Rules::of(&kind);
        let namespace = namespace
            .map(|namespace| segments(namespace, false))
            .filter(|namespace| !namespace.is_empty());
        match (rules.namespace, &namespace) {
            (Need::Prohibited, Some(_)) => {
                return Err(error("this type has no namespace"));
            }
            (Need::Required, None) => return Err(error("this type needs a namespace")),
            _ => {}
        }
        let name = name.trim_matches('/');
        let joined = (kind == "git").then(|| segments(name, false));
        let name = joined.as_deref().unwrap_or(name);
        if name.is_empty() {
            return Err(error("it has no name"));
        }
        let lower = |text: String, wanted: bool| if wanted { text.to_lowercase() } else { text };
        let mut name = lower(name.to_owned(), rules.lower_name);
        match kind.as_str() {
            "pypi" => name = name.replace('_', "-"),
            "pub" => {
                name = name
                    .chars()
                    .map(|letter| match letter {
                        'a'..='z' | '0'..='9' => letter,
                        _ => '_',
                    })
                    .collect();
            }
            // Databricks does not tell cases apart, other model registries do.
            "mlflow"
                if qualifiers
                    .get("repository_url")
                    .is_some_and(|url| url.contains("azuredatabricks")) =>
            {
                name = name.to_lowercase();
            }
            // Nor do these hosts of repositories.
            "git"
                if namespace.as_deref().is_some_and(|host| {
                    let host = host.to_lowercase();
                    matches!(
                        host.as_str(),
                        "github" | "github.com" | "bitbucket" | "bitbucket.org"
                    )
                }) =>
            {
                name = name.to_lowercase();
            }
            _ => {}
        }
        let mut kept = BTreeMap::new();
        for (key, value) in qualifiers {
            let is_key = key
                .bytes()
                .next()
                .is_some_and(|byte| byte.is_ascii_alphabetic())
                && key
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
            if !is_key {
                return Err(error(
                    "a qualifier's key begins with a letter and holds letters, digits and `.-_` only",
                ));
            }
            if !value.is_empty() && kept.insert(key.to_ascii_lowercase(), value).is_some() {
                return Err(error("a qualifier stands there twice"));
            }
        }
        let purl = Self {
            namespace: namespace.map(|namespace| lower(namespace, rules.lower_namespace)),
            name,
            version: version
                .filter(|version| !version.is_empty())
                .map(|version| lower(version.to_owned(), rules.lower_version)),
            qualifiers: kept,
            subpath: subpath
                .map(|subpath| segments(subpath, true))
                .filter(|subpath| !subpath.is_empty()),
            kind,
        };
        purl.check_type().map_err(error)?;
        Ok(purl)
    }

    /// The rules that single types add.
    fn check_type(&self) -> Result<(), &'static str> {
        let has = |key: &str| self.qualifiers.contains_key(key);
        match self.kind.as_str() {
            "julia" if !has("uuid") => Err("a Julia package needs the qualifier `uuid`"),
            "swid" if !has("tag_id") => Err("a SWID tag needs the qualifier `tag_id`"),
            "cpan" if self.name.contains("::") => {
                Err("a CPAN distribution is not named as a module")
            }
            "chrome-extension" => {
                let is_id = self.name.len() == 32
                    && self.name.bytes().all(|byte| (b'a'..=b'p').contains(&byte));
                let is_version = self.version.iter().all(|version| {
                    version.split('.').count() <= 4
                        && version.split('.').all(|part| {
                            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
                        })
                });
                match is_id && is_version {
                    true => Ok(()),
                    false => Err(
                        "the name of a Chrome extension is 32 letters from a to p, its version up to four numbers",
                    ),
                }
            }
            _ => Ok(()),
        }
    }

    /// A qualifier added or replaced; an empty value takes it away.
    ///
    /// # Errors
    /// When the key breaks its rules.
    pub fn with(mut self, key: &str, value: &str) -> Result<Self, PurlError> {
        let qualifiers = [(key.to_owned(), value.to_owned())].into();
        let checked = Self::build("generic", None, "x", None, qualifiers, None)?;
        self.qualifiers.remove(&key.to_ascii_lowercase());
        self.qualifiers.extend(checked.qualifiers);
        Ok(self)
    }

    /// The same package without its version, its qualifiers and its subpath.
    #[must_use]
    pub fn bare(&self) -> Self {
        Self {
            kind: self.kind.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            version: None,
            qualifiers: BTreeMap::new(),
            subpath: None,
        }
    }

    /// The type: `deb`, `npm`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The namespace: `debian`, `@scope`, a Maven group.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// A qualifier by its key.
    #[must_use]
    pub fn qualifier(&self, key: &str) -> Option<&str> {
        self.qualifiers.get(key).map(String::as_str)
    }

    /// All qualifiers.
    #[must_use]
    pub const fn qualifiers(&self) -> &BTreeMap<String, String> {
        &self.qualifiers
    }

    /// The path inside the package.
    #[must_use]
    pub fn subpath(&self) -> Option<&str> {
        self.subpath.as_deref()
    }
}

/// The segments of a path without empty ones; in a subpath `.` and `..` go as well.
fn segments(path: &str, is_subpath: bool) -> String {
    let kept: Vec<&str> = path
        .split('/')
        .filter(|part| !matches!((*part, is_subpath), ("", _) | ("." | "..", true)))
        .collect();
    kept.join("/")
}

impl FromStr for Purl {
    type Err = PurlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |reason| PurlError {
            found: text.chars().take(120).collect(),
            reason,
        };
        if text.len() > LONGEST {
            return Err(error("it is longer than 16 KiB"));
        }
        let decoded = |part: &str| {
            decode(part).ok_or_else(|| error("a percent sign is not followed by two hex digits, or what they encode is not UTF-8"))
        };
        let (rest, subpath) = match text.split_once('#') {
            None => (text, None),
            Some((rest, subpath)) => {
                let mut parts = Vec::new();
                for part in subpath.split('/') {
                    parts.push(decoded(part)?);
                }
                (rest, Some(parts.join("/")))
            }
        };
        let (rest, query) = match rest.split_once('?') {
            None => (rest, None),
            Some((rest, query)) => (rest, Some(query)),
        };
        let mut qualifiers = BTreeMap::new();
        for pair in query.into_iter().flat_map(|query| query.split('&')) {
            if pair.is_empty() {
                continue;
            }
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if qualifiers
                .insert(key.to_ascii_lowercase(), decoded(value)?)
                .is_some()
            {
                return Err(error("a qualifier stands there twice"));
            }
        }
        let Some((scheme, rest)) = rest.split_once(':') else {
            return Err(error("it does not begin with `pkg:`"));
        };
        if !scheme.eq_ignore_ascii_case("pkg") {
            return Err(error("it does not begin with `pkg:`"));
        }
        let rest = rest.trim_matches('/');
        let Some((kind, rest)) = rest.split_once('/') else {
            return Err(error("it has no type"));
        };
        // The last `@` begins the version, unless a slash follows it: then it belongs to a scope that
        // somebody forgot to encode (`pkg:npm/@scope/name`).
        let (path, version) = match rest.rsplit_once('@') {
            Some((path, version)) if !version.contains('/') => (path, Some(decoded(version)?)),
            _ => (rest, None),
        };
        if path.is_empty() || path.ends_with('/') {
            return Err(error("it has no name"));
        }
        let path = path.trim_matches('/');
        // A repository's namespace is its host, and its name the whole path there.
        let split = match kind.eq_ignore_ascii_case("git") {
            true => path.split_once('/'),
            false => path.rsplit_once('/'),
        };
        let (namespace, name) = match split {
            None => (None, path),
            Some((namespace, name)) => (Some(namespace), name),
        };
        let mut parts = Vec::new();
        for part in namespace
            .into_iter()
            .flat_map(|namespace| namespace.split('/'))
        {
            if !part.is_empty() {
                parts.push(decoded(part)?);
            }
        }
        let namespace = (!parts.is_empty()).then(|| parts.join("/"));
        Self::build(
            kind,
            namespace.as_deref(),
            &decoded(name)?,
            version.as_deref(),
            qualifiers,
            subpath.as_deref(),
        )
        .map_err(|inner| error(inner.reason))
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("pkg:{}/", self.kind);
        for part in self
            .namespace
            .iter()
            .flat_map(|namespace| namespace.split('/'))
        {
            encode(&mut text, part);
            text.push('/');
        }
        if self.kind == "git" {
            for (index, part) in self.name.split('/').enumerate() {
                if index > 0 {
                    text.push('/');
                }
                encode(&mut text, part);
            }
        } else {
            encode(&mut text, &self.name);
        }
        if let Some(version) = &self.version {
            text.push('@');
            encode(&mut text, version);
        }
        let mut sign = '?';
        for (key, value) in &self.qualifiers {
            text.push(sign);
            text.push_str(key);
            text.push('=');
            encode(&mut text, value);
            sign = '&';
        }
        if let Some(subpath) = &self.subpath {
            let mut sign = '#';
            for part in subpath.split('/') {
                text.push(sign);
                encode(&mut text, part);
                sign = '/';
            }
        }
        f.write_str(&text)
    }
}

impl Serialize for Purl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Purl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Percent-encodes all but letters, digits and `.-_~:`, which the specification leaves as they are.
fn encode(out: &mut String, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

fn decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let value = digit()? * 16 + digit()?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
