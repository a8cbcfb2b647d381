//! Two images side by side.

use kiln_types::{
    Component, ComponentKind, DirectoryFact, ImageFacts, Inventory, LayerFact, RiskLevel,
};
use kiln_vuln::compare::{Change, Filter, Subject, compare, html, markdown, sheet};

fn component(kind: ComponentKind, name: &str, version: &str) -> Component {
    let mut component = Component::new(kind, name, version);
    component.licences.expression =
        Some("MIT OR (GPL-2.0-only WITH Classpath-exception-2.0)".to_owned());
    component
}

fn image(name: &str, components: Vec<Component>) -> Inventory {
    let mut inventory = Inventory {
        components,
        facts: Some(ImageFacts::default()),
        ..Inventory::default()
    };
    inventory.subject.name = name.to_owned();
    inventory.subject.config = Some(kiln_types::Digest::of(name.as_bytes()));
    inventory
}

fn subject(inventory: &Inventory) -> Subject<'_> {
    Subject {
        inventory,
        findings: None,
        ends: &[],
    }
}

#[test]
fn what_is_not_known_of_a_side_is_said() {
    let full = image("one", vec![component(ComponentKind::Deb, "a", "1")]);
    let of = |change: fn(&mut Inventory)| {
        let mut other = full.clone();
        change(&mut other);
        let mut said = compare(subject(&full), subject(&other), &Filter::default())
            .to
            .not_known;
        said.retain(|what| what != "there are no advisories");
        said.join("; ")
    };
    assert_eq!(of(|_| {}), "");
    for (change, expected) in [
        (
            (|one| one.components.clear()) as fn(&mut Inventory),
            "nothing in it was recognised",
        ),
        (
            |one| {
                one.distribution = Some(kiln_types::DistributionFact {
                    id: "foo".to_owned(),
                    ..kiln_types::DistributionFact::default()
                });
            },
            "no advisories speak of the distribution `foo`",
        ),
        (
            |one| one.facts = None,
            "its files, and how it runs: it is a document",
        ),
        (
            |one| {
                let facts = one.facts.as_mut().unwrap();
                facts.user = "app".to_owned();
                facts.is_user_unknown = true;
            },
            "who runs it: its accounts do not have `app`",
        ),
    ] {
        assert_eq!(of(change), expected);
    }
}

#[test]
fn packages_go_come_rise_and_fall() {
    use ComponentKind::{Deb, Npm, Other};
    let one = image(
        "one",
        vec![
            component(Deb, "same", "1"),
            component(Deb, "up", "1.9-1"),
            component(Deb, "down", "1:1-1"),
            component(Deb, "gone", "1"),
            component(Npm, "several", "1.0.0"),
            component(Npm, "several", "2.0.0"),
            component(Other, "thing", "a"),
        ],
    );
    let other = image(
        "other",
        vec![
            component(Deb, "same", "1"),
            component(Deb, "up", "1.10-1"),
            component(Deb, "down", "2-1"),
            component(Deb, "come", "1"),
            component(Npm, "several", "2.0.0"),
            component(Npm, "several", "3.0.0"),
            component(Other, "thing", "b"),
        ],
    );
    let found = compare(subject(&one), subject(&other), &Filter::default());
    let changes: Vec<(&str, Change)> = found
        .packages
        .iter()
        .map(|one| (one.name.as_str(), one.change))
        .collect();
    assert_eq!(
        changes,
        [
            ("gone", Change::Removed),
            ("come", Change::Added),
            ("up", Change::Up),
            ("several", Change::Up),
            ("down", Change::Down),
            ("thing", Change::Other),
        ]
    );
    assert_eq!(found.same_packages, 2);
    // Without advisories nobody says that there are none.
    assert_eq!((found.went, found.from.vulnerabilities), (None, None));
    assert_eq!(found.from.not_known, ["there are no advisories"]);
    let npm = Filter {
        kinds: vec![Npm],
        ..Filter::default()
    };
    let found = compare(subject(&one), subject(&other), &npm);
    assert_eq!((found.packages.len(), found.from.packages), (1, 2));
}

#[test]
fn findings_go_and_come_with_their_packages() {
    let one = image(
        "one",
        vec![component(ComponentKind::Deb, "libone1", "1.0-1")],
    );
    let other = image(
        "other",
        vec![component(ComponentKind::Deb, "libone1", "1.0-2")],
    );
    let high = crate::gate::finding("CVE-1", RiskLevel::High, Some("1.0-2"));
    let low = crate::gate::finding("CVE-2", RiskLevel::Low, None);
    let new = crate::gate::finding("CVE-3", RiskLevel::Medium, None);
    let before = crate::gate::findings(vec![high, low.clone()]);
    let after = crate::gate::findings(vec![low, new]);
    let of = |filter: &Filter| {
        let from = Subject {
            findings: Some(&before),
            ..subject(&one)
        };
        let to = Subject {
            findings: Some(&after),
            ..subject(&other)
        };
        compare(from, to, filter)
    };
    let found = of(&Filter::default());
    let ids = |list: Option<Vec<kiln_vuln::compare::Vulnerable>>| -> Vec<String> {
        list.unwrap().into_iter().map(|one| one.id).collect()
    };
    assert_eq!(found.packages[0].went, ["CVE-1"]);
    assert_eq!(found.packages[0].came, ["CVE-3"]);
    assert_eq!(found.from.fixable.unwrap().total(), 1);
    assert_eq!(
        (ids(found.went), ids(found.came)),
        (vec!["CVE-1".to_owned()], vec!["CVE-3".to_owned()])
    );
    let severe = Filter {
        levels: vec![RiskLevel::High],
        ..Filter::default()
    };
    assert_eq!(ids(of(&severe).came), Vec::<String>::new());
    let fixed = Filter {
        fixable: Some(false),
        ..Filter::default()
    };
    assert_eq!(ids(of(&fixed).went), Vec::<String>::new());
}

#[test]
fn settings_files_and_sizes() {
    let mut one = image("one", vec![component(ComponentKind::Deb, "a", "1")]);
    let mut other = image("other|<b>", vec![]);
    let layer = |size: u64, blob: bool| LayerFact {
        diff_id: kiln_types::Digest::of(b"diff"),
        blob: blob.then(|| kiln_types::Digest::of(b"blob")),
        size,
        unpacked: size * 3,
    };
    one.subject.layers = vec![layer(1000, true), layer(500, true)];
    other.subject.layers = vec![layer(700, false)];
    let facts = one.facts.as_mut().unwrap();
    facts.environment = vec!["PATH=/bin".to_owned(), "A=1".to_owned()];
    facts.entrypoint = vec!["/bin/a".to_owned()];
    facts.is_root = true;
    facts.shells = vec!["bin/sh".to_owned()];
    facts.by_directory.insert(
        "usr/lib".to_owned(),
        DirectoryFact {
            files: 2,
            bytes: 9000,
        },
    );
    facts.by_directory.insert(
        "etc".to_owned(),
        DirectoryFact {
            files: 2,
            bytes: 10,
        },
    );
    let facts = other.facts.as_mut().unwrap();
    facts.environment = vec!["PATH=/usr/bin".to_owned()];
    facts.entrypoint = vec!["/bin/a".to_owned()];
    facts.user = "65532".to_owned();
    facts.by_directory.insert(
        "etc".to_owned(),
        DirectoryFact {
            files: 2,
            bytes: 10,
        },
    );
    let found = compare(subject(&one), subject(&other), &Filter::default());
    let values: Vec<String> = found
        .values
        .iter()
        .map(|one| format!("{} {}: {:?} {:?}", one.of, one.name, one.from, one.to))
        .collect();
    assert_eq!(
        values,
        [
            "environment A: Some(\"1\") None",
            "environment PATH: Some(\"/bin\") Some(\"/usr/bin\")",
            "licence Classpath-exception-2.0: Some(\"1\") None",
            "licence GPL-2.0-only: Some(\"1\") None",
            "licence MIT: Some(\"1\") None",
            "process user: Some(\"root\") Some(\"65532\")",
            "shell bin/sh: Some(\"\") None",
        ]
    );
    let paths: Vec<&str> = found
        .directories
        .iter()
        .map(|one| one.path.as_str())
        .collect();
    assert_eq!(paths, ["usr/lib"]);
    // A docker archive has no compressed layers: their size is not known, and not zero.
    assert_eq!(
        (found.from.compressed, found.to.compressed),
        (Some(1500), None)
    );
    assert_eq!(
        (found.from.unpacked, found.to.unpacked),
        (Some(4500), Some(2100))
    );
    let sheet = sheet(&found);
    let text = markdown(&sheet);
    assert!(
        text.contains("| size, compressed | 1.5 kB | not known |  |"),
        "{text}"
    );
    assert!(text.contains("| user | root | 65532 |  |"), "{text}");
    assert!(
        text.contains(r"other\|\<b\>") && !text.contains("<b>"),
        "{text}"
    );
    let page = html(&sheet);
    assert!(
        page.contains("other|&lt;b&gt;") && !page.contains("<b>"),
        "{page}"
    );
    // A directory has no configuration: nothing set there is no change.
    other.subject.config = None;
    let found = compare(subject(&one), subject(&other), &Filter::default());
    let of: Vec<&str> = found.values.iter().map(|one| one.of).collect();
    assert!(
        !of.contains(&"environment") && of.contains(&"shell"),
        "{of:?}"
    );
}

#[test]
fn what_could_not_be_read_makes_numbers_a_lower_bound() {
    let whole = image("one", vec![component(ComponentKind::Deb, "a", "1")]);
    let mut part = whole.clone();
    part.incomplete.push(kiln_types::Incomplete {
        place: "app.jar".to_owned(),
        reason: "torn".to_owned(),
    });
    let none = crate::gate::findings(Vec::new());
    let row = |inventory: &Inventory| {
        let side = Subject {
            findings: Some(&none),
            ..subject(inventory)
        };
        let one = Subject {
            findings: Some(&none),
            ..subject(&whole)
        };
        let compared = compare(one, side, &Filter::default());
        let text = markdown(&sheet(&compared));
        text.lines()
            .find(|line| line.starts_with("| vulnerabilities"))
            .unwrap()
            .to_owned()
    };
    assert!(!row(&whole).contains("at least"));
    let said = row(&part);
    assert!(said.contains("at least"), "{said}");
}
