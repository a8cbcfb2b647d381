//! Ruby: the specification of an installed gem, which RubyGems writes as a Ruby program. It is not
//! run: the assignments that RubyGems generates are read as text.

use kiln_types::{ComponentKind, EvidenceKind};

use super::{Cataloged, component, is_sane};
use crate::licence::Collector;
use crate::node::Found;

/// The gem of a specification.
pub(crate) fn specification(bytes: &[u8]) -> Cataloged {
    let text = String::from_utf8_lossy(bytes);
    let (mut name, mut version) = (String::new(), String::new());
    let mut collector = Collector::default();
    let (mut summary, mut homepage, mut author) = (None, None, None);
    let mut needs = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line
            .strip_prefix("s.add_runtime_dependency(")
            .or_else(|| line.strip_prefix("s.add_dependency("))
        {
            // `%q<name>.freeze`, or in newer ones `"name".freeze`.
            let quoted = rest
                .strip_prefix("%q<")
                .and_then(|rest| rest.split_once('>'));
            match quoted {
                Some((name, _)) => needs.push(name.to_owned()),
                None => needs.extend(strings(rest).next()),
            }
            continue;
        }
        let Some((left, right)) = line.split_once('=') else {
            continue;
        };
        let field = left.trim().rsplit_once('.').map_or("", |(_, field)| field);
        let mut values = strings(right);
        match field {
            "name" if name.is_empty() => name = values.next().unwrap_or_default(),
            "version" if version.is_empty() => version = values.next().unwrap_or_default(),
            "license" | "licenses" => values.for_each(|said| collector.add(&said, None)),
            "summary" => summary = values.next(),
            "homepage" => homepage = values.next(),
            "authors" | "author" => author = values.next(),
            _ => {}
        }
    }
    if !is_sane(&name) || !is_sane(&version) {
        return Ok(Vec::new());
    }
    let mut component = component(ComponentKind::Gem, None, &name, &name, &version);
    component.licences = collector.finish();
    component.summary = summary;
    component.homepage = homepage;
    component.supplier = author;
    let mut found = Found::new(component, EvidenceKind::Metadata);
    found.needs = needs;
    Ok(vec![found])
}

/// The string literals of a line.
fn strings(text: &str) -> impl Iterator<Item = String> {
    let mut rest = text.to_owned();
    std::iter::from_fn(move || {
        let start = rest.find(['"', '\''])?;
        let quote = rest.get(start..)?.chars().next()?;
        let inner = rest.get(start + 1..)?;
        let end = inner.find(quote)?;
        let found = inner.get(..end)?.to_owned();
        rest = inner.get(end + 1..)?.to_owned();
        Some(found)
    })
    .take(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_specification() {
        let text = "# -*- encoding: utf-8 -*-\n# stub: rake 13.0.6 ruby lib\n\nGem::Specification.new do |s|\n  s.name = \"rake\".freeze\n  s.version = \"13.0.6\"\n  s.licenses = [\"MIT\".freeze, \"Ruby\".freeze]\n  s.authors = [\"A\".freeze, \"B\".freeze]\n  if s.respond_to? :specification_version then\n    s.add_runtime_dependency(%q<x>.freeze, [\">= 0\".freeze])\n  end\nend\n";
        let found = &specification(text.as_bytes()).unwrap()[0];
        assert_eq!(
            (
                found.component.name.as_str(),
                found.component.version.as_str()
            ),
            ("rake", "13.0.6")
        );
        assert_eq!(
            found.component.licences.expression.as_deref(),
            Some("MIT AND Ruby")
        );
        assert_eq!(found.needs, ["x"]);
        assert!(specification(b"s.name = \"x").unwrap().is_empty());
    }
}
