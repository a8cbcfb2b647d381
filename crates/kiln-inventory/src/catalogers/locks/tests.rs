use super::*;

fn names(lock: Lock, text: &str) -> Vec<String> {
    let mut names: Vec<String> = components(lock, text.as_bytes())
        .unwrap()
        .iter()
        .map(|found| found.component.purl.as_ref().unwrap().to_string())
        .collect();
    names.sort();
    names
}

#[test]
fn locks_are_known_by_their_names() {
    assert_eq!(kind("app/package-lock.json"), Some(Lock::Npm));
    assert_eq!(kind("requirements-prod.txt"), Some(Lock::Requirements));
    assert_eq!(kind("requirements.md"), None);
    assert_eq!(kind("app/go.sum"), None);
}

#[test]
fn npm_in_all_versions() {
    let new = r#"{"lockfileVersion":3,"packages":{
        "":{"name":"app","version":"1.0.0"},
        "packages/own":{"version":"1.0.0"},
        "node_modules/own":{"resolved":"packages/own","link":true},
        "node_modules/a":{"version":"1.2.3"},
        "node_modules/a/node_modules/@s/b":{"version":"2.0.0"},
        "node_modules/alias":{"name":"real","version":"3.0.0"},
        "node_modules/d":{"version":"4.0.0","dev":true}}}"#;
    let expected = [
        "pkg:npm/%40s/b@2.0.0",
        "pkg:npm/a@1.2.3",
        "pkg:npm/real@3.0.0",
    ];
    assert_eq!(names(Lock::Npm, new), expected);
    let old = r#"{"lockfileVersion":1,"dependencies":{
        "a":{"version":"1.2.3","dependencies":{"@s/b":{"version":"2.0.0"}}},
        "alias":{"version":"npm:real@3.0.0"},
        "git":{"version":"git+ssh://example.com/git.git#abc"},
        "d":{"version":"4.0.0","dev":true}}}"#;
    assert_eq!(names(Lock::Npm, old), expected);
    assert!(components(Lock::Npm, b"{").is_err());
}

#[test]
fn yarn_and_pnpm_in_all_versions() {
    let expected = ["pkg:npm/%40s/b@2.0.0", "pkg:npm/a@1.2.3"];
    let first = "# yarn lockfile v1\n\n\"@s/b@^2.0.0\":\n  version \"2.0.0\"\n  resolved \"x\"\n\na@^1.0.0, a@^1.2.0:\n  version \"1.2.3\"\n  dependencies:\n    version \"9\"\n";
    assert_eq!(names(Lock::Yarn, first), expected);
    let berry = "__metadata:\n  version: 8\n\n\"@s/b@npm:^2.0.0\":\n  version: 2.0.0\n  resolution: \"@s/b@npm:2.0.0\"\n\n\"a@npm:^1.0.0, a@npm:^1.2.0\":\n  version: 1.2.3\n\n\"app@workspace:.\":\n  version: 0.0.0-use.local\n";
    assert_eq!(names(Lock::Yarn, berry), expected);
    for packages in [
        "lockfileVersion: 5.4\n\npackages:\n\n  /@s/b/2.0.0_a@1.2.3:\n    resolution: {integrity: x}\n  /a/1.2.3:\n    dev: false\n  /d/1.0.0:\n    dev: true\n",
        "lockfileVersion: '6.0'\n\npackages:\n\n  /@s/b@2.0.0(a@1.2.3):\n    dev: false\n\n  /a@1.2.3:\n    dev: false\n\n  /d@1.0.0:\n    dev: true\n",
        "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n\npackages:\n\n  '@s/b@2.0.0':\n    resolution: {integrity: x}\n\n  a@1.2.3:\n    resolution: {integrity: x}\n\nsnapshots:\n\n  a@1.2.3: {}\n",
    ] {
        assert_eq!(names(Lock::Pnpm, packages), expected, "{packages}");
    }
}

#[test]
fn python() {
    let text = "# comment\n-r other.txt\nFlask==3.0.0 \\\n    --hash=sha256:abc\nrequests[socks] == 2.31.0 ; python_version > '3'  # why\nloose>=1\nwild==1.*\n";
    assert_eq!(
        names(Lock::Requirements, text),
        ["pkg:pypi/flask@3.0.0", "pkg:pypi/requests@2.31.0"]
    );
    let poetry = "[[package]]\nname = \"flask\"\nversion = \"3.0.0\"\noptional = false\n\n[package.dependencies]\nname = \"not this\"\n\n[metadata]\nlock-version = \"2.0\"\n";
    assert_eq!(names(Lock::Python, poetry), ["pkg:pypi/flask@3.0.0"]);
    let uv = "version = 1\n\n[[package]]\nname = \"app\"\nversion = \"0.1\"\nsource = { virtual = \".\" }\n\n[[package]]\nname = \"flask\"\nversion = \"3.0.0\"\nsource = { registry = \"https://example.com/simple\" }\n";
    assert_eq!(names(Lock::Python, uv), ["pkg:pypi/flask@3.0.0"]);
    let pipfile = r#"{"_meta":{},"default":{"flask":{"version":"==3.0.0"},"own":{"path":"."}},"develop":{"pytest":{"version":"==8"}}}"#;
    assert_eq!(names(Lock::Pipfile, pipfile), ["pkg:pypi/flask@3.0.0"]);
}

#[test]
fn the_others() {
    let cargo = "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\n \"serde\",\n]\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\n";
    assert_eq!(names(Lock::Cargo, cargo), ["pkg:cargo/serde@1.0.0"]);
    let go = "module example.com/app\n\ngo 1.24\n\nrequire example.com/one v1.0.0 // indirect\n\nrequire (\n\texample.com/a/b v2.0.0\n\texample.com/c v3.0.0\n\texample.com/d v4.0.0\n)\n\nreplace example.com/c => example.com/fork v3.0.1\n\nreplace example.com/d v4.0.0 => ../d\n";
    assert_eq!(
        names(Lock::Go, go),
        [
            "pkg:golang/example.com/a/b@v2.0.0",
            "pkg:golang/example.com/fork@v3.0.1",
            "pkg:golang/example.com/one@v1.0.0",
        ]
    );
    let gem = "GIT\n  remote: x\n  specs:\n    own (1.0)\n\nGEM\n  remote: https://example.com/\n  specs:\n    nokogiri (1.16.0-x86_64-linux)\n      racc (~> 1.4)\n    racc (1.7.3)\n\nPLATFORMS\n  ruby\n";
    assert_eq!(
        names(Lock::Gem, gem),
        ["pkg:gem/nokogiri@1.16.0", "pkg:gem/racc@1.7.3"]
    );
    let composer = r#"{"packages":[{"name":"monolog/monolog","version":"3.5.0"}],"packages-dev":[{"name":"x/y","version":"1"}]}"#;
    assert_eq!(
        names(Lock::Composer, composer),
        ["pkg:composer/monolog/monolog@3.5.0"]
    );
    let nuget = r#"{"version":1,"dependencies":{"net8.0":{"Newtonsoft.Json":{"type":"Direct","resolved":"13.0.3"},"own":{"type":"Project"}}}}"#;
    assert_eq!(
        names(Lock::Nuget, nuget),
        ["pkg:nuget/Newtonsoft.Json@13.0.3"]
    );
    let gradle = "# This is a Gradle generated file\ncom.example:a:1.0=runtimeClasspath\nempty=annotationProcessor\n";
    assert_eq!(names(Lock::Gradle, gradle), ["pkg:maven/com.example/a@1.0"]);
}

#[test]
fn any_text_is_survived() {
    let pieces = [
        "[[package]]",
        "name = \"",
        "@",
        "/",
        "(",
        "    a (",
        "\n",
        "packages:",
        "  /",
        "require (",
        "=>",
        "==",
        "\u{e9}",
        ":",
        "  version ",
    ];
    // Every pair and triple of what the readers look for.
    for first in pieces {
        for second in pieces {
            for third in pieces {
                let text = format!("{first}{second}{third}\n{third}{first}\n  {second}");
                for lock in [
                    Lock::Yarn,
                    Lock::Pnpm,
                    Lock::Requirements,
                    Lock::Python,
                    Lock::Cargo,
                    Lock::Go,
                    Lock::Gem,
                    Lock::Gradle,
                ] {
                    let _ = components(lock, text.as_bytes());
                }
            }
        }
    }
}
