//! The score shows what it is made of, and has no letter where what is not known could change it.

use kiln_types::RiskLevel;
use kiln_vuln::score::score;

use crate::gate::{facts, file, finding, findings, sound};

#[test]
fn every_input_counts_and_what_is_not_known_takes_the_letter_it_could_change() {
    let mut world = sound();
    let of = |world: &crate::gate::World, end: Option<&str>| {
        score(&world.inventory, world.findings.as_ref(), end, world.now)
    };
    let best = of(&world, Some("2032-06-30"));
    assert_eq!((best.points, best.of, best.grade), (100, 100, Some('A')));
    let ended = of(&world, Some("2030-02-28"));
    assert_eq!((ended.points, ended.grade), (85, Some('B')));
    assert_eq!(of(&world, Some("2030-03-01")).points, 100);
    let unknown = of(&world, None);
    assert_eq!((unknown.points, unknown.grade), (85, None));

    facts(&mut world).setuid.push(file("usr/bin/su"));
    facts(&mut world).is_root = true;
    world.findings = Some(findings(vec![
        finding("CVE-1", RiskLevel::High, Some("2")),
        finding("CVE-2", RiskLevel::Unknown, None),
        finding("CVE-3", RiskLevel::Low, Some("2")),
    ]));
    let worse = of(&world, Some("2032-06-30"));
    assert_eq!((worse.points, worse.grade), (55, Some('D')));
    let found: Vec<&str> = worse.inputs.iter().map(|one| one.found.as_str()).collect();
    assert!(
        found.contains(&"CVE-1 in libone1") && found.contains(&"usr/bin/su"),
        "{found:?}"
    );

    // Advisories that are too old, a licence that nobody knows, a user that nobody has.
    let mut old = sound();
    old.now = crate::gate::day("2030-03-20");
    let old = of(&old, Some("2032-06-30"));
    assert_eq!((old.points, old.grade), (50, None));
    let mut nameless = sound();
    nameless.inventory.components[0].licences.expression = None;
    let nameless = of(&nameless, Some("2032-06-30"));
    assert_eq!((nameless.points, nameless.grade), (95, Some('A')));
    let mut both = sound();
    both.inventory.components[0].licences.expression = None;
    facts(&mut both).shells.push("bin/sh".to_owned());
    facts(&mut both).setuid.push(file("usr/bin/su"));
    let both = of(&both, Some("2032-06-30"));
    assert_eq!((both.points, both.grade), (85, None));
    let mut nobody = sound();
    facts(&mut nobody).is_user_unknown = true;
    let nobody = of(&nobody, Some("2032-06-30"));
    assert_eq!((nobody.points, nobody.grade), (90, Some('A')));

    world.findings = None;
    let blind = of(&world, Some("2032-06-30"));
    assert_eq!((blind.points, blind.grade), (35, None));
    world.inventory.facts = None;
    assert_eq!(of(&world, Some("2032-06-30")).points, 20);
}
