//! What bad documents are told, in the one-line form.

use kiln_definition::{Document, PlanOptions, lint, parse, plans};
use kiln_types::Diagnostic;
use proptest::prelude::*;

const GOOD: &str = "kiln: 1\nname: x\nversions: {\"1\": {distribution: debian-13}}\n";

/// Each diagnostic in a line, what helps in another.
pub(crate) fn text(diagnostics: &[Diagnostic]) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&format!("{diagnostic}"));
        for (word, part) in [
            ("expected", &diagnostic.expected),
            ("found", &diagnostic.found),
            ("help", &diagnostic.help),
        ] {
            if let Some(part) = part {
                text.push_str(&format!("\n    {word}: {part}"));
            }
        }
        text.push('\n');
    }
    text
}

/// Everything that parsing, and planning where parsing succeeds, has to say.
fn check(yaml: &str) -> String {
    let parsed = parse(&Document::new("image.yaml", yaml));
    let mut all = text(&parsed.diagnostics);
    if let Some(definition) = parsed.value {
        let files = |path: &str| Err(format!("there is no file `{path}`"));
        if let Err(found) = plans(&definition, &PlanOptions::default(), &files) {
            all.push_str(&text(&found));
        }
    }
    all
}

fn good_and(extra: &str) -> String {
    check(&format!("{GOOD}{extra}"))
}

#[test]
fn a_good_document_is_told_nothing() {
    assert_eq!(check(GOOD), "");
}

#[test]
fn all_at_once() {
    insta::assert_snapshot!(check("\
kiln: 1
name: Nginx
titel: NGINX
versions:
  1.30:
    distribution: debian-13
    end-of-life: 2028-02-30
entrypoint: /usr/sbin/nginx
environment: {PORT: 8080, 1X: a}
contents:
  packages: [nginx, \"!\", \"nginx (> 1)\"]
accounts:
  users:
    - {name: nginx, uid: 65532}
    - {name: nginx, uid: 65532, shel: /bin/sh}
  root: yes
paths:
  - {path: /a, type: directory, mode: 0750}
  - {path: relative, type: file}
  - {path: /b, type: symlnk}
ports: [0, 99999/tcp]
stop-signal: QUIT
"), @r#"
    image.yaml:2:7: error[definition/bad-value]: `Nginx` is not an image name
        expected: lower-case letters, digits and single `.`, `_`, `-` or `/` between them
    image.yaml:3:1: error[definition/unknown-key]: unknown key `titel` in a definition
        help: did you mean `title`?
    image.yaml:5:3: warning[definition/unquoted-version]: the version line `1.30` should be in quotes
        help: write `"1.30":`; other tools read it as a number, so that 1.30 becomes 1.3
    image.yaml:7:18: error[definition/bad-value]: `2028-02-30` is not a date
        expected: a date of the form `2028-08-09`
    image.yaml:8:13: error[definition/wrong-type]: `entrypoint` must not be text
        expected: a list; each item: text
        found: text, `/usr/sbin/nginx`
        help: write a list: `[/usr/sbin/nginx]`
    image.yaml:9:21: error[definition/wrong-type]: `PORT` must not be a number
        expected: text
        found: a number, `8080`
        help: put it in quotes: `"8080"`
    image.yaml:9:27: error[definition/bad-value]: `1X` is not the name of an environment variable
        expected: letters, digits and `_ . -`, not beginning with a digit
    image.yaml:11:21: error[definition/bad-value]: `!` is not a package entry
        expected: `name`, `name=version`, `name (>= version)`, `name/suite` or `!name`
        help: `` is not a package name: letters, digits and `+ - . _ :`, beginning with a letter, digit or `.`
    image.yaml:11:26: error[definition/bad-value]: `nginx (> 1)` is not a package entry
        expected: `name`, `name=version`, `name (>= version)`, `name/suite` or `!name`
        help: a version is compared with `<<`, `<=`, `=`, `>=` or `>>`
    image.yaml:15:14: error[definition/duplicate]: the user `nginx` stands here twice
        help: it is first given in line 14
    image.yaml:15:26: error[definition/duplicate]: the uid `65532` stands here twice
        help: it is first given in line 14
    image.yaml:15:33: error[definition/unknown-key]: unknown key `shel` in a user
        help: did you mean `shell`?
    image.yaml:16:9: error[definition/wrong-type]: `root` must not be text
        expected: `true` or `false`
        found: text, `yes`
        help: write `true`
    image.yaml:18:39: error[definition/unquoted-mode]: `mode` must be in quotes
        expected: octal digits in quotes, such as `"0755"`
        found: `0750`
        help: put it in quotes: `"0750"` (YAML reads `0750` as a decimal number)
    image.yaml:19:5: error[definition/path]: the file has neither `content` nor `source`
        help: add one of them, or write `type: emptyfile`
    image.yaml:19:12: error[definition/bad-value]: `relative` is not an absolute path
        expected: a path that begins with `/`, without `..`
    image.yaml:20:22: error[definition/bad-value]: `type` cannot be `symlnk`
        expected: `directory`, `file`, `emptyfile`, `symlink`, `permissions` or `delete`
        help: did you mean `symlink`?
    image.yaml:21:9: error[definition/bad-value]: an item of `ports` is out of range
        expected: a whole number from 1 to 65535
        found: `0`
    image.yaml:21:12: error[definition/bad-value]: `99999/tcp` is not a port
        expected: a number from 1 to 65535, `/tcp` or `/udp` behind it
    image.yaml:22:14: error[definition/bad-value]: `QUIT` is not a signal
        expected: a name such as `SIGTERM`
    "#);
}

#[test]
fn yaml_itself() {
    let mut all = String::new();
    for (name, yaml) in [
        ("empty", ""),
        ("only a comment", "# nothing\n"),
        ("a list", "- kiln: 1\n"),
        ("a scalar", "kiln\n"),
        ("syntax", "kiln: 1\nname: [x\nversions: {}\n"),
        ("tab", "kiln: 1\n\tname: x\n"),
        ("two documents", &format!("{GOOD}---\na: 1\n")),
        ("duplicate key", &format!("{GOOD}name: y\n")),
        (
            "merge key",
            &format!("{GOOD}dates: &d {{release: 2020-01-01}}\n<<: *d\n"),
        ),
        (
            "tag for an exclusion",
            &format!("{GOOD}contents: {{packages: [nginx, !nginx-doc]}}\n"),
        ),
        ("tag", &format!("{GOOD}title: !!str 5\n")),
        ("unknown anchor", &format!("{GOOD}title: *nothing\n")),
        ("key that is a list", &format!("{GOOD}[a]: b\n")),
        ("directive", &format!("%YAML 1.2\n---\n{GOOD}")),
    ] {
        all.push_str(&format!("{name}\n{}", check(yaml)));
    }
    insta::assert_snapshot!(all, @r#"
    empty
    image.yaml:1:1: error[yaml/empty]: the document is empty
    only a comment
    image.yaml:1:1: error[yaml/empty]: the document is empty
    a list
    image.yaml:1:1: error[definition/wrong-type]: a definition must not be a list
        expected: a definition
        found: a list
    a scalar
    image.yaml:1:1: error[definition/wrong-type]: a definition must not be text
        expected: a definition
        found: text, `kiln`
    syntax
    image.yaml:3:9: error[yaml/syntax]: this is not YAML: illegal placement of ':' indicator
    tab
    image.yaml:1:7: error[yaml/syntax]: this is not YAML: while scanning a plain scalar, found a tab
    two documents
    image.yaml:4:1: error[yaml/several-documents]: a second YAML document begins here
        expected: one document in a file
        help: remove the `---` or put the rest into a file of its own
    duplicate key
    image.yaml:4:1: error[yaml/duplicate-key]: the key `name` stands here twice
        help: it is first given in line 2; keep one of them
    merge key
    image.yaml:5:1: error[yaml/merge-key]: merge keys (`<<`) are not supported
        help: write the keys out, or use an alias for the whole value
    tag for an exclusion
    image.yaml:4:30: error[yaml/tag]: `!nginx-doc` is read by YAML as a tag, not as text
        help: put it in quotes if it excludes a package: `"!nginx-doc"`
    tag
    image.yaml:4:8: error[yaml/tag]: `!!str` is read by YAML as a tag, not as text
        help: remove the tag; quote the value if it is text
    unknown anchor
    image.yaml:4:8: error[yaml/unknown-anchor]: there is no anchor `&nothing` above
        help: put the value in quotes (`"*nothing"`) if it is text that begins with `*`
    key that is a list
    image.yaml:4:1: error[yaml/key]: the key of a map must be text
        found: a list
    directive
    image.yaml:1:1: error[yaml/syntax]: this is not YAML: YAML directives are disallowed
    "#);
}

#[test]
fn single_mistakes() {
    let mut all = String::new();
    for extra in [
        "contents: {keep: [\"a b\"]}",
        "contents: {interpreters: [pyhton]}",
        "contents: {loads: [{file: x, opens: [y]}]}",
        "contents: {without-shell: [{file: /bin/x}]}",
        "start: [x]",
        "start: [{run: [a], once: /b}, {when: [A]}, {file: /a}, {run: [\"${A\"]}, {run: [a], to: b}, {secret: A-B}]",
        "start: {gate: [\"a | b\"]}",
        "start: [{once: /a, steps: [{rnu: [b]}]}]",
        "start: [{once: /a, steps: [{user: nobdy}]}]",
        "start: [{whole: /a, last: b/c, steps: []}, {whole: /a, steps: []}]",
        "variants: {fips: {}}",
        "variants: {debug: {}}",
        "contents: {packages: [\"a=1=2 b\"]}",
        "contents: {packages: [{name: \"!a\", variants: [stanard]}]}",
        "contents: {repositories: [\"deb [singed-by=k] https://a.example x main\"]}",
        "contents: {repositories: [\"deb https://a.example x main\"]}",
        "contents: {repositories: [{name: a}]}",
        "contents: {cuts: [usr/share]}",
        "accounts: {run-as: ngnix, users: [{name: nginx, uid: 5}]}",
        "accounts: {users: [{name: toor, uid: 0}], run-as: toor}",
        "accounts: {root: false}",
        "paths: [{path: /a, type: file, content: a, source: b}]",
        "paths: [{path: /a, type: file, source: ../b}]",
        "paths: [{path: /a, type: file, source: b}]",
        "paths: [{path: /a/../b, type: directory}]",
        "paths: [{path: /a, type: directory, content: x}]",
        "paths: [{path: /a, type: symlink}]",
        "paths: [{path: /a, type: directory, recursive: true}]",
        "paths: [{path: /a, type: directory, mode: \"0999\"}]",
        "paths: [{path: /a, type: directory, mode: 0o755}]",
        "paths: [{path: /a, type: directory, mode: 755}]",
        "paths: [{path: /a, type: directory}, {path: /a/, type: directory}]",
        "paths: [{path: /, type: delete}]",
        "paths: [{path: /a, type: directory, owner: nobdy}]",
        "platforms: [linux/riscv64]",
        "platforms: [amd64, linux/amd64]",
        "platforms: []",
        "ports: [80, 80/tcp]",
        "entrypoint: [\"${nam}\"]",
        "entrypoint: [\"${open\"]",
        "vars: {arch: x}",
        "work-dir: \"${variant}\"",
        "tests: [{name: a}]",
        "tests: [{name: a, run: [b], http: {url: \"http://localhost/\"}}]",
        "tests: [{name: a, http: {url: \"http://example.com/\"}}]",
        "tests: [{name: a, http: {url: \"http://localhost/\"}, must-fail: true}]",
        "tests: [{name: a, run: []}]",
        "labels:",
        "tags: [\"a b\"]",
        "license: \"a\\nb\"",
    ] {
        all.push_str(&format!("{extra}\n{}", good_and(&format!("{extra}\n"))));
    }
    insta::assert_snapshot!(all, @r#"
    contents: {keep: ["a b"]}
    image.yaml:4:19: error[definition/bad-value]: `a b` is not a name, a path or a pattern over paths
        expected: a name such as `redis-cli`, or a pattern that begins with `/` or `**`, with `*` within a part and `**` across parts
    contents: {interpreters: [pyhton]}
    image.yaml:4:27: error[definition/unknown-language]: there is no language `pyhton`
        help: did you mean `python`?
    contents: {loads: [{file: x, opens: [y]}]}
    image.yaml:4:27: error[definition/bad-value]: `x` is not a pattern over paths
        expected: a pattern that begins with `/` or `**`, with `*` within a part and `**` across parts
    contents: {without-shell: [{file: /bin/x}]}
    image.yaml:4:28: error[definition/missing-key]: an item of `without-shell` has no `reason`
        expected: one line of 1 to 1024 characters
        help: add `reason`: what does not work without a shell, and why that is right
    start: [x]
    image.yaml:4:9: error[definition/wrong-type]: an item of `start` must not be text
        expected: a step
        found: text, `x`
    start: [{run: [a], once: /b}, {when: [A]}, {file: /a}, {run: ["${A"]}, {run: [a], to: b}, {secret: A-B}]
    image.yaml:4:9: error[definition/start]: the step has both `run` and `once`
        help: make two steps of it
    image.yaml:4:31: error[definition/start]: the step does nothing
        help: give it one of `default`, `secret`, `unset`, `refuse`, `writable`, `wait-tcp`, `wait-http`, `wait-run`, `file`, `remove`, `fill`, `run`, `once`, `whole`, `serve`, `each`, `user`, `account`
    image.yaml:4:44: error[definition/start]: the step with `file` has no `content`
        help: add `content`
    image.yaml:4:83: error[definition/start]: `to` means nothing for a step with `run`
        help: remove it
    image.yaml:4:100: error[definition/bad-value]: `A-B` is not the name of an environment variable
        expected: letters, digits and `_`, not beginning with a digit
    start: {gate: ["a | b"]}
    image.yaml:4:16: error[definition/gate]: the gate cannot run this command: `|` means something to a shell
        help: write the exact text that the program gives to `sh -c`
    start: [{once: /a, steps: [{rnu: [b]}]}]
    image.yaml:4:28: error[definition/start]: the step does nothing
        help: give it one of `default`, `secret`, `unset`, `refuse`, `writable`, `wait-tcp`, `wait-http`, `wait-run`, `file`, `remove`, `fill`, `run`, `once`, `whole`, `serve`, `each`, `user`, `account`
    image.yaml:4:29: error[definition/unknown-key]: unknown key `rnu` in a step
        help: did you mean `run`?
    start: [{once: /a, steps: [{user: nobdy}]}]
    image.yaml:4:9: error[definition/unknown-user]: there is no user `nobdy`
        help: there are `nonroot`, `root`
    start: [{whole: /a, last: b/c, steps: []}, {whole: /a, steps: []}]
    image.yaml:4:27: error[definition/bad-value]: `b/c` is not the name of a file
        expected: letters, digits, `.`, `_` and `-`, at most 100, not beginning with `.` or `-`
    image.yaml:4:44: error[definition/start]: the step with `whole` has no `last`
        help: add `last`
    variants: {fips: {}}
    image.yaml:4:12: error[definition/not-yet]: the variant `fips` is not supported yet
        help: remove it
    variants: {debug: {}}
    image.yaml:4:12: error[definition/unknown-variant]: there is no variant `debug`
        help: there are `standard`, `dev`
    contents: {packages: ["a=1=2 b"]}
    image.yaml:4:23: error[definition/bad-value]: `a=1=2 b` is not a package entry
        expected: `name`, `name=version`, `name (>= version)`, `name/suite` or `!name`
        help: `1=2 b` is not a package version: printable characters without blanks, slashes and quotes, at most 256
    contents: {packages: [{name: "!a", variants: [stanard]}]}
    image.yaml:4:47: error[definition/unknown-variant]: there is no variant `stanard`
        help: did you mean `standard`?
    contents: {repositories: ["deb [singed-by=k] https://a.example x main"]}
    image.yaml:4:27: error[definition/bad-value]: `deb [singed-by=k] https://a.example x main` is not a repository
        expected: `deb [options] URL SUITE COMPONENT…`, or `distribution` for those of the distribution
        help: the option `singed-by` is not supported; did you mean `signed-by`?
    contents: {repositories: ["deb https://a.example x main"]}
    image.yaml:4:27: error[definition/no-keyring]: nothing says who may sign the repository `a.example`
        help: name a keyring with `signed-by` or `contents.keyring`, or write `trusted` if it may be unsigned
    contents: {repositories: [{name: a}]}
    image.yaml:4:27: error[definition/repository]: the repository has neither `suites` nor `flat`
        help: name its suites and components, or give the path of a flat repository
    contents: {cuts: [usr/share]}
    image.yaml:4:19: error[definition/bad-value]: `usr/share` is not a pattern over paths
        expected: a pattern that begins with `/` (`!/` to keep), with `*` within a part and `**` across parts
    accounts: {run-as: ngnix, users: [{name: nginx, uid: 5}]}
    image.yaml:4:20: error[definition/unknown-user]: there is no user `ngnix`
        help: did you mean `nginx`?
    accounts: {users: [{name: toor, uid: 0}], run-as: toor}
    image.yaml:4:38: error[definition/uid-zero]: the user `toor` has the uid of root
        help: choose another uid, such as 65532
    accounts: {root: false}
    image.yaml:4:18: error[definition/not-yet]: an image without a root account (`root: false`) is not supported yet
        help: remove it
    paths: [{path: /a, type: file, content: a, source: b}]
    image.yaml:4:52: error[definition/path]: the file has both `content` and `source`
        help: keep one of them
    paths: [{path: /a, type: file, source: ../b}]
    image.yaml:4:40: error[definition/bad-value]: `../b` is not a file beside the definition
        expected: a path relative to the definition, without `..`
    paths: [{path: /a, type: file, source: b}]
    image.yaml:4:40: error[definition/source]: the file `b` cannot be read: there is no file `b`
    paths: [{path: /a/../b, type: directory}]
    image.yaml:4:16: error[definition/bad-value]: `/a/../b` is not an absolute path
        expected: a path that begins with `/`, without `..`
    paths: [{path: /a, type: directory, content: x}]
    image.yaml:4:37: error[definition/path]: `content` means nothing for `type: directory`
        help: remove it, or write `type: file`
    paths: [{path: /a, type: symlink}]
    image.yaml:4:9: error[definition/path]: the symlink has no `target`
        help: add `target`
    paths: [{path: /a, type: directory, recursive: true}]
    image.yaml:4:48: error[definition/not-yet]: `recursive: true` is not supported yet
        help: remove it
    paths: [{path: /a, type: directory, mode: "0999"}]
    image.yaml:4:43: error[definition/bad-value]: `0999` is not a file mode
        expected: octal digits in quotes, such as `"0755"`
        found: `0999`
    paths: [{path: /a, type: directory, mode: 0o755}]
    image.yaml:4:43: error[definition/bad-value]: `0o755` is not a file mode
        expected: octal digits in quotes, such as `"0755"`
        found: `0o755`
        help: write `"0755"`
    paths: [{path: /a, type: directory, mode: 755}]
    image.yaml:4:43: error[definition/unquoted-mode]: `mode` must be in quotes
        expected: octal digits in quotes, such as `"0755"`
        found: `755`
        help: put it in quotes: `"0755"` (YAML reads `755` as a decimal number)
    paths: [{path: /a, type: directory}, {path: /a/, type: directory}]
    image.yaml:4:45: error[definition/duplicate]: the path `/a` stands here twice
        help: it is first given in line 4
    paths: [{path: /, type: delete}]
    image.yaml:4:16: error[definition/path]: the root directory can only be a directory
    paths: [{path: /a, type: directory, owner: nobdy}]
    image.yaml:4:44: error[definition/unknown-user]: there is no user `nobdy`
        help: there are `nonroot`, `root`
    platforms: [linux/riscv64]
    image.yaml:4:13: error[definition/bad-value]: `linux/riscv64` is not a platform that kiln builds for
        expected: `linux/amd64` or `linux/arm64`
    platforms: [amd64, linux/amd64]
    image.yaml:4:20: error[definition/duplicate]: `linux/amd64` stands here twice
        help: remove one of them
    platforms: []
    image.yaml:4:12: error[definition/empty-list]: `platforms` is empty
        help: name a platform or remove the key
    ports: [80, 80/tcp]
    image.yaml:4:13: error[definition/duplicate]: the port `80/tcp` stands here twice
        help: remove one of them
    entrypoint: ["${nam}"]
    image.yaml:4:14: error[definition/undefined-name]: `${nam}` is not defined
        help: the names here are `arch`, `distribution`, `triplet`, `variant`, `version`; write `$${nam}` for a literal
    entrypoint: ["${open"]
    image.yaml:4:14: error[definition/unclosed-substitution]: `${` has no `}`
        help: write `$${` for a literal `${`
    vars: {arch: x}
    image.yaml:4:8: error[definition/reserved-name]: the name `arch` is given by kiln
        help: choose another name
    work-dir: "${variant}"
    image.yaml:4:11: error[definition/bad-value]: `dev` is not an absolute path
        expected: a path that begins with `/`, without `..`
    image.yaml:4:11: error[definition/bad-value]: `standard` is not an absolute path
        expected: a path that begins with `/`, without `..`
    tests: [{name: a}]
    image.yaml:4:9: error[definition/test]: the test has neither `run` nor `http`
        help: say what it does: `run`, `http`, `tcp`, `log`, `steps` or `arguments`
    tests: [{name: a, run: [b], http: {url: "http://localhost/"}}]
    image.yaml:4:35: error[definition/test]: the test has both `run` and `http`
        help: make two tests of it, or list them as `steps`
    tests: [{name: a, http: {url: "http://example.com/"}}]
    image.yaml:4:31: error[definition/bad-value]: `http://example.com/` is not the address of a test
        expected: an address that begins with `http://localhost`
    tests: [{name: a, http: {url: "http://localhost/"}, must-fail: true}]
    image.yaml:4:64: error[definition/test]: `must-fail` belongs to a test with `run`
        help: remove it
    tests: [{name: a, run: []}]
    image.yaml:4:24: error[definition/test]: the command of the test is empty
        help: write `run: [PROGRAM, ARGUMENT…]`
    labels:
    image.yaml:4:7: error[definition/empty-value]: `labels` is empty
        expected: a map
        found: nothing
        help: give it a value or remove the key
    tags: ["a b"]
    image.yaml:4:8: error[definition/bad-value]: `a b` is not a tag
        expected: letters, digits and `. _ -`, at most 128
    license: "a\nb"
    image.yaml:4:10: error[definition/bad-value]: `a�b` is not one line of text
        expected: one line of 1 to 1024 characters
    "#);
}

#[test]
fn formats_newer_than_this_kiln() {
    insta::assert_snapshot!(check("kiln: 2\nsomething: else\n"), @r#"
    image.yaml:1:7: error[definition/newer-format]: format version 2 is newer than this kiln
        expected: `1`
        found: `2`
        help: use a newer kiln, or write the definition in an older format
    "#);
}

#[test]
fn missing_everything() {
    insta::assert_snapshot!(check("kiln: 1\n"), @r#"
    image.yaml:1:1: error[definition/missing-key]: a definition has no `name`
        expected: lower-case letters, digits and single `.`, `_`, `-` or `/` between them
        help: add `name`: the image's name
    image.yaml:1:1: error[definition/missing-key]: a definition has no `versions`
        expected: a map
        help: add `versions`: version lines in order; the first is `latest`
    "#);
}

#[test]
fn alias_bomb_is_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = level - 1;
        bomb.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            vec![format!("*a{before}"); 10].join(", ")
        ));
    }
    insta::assert_snapshot!(check(&bomb), @r#"
    image.yaml:5:30: error[yaml/too-many-nodes]: the document holds too many values, aliases expanded
        expected: at most 50000
    "#);
}

#[test]
fn deep_nesting_is_refused() {
    for bomb in [
        "[".repeat(100_000),
        "{a: ".repeat(50_000),
        "- ".repeat(50_000),
        (0..2_000)
            .map(|depth| format!("{}a:\n", " ".repeat(depth)))
            .collect(),
    ] {
        let found = check(&bomb);
        assert_eq!(
            found.lines().next().map(|line| line.contains("yaml/")),
            Some(true),
            "{found}"
        );
    }
}

#[test]
fn depth_through_aliases_is_refused() {
    let mut chain = String::from("a0: &a0 [x]\n");
    for level in 1..100 {
        chain.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    assert!(check(&chain).contains("yaml/too-deep"), "{}", check(&chain));
}

#[test]
fn large_documents_are_refused() {
    assert!(check(&"#".repeat(2 << 20)).contains("yaml/too-large"));
    let many = format!("a: [{}]\n", "1, ".repeat(60_000));
    assert!(
        check(&many).contains("yaml/too-many-nodes"),
        "{}",
        check(&many)
    );
}

#[test]
fn an_alias_inside_what_it_names_is_refused() {
    assert!(
        check("a: &a [*a]\n").contains("yaml/recursive-alias"),
        "{}",
        check("a: &a [*a]\n")
    );
}

#[test]
fn lints() {
    let mut all = String::new();
    for extra in [
        "",
        "accounts: {run-as: root}",
        "accounts: {run-as: 0}",
        "paths: [{path: /var/a, type: directory, mode: \"0777\"}]",
        "paths: [{path: /usr/a, type: directory, uid: 65532, writable: true}]",
        "paths: [{path: /var/a, type: directory, writable: true}]",
        "paths: [{path: /bin/a, type: permissions, mode: \"4755\"}]",
        "ports: [80]",
        "entrypoint: [/bin/sh, -c, a]",
        "entrypoint: [\"nginx -g daemon\"]",
        "entrypoint: [/a, \"&&\", /b]",
        "contents: {packages: [a, a, \"!a\"]}",
        "environment: {DB_PASSWORD: hunter2}",
        "variants: {dev: {entrypoint: [/bin/bash], work-dir: /src}}",
        "variants: {dev: {accounts: {run-as: 65532}}}",
    ] {
        let parsed = parse(&Document::new("image.yaml", format!("{GOOD}{extra}\n")));
        let definition = parsed.value.unwrap();
        let options = PlanOptions::default();
        let plans = plans(&definition, &options, &|_| Err(String::new())).unwrap();
        let found = lint(&definition, &plans, &options);
        let about = ["lint/no-", "lint/version-not-pinned"];
        let found: Vec<Diagnostic> = found
            .into_iter()
            .filter(|one| extra.is_empty() || !about.iter().any(|code| one.code.starts_with(code)))
            .collect();
        let name = if extra.is_empty() {
            "nothing more"
        } else {
            extra
        };
        all.push_str(&format!("{name}\n{}", text(&found)));
        for one in found {
            assert!(
                kiln_definition::LINT_CODES
                    .iter()
                    .any(|(code, _)| *code == one.code),
                "{}",
                one.code
            );
            assert!(one.help.is_some(), "{}", one.code);
        }
    }
    insta::assert_snapshot!(all, @r#"
    nothing more
    image.yaml:2:7: warning[lint/no-license]: the image has no `license`
        help: add the licence of what is packed, such as `license: Apache-2.0`
    image.yaml:2:7: warning[lint/no-summary]: the image has no `summary`
        help: say in one line what it is
    image.yaml:2:7: warning[lint/no-tests]: the image has no `tests`
        help: add a test that runs the program, and one that it has no shell
    image.yaml:2:7: warning[lint/no-upstream]: the image has no `upstream`
        help: add the home page of what is packed
    image.yaml:3:12: warning[lint/no-end-of-life]: the version line `1` does not say when it ends
        help: add `end-of-life: YYYY-MM-DD`
    image.yaml:3:12: warning[lint/version-not-pinned]: the version line `1` tracks no package
        help: add `track: PACKAGE`, so that kiln refuses another version and names tags after the exact one
    accounts: {run-as: root}
    image.yaml:4:20: warning[lint/root]: the variant `standard` runs as root
        help: remove `run-as`, or name an unprivileged user
    accounts: {run-as: 0}
    image.yaml:4:20: warning[lint/root]: the variant `standard` runs as root
        help: remove `run-as`, or name an unprivileged user
    paths: [{path: /var/a, type: directory, mode: "0777"}]
    image.yaml:4:16: warning[lint/world-writable]: everybody may write to `/var/a`
        help: give it an owner and take the last digit's 2 away, such as `"0755"`
    paths: [{path: /usr/a, type: directory, uid: 65532, writable: true}]
    image.yaml:4:16: warning[lint/writable-system-path]: `/usr/a` belongs to the system and is declared writable
        help: write below `/var`, `/run` or `/tmp`
    paths: [{path: /var/a, type: directory, writable: true}]
    image.yaml:4:16: warning[lint/writable-owner]: `/var/a` is declared writable, but the user that runs (uid 65532) does not own it
        help: add `owner:` with that user
    paths: [{path: /bin/a, type: permissions, mode: "4755"}]
    image.yaml:4:16: warning[lint/setuid]: `/bin/a` gives its owner's rights to whoever runs it
        help: take a mode of three digits, such as `"0755"`
    ports: [80]
    image.yaml:4:9: warning[lint/privileged-port]: an unprivileged user listens on port 80
        help: take a port from 1024, such as 8080; engines can publish it as another
    entrypoint: [/bin/sh, -c, a]
    image.yaml:4:13: warning[lint/shell-entrypoint]: the program `/bin/sh` is a shell, which the variant `standard` does not have
        help: start the program itself
    entrypoint: ["nginx -g daemon"]
    image.yaml:4:13: warning[lint/relative-entrypoint]: the program `nginx -g daemon` is looked up in PATH when the container starts
        help: write its whole path
    image.yaml:4:13: warning[lint/shell-form]: `entrypoint` is written as a shell would read it, but no shell reads it
        help: write each argument as an item of its own: `[/usr/bin/program, --option]`
    entrypoint: [/a, "&&", /b]
    image.yaml:4:13: warning[lint/shell-form]: `entrypoint` is written as a shell would read it, but no shell reads it
        help: write each argument as an item of its own: `[/usr/bin/program, --option]`
    contents: {packages: [a, a, "!a"]}
    image.yaml:4:26: warning[lint/duplicate-package]: the package entry `a` stands here twice
        help: it is first given in line 4; remove one of them
    image.yaml:4:29: warning[lint/included-and-excluded]: the package `a` is both wanted and excluded
        help: it is wanted in line 4, which wins; remove one of them
    environment: {DB_PASSWORD: hunter2}
    image.yaml:4:15: warning[lint/secret]: `DB_PASSWORD` looks like a secret, and everybody who has the image can read it
        help: give it when the container is started
    variants: {dev: {entrypoint: [/bin/bash], work-dir: /src}}
    image.yaml:4:30: warning[lint/variants-disagree]: the variants `standard` and `dev` disagree on the entrypoint
        help: give `entrypoint` once for all variants
    image.yaml:4:53: warning[lint/variants-disagree]: the variants `standard` and `dev` disagree on the work dir
        help: give `work-dir` once for all variants
    variants: {dev: {accounts: {run-as: 65532}}}
    "#);
    for (code, _) in kiln_definition::LINT_CODES {
        assert!(all.contains(code), "no test for {code}");
    }
}

#[test]
fn places_are_exact() {
    let yaml = format!("{GOOD}entrypoint: [é, \"${{nö}}\", x]\n");
    let definition = parse(&Document::new("image.yaml", yaml.clone()))
        .value
        .unwrap();
    let found = plans(
        &definition,
        &PlanOptions::default(),
        &|_| Err(String::new()),
    )
    .unwrap_err();
    let place = found[0].location.clone().unwrap();
    assert_eq!((place.line, place.column), (4, 17));
    let start = usize::try_from(place.offset).unwrap();
    let end = start + usize::try_from(place.length).unwrap();
    assert_eq!(&yaml[start..end], "\"${nö}\"");
}

fn fragments() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "kiln: 1\n",
        "name: x\n",
        "versions:",
        " {\"1\": {distribution: debian-13}}\n",
        "contents:\n",
        "  packages: [a, \"!b\"]\n",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ": ",
        "\n",
        "  ",
        "paths:\n",
        "  - {path: /a, type: file, mode: 0755}\n",
        "&a ",
        "*a",
        "!!x ",
        "|\n",
        "\"",
        "'",
        "${x}",
        "# c\n",
        "---\n",
        "...\n",
        "tests: [{name: a, run: [b]}]\n",
        "\t",
        "é",
        "\u{feff}",
        "? ",
        "<<: ",
        "null",
        "true",
        "1.5",
        "accounts: {users: [{name: a, uid: 1}]}\n",
    ]);
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_panics(yaml in fragments()) {
        let _ = check(&yaml);
    }

    #[test]
    fn no_text_panics(yaml in "\\PC{0,300}") {
        let _ = check(&yaml);
    }

    #[test]
    fn places_lie_in_the_text(yaml in fragments()) {
        for diagnostic in parse(&Document::new("f", yaml.clone())).diagnostics {
            let place = diagnostic.location.expect("every diagnostic has a place");
            let start = usize::try_from(place.offset).unwrap();
            let end = start + usize::try_from(place.length).unwrap();
            prop_assert!(yaml.get(start..end).is_some(), "{start}..{end} of {}", yaml.len());
        }
    }
}
