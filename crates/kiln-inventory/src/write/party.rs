//! Who supplies a component, in the words of the formats.

use kiln_types::{Component, ComponentKind};

/// A person or an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Party {
    pub(super) name: String,
    pub(super) email: Option<String>,
    pub(super) is_person: bool,
}

/// Words in names of maintainers that are no single person.
const GROUPS: [&str; 17] = [
    "team",
    "maintainers",
    "developers",
    "group",
    "project",
    "debian",
    "foundation",
    "packagers",
    "alpine",
    "wolfi",
    "chainguard",
    "inc",
    "llc",
    "contributors",
    "authors",
    "community",
    "ubuntu",
];

impl Party {
    /// `Name <address>`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.split(',').next().unwrap_or_default();
        let (name, email) = match text.split_once('<') {
            Some((name, rest)) => {
                let email = rest.split('>').next().unwrap_or_default().trim();
                (name.trim(), (!email.is_empty()).then(|| email.to_owned()))
            }
            None => (text.trim(), None),
        };
        let clean: String = name
            .chars()
            .filter(|letter| !letter.is_control() && !matches!(letter, '(' | ')' | '"'))
            .collect();
        let clean = clean.trim().to_owned();
        let name = match clean.is_empty() {
            true => email.clone()?,
            false => clean,
        };
        let is_group = name
            .split(|letter: char| !letter.is_alphanumeric())
            .any(|word| GROUPS.contains(&word.to_ascii_lowercase().as_str()));
        Some(Self {
            name,
            is_person: !is_group,
            email: email.filter(|email| email.contains('@') && !email.contains([' ', '(', ')'])),
        })
    }

    /// `Organization: Name (address)`, as SPDX 2.3 writes it.
    pub(super) fn spdx(&self) -> String {
        let word = if self.is_person {
            "Person"
        } else {
            "Organization"
        };
        match &self.email {
            Some(email) => format!("{word}: {} ({email})", self.name),
            None => format!("{word}: {}", self.name),
        }
    }
}

/// The supplier of a component: who it says, or else the registry that its kind comes from.
pub(super) fn supplier(component: &Component) -> Option<Party> {
    if let Some(party) = component.supplier.as_deref().and_then(Party::parse) {
        return Some(party);
    }
    let name = match component.kind {
        ComponentKind::Npm => "npm registry",
        ComponentKind::Pypi => "Python Package Index",
        ComponentKind::Cargo => "Rust crate registry",
        ComponentKind::Gem => "RubyGems",
        ComponentKind::Composer => "Packagist",
        ComponentKind::Nuget => "NuGet Gallery",
        ComponentKind::Golang => {
            let mut parts = component.name.split('/');
            return match (parts.next(), parts.next()) {
                (Some("stdlib"), _) => Some(organisation("The Go Project")),
                (Some(host), Some(owner)) => Some(organisation(&format!("{host}/{owner}"))),
                _ => None,
            };
        }
        ComponentKind::Maven => {
            let (group, _) = component.name.split_once(':')?;
            return Some(organisation(group));
        }
        _ => return None,
    };
    Some(organisation(name))
}

pub(super) fn organisation(name: &str) -> Party {
    Party {
        name: name.to_owned(),
        email: None,
        is_person: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maintainers_become_persons_and_organisations() {
        for (text, expected) in [
            (
                "Mark Brown <broonie@debian.org>",
                "Person: Mark Brown (broonie@debian.org)",
            ),
            (
                "GNU Libc Maintainers <debian-glibc@lists.debian.org>",
                "Organization: GNU Libc Maintainers (debian-glibc@lists.debian.org)",
            ),
            ("<a@b.c>", "Person: a@b.c (a@b.c)"),
            ("A (B) <x y>", "Person: A B"),
        ] {
            assert_eq!(Party::parse(text).unwrap().spdx(), expected);
        }
        assert_eq!(Party::parse(" <> "), None);
    }
}
