//! The gate, rule by rule: what fails, what cannot be known, what is warned of, and what passes.

use kiln_types::{
    AdvisorySource, Affected, Allowance, Blind, Component, ComponentKind, DatabaseFact, Demand,
    Digest, DistributionFact, Epss, Evidence, EvidenceDemand, EvidenceKind, Exploited, FileFact,
    Finding, Findings, FixState, ImageFacts, Incomplete, Inventory, JudgedImage, Outcome, Policy,
    RiskLevel, Support, Suppression, Timestamp, Verdict, VerdictInputs, Vulnerability,
};
use kiln_vuln::EndOfLife;
use kiln_vuln::gate::{Case, inventory_digest, judge};

/// Everything that a verdict depends on, as a test changes it.
pub(crate) struct World {
    pub(crate) name: &'static str,
    pub(crate) inventory: Inventory,
    pub(crate) findings: Option<Findings>,
    pub(crate) ends: Vec<EndOfLife>,
    pub(crate) sboms: Vec<Inventory>,
    pub(crate) policy: Policy,
    pub(crate) ignores: Vec<Allowance>,
    pub(crate) now: Timestamp,
}

pub(crate) fn day(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn end(ends: &str, extended: Option<&str>) -> EndOfLife {
    EndOfLife {
        product: "debian".to_owned(),
        release: "13".to_owned(),
        ends: Some(ends.to_owned()),
        extended: extended.map(str::to_owned),
    }
}

/// An image that passes the default policy without a word.
pub(crate) fn sound() -> World {
    let mut component = Component::new(ComponentKind::Deb, "libone1", "1.0-1");
    component.licences.expression = Some("MIT".to_owned());
    component.supplier = Some("A <a@b.invalid>".to_owned());
    component.evidence.push(Evidence {
        path: "var/lib/dpkg/status".to_owned(),
        layer: Some(0),
        kind: EvidenceKind::Database,
    });
    let mut inventory = Inventory {
        distribution: Some(DistributionFact {
            id: "debian".to_owned(),
            version: Some("13".to_owned()),
            ..DistributionFact::default()
        }),
        components: vec![component],
        facts: Some(ImageFacts {
            user: "app".to_owned(),
            ..ImageFacts::default()
        }),
        ..Inventory::default()
    };
    inventory.subject.config = Some(Digest::of(b"config"));
    World {
        name: "app:1",
        inventory,
        findings: Some(findings(Vec::new())),
        ends: vec![end("2030-06-30", Some("2032-06-30"))],
        sboms: Vec::new(),
        policy: Policy::default(),
        ignores: Vec::new(),
        now: day("2030-03-01"),
    }
}

/// These findings, by advisories of two days ago.
pub(crate) fn findings(findings: Vec<Finding>) -> Findings {
    Findings {
        filter: None,
        at: None,
        subject: kiln_types::Subject::default(),
        distribution: None,
        database: DatabaseFact {
            built: day("2030-02-27"),
            sources: ["debian-tracker", "epss", "kev"]
                .map(|name| AdvisorySource {
                    name: name.to_owned(),
                    as_of: day("2030-02-27"),
                    facts: 1,
                    origin: String::new(),
                    sha256: String::new(),
                    others: std::collections::BTreeMap::new(),
                })
                .into(),
            ..DatabaseFact::default()
        },
        components: 1,
        owned: 0,
        unasked: 0,
        findings,
        support: Vec::new(),
        blind: Vec::new(),
        incomplete: Vec::new(),
        vex: Vec::new(),
    }
}

pub(crate) fn finding(id: &str, level: RiskLevel, fix: Option<&str>) -> Finding {
    Finding {
        component: kiln_types::ComponentId(0),
        kind: "deb".to_owned(),
        package: "libone1".to_owned(),
        version: "1.0-1".to_owned(),
        purl: Some("pkg:deb/debian/libone1@1.0-1?arch=amd64&distro=debian-13".to_owned()),
        location: Some("var/lib/dpkg/status".to_owned()),
        layer: None,
        source_package: Some("one".to_owned()),
        source_version: None,
        ecosystem: "debian:13".to_owned(),
        vulnerability: Vulnerability {
            id: id.to_owned(),
            aliases: ["GHSA-1".to_owned()].into(),
            ..Vulnerability::default()
        },
        affected: Affected::Yes,
        state: match fix {
            Some(_) => FixState::Fixed,
            None => FixState::NoAdvisory,
        },
        fixed_version: fix.map(str::to_owned),
        fixed_at: None,
        level,
        level_source: Some("debian-tracker".to_owned()),
        disputed: false,
        facts: Vec::new(),
        vex: Vec::new(),
        suppressed: None,
    }
}

pub(crate) fn verdict(world: &World) -> Verdict {
    let inputs = VerdictInputs {
        image: JudgedImage {
            name: world.name.to_owned(),
            platform: None,
            manifest: None,
            config: world.inventory.subject.config,
            inventory: inventory_digest(&world.inventory),
        },
        policy: None,
        database: None,
        vex: Vec::new(),
        vex_products: Vec::new(),
        vex_until: None,
        ignore_files: Vec::new(),
        sboms: Vec::new(),
    };
    let case = Case {
        name: world.name,
        inventory: &world.inventory,
        findings: world.findings.as_ref(),
        ends: &world.ends,
        sboms: &world.sboms,
        policy: &world.policy,
        ignores: &world.ignores,
        now: world.now,
    };
    judge(&case, inputs, "test")
}

/// The answer and the codes, in order, of a sound image after a change.
pub(crate) fn after(change: impl FnOnce(&mut World)) -> (Outcome, String) {
    let mut world = sound();
    change(&mut world);
    let verdict = verdict(&world);
    let codes: Vec<&str> = verdict
        .reasons
        .iter()
        .map(|reason| reason.code.as_str())
        .collect();
    (verdict.outcome, codes.join(" "))
}

pub(crate) fn add(world: &mut World, finding: Finding) {
    world.findings.as_mut().unwrap().findings.push(finding);
}

#[test]
fn a_sound_image_passes_without_a_word() {
    assert_eq!(after(|_| {}), (Outcome::Pass, String::new()));
}

pub(crate) type Change = fn(&mut World);

pub(crate) fn table(rows: &[(&str, Change, Outcome, &str)]) {
    for (name, change, outcome, codes) in rows {
        assert_eq!(after(change), (*outcome, (*codes).to_owned()), "{name}");
    }
}

#[test]
fn what_cannot_be_known_is_never_a_pass() {
    table(&[
        (
            "no advisories",
            |w| w.findings = None,
            Outcome::Unknown,
            "database/missing",
        ),
        (
            "nobody says what is exploited",
            |w| {
                add(w, finding("CVE-1", RiskLevel::Low, None));
                w.findings.as_mut().unwrap().database.sources.pop();
            },
            Outcome::Unknown,
            "database/lacking",
        ),
        (
            "the same without a finding",
            |w| {
                w.findings.as_mut().unwrap().database.sources.pop();
            },
            Outcome::Pass,
            "",
        ),
        (
            "the same where it is no matter",
            |w| {
                add(w, finding("CVE-1", RiskLevel::Low, None));
                w.findings.as_mut().unwrap().database.sources.pop();
                w.policy.vulnerabilities.exploited = Demand::Warn;
            },
            Outcome::Pass,
            "",
        ),
        (
            "nobody says how probable exploitation is",
            |w| {
                add(w, finding("CVE-1", RiskLevel::Low, None));
                w.findings.as_mut().unwrap().database.sources.remove(1);
                w.policy.vulnerabilities.epss = Some(10_000);
            },
            Outcome::Unknown,
            "database/lacking",
        ),
        (
            "advisories of another decade, compiled today",
            |w| {
                let source = &mut w.findings.as_mut().unwrap().database.sources[0];
                source.as_of = day("2020-01-01");
            },
            Outcome::Unknown,
            "database/old-source",
        ),
        (
            "ends of support of another year, which are no advisories",
            |w| {
                let sources = &mut w.findings.as_mut().unwrap().database.sources;
                let mut ends = sources[0].clone();
                ends.name = "debian-releases".to_owned();
                ends.as_of = day("2020-01-01");
                ends.facts = 0;
                sources.push(ends);
            },
            Outcome::Pass,
            "",
        ),
        (
            "a week old",
            |w| w.now = day("2030-03-06"),
            Outcome::Pass,
            "",
        ),
        (
            "older",
            |w| w.now = day("2030-03-07"),
            Outcome::Unknown,
            "database/old database/old-source database/old-source database/old-source",
        ),
        (
            "from the future",
            |w| w.now = day("2030-02-20"),
            Outcome::Unknown,
            "database/future database/future database/future database/future",
        ),
        (
            "an old source",
            |w| {
                w.policy.database.source_max_age_days = Some(3);
                let source = kiln_types::AdvisorySource {
                    name: "nvd".to_owned(),
                    as_of: day("2030-02-01"),
                    ..kiln_types::AdvisorySource::default()
                };
                w.findings.as_mut().unwrap().database.sources.push(source);
            },
            Outcome::Unknown,
            "database/old-source",
        ),
        (
            "no advisories for a kind",
            |w| w.findings.as_mut().unwrap().blind.push(blind()),
            Outcome::Unknown,
            "database/blind",
        ),
        (
            "the same, where the policy knows",
            |w| {
                w.findings.as_mut().unwrap().blind.push(blind());
                w.policy.database.may_lack = vec!["binary".to_owned()];
            },
            Outcome::Pass,
            "database/blind",
        ),
        (
            "an unreadable layer",
            |w| {
                w.inventory.incomplete.push(Incomplete {
                    place: "layer 2".to_owned(),
                    reason: "it ends too early".to_owned(),
                });
            },
            Outcome::Unknown,
            "inventory/incomplete",
        ),
        (
            "a distribution that nobody knows",
            |w| w.inventory.distribution.as_mut().unwrap().id = "foo".to_owned(),
            Outcome::Unknown,
            "end-of-life/unknown inventory/unknown-distribution",
        ),
        (
            "nothing recognised",
            |w| w.inventory.components.clear(),
            Outcome::Unknown,
            "inventory/empty",
        ),
        (
            "a document instead of an image",
            |w| w.inventory.facts = None,
            Outcome::Unknown,
            "image/unknown",
        ),
        (
            "a directory instead of an image",
            |w| w.inventory.subject.config = None,
            Outcome::Unknown,
            "image/unknown",
        ),
        (
            "a user that its accounts do not have",
            |w| facts(w).is_user_unknown = true,
            Outcome::Unknown,
            "image/unknown",
        ),
        (
            "the same where root is no matter",
            |w| {
                facts(w).is_user_unknown = true;
                w.policy.image.root = Demand::Warn;
            },
            Outcome::Pass,
            "",
        ),
        (
            "no date of the end",
            |w| w.ends.clear(),
            Outcome::Unknown,
            "end-of-life/unknown",
        ),
        (
            "the end of another release",
            |w| w.ends[0].release = "12".to_owned(),
            Outcome::Unknown,
            "end-of-life/unknown",
        ),
        (
            "an end that is not asked about",
            |w| {
                w.ends.clear();
                w.policy.end_of_life.ended = Demand::Allow;
            },
            Outcome::Pass,
            "",
        ),
        (
            "an end of which nobody is afraid",
            |w| {
                w.ends.clear();
                w.policy.end_of_life.ended = Demand::Warn;
            },
            Outcome::Pass,
            "end-of-life/unknown",
        ),
        (
            "packages without a distribution",
            |w| w.inventory.distribution = None,
            Outcome::Unknown,
            "end-of-life/unknown",
        ),
        (
            "a version that cannot be compared",
            |w| {
                let mut one = finding("CVE-1", RiskLevel::High, Some("2"));
                one.affected = Affected::Unknown;
                add(w, one);
            },
            Outcome::Unknown,
            "vulnerability/uncertain",
        ),
        (
            "a certain failure stays one",
            |w| {
                w.inventory.incomplete.push(Incomplete {
                    place: "layer 2".to_owned(),
                    reason: "it ends too early".to_owned(),
                });
                add(w, finding("CVE-1", RiskLevel::High, Some("2")));
            },
            Outcome::Fail,
            "vulnerability/fixable inventory/incomplete",
        ),
    ]);
}

fn blind() -> Blind {
    Blind {
        ecosystem: "binary".to_owned(),
        components: 1,
        reason: "no advisories are read for this kind".to_owned(),
    }
}

#[test]
fn vulnerabilities() {
    table(&[
        (
            "high, fixable",
            |w| add(w, finding("CVE-1", RiskLevel::High, Some("2"))),
            Outcome::Fail,
            "vulnerability/fixable",
        ),
        (
            "medium, fixable",
            |w| add(w, finding("CVE-1", RiskLevel::Medium, Some("2"))),
            Outcome::Pass,
            "",
        ),
        (
            "unrated, fixable",
            |w| add(w, finding("CVE-1", RiskLevel::Unknown, Some("2"))),
            Outcome::Fail,
            "vulnerability/fixable",
        ),
        (
            "unrated counts as low",
            |w| {
                w.policy.vulnerabilities.unrated = RiskLevel::Low;
                add(w, finding("CVE-1", RiskLevel::Unknown, Some("2")));
            },
            Outcome::Pass,
            "",
        ),
        (
            "critical, no fix",
            |w| add(w, finding("CVE-1", RiskLevel::Critical, None)),
            Outcome::Pass,
            "",
        ),
        (
            "critical, no fix, asked",
            |w| {
                w.policy.vulnerabilities.no_fix = Some(RiskLevel::Critical);
                add(w, finding("CVE-1", RiskLevel::Critical, None));
            },
            Outcome::Fail,
            "vulnerability/no-fix",
        ),
        (
            "exploited, low, no fix",
            |w| add(w, exploited()),
            Outcome::Fail,
            "vulnerability/exploited",
        ),
        (
            "exploited, only warned of",
            |w| {
                w.policy.vulnerabilities.exploited = Demand::Warn;
                add(w, exploited());
            },
            Outcome::Pass,
            "vulnerability/exploited",
        ),
        (
            "probably exploited",
            |w| {
                w.policy.vulnerabilities.epss = Some(10_000);
                add(w, probable(10_000));
            },
            Outcome::Fail,
            "vulnerability/epss",
        ),
        (
            "less probably",
            |w| {
                w.policy.vulnerabilities.epss = Some(10_000);
                add(w, probable(9_999));
            },
            Outcome::Pass,
            "",
        ),
        (
            "within the days of grace",
            |w| grace(w, "2030-02-20"),
            Outcome::Pass,
            "vulnerability/fixable",
        ),
        (
            "after them",
            |w| grace(w, "2030-02-15"),
            Outcome::Fail,
            "vulnerability/fixable",
        ),
        (
            "grace from a day to come",
            |w| grace(w, "2030-03-02"),
            Outcome::Fail,
            "vulnerability/fixable",
        ),
        (
            "grace without a date",
            |w| {
                w.policy.vulnerabilities.grace_days = 14;
                add(w, finding("CVE-1", RiskLevel::High, Some("2")));
            },
            Outcome::Fail,
            "vulnerability/fixable",
        ),
        (
            "suppressed",
            |w| {
                let mut one = finding("CVE-1", RiskLevel::High, Some("2"));
                one.suppressed = Some(Suppression::Unimportant {
                    reason: "of no consequence".to_owned(),
                });
                add(w, one);
            },
            Outcome::Pass,
            "",
        ),
    ]);
}

fn exploited() -> Finding {
    let mut one = finding("CVE-1", RiskLevel::Low, None);
    one.vulnerability.exploited = Some(Exploited {
        added: "2030-02-01".to_owned(),
        ransomware: true,
    });
    one
}

fn probable(probability: u32) -> Finding {
    let mut one = finding("CVE-1", RiskLevel::Low, None);
    one.vulnerability.epss = Some(Epss {
        probability,
        percentile: 99_000,
    });
    one
}

fn grace(world: &mut World, fixed: &str) {
    world.policy.vulnerabilities.grace_days = 14;
    let mut one = finding("CVE-1", RiskLevel::High, Some("2"));
    one.fixed_at = Some(day(fixed));
    add(world, one);
}

#[test]
fn support_and_properties() {
    table(&[
        (
            "regular support ends soon",
            |w| {
                w.policy.end_of_life.support = Support::Regular;
                w.ends[0] = end("2030-05-01", Some("2032-06-30"));
            },
            Outcome::Pass,
            "end-of-life/soon",
        ),
        (
            "the last day",
            |w| w.ends[0] = end("2030-01-01", Some("2030-03-01")),
            Outcome::Pass,
            "end-of-life/soon",
        ),
        (
            "the day after",
            |w| w.ends[0] = end("2030-01-01", Some("2030-02-28")),
            Outcome::Fail,
            "end-of-life/ended",
        ),
        (
            "regular support has ended",
            |w| {
                w.policy.end_of_life.support = Support::Regular;
                w.ends[0] = end("2030-01-01", Some("2032-02-27"));
            },
            Outcome::Fail,
            "end-of-life/ended",
        ),
        (
            "root",
            |w| facts(w).is_root = true,
            Outcome::Fail,
            "image/root",
        ),
        (
            "a shell",
            |w| facts(w).shells.push("usr/bin/dash".to_owned()),
            Outcome::Pass,
            "image/shell",
        ),
        (
            "a shell, denied",
            |w| {
                w.policy.image.shell = Demand::Deny;
                facts(w).shells.push("usr/bin/dash".to_owned());
            },
            Outcome::Fail,
            "image/shell",
        ),
        (
            "a package manager",
            |w| {
                w.policy.image.package_manager = Demand::Deny;
                facts(w).package_managers.push("usr/bin/apt".to_owned());
            },
            Outcome::Fail,
            "image/package-manager",
        ),
        (
            "setuid",
            |w| facts(w).setuid.push(file("usr/bin/su")),
            Outcome::Fail,
            "image/setuid",
        ),
        (
            "what is only warned of",
            |w| {
                facts(w).setgid.push(file("usr/bin/wall"));
                facts(w).capabilities.push(file("usr/bin/ping"));
                facts(w).world_writable.push(file("srv"));
            },
            Outcome::Pass,
            "image/capabilities image/setgid image/world-writable",
        ),
        (
            "a secret",
            |w| facts(w).secrets.push(file("root/.ssh/id_rsa")),
            Outcome::Fail,
            "image/secrets",
        ),
        (
            "a label that is empty",
            |w| {
                w.policy.image.labels = vec!["a".to_owned(), "b".to_owned()];
                facts(w).labels.insert("a".to_owned(), "x".to_owned());
                facts(w).labels.insert("b".to_owned(), " ".to_owned());
            },
            Outcome::Fail,
            "image/label",
        ),
        (
            "a denied licence",
            |w| w.policy.licences.denied = vec!["M*".to_owned()],
            Outcome::Fail,
            "licence/denied",
        ),
        (
            "not an allowed licence",
            |w| w.policy.licences.allowed = vec!["ISC".to_owned()],
            Outcome::Fail,
            "licence/denied",
        ),
        (
            "an unknown licence",
            |w| {
                w.policy.licences.unknown = Demand::Deny;
                w.inventory.components[0].licences.expression = None;
            },
            Outcome::Fail,
            "licence/unknown",
        ),
        (
            "a digest is asked for, and none is there",
            |w| {
                w.policy.evidence = vec![EvidenceDemand::Digest];
                w.policy.image.root = Demand::Allow;
                w.inventory.subject.config = None;
            },
            Outcome::Fail,
            "evidence/digest",
        ),
        (
            "all evidence",
            |w| {
                w.policy.evidence = EvidenceDemand::ALL.to_vec();
                w.sboms.push(w.inventory.clone());
            },
            Outcome::Pass,
            "",
        ),
        (
            "no document about it",
            |w| w.policy.evidence = vec![EvidenceDemand::Sbom],
            Outcome::Fail,
            "evidence/sbom",
        ),
        (
            "a document about something else",
            |w| {
                w.policy.evidence = vec![EvidenceDemand::Sbom];
                let mut other = w.inventory.clone();
                other.components[0].version = "2".to_owned();
                w.sboms.push(other);
            },
            Outcome::Fail,
            "evidence/sbom",
        ),
        (
            "a program of Go that somebody copied",
            |w| {
                w.policy.evidence = vec![EvidenceDemand::PackageDatabase];
                for name in ["example.invalid/app", "stdlib"] {
                    let mut one = Component::new(ComponentKind::Golang, name, "v1.0.0");
                    one.evidence.push(Evidence {
                        path: "usr/local/bin/app".to_owned(),
                        layer: Some(0),
                        kind: EvidenceKind::BuildInformation,
                    });
                    w.inventory.components.push(one);
                }
            },
            Outcome::Fail,
            "evidence/package-database",
        ),
        (
            "a program of Go that a package brought",
            |w| {
                w.policy.evidence = vec![EvidenceDemand::PackageDatabase];
                let mut one = Component::new(ComponentKind::Golang, "stdlib", "v1.0.0");
                one.owner = Some(kiln_types::ComponentId(0));
                w.inventory.components.push(one);
            },
            Outcome::Pass,
            "",
        ),
        (
            "a package that no database knows, of nobody",
            |w| {
                w.policy.evidence = EvidenceDemand::ALL.to_vec();
                w.sboms.push(w.inventory.clone());
                w.inventory.components[0].evidence[0].kind = EvidenceKind::BinaryText;
                w.inventory.components[0].supplier = None;
            },
            Outcome::Fail,
            "evidence/package-database evidence/supplier",
        ),
    ]);
}

pub(crate) fn facts(world: &mut World) -> &mut ImageFacts {
    world.inventory.facts.as_mut().unwrap()
}

pub(crate) fn file(path: &str) -> FileFact {
    FileFact {
        path: path.to_owned(),
        mode: "4755".to_owned(),
        uid: 0,
        gid: 0,
        note: None,
    }
}
