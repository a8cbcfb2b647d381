//! The catalog that kiln carries: sound, clean, and what it promises.

use kiln_definition::{
    Document, PlanOptions, catalog, inputs_digest, lint, parse, plans, show, tags,
};
use kiln_types::{Diagnostic, Plan, TestProbe, Unmet};

fn text(diagnostics: &[Diagnostic]) -> String {
    diagnostics
        .iter()
        .map(|diagnostic| format!("{diagnostic}\n"))
        .collect()
}

fn planned(name: &str) -> (kiln_definition::Definition, Vec<Plan>) {
    let parsed = parse(&catalog::document(name).expect("it is in the catalog"));
    assert_eq!(text(&parsed.diagnostics), "", "{name}");
    let definition = parsed.value.expect("no diagnostics, so there is a value");
    let files = |path: &str| {
        catalog::file(name, path)
            .map(<[u8]>::to_vec)
            .ok_or("no such file".to_owned())
    };
    let plans = plans(&definition, &PlanOptions::default(), &files)
        .unwrap_or_else(|found| panic!("{}", text(&found)));
    (definition, plans)
}

#[test]
fn every_image_parses_plans_and_lints_clean() {
    assert_eq!(
        catalog::names().collect::<Vec<_>>(),
        [
            "base",
            "go",
            "httpd",
            "java",
            "memcached",
            "nginx",
            "node",
            "postgres",
            "python",
            "redis",
            "static",
            "valkey"
        ]
    );
    for name in catalog::names() {
        let (definition, plans) = planned(name);
        assert_eq!(
            plans.len(),
            4 * definition.versions.len(),
            "{name}: two variants on two platforms"
        );
        assert_eq!(
            text(&lint(&definition, &plans, &PlanOptions::default())),
            "",
            "{name}"
        );
        assert!(
            definition.about.documentation.is_some() && definition.about.description.is_some(),
            "{name}"
        );
        for plan in &plans {
            assert!(
                plan.request
                    .include
                    .iter()
                    .any(|request| request.name.as_str() == "base-files"),
                "{name}"
            );
            assert!(
                plan.tests
                    .iter()
                    .any(|test| matches!(test.probe, TestProbe::Run(_))),
                "{name}"
            );
            assert!(plan.end_of_life.is_some(), "{name}");
        }
    }
}

#[test]
fn nginx_is_what_it_says() {
    let (definition, plans) = planned("nginx");
    let [standard, _, dev, _] = plans.as_slice() else {
        panic!("four plans")
    };
    assert_eq!(
        (standard.variant.as_str(), dev.variant.as_str()),
        ("standard", "dev")
    );
    assert_eq!(standard.config.user, "65532:65532");
    assert_eq!(dev.config.user, "0:0");
    assert_eq!(standard.config.entrypoint, dev.config.entrypoint);
    assert_eq!(standard.accounts.users, dev.accounts.users);
    assert_eq!(
        (standard.request.unmet, dev.request.unmet),
        (Unmet::Tolerate, Unmet::Refuse)
    );
    assert!(dev.request.exclude.is_empty(), "{:?}", dev.request.exclude);
    // What standard does not need leaves by the rule, not by a list.
    assert_eq!(standard.request.exclude, dev.request.exclude);
    assert!(standard.reach.cut && !dev.reach.cut);
    let writable: Vec<String> = standard
        .paths
        .iter()
        .filter(|path| path.writable)
        .map(|path| path.path.to_string())
        .collect();
    assert_eq!(writable, ["/run", "/var/lib/nginx"]);
    assert_eq!(
        tags(&definition, standard, Some("1.26.3-3+deb13u11")),
        [
            "1.26.3",
            "1.26.3-debian13",
            "1.26",
            "1.26-debian13",
            "1",
            "1-debian13",
            "latest"
        ]
    );
    assert_eq!(
        tags(&definition, dev, Some("1.26.3-3")),
        [
            "1.26.3-dev",
            "1.26.3-debian13-dev",
            "1.26-dev",
            "1.26-debian13-dev",
            "1-dev",
            "1-debian13-dev",
            "latest-dev"
        ]
    );
    assert_eq!(
        tags(&definition, standard, None),
        ["1.26", "1.26-debian13", "latest"]
    );
}

#[test]
fn the_digest_of_the_inputs_depends_on_what_resolution_depends_on() {
    let (_, plans) = planned("nginx");
    let digest = inputs_digest(&plans);
    let mut reversed = plans.clone();
    reversed.reverse();
    assert_eq!(inputs_digest(&reversed), digest);
    let changed = |change: fn(&mut Plan)| {
        let mut plans = plans.clone();
        change(plans.first_mut().expect("four plans"));
        inputs_digest(&plans)
    };
    assert_eq!(changed(|plan| plan.config.user = "1:1".to_owned()), digest);
    assert_eq!(changed(|plan| plan.tests.clear()), digest);
    assert_ne!(changed(|plan| plan.sources[0].suites.clear()), digest);
    assert_ne!(changed(|plan| plan.request.unmet = Unmet::Refuse), digest);
    let exclude = |plan: &mut Plan| {
        plan.request.exclude.insert("perl".parse().expect("a name"));
    };
    assert_ne!(changed(exclude), digest);
    assert_ne!(inputs_digest(&plans[1..]), digest);
}

#[test]
fn what_is_shown_is_yaml_again() {
    for name in catalog::names() {
        let (definition, plans) = planned(name);
        let text_shown = show(&definition, &plans);
        // No such format: its keys are unknown, but it must be YAML.
        let parsed = parse(&Document::new("shown", text_shown.clone()));
        assert!(
            !text(&parsed.diagnostics).contains("yaml/"),
            "{}\n{text_shown}",
            text(&parsed.diagnostics)
        );
    }
}
