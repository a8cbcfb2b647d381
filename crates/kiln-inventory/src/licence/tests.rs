use super::*;

#[test]
fn names_of_every_ecosystem_become_identifiers() {
    for (said, expected) in [
        ("GPL-2+", "GPL-2.0-or-later"),
        ("GPL-3", "GPL-3.0-only"),
        ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("GFDL-1.3+", "GFDL-1.3-or-later"),
        ("GFDL-NIV-1.3+", "LicenseRef-GFDL-NIV-1.3"),
        ("Expat", "MIT"),
        ("mit", "MIT"),
        ("Apache License 2.0", "Apache-2.0"),
        ("MIT OR Apache-2.0", "Apache-2.0 OR MIT"),
        ("MIT/Apache-2.0", "Apache-2.0 OR MIT"),
        (
            "GPL-2.0-or-later WITH Bison-exception-2.2",
            "GPL-2.0-or-later WITH Bison-exception-2.2",
        ),
        ("public-domain", "LicenseRef-public-domain"),
        ("a (strange) name", "LicenseRef-a-strange-name"),
    ] {
        let licences = of_field(said);
        let expression = licences.expression.unwrap();
        assert!(expression == expected, "{said}: {expression}");
        spdx::Expression::parse(&expression).unwrap();
    }
    assert_eq!(of_field("  ").expression, None);
}

const DEP5: &str = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: demo

Files: *
Copyright: 2001 A
           2002 B
License: GPL-2+ or Artistic

Files: debian/*
Copyright: 2002 B
License: own-words
 Do what
 .
 you want.

License: GPL-2+
 long text
";

#[test]
fn the_machine_readable_form_is_understood_and_texts_are_kept() {
    let copyright = copyright(DEP5, "demo");
    let expression = copyright.licences.expression.unwrap();
    let (id, text) = copyright.licences.texts.iter().next().unwrap();
    assert_eq!(copyright.licences.texts.len(), 1);
    assert_eq!(text.text, "Do what\n\nyou want.");
    assert_eq!(
        expression,
        format!("{id} AND (Artistic-1.0 OR GPL-2.0-or-later)")
    );
    spdx::Expression::parse(&expression).unwrap();
    assert_eq!(copyright.notices, "2001 A\n2002 B");
}

#[test]
fn free_text_gives_references_or_itself() {
    let gpl = copyright(
        "Copyright 2001 A\nfree software; either version 2, or (at your option)\nany later version.\nSee /usr/share/common-licenses/GPL-2.\n",
        "demo",
    );
    assert_eq!(gpl.licences.expression.as_deref(), Some("GPL-2.0-or-later"));
    assert_eq!(gpl.notices, "Copyright 2001 A");
    let own = copyright("You may.\n", "demo");
    let id = own.licences.expression.unwrap();
    assert!(id.starts_with("LicenseRef-demo-copyright-"), "{id}");
    assert_eq!(own.licences.texts[&id].text, "You may.");
    assert!(copyright("", "demo").licences.is_unknown());
}

#[test]
fn commas_without_a_name_between_them_are_no_licence() {
    for (said, expected) in [
        (
            "GPL-2+ , and , or , and GPL-2",
            Some("GPL-2.0-only AND GPL-2.0-or-later"),
        ),
        ("MIT , or ,", Some("MIT")),
        (", and ,", None),
    ] {
        let mut collector = Collector::default();
        collector.add_dep5(said, &BTreeMap::new());
        assert_eq!(collector.finish().expression.as_deref(), expected, "{said}");
    }
}

#[test]
fn expressions_with_references_are_read_as_they_were_written() {
    let said = "GPL-2.0-or-later AND LicenseRef-verbatim";
    let found = of_field(said);
    assert_eq!(found.expression.as_deref(), Some(said));
    assert!(found.texts.contains_key("LicenseRef-verbatim"), "{found:?}");
}

proptest::proptest! {
    #[test]
    fn every_expression_is_valid(said in ".{0,40}", text in proptest::option::of(".{0,20}")) {
        let mut collector = Collector::default();
        collector.add(&said, text.as_deref());
        collector.add_dep5(&said, &BTreeMap::new());
        if let Some(expression) = collector.finish().expression {
            proptest::prop_assert!(spdx::Expression::parse(&expression).is_ok(), "{expression}");
        }
    }

    #[test]
    fn dep5_expressions_are_valid(said in "(GPL-2\\+|MIT|odd name|Artistic)( (or|and|, and|, or|with) (GPL-2|Expat|x y|,|\\()){0,4}") {
        let mut collector = Collector::default();
        collector.add_dep5(&said, &BTreeMap::new());
        if let Some(expression) = collector.finish().expression {
            proptest::prop_assert!(spdx::Expression::parse(&expression).is_ok(), "{expression}");
        }
    }
}

#[test]
fn a_bundle_names_licences_and_where_they_stand() {
    for (said, expected) in [
        ("Apache-2.0", Some("Apache-2.0")),
        (
            "\"Apache-2.0\";link=\"https://www.apache.org/licenses/LICENSE-2.0.txt\"",
            Some("Apache-2.0"),
        ),
        (
            "https://www.apache.org/licenses/LICENSE-2.0.txt",
            Some("Apache-2.0"),
        ),
        (
            "http://www.eclipse.org/legal/epl-v10.html, http://www.opensource.org/licenses/mit-license.php",
            Some("EPL-1.0 AND MIT"),
        ),
        ("https://h2database.com/html/license.html", None),
    ] {
        assert_eq!(of_bundle(said).expression.as_deref(), expected, "{said}");
    }
}
