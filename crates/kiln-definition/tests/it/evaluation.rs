//! From definitions to plans: merging, conditions, substitution, repositories.

use std::collections::BTreeMap;

use kiln_definition::{Definition, Document, PlanOptions, inputs_digest, parse, plans, tags};
use kiln_types::{Architecture, PathKind, Plan, Platform};

fn definition(yaml: &str) -> Definition {
    let text = format!("kiln: 1\nname: x\n{yaml}");
    let parsed = parse(&Document::new("image.yaml", text));
    parsed
        .value
        .unwrap_or_else(|| panic!("{}", super::diagnostics::text(&parsed.diagnostics)))
}

fn with(yaml: &str, options: &PlanOptions) -> Vec<Plan> {
    let files = |path: &str| {
        if path == "a.conf" {
            Ok(b"${not touched}".to_vec())
        } else {
            Err("no such file".to_owned())
        }
    };
    plans(&definition(yaml), options, &files)
        .unwrap_or_else(|found| panic!("{}", super::diagnostics::text(&found)))
}

const LINE: &str = "versions: {\"1\": {distribution: debian-13}}\n";

fn standard(yaml: &str) -> Plan {
    let options = PlanOptions {
        variants: vec!["standard".to_owned()],
        platforms: vec![Platform::linux(Architecture::Amd64)],
        ..PlanOptions::default()
    };
    with(&format!("{LINE}{yaml}"), &options).remove(0)
}

#[test]
fn selection() {
    let all = with(
        "versions: {\"2\": {distribution: debian-13}, \"1\": {distribution: debian-12}}",
        &PlanOptions::default(),
    );
    let targets: Vec<String> = all.iter().map(|plan| plan.target().to_string()).collect();
    assert_eq!(
        targets,
        [
            "2/standard/amd64",
            "2/standard/arm64",
            "2/dev/amd64",
            "2/dev/arm64",
            "1/standard/amd64",
            "1/standard/arm64",
            "1/dev/amd64",
            "1/dev/arm64"
        ]
    );
    let definition = definition(LINE);
    let options = PlanOptions {
        lines: vec!["3".to_owned()],
        variants: vec!["stadnard".to_owned()],
        sets: BTreeMap::from([("a".to_owned(), String::new())]),
        ..PlanOptions::default()
    };
    let found = plans(&definition, &options, &|_| Err(String::new())).unwrap_err();
    let codes: Vec<&str> = found.iter().map(|one| one.code.as_str()).collect();
    assert_eq!(
        codes,
        [
            "definition/unknown-variable",
            "definition/unknown-variant",
            "definition/unknown-version"
        ]
    );
}

#[test]
fn an_explicit_entry_beats_an_exclusion() {
    let plan = standard(
        "contents: {packages: [mawk, \"!mawk\", \"!gawk\", \"!base-files\", \"b (>= 2)\", b]}",
    );
    let names: Vec<String> = plan
        .request
        .include
        .iter()
        .map(|request| request.name.to_string())
        .collect();
    assert_eq!(
        names,
        ["b", "mawk"],
        "base-files is implied unless excluded; the stricter wish of two stays"
    );
    assert!(plan.request.include[0].constraint.is_some());
    assert!(!plan.request.exclude.contains("mawk") && plan.request.exclude.contains("gawk"));
}

#[test]
fn conditions() {
    let yaml = format!(
        "{LINE}contents: {{packages: [{{name: a, platforms: [arm64]}}, {{name: b, variants: [dev]}}, c]}}"
    );
    let names = |variant: &str, architecture| {
        let options = PlanOptions {
            variants: vec![variant.to_owned()],
            platforms: vec![Platform::linux(architecture)],
            ..PlanOptions::default()
        };
        let plan = with(&yaml, &options).remove(0);
        let names = plan
            .request
            .include
            .iter()
            .map(|request| request.name.to_string());
        names
            .filter(|name| name.len() == 1)
            .collect::<Vec<_>>()
            .concat()
    };
    assert_eq!(names("standard", Architecture::Amd64), "c");
    assert_eq!(names("standard", Architecture::Arm64), "ac");
    assert_eq!(names("dev", Architecture::Arm64), "abc");
}

#[test]
fn substitution() {
    let yaml = "versions: {\"1.26\": {distribution: debian-13, vars: {b: line}}}\n\
                vars: {a: \"of ${arch}\", b: image, c: image}\n\
                entrypoint: [\"/${a}\", \"${b}-${c}\", \"${version}/${variant}\", \"$${x} $x\"]\n\
                paths: [{path: \"/${triplet}\", type: file, content: \"${distribution}\"}, {path: /raw, type: file, source: a.conf}]\n";
    let options = PlanOptions {
        sets: BTreeMap::from([("c".to_owned(), "set ${a}".to_owned())]),
        ..PlanOptions::default()
    };
    let plan = with(yaml, &options).remove(0);
    assert_eq!(
        plan.config.entrypoint,
        ["/of amd64", "line-set ${a}", "1.26/standard", "${x} $x"]
    );
    assert_eq!(plan.paths[0].path.to_string(), "/x86_64-linux-gnu");
    assert_eq!(plan.paths[0].kind, PathKind::File(b"debian-13".to_vec()));
    assert_eq!(
        plan.paths[1].kind,
        PathKind::File(b"${not touched}".to_vec()),
        "files are taken as they are"
    );
}

#[test]
fn layers_of_settings() {
    let yaml = format!(
        "{LINE}cmd: [image]\nenvironment: {{A: image, B: image}}\nwork-dir: /image\n\
         accounts: {{run-as: app, users: [{{name: app, uid: 1000, gid: 1001}}]}}\n\
         paths: [{{path: /a, type: directory}}, {{path: /b, type: directory, owner: app}}]\n\
         variants: {{dev: {{cmd: [dev], environment: {{B: dev}}, paths: [{{path: /a, type: emptyfile}}]}}}}\n"
    );
    let plans = with(
        &yaml,
        &PlanOptions {
            platforms: vec![Platform::linux(Architecture::Amd64)],
            ..PlanOptions::default()
        },
    );
    let [standard, dev] = plans.as_slice() else {
        panic!("two")
    };
    assert_eq!(
        (&standard.config.cmd, &dev.config.cmd),
        (&vec!["image".to_owned()], &vec!["dev".to_owned()])
    );
    assert_eq!(standard.config.environment["B"], "image");
    assert_eq!(dev.config.environment["B"], "dev");
    assert_eq!(dev.config.environment["A"], "image");
    assert!(dev.config.environment.contains_key("SSL_CERT_FILE"));
    assert_eq!(
        (standard.config.user.as_str(), dev.config.user.as_str()),
        ("1000:1001", "0:0")
    );
    assert_eq!(
        standard.accounts.users.len(),
        1,
        "the profile's user is for images without one"
    );
    assert_eq!(standard.accounts.groups.len(), 1);
    assert_eq!(dev.paths.len(), 2);
    assert_eq!((dev.paths[0].uid, dev.paths[0].gid), (1000, 1001));
    assert_eq!(dev.paths[1].kind, PathKind::File(Vec::new()));
    assert!(dev.maintainer_scripts && !standard.maintainer_scripts);
}

#[test]
fn who_runs() {
    for (accounts, user) in [
        ("{}", "65532:65532"),
        ("{run-as: 5}", "5:5"),
        ("{run-as: \"5:6\"}", "5:6"),
        ("{run-as: www-data}", "33:33"),
        ("{run-as: root}", "0:0"),
        ("{run-as: \"nonroot:www-data\"}", "65532:33"),
        ("{users: [{name: a, uid: 7, gid: 8}], run-as: 7}", "7:8"),
    ] {
        assert_eq!(
            standard(&format!("accounts: {accounts}")).config.user,
            user,
            "{accounts}"
        );
    }
}

#[test]
fn repositories() {
    let plan = standard("");
    let archives: Vec<&str> = plan
        .sources
        .iter()
        .map(|source| source.archive.as_str())
        .collect();
    assert_eq!(archives, ["debian", "debian-security"]);
    let plan = standard(
        "contents:\n  keyring: [team.asc]\n  repositories:\n  - distribution\n  - deb [arch=arm64] https://a.example/x y main\n  \
         - deb [trusted=yes] file:/srv/p ./\n  - {name: team, url: \"https://b.example/${arch}/\", suites: [s], components: [main], priority: 900}\n",
    );
    let sources: Vec<String> = plan
        .sources
        .iter()
        .map(|source| {
            format!(
                "{} {:?} {:?} {:?} {} {}",
                source.archive,
                source.url,
                source.flat,
                source.keyrings,
                source.trusted,
                source.priority
            )
        })
        .collect();
    assert_eq!(
        sources,
        [
            "debian None None [\"debian-archive\"] false 500",
            "debian-security None None [\"debian-archive\"] false 500",
            "srv/p Some(\"file:/srv/p\") Some(\"./\") [\"team.asc\"] true 500",
            "team Some(\"https://b.example/amd64\") None [\"team.asc\"] false 900",
        ]
    );
}

#[test]
fn shorter_tags_go_to_the_first_line_that_they_fit() {
    let definition = definition(
        "versions: {\"1.28\": {distribution: debian-13}, \"1.26\": {distribution: debian-13}}\ntags: [stable]",
    );
    let options = PlanOptions {
        variants: vec!["standard".to_owned()],
        platforms: vec![Platform::linux(Architecture::Amd64)],
        ..PlanOptions::default()
    };
    let plans = plans(&definition, &options, &|_| Err(String::new())).unwrap();
    let plain = |plan: &Plan, version: &str| {
        let tags = tags(&definition, plan, Some(version)).into_iter();
        tags.filter(|tag| !tag.contains("debian"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(plain(&plans[0], "1.28.1-1"), "1.28.1 1.28 1 latest stable");
    assert_eq!(plain(&plans[1], "1.26.3-1"), "1.26.3 1.26");
    assert_eq!(
        plain(&plans[1], "1.30.0-1"),
        "1.26",
        "a version of another line names no tags"
    );
}

#[test]
fn archives_of_the_distribution_know_where_their_past_is_kept() {
    let service = "https://snapshot.debian.org/archive/{archive}/{timestamp}";
    let plan = standard("");
    let kept: Vec<_> = plan
        .sources
        .iter()
        .map(|source| (source.archive.as_str(), source.snapshot.as_deref()))
        .collect();
    assert!(kept.contains(&("debian", Some(service))), "{kept:?}");
    assert!(
        kept.contains(&("debian-security", Some(service))),
        "{kept:?}"
    );

    let plan = standard(
        "contents:
  keyring: [debian-archive]
  repositories:
    - {name: debian, suites: [trixie-backports], components: [main]}
    - {name: debian, url: https://mirror.example/debian, suites: [sid], components: [main]}
    - {name: mine, suites: [stable], components: [main]}
    - deb https://other.example/debian trixie main
",
    );
    let kept: Vec<_> = plan
        .sources
        .iter()
        .map(|source| source.snapshot.as_deref())
        .collect();
    assert_eq!(kept, [Some(service), None, None, None]);
}

#[test]
fn where_the_past_is_kept_does_not_make_a_lock_outdated() {
    let plan = standard("");
    let mut other = plan.clone();
    for source in &mut other.sources {
        source.snapshot = Some("https://elsewhere.example/{timestamp}".to_owned());
    }
    assert_ne!(plan, other);
    let digest = inputs_digest(std::slice::from_ref(&plan));
    assert_eq!(inputs_digest(&[other]), digest);
    let mut other = plan;
    other.sources[0].priority += 1;
    assert_ne!(inputs_digest(&[other]), digest);
}

#[test]
fn a_snapshot_service_without_a_place_for_the_time() {
    let text = kiln_definition::distribution_document("debian-13")
        .expect("it is built in")
        .text
        .replace("/{timestamp}", "");
    let parsed = kiln_definition::parse_distribution(&Document::new("debian.yaml", text));
    assert!(parsed.value.is_none());
    let told = super::diagnostics::text(&parsed.diagnostics);
    assert!(told.contains("has no place for the time"), "{told}");
    assert!(told.contains("{timestamp}"), "{told}");
}
