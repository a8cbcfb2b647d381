//! What a control archive says.

use super::forge::{Header, ended, entry, many_entries};
use super::{Attack, CONTROL, Hostile, with_control};

fn members(members: &[(&str, &[u8])]) -> Hostile {
    let mut pieces = vec![entry("./control", b'0', CONTROL.as_bytes())];
    pieces.extend(
        members
            .iter()
            .map(|(name, content)| entry(name, b'0', content)),
    );
    let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
    with_control("control.tar", &ended(&pieces))
}

fn control(text: &str) -> Hostile {
    with_control(
        "control.tar",
        &ended(&[&entry("./control", b'0', text.as_bytes())]),
    )
}

fn field(name: &str, value: &str) -> Hostile {
    control(&format!("{CONTROL}{name}: {value}\n"))
}

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "no control file",
        make: || with_control("control.tar", &ended(&[])),
    },
    Attack {
        name: "a control name with slashes",
        make: || members(&[("./../../../etc/cron.d/x", b"x")]),
    },
    Attack {
        name: "a control name below a folder",
        make: || members(&[("./a/postinst", b"x")]),
    },
    Attack {
        name: "a control name that hides",
        make: || members(&[("./.profile", b"x")]),
    },
    Attack {
        name: "a control member twice",
        make: || members(&[("./postinst", b"#!/bin/sh\n"), ("./postinst", b"evil\n")]),
    },
    Attack {
        name: "a control file twice",
        make: || members(&[("./control", b"Package: other\n")]),
    },
    Attack {
        name: "a control member that is a link",
        make: || {
            with_control(
                "control.tar",
                &ended(&[&Header::new("./control", b'2', 0)
                    .link("/etc/passwd")
                    .block()]),
            )
        },
    },
    Attack {
        name: "hundreds of control members",
        make: || {
            let names: Vec<String> = (0..300).map(|number| format!("./m{number}")).collect();
            let all: Vec<(&str, &[u8])> = names
                .iter()
                .map(|name| (name.as_str(), b"".as_slice()))
                .collect();
            members(&all)
        },
    },
    Attack {
        name: "a control archive of a hundred thousand entries",
        make: || with_control("control.tar.zst", &many_entries(100_000)),
    },
    Attack {
        name: "a control member of 17 MiB",
        make: || members(&[("./md5sums", &[b'a'; 17 << 20])]),
    },
    Attack {
        name: "a package that says it is another",
        make: || control(&CONTROL.replace("zlib1g", "libc6")),
    },
    Attack {
        name: "a package that says it is another version",
        make: || control(&CONTROL.replace("2:1-1", "2:9-9")),
    },
    Attack {
        name: "a package that says it is of another architecture",
        make: || control(&CONTROL.replace("amd64", "arm64")),
    },
    Attack {
        name: "a package whose name is a path",
        make: || control(&CONTROL.replace("zlib1g", "../../zlib1g")),
    },
    Attack {
        name: "a version that is a path",
        make: || control(&CONTROL.replace("2:1-1", "2:1/../../x")),
    },
    Attack {
        name: "an architecture that is a path",
        make: || control(&CONTROL.replace("amd64", "../amd64")),
    },
    Attack {
        name: "a field twice",
        make: || control(&format!("{CONTROL}Package: libc6\n")),
    },
    Attack {
        name: "a control file without fields",
        make: || control("\n\n\n"),
    },
    Attack {
        name: "a control file with a NUL",
        make: || field("X", "a\0b"),
    },
    Attack {
        name: "a control file that is no text",
        make: || {
            let bytes = [CONTROL.as_bytes(), b"X: \xff\xfe\n"].concat();
            with_control("control.tar", &ended(&[&entry("./control", b'0', &bytes)]))
        },
    },
    Attack {
        name: "a thousand fields",
        make: || {
            let more: String = (0..1_000).map(|number| format!("X{number}: y\n")).collect();
            control(&format!("{CONTROL}{more}"))
        },
    },
    Attack {
        name: "a field of 9 MiB",
        make: || field("X", &"y".repeat(9 << 20)),
    },
    Attack {
        name: "a hundred thousand replaced packages",
        make: || field("Replaces", &"aa, ".repeat(100_000)),
    },
    Attack {
        name: "a configuration file outside",
        make: || members(&[("./conffiles", b"/../../etc/passwd\n")]),
    },
    Attack {
        name: "a configuration file twice",
        make: || members(&[("./conffiles", b"/etc/a\n/etc/a\n")]),
    },
    Attack {
        name: "a hundred thousand configuration files",
        make: || {
            let list: String = (0..100_000)
                .map(|number| format!("/etc/{number}\n"))
                .collect();
            members(&[("./conffiles", list.as_bytes())])
        },
    },
];
