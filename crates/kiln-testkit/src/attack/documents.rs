//! Documents that people are handed: definitions, locks, keyrings.

use super::{Attack, Hostile};

fn yaml(text: impl Into<Vec<u8>>) -> Hostile {
    Hostile::Definition(text.into())
}

fn lock(text: impl Into<Vec<u8>>) -> Hostile {
    Hostile::Lock(text.into())
}

/// Aliases of aliases: ten to the tenth values.
fn alias_bomb() -> String {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..10 {
        let below = format!("*a{}", level - 1);
        text.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            vec![below; 10].join(",")
        ));
    }
    text
}

const PACKAGE: &str = r#"{"name":"zlib1g","version":"2:1-1","arch":"amd64","archive":"tiny","suite":"trixie","path":"PATH","size":SIZE,"sha256":"sha256:0000000000000000000000000000000000000000000000000000000000000000","in":["1.26/standard/amd64"]}"#;

fn locked(path: &str, size: &str, more: &str) -> Hostile {
    let package = PACKAGE.replace("PATH", path).replace("SIZE", size);
    lock(format!(
        "{{\n\"kiln-lock\": 1,\n\"image\": \"tiny\",\n\"inputs\": \"sha256:{}\",\n\"indexes\": [],\n\"packages\": [\n{package}{more}\n]\n}}\n",
        "0".repeat(64)
    ))
}

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "an alias bomb",
        make: || yaml(alias_bomb()),
    },
    Attack {
        name: "an alias of itself",
        make: || yaml("kiln: 1\nname: &a [*a]\n"),
    },
    Attack {
        name: "lists in lists without end",
        make: || yaml("[".repeat(1 << 20)),
    },
    Attack {
        name: "mappings in mappings without end",
        make: || yaml("a: {".repeat(1 << 18)),
    },
    Attack {
        name: "indentation without end",
        make: || {
            let text: String = (0..3_000)
                .map(|depth| format!("{}a:\n", " ".repeat(depth)))
                .collect();
            yaml(text)
        },
    },
    Attack {
        name: "a definition of 17 MiB",
        make: || yaml(vec![b'#'; 17 << 20]),
    },
    Attack {
        name: "hundreds of thousands of keys",
        make: || {
            let text: String = (0..300_000)
                .map(|number| format!("k{number}: 1\n"))
                .collect();
            yaml(text)
        },
    },
    Attack {
        name: "one key hundreds of thousands of times",
        make: || yaml("name: x\n".repeat(300_000)),
    },
    Attack {
        name: "a tag that would make an object",
        make: || yaml("kiln: 1\nname: !!python/object/apply:os.system [id]\n"),
    },
    Attack {
        name: "bytes that are no text",
        make: || yaml(vec![0xff, 0xfe, b'k', 0, b'i', 0]),
    },
    Attack {
        name: "a word of hundreds of thousands of letters",
        make: || yaml(format!("kiln: 1\nname: {}\n", "n".repeat(300_000))),
    },
    Attack {
        name: "a lock that is no document",
        make: || lock("<<<<<<< ours\n"),
    },
    Attack {
        name: "a lock of brackets without end",
        make: || lock("[".repeat(1 << 20)),
    },
    Attack {
        name: "a lock whose path leaves the archive",
        make: || locked("../../../../etc/passwd", "1", ""),
    },
    Attack {
        name: "a lock whose path is an address",
        make: || locked("http://evil.invalid/x.deb", "1", ""),
    },
    Attack {
        name: "a lock whose size is negative",
        make: || locked("pool/x.deb", "-1", ""),
    },
    Attack {
        name: "a lock whose size is beyond 64 bits",
        make: || locked("pool/x.deb", "18446744073709551616", ""),
    },
    Attack {
        name: "a lock with a key of its own",
        make: || lock("{\"kiln-lock\": 1, \"mirror\": \"http://evil.invalid\"}"),
    },
    Attack {
        name: "a lock of 65 MiB",
        make: || lock(vec![b' '; 65 << 20]),
    },
    Attack {
        name: "a keyring that is empty",
        make: || Hostile::Keyring(Vec::new()),
    },
    Attack {
        name: "a keyring of noise",
        make: || Hostile::Keyring(super::forge::noise(100_000)),
    },
    Attack {
        name: "a keyring cut short",
        make: || {
            let mut bytes = crate::keys::keyring().into_bytes();
            bytes.truncate(bytes.len() / 2);
            Hostile::Keyring(bytes)
        },
    },
];
