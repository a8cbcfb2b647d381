//! Python: `METADATA` of `*.dist-info`, `PKG-INFO` of `*.egg-info` (core metadata specification).

use kiln_types::{ComponentKind, EvidenceKind};

use super::{Cataloged, component, is_sane};
use crate::licence::Collector;
use crate::node::Found;

/// The distribution that the metadata describes; none without name and version.
pub(crate) fn distribution(bytes: &[u8]) -> Cataloged {
    let text = String::from_utf8_lossy(bytes);
    let (mut name, mut version) = (String::new(), String::new());
    let (mut expression, mut licence) = (String::new(), String::new());
    let (mut author, mut email) = (String::new(), String::new());
    let (mut summary, mut page) = (None, None);
    let (mut classifiers, mut needs) = (Vec::new(), Vec::new());
    let mut current = String::new();
    // The headers end at the first empty line; the description follows.
    for line in text
        .lines()
        .take_while(|line| !line.is_empty())
        .take(20_000)
    {
        if line.starts_with([' ', '\t']) {
            // A header may go on in the next line (RFC 5322, section 2.2.3).
            match current.as_str() {
                "license" => {
                    licence.push('\n');
                    licence.push_str(line.trim());
                }
                "name" if name.is_empty() => line.trim().clone_into(&mut name),
                "version" if version.is_empty() => line.trim().clone_into(&mut version),
                _ => {}
            }
            continue;
        }
        let Some((field, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        // Headers of mail: any case, and the first of a name counts, as for importlib.
        current = field.trim().to_ascii_lowercase();
        match current.as_str() {
            "name" if name.is_empty() => value.clone_into(&mut name),
            "version" if version.is_empty() => value.clone_into(&mut version),
            "license-expression" => value.clone_into(&mut expression),
            "license" => value.clone_into(&mut licence),
            "author" | "maintainer" if author.is_empty() => value.clone_into(&mut author),
            "author-email" | "maintainer-email" if email.is_empty() => value.clone_into(&mut email),
            "summary" => summary = Some(value.to_owned()),
            "home-page" => page = Some(value.to_owned()),
            "classifier" => classifiers.extend(value.strip_prefix("License :: ")),
            // Extras are asked for by nobody who merely installs the distribution.
            "requires-dist" if !value.contains("extra ==") => {
                let end = value
                    .find(|letter: char| {
                        !letter.is_ascii_alphanumeric() && !matches!(letter, '-' | '_' | '.')
                    })
                    .unwrap_or(value.len());
                needs.push(normalised(value.get(..end).unwrap_or_default()));
            }
            _ => {}
        }
    }
    if name.is_empty() || version.is_empty() {
        return Ok(Vec::new());
    }
    if !is_sane(&name) || !is_sane(&version) {
        return Err("its name or its version is none".to_owned());
    }
    let mut component = component(ComponentKind::Pypi, None, &name, &name, &version);
    let mut collector = Collector::default();
    let is_name = |text: &str| !text.is_empty() && text.len() <= 100 && !text.contains('\n');
    if !expression.is_empty() {
        collector.add(&expression, None);
    } else if is_name(&licence) && !licence.eq_ignore_ascii_case("unknown") {
        collector.add(&licence, None);
    } else if !classifiers.is_empty() {
        for classifier in &classifiers {
            let last = classifier.rsplit(" :: ").next().unwrap_or_default();
            collector.add(last, None);
        }
    } else if !licence.is_empty() && !licence.eq_ignore_ascii_case("unknown") {
        collector.add(&format!("{name} licence"), Some(&licence));
    }
    component.licences = collector.finish();
    component.supplier = match (author.as_str(), email.as_str()) {
        ("", "") => None,
        ("", email) => Some(email.to_owned()),
        (author, email) if email.is_empty() || email.contains('<') => Some(author.to_owned()),
        (author, email) => Some(format!("{author} <{email}>")),
    };
    component.summary = summary;
    component.homepage = page;
    let mut found = Found::new(component, EvidenceKind::Metadata);
    found.provides = vec![normalised(&name)];
    found.needs = needs;
    Ok(vec![found])
}

/// PEP 503.
fn normalised(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        match letter {
            '-' | '_' | '.' if out.ends_with('-') => {}
            '-' | '_' | '.' => out.push('-'),
            letter => out.push(letter.to_ascii_lowercase()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_old_and_new() {
        let text = "Metadata-Version: 2.1\nName: Zope.Interface\nVersion: 5.4\nLicense: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License\nRequires-Dist: Set_Uptools (>=1)\nRequires-Dist: x ; extra == 'test'\nAuthor: A\nAuthor-email: a@b.c\n\nName: not this\n";
        let found = &distribution(text.as_bytes()).unwrap()[0];
        assert_eq!(found.component.name, "Zope.Interface");
        assert_eq!(found.component.licences.expression.as_deref(), Some("MIT"));
        assert_eq!(found.needs, ["set-uptools"]);
        assert_eq!(found.provides, ["zope-interface"]);
        assert_eq!(found.component.supplier.as_deref(), Some("A <a@b.c>"));
        assert!(distribution(b"Name: x\n").unwrap().is_empty());
        // As importlib reads it: any case, folded, and the first of two.
        let odd = b"name:\n x\nVERSION: 1\nVersion: 2\n";
        let found = &distribution(odd).unwrap()[0].component;
        assert_eq!((found.name.as_str(), found.version.as_str()), ("x", "1"));
    }
}
