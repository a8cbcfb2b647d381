use super::*;
use crate::Test;

fn step(action: Action) -> Step {
    Step {
        when: Vec::new(),
        action,
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn everything() -> Script {
    let text = str::to_owned;
    let inner = vec![
        step(Action::WaitRun {
            command: words("ready -q"),
            timeout: 5,
        }),
        Step {
            when: vec![
                Condition {
                    test: Test::Equals(text("DB"), text("a b")),
                    wanted: false,
                },
                Condition {
                    test: Test::Exists(text("${DATA}/x")),
                    wanted: true,
                },
            ],
            action: Action::Each {
                folder: text("/init.d"),
                cases: vec![
                    Case {
                        suffix: text(".sql"),
                        steps: vec![step(Action::Run {
                            command: words("psql -f ${FILE}"),
                            words: Some(text("MORE")),
                            input: Some(text("a \"b\"\n\\c\té")),
                        })],
                    },
                    Case {
                        suffix: String::new(),
                        steps: vec![step(Action::Refuse {
                            message: text("no\nway"),
                        })],
                    },
                ],
            },
        },
    ];
    Script {
        program: Some(text("server")),
        gate: vec![GateCommand {
            text: text("\"/bin/x\" -V 2>&1"),
            streams: Streams {
                input_null: true,
                error_to_output: true,
                ..Streams::default()
            },
            arguments: words("/bin/x -V"),
        }],
        steps: vec![
            step(Action::Default {
                name: text("A"),
                value: String::new(),
            }),
            step(Action::Secret { name: text("A") }),
            step(Action::Unset { name: text("A") }),
            step(Action::Writable {
                path: text("/d"),
                mode: 0o1777,
                own: true,
                note: text("mind it"),
            }),
            step(Action::WaitTcp {
                address: text("db:5432"),
                timeout: 30,
            }),
            step(Action::WaitHttp {
                url: text("http://a/"),
                status: 200,
                timeout: 1,
            }),
            step(Action::File {
                path: text("/f"),
                mode: 0o600,
                append: true,
                content: text("x"),
            }),
            step(Action::Remove { path: text("/f") }),
            step(Action::Fill {
                from: text("/a"),
                to: text("/b"),
                mode: 0o644,
                keep_unknown: false,
            }),
            step(Action::Account {
                name: text("n"),
                home: text("/"),
                folder: text("/run"),
                library: text("/l.so"),
            }),
            step(Action::User {
                name: text("server"),
            }),
            step(Action::Whole {
                path: text("/d"),
                last: text("VERSION"),
                steps: vec![step(Action::Secret { name: text("B") })],
            }),
            step(Action::Once {
                path: text("/d/x"),
                steps: vec![step(Action::Serve {
                    command: words("server --quiet"),
                    signal: 2,
                    steps: inner,
                })],
            }),
        ],
    }
}

#[test]
fn what_is_written_is_read() {
    let script = everything();
    let text = script.to_text();
    assert_eq!(Script::from_text(&text).unwrap(), script, "{text}");
    assert_eq!(
        script.programs(),
        ["/bin/x", "/l.so", "psql", "ready", "server"]
    );
}

#[test]
fn every_cut_of_a_script_is_an_error_or_a_script() {
    let text = everything().to_text();
    let mut read = 0;
    for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
        if let Ok(script) = Script::from_text(&text[..at]) {
            assert_eq!(script.to_text(), text[..at]);
            read += 1;
        }
    }
    assert!(read > 3, "{read}");
}

#[test]
fn what_the_format_does_not_say_is_refused() {
    for (body, reason) in [
        ("", "the last line does not end"),
        ("kiln-start 2\n", "first line"),
        ("kiln-start 1\nnonsense\n", "not a step"),
        ("kiln-start 1\n\n", "a word is empty"),
        ("kiln-start 1\nrun  x\n", "a word is empty"),
        ("kiln-start 1\nrun\n", "0 words"),
        ("kiln-start 1\nend\n", "without a block"),
        ("kiln-start 1\nonce /x\n", "no `end`"),
        ("kiln-start 1\nwhen A\n", "a step is missing"),
        ("kiln-start 1\nwhen a-b\nrun x\n", "not a condition"),
        ("kiln-start 1\nsecret 1\n", "not the name of a variable"),
        ("kiln-start 1\ninput x\nremove y\n", "belong to `run`"),
        ("kiln-start 1\nrun \"x\n", "not closed"),
        ("kiln-start 1\nrun \"\\x\"\n", "`\\`"),
        ("kiln-start 1\nrun \"a\"b\n", "not apart"),
        ("kiln-start 1\nfile /x 644 - y\n", "not a mode"),
        ("kiln-start 1\nwait-tcp a:1 +5\n", "not a number"),
        ("kiln-start 1\ngate z x y\n", "streams"),
        ("kiln-start 1\ngate - x\n", "no program"),
        ("kiln-start 1\neach /x\nrun y\nend\n", "cases only"),
        ("kiln-start 1\nfill /a /b 0644 yes\n", "neither"),
        (
            "kiln-start 1\nwhole /a b/c\nend\n",
            "not the name of a file",
        ),
        ("kiln-start 1\nwhole /a ..\nend\n", "not the name of a file"),
        ("kiln-start 1\nwhole /a b\n", "no `end`"),
    ] {
        let error = Script::from_text(body).unwrap_err();
        assert!(error.reason.contains(reason), "{body:?}: {error}");
    }
    let deep = format!("kiln-start 1\n{}", "once /x\n".repeat(100));
    assert!(
        Script::from_text(&deep)
            .unwrap_err()
            .reason
            .contains("deeper")
    );
}
