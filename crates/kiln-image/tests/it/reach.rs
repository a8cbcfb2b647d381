//! What is reached stays, what is not leaves, what is missing fails.

use std::collections::BTreeSet;

use kiln_image::AssembleError;
use kiln_image::reach::{CutRule, ReachReport};
use kiln_testkit::{Deb, DebBuilder};
use kiln_types::{Language, Load, PathKind, Plan, Request, ShellCaller, TestPlan, TestProbe};

use crate::world::{World, path, plan};

#[path = "../../src/elf/sample.rs"]
mod sample;
use sample::Sample;

const LIB: &str = "/usr/lib/x86_64-linux-gnu";

fn program(needed: &[&str]) -> Vec<u8> {
    let loader = Some("/usr/lib64/ld.so");
    Sample {
        needed,
        interpreter: loader,
        ..Sample::default()
    }
    .bytes()
}

fn library(soname: &str, needed: &[&str]) -> Vec<u8> {
    Sample {
        soname: Some(soname),
        needed,
        ..Sample::default()
    }
    .bytes()
}

fn deb(name: &str) -> DebBuilder {
    DebBuilder::new(name, "1")
}

/// A loader and a C library with a program of its own.
fn libc() -> Deb {
    deb("libc")
        .file("/usr/lib64/ld.so", library("ld.so", &[]), 0o755)
        .file(
            &format!("{LIB}/libc.so.6"),
            library("libc.so.6", &[]),
            0o755,
        )
        .file(
            &format!("{LIB}/libm.so.6"),
            library("libm.so.6", &[]),
            0o644,
        )
        .file("/usr/bin/iconv", program(&["libc.so.6"]), 0o755)
        .build()
}

fn app() -> Deb {
    deb("app")
        .field("Depends", "libc, data, tool, perl-modules, hooks")
        .file("/usr/sbin/app", program(&["libc.so.6"]), 0o755)
        .file("/usr/sbin/app-setup", "#!/bin/sh\n", 0o755)
        .symlink("/usr/sbin/setup", "app-setup")
        .file("/usr/share/app/page", "hello", 0o644)
        .build()
}

fn others() -> Vec<Deb> {
    vec![
        deb("data").file("/usr/share/data/x", "x", 0o644).build(),
        // A script that nobody starts, and what documents it.
        deb("hooks")
            .file("/usr/share/hooks/run", "#!/bin/sh\n", 0o755)
            .file("/usr/share/doc/hooks/copyright", "free", 0o644)
            .build(),
        deb("tool")
            .field("Depends", "tool-data")
            .file("/usr/bin/tool", program(&["libc.so.6"]), 0o755)
            .file("/usr/share/tool/x", "x", 0o644)
            .build(),
        deb("tool-data")
            .file("/usr/share/tool/y", "y", 0o644)
            .build(),
        deb("perl-modules")
            .file("/usr/share/perl5/A.pm", "1;", 0o644)
            .build(),
        deb("perl")
            .file("/usr/bin/perl", program(&["libc.so.6"]), 0o755)
            .build(),
        deb("dash")
            .file("/usr/bin/dash", program(&["libc.so.6"]), 0o755)
            .symlink("/usr/bin/sh", "dash")
            .build(),
    ]
}

fn cutting(asked: &[&str]) -> Plan {
    let mut plan = plan();
    plan.reach.cut = true;
    plan.config.entrypoint = vec!["/usr/sbin/app".to_owned()];
    plan.request.include = asked
        .iter()
        .map(|name| Request {
            name: name.parse().unwrap(),
            constraint: None,
            suite: None,
        })
        .collect();
    plan.reach.languages = vec![Language {
        name: "perl".to_owned(),
        interpreters: vec!["/usr/bin/perl".to_owned()],
        modules: vec!["/usr/share/perl5/**".to_owned()],
    }];
    plan
}

fn walk(plan: &Plan, debs: &[Deb]) -> Result<(ReachReport, BTreeSet<String>), AssembleError> {
    let debs: Vec<&Deb> = debs.iter().collect();
    let built = World::default().image(plan, &debs)?;
    let tree = built.tree().into_keys().collect();
    Ok((built.furnished.reach.unwrap(), tree))
}

fn debs() -> Vec<Deb> {
    let mut debs = vec![libc(), app()];
    debs.extend(others());
    debs
}

fn rule_of(report: &ReachReport, what: &str) -> Option<CutRule> {
    let package = report.cut.packages.iter().find(|cut| cut.name == what);
    let mut files = report.cut.files.iter();
    let file = files.find(|cut| cut.paths.iter().any(|path| path == what));
    package.map(|cut| cut.rule).or(file.map(|cut| cut.rule))
}

#[test]
fn what_nothing_reaches_leaves_by_a_rule() {
    let (report, tree) = walk(&cutting(&["app"]), &debs()).unwrap();
    for (what, rule) in [
        ("tool", Some(CutRule::UnreachedPackage)),
        ("tool-data", Some(CutRule::UnneededData)),
        ("perl", Some(CutRule::UnreachedPackage)),
        ("perl-modules", Some(CutRule::UnreachedPackage)),
        ("dash", Some(CutRule::UnreachedPackage)),
        ("hooks", Some(CutRule::EmptyPackage)),
        ("/usr/bin/iconv", Some(CutRule::UnreachedProgram)),
        ("/usr/sbin/app-setup", Some(CutRule::UnreachedProgram)),
        ("/usr/sbin/setup", Some(CutRule::DanglingLink)),
        ("data", None),
        ("app", None),
        ("libc", None),
    ] {
        assert_eq!(rule_of(&report, what), rule, "{what}");
    }
    let has = |path: &str| tree.contains(path);
    assert!(has("usr/sbin/app") && has("usr/share/app/page") && has("usr/share/data/x"));
    assert!(
        has("usr/lib/x86_64-linux-gnu/libm.so.6"),
        "libraries stay with their package"
    );
    assert!(!has("usr/bin/iconv") && !has("usr/sbin/setup") && !has("usr/bin/sh"));
    assert!(!has("usr/share/tool") && !has("usr/share/perl5"));
}

#[test]
fn the_image_says_what_was_cut_and_the_database_what_is_there() {
    let debs = debs();
    let debs: Vec<&Deb> = debs.iter().collect();
    let built = World::default().image(&cutting(&["app"]), &debs).unwrap();
    let status = built.text("var/lib/dpkg/status");
    assert!(status.contains("Package: app\n") && status.contains("Package: data\n"));
    assert!(!status.contains("Package: tool\n"));
    let list = built.text("var/lib/dpkg/info/app.list");
    assert!(list.contains("/usr/sbin/app\n") && !list.contains("app-setup"));
    let cut: serde_json::Value =
        serde_json::from_str(&built.text("usr/share/kiln/cut.json")).unwrap();
    assert_eq!(cut["packages"][0]["name"], "dash");
    assert_eq!(cut["packages"][0]["rule"], "unreached-package");
    assert!(cut["rules"]["unreached-package"].is_string());
}

#[test]
fn the_order_of_packages_decides_nothing() {
    let mut debs = debs();
    let plan = cutting(&["app"]);
    let before = walk(&plan, &debs).unwrap();
    for _ in 0..debs.len() {
        debs.rotate_left(1);
        assert_eq!(walk(&plan, &debs).unwrap(), before);
    }
    debs.reverse();
    assert_eq!(walk(&plan, &debs).unwrap(), before);
}

#[test]
fn roots_are_what_the_definition_names() {
    let test = |must_fail| {
        let mut test = TestPlan {
            name: "runs".to_owned(),
            probe: TestProbe::Run(vec!["tool".to_owned()]),
            expectation: Default::default(),
            environment: Default::default(),
            files: Vec::new(),
            timeout: None,
        };
        test.expectation.must_fail = must_fail;
        test
    };
    type Change = fn(&mut Plan);
    let keep: Change = |plan| plan.reach.keep = vec!["tool".to_owned()];
    let pattern: Change = |plan| plan.reach.keep = vec!["/bin/t*".to_owned()];
    let load: Change = |plan| {
        plan.reach.loads = vec![Load {
            file: "/usr/sbin/a*".to_owned(),
            opens: vec!["/usr/bin/tool".to_owned()],
            optional: false,
        }];
    };
    let behind: Change = |plan| {
        plan.config.cmd = vec!["--".to_owned(), "tool".to_owned()];
    };
    let link: Change = |plan| {
        plan.paths = vec![path("/t", PathKind::Symlink("/usr/bin/tool".to_owned()))];
    };
    for change in [keep, pattern, load, behind, link] {
        let mut plan = cutting(&["app"]);
        change(&mut plan);
        let (report, tree) = walk(&plan, &debs()).unwrap();
        assert!(tree.contains("usr/bin/tool") && tree.contains("usr/share/tool/y"));
        let why = report.why_package("tool-data").unwrap();
        assert!(why.len() >= 3, "{why:?}");
        assert!(report.why_package("dash").is_none());
    }
    for must_fail in [false, true] {
        let mut plan = cutting(&["app"]);
        plan.tests = vec![test(must_fail)];
        let (_, tree) = walk(&plan, &debs()).unwrap();
        assert_eq!(tree.contains("usr/bin/tool"), !must_fail);
    }
}

#[test]
fn a_script_needs_its_interpreter_and_modules_stay_with_it() {
    let mut debs = debs();
    debs.push(
        deb("script")
            .file("/usr/bin/script", "#!/usr/bin/env perl\n", 0o755)
            .build(),
    );
    debs.push(
        deb("env")
            .file("/usr/bin/env", program(&["libc.so.6"]), 0o755)
            .build(),
    );
    let mut plan = cutting(&["app"]);
    plan.reach.keep = vec!["script".to_owned()];
    plan.checks = vec!["declared-interpreters".to_owned()];
    let built = World::default()
        .image(&plan, &debs.iter().collect::<Vec<_>>())
        .unwrap();
    let tree = built.tree();
    assert!(tree.contains_key("usr/bin/perl") && tree.contains_key("usr/bin/env"));
    assert!(
        tree.contains_key("usr/share/perl5/A.pm"),
        "app depends on the modules"
    );
    let violations = &built.furnished.checks[0].violations;
    assert!(
        violations[0].contains("/usr/bin/perl runs perl"),
        "{violations:?}"
    );
    plan.reach.interpreters = ["perl".to_owned()].into();
    let built = World::default()
        .image(&plan, &debs.iter().collect::<Vec<_>>())
        .unwrap();
    assert!(built.furnished.checks[0].violations.is_empty());
}

/// Modules stay with their interpreter; the links that make programs of them go as programs do.
#[test]
fn a_link_that_starts_a_module_is_a_program() {
    let mut debs = debs();
    let module = "#!/usr/bin/perl\n";
    debs.push(
        deb("script")
            .field("Depends", "perl, perl-tools")
            .file("/usr/bin/script", module, 0o755)
            .build(),
    );
    debs.push(
        deb("perl-tools")
            .file("/usr/share/perl5/packer.pl", module, 0o755)
            .file("/usr/share/perl5/B.pm", "1;", 0o755)
            .symlink("/usr/bin/packer", "../share/perl5/packer.pl")
            .symlink("/usr/bin/B.pm", "../share/perl5/B.pm")
            .build(),
    );
    let mut plan = cutting(&["app"]);
    plan.reach.keep = vec!["script".to_owned()];
    let (report, tree) = walk(&plan, &debs).unwrap();
    assert_eq!(
        rule_of(&report, "/usr/bin/packer"),
        Some(CutRule::UnreachedProgram)
    );
    assert!(!tree.contains("usr/bin/packer"));
    assert!(tree.contains("usr/share/perl5/packer.pl") && tree.contains("usr/bin/B.pm"));
    plan.reach.keep.push("packer".to_owned());
    let (report, tree) = walk(&plan, &debs).unwrap();
    assert_eq!(rule_of(&report, "/usr/bin/packer"), None);
    assert!(tree.contains("usr/bin/packer"));
}

#[test]
fn holes_name_the_file_and_what_it_needs() {
    let broken = |needed: &[&str]| {
        let app = deb("app")
            .field(
                "Recommends",
                "libfont_cache9 | libfont-cache0t64 (>= 2), libother",
            )
            .file("/usr/sbin/app", program(needed), 0o755)
            .build();
        let debs = vec![libc(), app];
        walk(&cutting(&["app"]), &debs).unwrap_err().to_string()
    };
    assert!(
        broken(&["libc.so.6", "libz.so.1"])
            .contains("`/usr/sbin/app` needs the library `libz.so.1`, which is not there")
    );
    let hint = |library: &str| broken(&["libc.so.6", library]);
    let recommended = hint("libfont_cache.so.0");
    assert!(
        recommended.contains("`app` recommends `libfont-cache0t64`, which the image does not have"),
        "{recommended}"
    );
    let conventional = hint("libz.so.1");
    assert!(
        conventional.contains("such a library like `libz1`"),
        "{conventional}"
    );
    let keep = |keep: &str| {
        let mut plan = cutting(&["app"]);
        plan.reach.keep = vec![keep.to_owned()];
        walk(&plan, &debs()).unwrap_err().to_string()
    };
    assert!(keep("nothing").contains("`contents.keep` needs `nothing`"));
    assert!(keep("/usr/sbin/app-setup2").contains("app-setup2"));
    let mut plan = cutting(&["app"]);
    plan.reach.keep = vec!["app-setup".to_owned()];
    let mut without = debs();
    without.retain(|deb| !deb.name.starts_with("dash"));
    let error = walk(&plan, &without).unwrap_err().to_string();
    assert!(
        error.contains("`/usr/sbin/app-setup` needs the interpreter `/bin/sh`"),
        "{error}"
    );
}

#[test]
fn nothing_is_cut_where_the_profile_does_not_say_so() {
    let mut plan = cutting(&["app"]);
    plan.reach.cut = false;
    let debs = debs();
    let built = World::default()
        .image(&plan, &debs.iter().collect::<Vec<_>>())
        .unwrap();
    assert!(built.furnished.reach.is_none() && built.furnished.left.is_empty());
    assert!(built.tree().contains_key("usr/bin/tool"));
}

#[test]
fn checks_see_keys_scripts_and_open_dependencies() {
    let extra = deb("extra")
        .field("Depends", "absent")
        .file("/etc/key.pem", "-----BEGIN PRIVATE KEY-----\nMII\n", 0o600)
        .build();
    let mut plan = cutting(&["app", "extra"]);
    plan.checks = ["no-private-keys", "dependencies-hold", "known-owners"]
        .map(str::to_owned)
        .into();
    plan.reach.without_shell = vec![ShellCaller {
        file: "/usr/sbin/app".to_owned(),
        reason: "none".to_owned(),
    }];
    let mut debs = debs();
    debs.push(extra);
    let built = World::default()
        .image(&plan, &debs.iter().collect::<Vec<_>>())
        .unwrap();
    let violations = |index: usize| built.furnished.checks[index].violations.join("\n");
    assert_eq!(violations(0), "/etc/key.pem holds a private key");
    assert!(violations(1).contains("`extra` depends on `absent`"));
    assert!(violations(1).contains("`app` depends on `tool`"), "it left");
    assert_eq!(violations(2), "");
}

/// What the package database does not say is nobody's.
#[test]
fn a_file_that_no_list_names_belongs_to_nobody() {
    let mut plan = cutting(&["app"]);
    plan.checks = vec!["known-owners".to_owned()];
    plan.paths = vec![path(
        "/var/lib/dpkg/info/data.list",
        PathKind::File(b"/.\n".to_vec()),
    )];
    let debs = debs();
    let built = World::default()
        .image(&plan, &debs.iter().collect::<Vec<_>>())
        .unwrap();
    assert_eq!(
        built.furnished.checks[0].violations,
        ["/usr/share/data/x belongs to nobody"]
    );
}

/// The first link that stays carries the content, and is what the checks look at.
#[test]
fn a_hard_link_stays_whole_without_its_carrier() {
    let mut debs = debs();
    let twins = DebBuilder::new("twins", "1")
        .file("/usr/bin/a", program(&["libc.so.6"]), 0o4755)
        .hardlink("/usr/bin/b", "/usr/bin/a")
        .hardlink("/usr/bin/c", "/usr/bin/a")
        .build();
    debs.push(twins);
    let mut plan = cutting(&["app"]);
    plan.reach.keep = vec!["b".to_owned(), "c".to_owned()];
    plan.checks = vec!["no-setuid".to_owned()];
    plan.paths = vec![path("/usr/bin/c", PathKind::Permissions)];
    let built = World::default()
        .image(&plan, &debs.iter().collect::<Vec<_>>())
        .unwrap();
    assert_eq!(
        built.furnished.checks[0].violations,
        ["/usr/bin/b", "/usr/bin/c"]
    );
    let tree = built.tree();
    assert!(!tree.contains_key("usr/bin/a"));
    let content = program(&["libc.so.6"]);
    assert_eq!(tree["usr/bin/b"].content, content);
    assert_eq!(tree["usr/bin/c"].content, content);
}

/// The folder that holds a reached file may be a link of another package.
#[test]
fn links_among_the_folders_of_a_reached_path_stay() {
    let mut debs = debs();
    debs.push(
        deb("versions")
            .file("/usr/lib/v1/bin/x", program(&["libc.so.6"]), 0o755)
            .build(),
    );
    debs.push(deb("links").symlink("/usr/lib/current", "v1").build());
    let mut plan = cutting(&["app"]);
    plan.reach.keep = vec!["/usr/lib/current/bin/x".to_owned()];
    let (_, tree) = walk(&plan, &debs).unwrap();
    assert!(tree.contains("usr/lib/v1/bin/x") && tree.contains("usr/lib/current"));
}
