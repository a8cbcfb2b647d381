//! Bad input: every mistake named at once with its place, and the exit code that fits.

use crate::world::{DEFINITION, World, json_of, repository, without_digests};
use kiln_testkit::DebBuilder;

/// What each definition must be told, all of it in one run: `LINE:COLUMN` and a word of the message.
#[test]
fn malformed_definitions_get_all_their_diagnostics_at_once() {
    let cases: [(&str, String, &[&str]); 15] = [
        ("nothing", String::new(), &["image.yaml:1"]),
        ("no mapping", "- a\n- b\n".to_owned(), &["image.yaml:1:1"]),
        ("not YAML", "kiln: 1\nname: [tiny\n".to_owned(), &["image.yaml:2:"]),
        ("a key twice", DEFINITION.replace("title: Tiny", "name: other"), &["image.yaml:3:1: error", "name"]),
        (
            "unknown keys, at two depths",
            DEFINITION
                .replace("summary:", "sumary:")
                .replace("run-as:", "runas:"),
            &["image.yaml:4:1: error", "did you mean `summary`", "image.yaml:25:3: error", "did you mean `run-as`"],
        ),
        ("a future format", DEFINITION.replace("kiln: 1", "kiln: 7"), &["image.yaml:1:7: error"]),
        ("a name that is none", DEFINITION.replace("name: tiny\n", "name: Tiny Image\n"), &["image.yaml:2:7: error"]),
        (
            "four words that are spelt wrong",
            DEFINITION
                .replace("\"0755\"", "\"0999\"")
                .replace("uid: 65532", "uid: -1")
                .replace("8080/tcp", "808080/tcp")
                .replace("SIGQUIT", "QUIT"),
            &["0999", "`-1`", "808080", "`QUIT`", "4 errors"],
        ),
        (
            "two names that nothing has",
            DEFINITION
                .replace("owner: nginx, mode: \"0750\"", "owner: ngnix, mode: \"0750\"")
                .replace("run-as: nginx", "run-as: nobody-knows"),
            &[
                "image.yaml:25:11: error",
                "nobody-knows",
                "image.yaml:31:52: error",
                "ngnix",
            ],
        ),
        (
            "a package that cannot be one",
            DEFINITION.replace("    - tzdata\n", "    - \"tz data; rm -rf\"\n"),
            &["image.yaml:20:7: error", "tz data"],
        ),
        (
            "a path that leaves the root",
            DEFINITION.replace("path: /var/lib/nginx", "path: /var/../../etc"),
            &["image.yaml:31:", "/var/../../etc"],
        ),
        (
            "a source that leaves the folder",
            DEFINITION.replace("content: \"server {}\\n\"", "source: ../../etc/passwd"),
            &["image.yaml:32:", "../../etc/passwd"],
        ),
        (
            "a source that is not there",
            DEFINITION.replace("content: \"server {}\\n\"", "source: default.conf"),
            &["image.yaml:32:", "default.conf"],
        ),
        (
            "an unknown variable",
            DEFINITION.replace("Tiny\n", "Tiny ${flavour}\n"),
            &["image.yaml:3:", "flavour"],
        ),
        (
            "an alias bomb",
            "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f]\n".to_owned(),
            &["image.yaml:"],
        ),
    ];
    let world = World::new();
    for (what, text, words) in cases {
        assert_ne!(text, DEFINITION, "{what}: nothing is wrong with it");
        world.environment.write("image.yaml", &text);
        for arguments in [
            &["build", "image.yaml"] as &[&str],
            &["lock", "image.yaml"],
            &["show", "image.yaml"],
        ] {
            let run = world.kiln(arguments);
            assert_eq!(run.code, Some(1), "{what}: {run}");
            assert_eq!(run.stdout, "", "{what}: {run}");
            for word in words {
                assert!(run.stderr.contains(word), "{what}: no `{word}` in: {run}");
            }
        }
        // To `check` the answer is no, and it is data.
        let run = world.kiln(&["check", "image.yaml"]);
        assert_eq!(run.code, Some(2), "{what}: {run}");
        for word in words {
            assert!(run.stdout.contains(word), "{what}: no `{word}` in: {run}");
        }
    }
    assert_eq!(world.server.requests(), []);
    assert_eq!(world.work_names(), ["image.yaml", "keyring.asc"]);
}

#[test]
fn diagnostics_show_the_place_the_reason_and_the_way_out() {
    let world = World::new();
    world.environment.write(
        "image.yaml",
        DEFINITION
            .replace("summary:", "sumary:")
            .replace("debian-13", "debian-31")
            .replace("\"0755\"", "\"0999\""),
    );
    insta::assert_snapshot!(world.kiln(&["build", "image.yaml"]), @r#"
    $ kiln build image.yaml
    [exit 1]
    [stderr]
    image.yaml:4:1: error: unknown key `sumary` in a definition [definition/unknown-key]
      4 | sumary: A web server in small
        | ^^^^^^
      help: did you mean `summary`?
    image.yaml:30:55: error: `0999` is not a file mode [definition/bad-value]
      30 |   - {path: /run, type: directory, owner: nginx, mode: "0999", writable: true}
         |                                                       ^^^^^^
      expected: octal digits in quotes, such as `"0755"`
      found: `0999`
    2 errors
    "#);
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let world = World::new();
    for (bytes, word) in [
        (b"kiln: 1\nname: \xff\xfe\n".to_vec(), "not UTF-8"),
        (vec![b'#'; (16 << 20) + 1], "larger than 16 MiB"),
    ] {
        world.environment.write("image.yaml", bytes);
        let text = world.kiln(&["build", "image.yaml"]).failure(1);
        assert!(text.contains("image.yaml") && text.contains(word), "{text}");
    }
    std::fs::remove_file(world.environment.work().join("image.yaml")).unwrap();
    let text = world.kiln(&["build", "image.yaml"]).failure(1);
    assert!(text.contains("cannot read `image.yaml`"), "{text}");
}

#[test]
fn unknown_images_get_a_suggestion() {
    let world = World::new();
    insta::assert_snapshot!(world.kiln(&["build", "ngnix"]), @r"
    $ kiln build ngnix
    [exit 1]
    [stderr]
    error: there is no image `ngnix` in the catalog [image/unknown]
      help: did you mean `nginx`? a definition file is named by its path: `./ngnix`
    ");
    insta::assert_snapshot!(world.kiln(&["build", "something-else"]), @r"
    $ kiln build something-else
    [exit 1]
    [stderr]
    error: there is no image `something-else` in the catalog [image/unknown]
      help: the catalog has: base, go, httpd, java, memcached, nginx, node, postgres, python, redis, static, valkey; a definition file is named by its path: `./something-else`
    ");
}

#[test]
fn command_lines_that_make_no_sense_end_with_64() {
    let world = World::new();
    for (arguments, word) in [
        (&["biuld", "nginx"] as &[&str], "build"),
        (&["build"], "<IMAGE>"),
        (&["build", "nginx", "--platfrom", "amd64"], "--platform"),
        (&["build", "nginx", "--platform", "riscv64"], "riscv64"),
        (&["build", "nginx", "--variant", "standart"], "did you mean"),
        (&["build", "nginx", "--version", "9.9"], "1.26"),
        (&["build", "nginx:9.9"], "1.26"),
        (&["build", "nginx", "-o", "ocy:out"], "oci"),
        (&["build", "nginx", "-o", "oci:"], "oci:"),
        (
            &["build", "nginx", "-o", "registry.example/nginx:1"],
            "transport",
        ),
        (&["build", "nginx", "--layers", "many"], "shared"),
        (&["build", "nginx", "--set", "novalue"], "VAR=VALUE"),
        (&["lock", "nginx", "--check", "--update"], "--check"),
        (&["show"], "IMAGE"),
        (&["show", "--profile", "nothing"], "standard"),
        (&["cache", "prune", "--max-age", "long"], "30d"),
        (&["completions", "tcsh95"], "bash"),
        (&[], "Usage"),
    ] {
        let run = world.kiln(arguments);
        assert_eq!(run.code, Some(64), "{run}");
        assert!(run.stderr.contains(word), "no `{word}` in: {run}");
        assert_eq!(run.stdout, "", "{run}");
    }
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let world = World::new();
    for (name, value) in [
        ("KILN_JOBS", "many"),
        ("KILN_NOW", "yesterday"),
        ("KILN_MIRRORS", "nonsense"),
        ("KILN_OFFLINE", "perhaps"),
        ("KILN_RETRIES", "-1"),
        ("KILN_SNAPSHOT", "2026"),
    ] {
        let run = world.kiln_with(&["catalog"], &[(name, value)]);
        assert_eq!(run.code, Some(1), "{run}");
        assert!(
            run.stderr.contains(name) && run.stderr.contains(value),
            "{run}"
        );
    }
    world.environment.write("kiln.toml", "job = 7\n");
    let text = world.kiln(&["catalog"]).failure(1);
    assert!(text.contains("kiln.toml") && text.contains("job"), "{text}");
    let text = world.kiln(&["catalog", "--config", "none.toml"]).failure(1);
    assert!(text.contains("none.toml"), "{text}");
}

#[test]
fn a_package_that_no_index_has() {
    let world = World::new();
    world.environment.write(
        "image.yaml",
        DEFINITION
            .replace("    - nginx\n", "    - ngnix\n")
            .replace("track: nginx", "track: base-files"),
    );
    insta::assert_snapshot!(world.kiln(&["build", "image.yaml"]), @r"
    $ kiln build image.yaml
    [exit 1]
    [stderr]
    error: tiny 1.26/standard/amd64, tiny 1.26/standard/arm64, tiny 1.26/dev/amd64, tiny 1.26/dev/arm64:
    there is no package `ngnix`; did you mean `nginx`?
    ");
    insta::assert_snapshot!(world.kiln(&["check", "image.yaml"]), @r#"
    $ kiln check image.yaml
    [exit 2]
    [stdout]
    image.yaml:2:7: warning: the image has no `tests` [lint/no-tests]
      2 | name: tiny
        |       ^^^^
      help: add a test that runs the program, and one that it has no shell
    image.yaml:9:3: warning: the version line `1.26` does not say when it ends [lint/no-end-of-life]
      9 |   "1.26":
        |   ^^^^^^
      help: add `end-of-life: YYYY-MM-DD`
    image.yaml:19:7: error: no index has a package `ngnix` (for 1.26/dev/amd64, 1.26/dev/arm64, 1.26/standard/amd64, 1.26/standard/arm64) [definition/unknown-package]
      19 |     - ngnix
         |       ^^^^^
      help: did you mean `nginx`?
    1 definition checked: 1 error, 2 warnings
    "#);
    assert_eq!(world.work_names(), ["image.yaml", "keyring.asc"]);
}

/// Only what cannot hold together is told, not the whole set.
#[test]
fn what_cannot_hold_together_is_told_in_few_words() {
    let repository = repository().add_all(["amd64", "arm64"].map(|architecture| {
        DebBuilder::new("apache2", "2.4.65-2")
            .architecture(architecture)
            .depends("libc6")
            .field("Conflicts", "nginx (<< 1.28)")
            .build()
    }));
    let world = World::with(
        &repository,
        &DEFINITION.replace("    - tzdata\n", "    - tzdata\n    - apache2\n"),
    );
    let run = world.kiln(&["build", "image.yaml"]);
    insta::assert_snapshot!(run, @r"
    $ kiln build image.yaml
    [exit 1]
    [stderr]
    error: tiny 1.26/standard/amd64, tiny 1.26/standard/arm64, tiny 1.26/dev/amd64, tiny 1.26/dev/arm64:
    these cannot hold together:
      - `apache2` is requested
      - `nginx` is requested
      - `apache2` 2.4.65-2 conflicts with `nginx (<< 1.28)`
    ");
    assert_eq!(world.work_names(), ["image.yaml", "keyring.asc"]);
}

/// In `dev`, apt would refuse to work: there an excluded dependency is an error.
#[test]
fn an_excluded_dependency_is_open_in_standard_and_an_error_in_dev() {
    let world = World::with(
        &repository(),
        &DEFINITION.replace(
            "{name: \"!iproute2\", variants: [standard]}",
            "\"!iproute2\"",
        ),
    );
    let run = world.kiln(&["build", "image.yaml"]);
    insta::assert_snapshot!(without_digests(&run.to_string()), @r"
    $ kiln build image.yaml
    [exit 1]
    [stderr]
    error: tiny 1.26/dev/amd64, tiny 1.26/dev/arm64:
    exclusions leave dependencies open:
      - `nginx` needs `iproute2`, but `iproute2` is excluded
    ");
    let world = World::new();
    let run = world.kiln(&["why", "image.yaml", "iproute2"]);
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.stdout.contains("excluded, though nginx"), "{run}");
}

#[test]
fn an_image_that_breaks_its_profile_is_not_made() {
    let world = World::with(
        &repository(),
        &DEFINITION
            .replace("    - tzdata\n", "    - tzdata\n    - debianutils\n")
            .replace(
                "contents:\n",
                "contents:\n  keep: [/usr/bin/bash, /usr/bin/quiet, /usr/bin/sneaky]\n",
            ),
    );
    // The header of a static program, and the variables of a shell.
    let mut quiet = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    quiet.resize(64, 0);
    quiet.extend(b"\0OPTIND\0PS4=+ \0");
    let shell = ["amd64", "arm64"].map(|architecture| {
        DebBuilder::new("debianutils", "5-1")
            .architecture(architecture)
            .file("/usr/bin/bash", "a shell", 0o755)
            .file("/usr/bin/quiet", &quiet[..], 0o755)
            .file("/usr/bin/sneaky", "setuid", 0o4755)
            .build()
    });
    world.publish(&repository().remove("debianutils").add_all(shell));
    let run = world.kiln(&["build", "image.yaml", "-o", "oci:out"]);
    insta::assert_snapshot!(run, @r"
    $ kiln build image.yaml -o oci:out
    [exit 2]
    [stderr]
    error: tiny 1.26/standard/amd64 breaks the rules of its profile:
      no-shell: /usr/bin/bash
      no-shell: /usr/bin/quiet
      no-setuid: /usr/bin/sneaky
    ");
    assert_eq!(
        world.work_names(),
        ["image.lock", "image.yaml", "keyring.asc"]
    );
}

/// `--json` holds for errors too.
#[test]
fn json_errors_are_json() {
    let world = World::new();
    world
        .environment
        .write("image.yaml", DEFINITION.replace("summary:", "sumary:"));
    let run = world.kiln(&["build", "image.yaml", "--json"]);
    assert_eq!((run.code, &*run.stderr), (Some(1), ""), "{run}");
    let error: serde_json::Value = serde_json::from_slice(&run.raw_stdout).unwrap();
    let error = &error["error"];
    assert_eq!(error["reason"], "diagnostics");
    let diagnostic = &error["diagnostics"][0];
    assert_eq!(diagnostic["location"]["line"], 4);
    assert_eq!(diagnostic["location"]["file"], "image.yaml");
    for (arguments, code, reason) in [
        (
            &["build", "nothing-like-it", "--json"] as &[&str],
            1,
            "diagnostics",
        ),
        (
            &["build", "nginx", "--variant", "fat", "--json"],
            64,
            "usage",
        ),
        (&["build", "missing/image.yaml", "--json"], 1, "environment"),
        (&["build", "nginx", "--offline", "--json"], 1, "network"),
        (&["build", "nginx", "--json", "--bad-flag"], 64, "usage"),
        (
            &["--config", "none.toml", "catalog", "--json"],
            1,
            "environment",
        ),
    ] {
        let run = world.kiln(arguments);
        assert_eq!(run.code, Some(code), "{run}");
        let value: serde_json::Value = serde_json::from_slice(&run.raw_stdout)
            .unwrap_or_else(|error| panic!("{error}: {run}"));
        assert_eq!(value["error"]["reason"], reason, "{run}");
        assert!(
            !value["error"]["message"].as_str().unwrap().is_empty(),
            "{run}"
        );
    }
}

/// Files beside the definition are found from wherever kiln is started.
#[test]
fn a_definition_in_another_folder_finds_its_files() {
    let world = World::new();
    let definition = DEFINITION.replace("content: \"server {}\\n\"", "source: conf/default.conf");
    world
        .environment
        .write("images/tiny/image.yaml", definition);
    world
        .environment
        .write("images/tiny/keyring.asc", kiln_testkit::keyring());
    world
        .environment
        .write("images/tiny/conf/default.conf", "server {}\n");
    std::fs::remove_file(world.environment.work().join("keyring.asc")).unwrap();
    let build = json_of(&world.kiln(&["build", "images/tiny", "--json"]));
    assert_eq!(build["lock"]["place"], "images/tiny/image.lock");
    // The lock says nothing of where it stands: moved with its folder, it still fits.
    let work = world.environment.work();
    std::fs::rename(work.join("images/tiny"), work.join("moved")).unwrap();
    world.kiln(&["lock", "./moved", "--check"]).success();
}
