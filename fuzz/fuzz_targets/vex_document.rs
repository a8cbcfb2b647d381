//! A VEX document, held against a small image; what is merged of it reads back.
#![no_main]

use kiln_types::{
    Affected, Component, ComponentId, ComponentKind, DatabaseFact, DistributionFact, Finding,
    Findings, FixState, Inventory, RiskLevel, SourcePackage, Subject, Timestamp, Vulnerability,
};
use kiln_vuln::vex::{
    Moment, VexHead, VexOptions, apply, check_statement, merge_vex, read_vex, write_openvex,
};
use libfuzzer_sys::fuzz_target;

fn image() -> (Inventory, Findings) {
    let mut component = Component::new(ComponentKind::Deb, "zlib1g", "1:1.3.1-1+b1");
    component.source = Some(SourcePackage {
        name: "zlib".to_owned(),
        version: "1:1.3.1-1".to_owned(),
    });
    let subject = Subject {
        name: "ghcr.io/org/web:3".to_owned(),
        ..Subject::default()
    };
    let inventory = Inventory {
        subject: subject.clone(),
        distribution: Some(DistributionFact {
            id: "debian".to_owned(),
            version: Some("13".to_owned()),
            ..DistributionFact::default()
        }),
        components: vec![component],
        ..Inventory::default()
    };
    let finding = Finding {
        component: ComponentId(0),
        kind: "deb".to_owned(),
        package: "zlib1g".to_owned(),
        version: "1:1.3.1-1+b1".to_owned(),
        purl: None,
        location: None,
        layer: None,
        source_package: None,
        source_version: None,
        ecosystem: "debian:13".to_owned(),
        vulnerability: Vulnerability {
            id: "CVE-2030-0001".to_owned(),
            ..Vulnerability::default()
        },
        affected: Affected::Yes,
        state: FixState::Open,
        fixed_version: None,
        fixed_at: None,
        level: RiskLevel::High,
        level_source: None,
        disputed: false,
        facts: Vec::new(),
        vex: Vec::new(),
        suppressed: None,
    };
    let findings = Findings {
        filter: None,
        at: None,
        subject,
        distribution: None,
        database: DatabaseFact::default(),
        components: 1,
        owned: 0,
        unasked: 0,
        findings: vec![finding],
        support: Vec::new(),
        blind: Vec::new(),
        incomplete: Vec::new(),
        vex: Vec::new(),
    };
    (inventory, findings)
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = read_vex("f", bytes) else {
        return;
    };
    let documents = [document];
    let (inventory, mut findings) = image();
    let options = VexOptions {
        references: vec!["ghcr.io/org/web:3".to_owned()],
        until: None,
    };
    let outcomes = apply(&mut findings, &inventory, &documents, &options);
    assert_eq!(outcomes.len(), documents[0].statements.len());
    assert!(outcomes.iter().all(|outcome| !outcome.reason.is_empty()));
    let (merged, _) = merge_vex(&documents);
    assert!(
        merged
            .iter()
            .all(|statement| check_statement(statement).is_ok())
    );
    let head = VexHead {
        id: None,
        author: "a".to_owned(),
        at: Moment {
            second: Timestamp::EPOCH,
            nanoseconds: 0,
        },
        tooling: "t".to_owned(),
    };
    let written = write_openvex(&merged, &head).to_string();
    let again = read_vex("g", written.as_bytes()).expect("it reads what it writes");
    assert!(
        again
            .statements
            .iter()
            .all(|statement| statement.unusable.is_none())
    );
});
