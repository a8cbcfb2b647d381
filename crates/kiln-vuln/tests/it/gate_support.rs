//! Ends of support of what no distribution answers for.

use kiln_types::{Component, ComponentKind, Demand, Outcome};
use kiln_vuln::EndOfLife;

use crate::gate::{World, after, sound, table};

/// An image into which node 20 was copied, and when support of that line ends.
fn with_node(world: &mut World, ends: Option<&str>) {
    let mut node = Component::new(ComponentKind::Binary, "node", "20.11.1");
    node.licences.expression = Some("MIT".to_owned());
    node.evidence
        .clone_from(&world.inventory.components[0].evidence);
    node.evidence[0].path = "usr/local/bin/node".to_owned();
    world.inventory.components.push(node);
    world.ends.push(EndOfLife {
        product: "nodejs".to_owned(),
        release: "20".to_owned(),
        ends: ends.map(str::to_owned),
        extended: None,
    });
}

#[test]
fn a_runtime_that_was_copied_in_has_an_end_of_its_own() {
    let ended = (Outcome::Fail, "end-of-life/ended");
    let soon = (Outcome::Pass, "end-of-life/soon");
    let unknown = (Outcome::Unknown, "end-of-life/unknown");
    let warned = (Outcome::Pass, "end-of-life/unknown");
    let fine = (Outcome::Pass, "");
    type Change = fn(&mut World);
    let rows: [(&str, Change, (Outcome, &str)); 7] = [
        ("past", |w| with_node(w, Some("2030-02-28")), ended),
        ("its last day", |w| with_node(w, Some("2030-03-01")), soon),
        ("far", |w| with_node(w, Some("2031-03-01")), fine),
        ("no end is planned", |w| with_node(w, None), fine),
        (
            "a line that nobody lists",
            |w| {
                with_node(w, None);
                w.ends.pop();
            },
            unknown,
        ),
        (
            "the same where programs may lack advisories",
            |w| {
                with_node(w, None);
                w.ends.pop();
                w.policy.database.may_lack = vec!["binary".to_owned()];
            },
            warned,
        ),
        (
            "past, and not asked about",
            |w| {
                with_node(w, Some("2030-02-28"));
                w.policy.end_of_life.ended = Demand::Allow;
            },
            fine,
        ),
    ];
    for (name, change, (outcome, codes)) in rows {
        assert_eq!(after(change), (outcome, codes.to_owned()), "{name}");
    }
    let owned = after(|world| {
        with_node(world, Some("2030-02-28"));
        world.inventory.components[1].owner = Some(kiln_types::ComponentId(0));
    });
    assert_eq!(
        owned,
        (Outcome::Pass, String::new()),
        "the distribution's own"
    );
}

/// A package of another root in the image, as its package URL says it.
fn nested(world: &mut World, distro: &str) {
    let mut component = world.inventory.components.first().cloned();
    if let Some(component) = &mut component {
        component.evidence[0].path = "srv/root/var/lib/dpkg/status".to_owned();
    }
    let mut component = component.unwrap_or_else(|| sound().inventory.components.remove(0));
    let purl = format!("pkg:deb/debian/libone1@1.0-1?arch=amd64&distro={distro}");
    component.purl = Some(purl.parse().unwrap());
    world.inventory.components.push(component);
}

#[test]
fn other_distributions_in_an_image_have_ends_too() {
    table(&[
        (
            "another distribution in a folder has ended",
            |w| {
                nested(w, "debian-11.9");
                w.ends.push(EndOfLife {
                    release: "11".to_owned(),
                    product: "debian".to_owned(),
                    ends: Some("2024-08-14".to_owned()),
                    extended: None,
                });
            },
            Outcome::Fail,
            "end-of-life/ended",
        ),
        (
            "nobody says when that ends",
            |w| nested(w, "debian-11.9"),
            Outcome::Unknown,
            "end-of-life/unknown",
        ),
        (
            "a package in a folder that is of the same release",
            |w| nested(w, "debian-13.2"),
            Outcome::Pass,
            "",
        ),
        (
            "a rolling one has no end",
            |w| nested(w, "wolfi-20230201"),
            Outcome::Pass,
            "",
        ),
        (
            "a document that names a release with each package",
            |w| {
                w.inventory.distribution = None;
                w.inventory.components.clear();
                nested(w, "debian-13.2");
            },
            Outcome::Pass,
            "",
        ),
    ]);
}
