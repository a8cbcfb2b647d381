//! The small languages inside scalars: package entries and one-line repositories
//! (sources.list(5)).

use kiln_types::{ArchiveSource, Comparison, Constraint, PackageName, PackageVersion, Request};

use crate::suggest::nearest;

/// What a package entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PackageWish {
    /// Wanted.
    Include(Request),
    /// Not wanted.
    Exclude(PackageName),
}

/// Reads `name`, `name=version`, `name (>= version)`, each with `/suite` behind it, or `!name`.
pub(crate) fn package(text: &str) -> Result<PackageWish, String> {
    let name = |text: &str| PackageName::new(text).map_err(|error| error.to_string());
    if let Some(excluded) = text.strip_prefix('!') {
        if excluded.contains(['=', '(', '/']) {
            return Err("an exclusion takes a name only, without version or suite".to_owned());
        }
        return Ok(PackageWish::Exclude(name(excluded)?));
    }
    let version = |text: &str| PackageVersion::new(text).map_err(|error| error.to_string());
    let (rest, suite) = match text.rsplit_once('/') {
        Some((rest, wanted)) if suite(wanted) => (rest, Some(wanted.to_owned())),
        Some((_, wanted)) => {
            return Err(format!(
                "`{}` is not the name of a suite",
                crate::yaml::shorten(wanted)
            ));
        }
        None => (text, None),
    };
    let (plain, constraint) = if let Some((plain, bracket)) = rest.split_once('(') {
        let inner = bracket
            .trim_end()
            .strip_suffix(')')
            .ok_or("the bracket is not closed")?
            .trim();
        let operators = [
            ("<<", Comparison::Earlier),
            ("<=", Comparison::EarlierOrEqual),
            (">=", Comparison::LaterOrEqual),
            (">>", Comparison::Later),
            ("=", Comparison::Equal),
        ];
        let (comparison, wanted) = operators
            .iter()
            .find_map(|(sign, comparison)| {
                inner
                    .strip_prefix(sign)
                    .map(|wanted| (*comparison, wanted.trim()))
            })
            .ok_or("a version is compared with `<<`, `<=`, `=`, `>=` or `>>`")?;
        (
            plain.trim_end(),
            Some(Constraint {
                comparison,
                version: version(wanted)?,
            }),
        )
    } else if let Some((plain, wanted)) = rest.split_once('=') {
        (
            plain,
            Some(Constraint {
                comparison: Comparison::Equal,
                version: version(wanted)?,
            }),
        )
    } else {
        (rest, None)
    };
    Ok(PackageWish::Include(Request {
        name: name(plain)?,
        constraint,
        suite,
    }))
}

/// Whether this can be a suite or a component.
pub(crate) fn suite(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte))
        && !text.split('/').any(|part| part.is_empty() || part == "..")
}

/// Whether this can be the address of a repository.
pub(crate) fn repository_url(text: &str) -> bool {
    let rest = ["https://", "http://", "file:/"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && text.len() <= 2048
            && !rest.split('/').any(|part| part == "..")
            && text.chars().all(|letter| letter.is_ascii_graphic())
    })
}

/// A one-line repository, and the architectures it is for where it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RepositoryLine {
    pub(crate) source: ArchiveSource,
    pub(crate) architectures: Option<Vec<String>>,
}

/// Reads `deb [options] URL SUITE COMPONENT…`; a suite that ends with `/` is the path of a flat
/// repository.
pub(crate) fn repository(text: &str) -> Result<RepositoryLine, String> {
    let rest = match text.split_once(char::is_whitespace) {
        Some(("deb", rest)) => rest.trim_start(),
        Some(("deb-src", _)) => {
            return Err("`deb-src` repositories hold no binary packages".to_owned());
        }
        _ => return Err("it does not begin with `deb `".to_owned()),
    };
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("the `[` is not closed")?,
        None => ("", rest),
    };
    let mut keyrings = Vec::new();
    let mut trusted = false;
    let mut architectures = None;
    for option in options.split_whitespace() {
        let (key, value) = option
            .split_once('=')
            .ok_or_else(|| format!("the option `{}` has no value", crate::yaml::shorten(option)))?;
        match (key, value) {
            ("signed-by", value) => keyrings = value.split(',').map(str::to_owned).collect(),
            ("arch", value) => architectures = Some(value.split(',').map(str::to_owned).collect()),
            ("trusted", "yes") => trusted = true,
            ("trusted", "no") => trusted = false,
            ("trusted", _) => return Err("`trusted` is `yes` or `no`".to_owned()),
            (key, _) => {
                let hint = nearest(key, ["signed-by", "arch", "trusted"])
                    .map_or(String::new(), |name| format!("; did you mean `{name}`?"));
                return Err(format!(
                    "the option `{}` is not supported{hint}",
                    crate::yaml::shorten(key)
                ));
            }
        }
    }
    let mut words = rest.split_whitespace();
    let url = words.next().ok_or("the address is missing")?;
    if !repository_url(url) {
        return Err(format!(
            "`{}` is not an address that begins with `https://`, `http://` or `file:/`",
            crate::yaml::shorten(url)
        ));
    }
    let wanted = words.next().ok_or("the suite is missing")?;
    let components: Vec<String> = words.map(str::to_owned).collect();
    let flat = wanted.ends_with('/');
    if flat {
        if !components.is_empty() {
            return Err("a flat repository (its suite ends with `/`) has no components".to_owned());
        }
        if wanted.starts_with('/') && wanted.len() > 1 || wanted.split('/').any(|part| part == "..")
        {
            return Err("the path of a flat repository is below its address".to_owned());
        }
    } else {
        if let Some(bad) = std::iter::once(wanted)
            .chain(components.iter().map(String::as_str))
            .find(|word| !suite(word))
        {
            return Err(format!(
                "`{}` is not a suite or component",
                crate::yaml::shorten(bad)
            ));
        }
        if components.is_empty() {
            return Err("the components are missing, such as `main`".to_owned());
        }
    }
    Ok(RepositoryLine {
        source: ArchiveSource {
            archive: archive_of(url),
            suites: if flat {
                Vec::new()
            } else {
                vec![wanted.to_owned()]
            },
            components,
            url: Some(url.trim_end_matches('/').to_owned()),
            flat: flat.then(|| wanted.to_owned()),
            keyrings,
            trusted,
            origin: None,
            label: None,
            priority: 500,
            snapshot: None,
        },
        architectures,
    })
}

/// The name under which a lock knows an archive that was given by address alone.
pub(crate) fn archive_of(url: &str) -> String {
    let rest = url.split_once(':').map_or(url, |(_, rest)| rest);
    rest.trim_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_entries() {
        let show = |text: &str| match package(text) {
            Ok(PackageWish::Exclude(name)) => format!("not {name}"),
            Ok(PackageWish::Include(request)) => format!(
                "{}{}{}",
                request.name,
                request.constraint.map_or(String::new(), |it| format!(
                    " {} {}",
                    it.comparison.as_str(),
                    it.version
                )),
                request
                    .suite
                    .map_or(String::new(), |it| format!(" from {it}"))
            ),
            Err(reason) => format!("error: {reason}"),
        };
        for (text, meaning) in [
            ("nginx", "nginx"),
            ("nginx=1.26.3-3", "nginx = 1.26.3-3"),
            ("nginx (>= 1.26)", "nginx >= 1.26"),
            ("nginx(<<1.27)", "nginx << 1.27"),
            ("nginx/trixie-backports", "nginx from trixie-backports"),
            ("nginx=1:2~rc1+b2/sid", "nginx = 1:2~rc1+b2 from sid"),
            ("!nginx-doc", "not nginx-doc"),
        ] {
            assert_eq!(show(text), meaning, "{text}");
        }
        for text in [
            "",
            "!",
            "ng inx",
            "nginx=",
            "nginx (1.2)",
            "nginx (>= 1",
            "!nginx=1",
            "nginx/",
            "nginx/../x",
            "../x",
            "-x",
        ] {
            assert!(package(text).is_err(), "{text}");
        }
    }

    #[test]
    fn repositories_in_one_line() {
        let line = repository("deb [arch=amd64,arm64 signed-by=/k.asc] https://apt.example.com/debian/ trixie main contrib").unwrap();
        assert_eq!(line.source.archive, "apt.example.com/debian");
        assert_eq!(
            line.source.url.as_deref(),
            Some("https://apt.example.com/debian")
        );
        assert_eq!(line.source.components, ["main", "contrib"]);
        assert_eq!(line.source.keyrings, ["/k.asc"]);
        assert_eq!(line.architectures.unwrap(), ["amd64", "arm64"]);
        let flat = repository("deb [trusted=yes] file:/srv/packages ./").unwrap();
        assert_eq!(
            (flat.source.flat.as_deref(), flat.source.trusted),
            (Some("./"), true)
        );
        for text in [
            "deb",
            "deb-src https://a.example/ x main",
            "deb https://a.example/ x",
            "deb [singed-by=k] https://a.example x main",
            "deb [trusted=maybe] https://a.example x main",
            "deb [trusted=yes https://a.example x main",
            "deb ftp://a.example x main",
            "deb file:/a ../",
            "deb https://a.example/../x y main",
        ] {
            assert!(repository(text).is_err(), "{text}");
        }
    }
}
