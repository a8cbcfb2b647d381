//! A part of an inventory: by name, kind and licence.

use std::collections::BTreeMap;

use kiln_types::{Component, ComponentId, ComponentKind, Inventory};

/// What to keep. Every list that is not empty must match; in a pattern `*` stands for anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Patterns of names.
    pub names: Vec<String>,
    /// Kinds, by their word.
    pub kinds: Vec<String>,
    /// Patterns of licence identifiers: one that occurs in the expression.
    pub licences: Vec<String>,
}

impl Filter {
    fn keeps(&self, component: &Component) -> bool {
        let any = |patterns: &[String], matches: &dyn Fn(&str) -> bool| {
            patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern))
        };
        any(&self.names, &|pattern| matches(pattern, &component.name))
            && any(&self.kinds, &|kind| kind == component.kind.as_str())
            && any(&self.licences, &|pattern| {
                let expression = component.licences.expression.as_deref().unwrap_or_default();
                expression
                    .split([' ', '(', ')'])
                    .filter(|word| !word.is_empty() && !matches!(*word, "AND" | "OR" | "WITH"))
                    .any(|word| matches(pattern, word))
            })
    }

    /// The kinds that are no kinds.
    #[must_use]
    pub fn unknown_kinds(&self) -> Vec<&str> {
        self.kinds
            .iter()
            .map(String::as_str)
            .filter(|kind| {
                let known = ComponentKind::of_purl_type(kind);
                known == ComponentKind::Other && *kind != "other" && *kind != "binary"
            })
            .collect()
    }
}

/// Whether a text matches a pattern, without regard to case.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut pieces = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(pieces.next().unwrap_or_default()) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = rest.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The inventory with only what the filter keeps.
#[must_use]
pub fn filtered(inventory: &Inventory, filter: &Filter) -> Inventory {
    let mut places = BTreeMap::new();
    let mut components = Vec::new();
    for (id, component) in inventory.entries() {
        if filter.keeps(component) {
            let place = u32::try_from(components.len()).unwrap_or(u32::MAX);
            places.insert(id, ComponentId(place));
            components.push(component.clone());
        }
    }
    for component in &mut components {
        component.owner = component
            .owner
            .and_then(|owner| places.get(&owner).copied());
        component.depends = component
            .depends
            .iter()
            .filter_map(|id| places.get(id).copied())
            .collect();
    }
    Inventory {
        components,
        ..inventory.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("GPL-3.0*", "GPL-3.0-only", true),
            ("GPL-3.0*", "LGPL-3.0-only", false),
            ("*gpl*", "LGPL-3.0-only", true),
            ("mit", "MIT", true),
            ("mit", "MIT-0", false),
            ("a*a", "a", false),
            ("a*b*c", "a-b-b-c", true),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_is_kept_still_refers_to_itself() {
        let mut inventory = Inventory::default();
        for name in ["a", "b", "c"] {
            inventory
                .components
                .push(Component::new(ComponentKind::Deb, name, "1"));
        }
        inventory.components[2].depends = vec![ComponentId(0), ComponentId(1)];
        inventory.components[2].owner = Some(ComponentId(1));
        let filter = Filter {
            names: vec!["b".to_owned(), "c".to_owned()],
            ..Filter::default()
        };
        let kept = filtered(&inventory, &filter);
        assert_eq!(kept.components.len(), 2);
        assert_eq!(kept.components[1].depends, [ComponentId(0)]);
        assert_eq!(kept.components[1].owner, Some(ComponentId(0)));
    }
}
