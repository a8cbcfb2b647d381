//! What most tests begin with: a tiny Debian on a server, its keyring, a definition, and the binary.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use kiln_testkit::{DebBuilder, DebianRepository, Environment, Run, Server, keyring, tiny_debian};
use serde_json::Value;

/// A definition of an image from the tiny Debian. The archive is called `tiny`; where it is, only
/// the settings say, so that nothing of the machine is in the definition or in its lock.
pub(crate) const DEFINITION: &str = r#"kiln: 1
name: tiny
title: Tiny
summary: A web server in small
upstream: https://tiny.invalid/
license: MIT

versions:
  "1.26":
    distribution: debian-13
    track: nginx

contents:
  repositories:
    - {name: tiny, suites: [trixie], components: [main], keyrings: [keyring.asc], origin: Debian}
  packages:
    - base-files
    - ca-certificates
    - nginx
    - tzdata
    - {name: "!iproute2", variants: [standard]}
    - {name: "!openssl", variants: [standard]}

accounts:
  run-as: nginx
  users:
    - {name: nginx, uid: 65532, gid: 65532}

paths:
  - {path: /run, type: directory, owner: nginx, mode: "0755", writable: true}
  - {path: /var/lib/nginx, type: directory, owner: nginx, mode: "0750", writable: true}
  - {path: /etc/nginx/conf.d/default.conf, type: file, content: "server {}\n"}

entrypoint: [/usr/sbin/nginx]
cmd: [-g, "daemon off;"]
ports: [8080/tcp]
stop-signal: SIGQUIT
"#;

/// The packages of the profile `dev` that [`tiny_debian`] does not have.
const DEV: [&str; 20] = [
    "apt",
    "bash",
    "bsdutils",
    "coreutils",
    "debianutils",
    "diffutils",
    "dpkg",
    "findutils",
    "grep",
    "gzip",
    "hostname",
    "init-system-helpers",
    "libc-bin",
    "ncurses-base",
    "ncurses-bin",
    "perl-base",
    "sed",
    "sysvinit-utils",
    "tar",
    "util-linux",
];

/// The tiny Debian, with what `dev` asks for.
pub(crate) fn repository() -> DebianRepository {
    let mut repository = tiny_debian();
    for architecture in ["amd64", "arm64"] {
        repository = repository.add_all(DEV.map(|name| {
            DebBuilder::new(name, "1-1")
                .architecture(architecture)
                .file(
                    &format!("/usr/bin/{name}"),
                    format!("{name} for {architecture}"),
                    0o755,
                )
                .build()
        }));
    }
    repository
}

/// A package of both architectures in another version, in place of the one in `repository`.
pub(crate) fn replaced(
    repository: DebianRepository,
    make: &dyn Fn(&str) -> DebBuilder,
) -> DebianRepository {
    let debs: Vec<_> = ["amd64", "arm64"]
        .map(|architecture| make(architecture).architecture(architecture).build())
        .into();
    let name = debs[0].name.clone();
    repository.remove(&name).add_all(debs)
}

/// zlib1g in this version.
pub(crate) fn zlib(version: &str) -> impl Fn(&str) -> DebBuilder {
    let version = version.to_owned();
    move |architecture| {
        let triplet = match architecture {
            "arm64" => "aarch64-linux-gnu",
            _ => "x86_64-linux-gnu",
        };
        DebBuilder::new("zlib1g", &version)
            .field("Multi-Arch", "same")
            .depends("libc6 (>= 2.14)")
            .file(
                &format!("/usr/lib/{triplet}/libz.so.1"),
                format!("libz {version} for {architecture}"),
                0o644,
            )
    }
}

/// A server, an environment whose settings point at it, and `image.yaml` with its keyring.
pub(crate) struct World {
    pub(crate) environment: Environment,
    pub(crate) server: Server,
    pub(crate) site: PathBuf,
}

impl World {
    /// With the tiny Debian and [`DEFINITION`].
    pub(crate) fn new() -> Self {
        Self::with(&repository(), DEFINITION)
    }

    /// With another repository and another definition.
    pub(crate) fn with(repository: &DebianRepository, definition: &str) -> Self {
        let environment = Environment::new(env!("CARGO_BIN_EXE_kiln"));
        let site = environment.folder().join("site");
        repository.write(&site).unwrap();
        let server = Server::serve(&site).unwrap();
        let environment = environment
            .variable("KILN_MIRRORS", &format!("tiny={}", server.url()))
            .variable("KILN_RETRIES", "0")
            .variable("KILN_STALL_SECONDS", "1")
            .shown_as(&server.url(), "MIRROR");
        environment.write("keyring.asc", keyring());
        environment.write("image.yaml", definition);
        Self {
            environment,
            server,
            site,
        }
    }

    /// Puts another repository in the place of this one.
    pub(crate) fn publish(&self, repository: &DebianRepository) {
        fs::remove_dir_all(&self.site).unwrap();
        repository.write(&self.site).unwrap();
    }

    pub(crate) fn kiln(&self, arguments: &[&str]) -> Run {
        self.environment.run(arguments)
    }

    /// The same with more variables.
    pub(crate) fn kiln_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        let output = self
            .environment
            .command(arguments)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| self.environment.normalised(&String::from_utf8_lossy(bytes));
        Run {
            command: format!("kiln {}", arguments.join(" ")),
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            raw_stdout: output.stdout,
        }
    }

    /// What a command that must succeed prints with `--json`.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        json_of(&self.kiln(&arguments))
    }

    /// Builds `image.yaml`; the digest of its index.
    pub(crate) fn digest(&self) -> String {
        self.digest_with(&[])
    }

    /// The same with more variables.
    pub(crate) fn digest_with(&self, variables: &[(&str, &str)]) -> String {
        digest_of(&json_of(
            &self.kiln_with(&["build", "image.yaml", "--json"], variables),
        ))
    }

    /// Fails unless every blob of the store is what it should be.
    pub(crate) fn assert_store_is_sound(&self) {
        let run = self.kiln(&["cache", "verify"]);
        assert_eq!(run.code, Some(0), "{run}");
        assert_eq!(run.stdout, "every blob is what it should be\n", "{run}");
    }

    /// The names in the directory that commands run in, hidden ones too.
    pub(crate) fn work_names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.environment.work())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// What a command that must have succeeded printed with `--json`.
pub(crate) fn json_of(run: &Run) -> Value {
    assert_eq!(run.code, Some(0), "{run}");
    serde_json::from_slice(&run.raw_stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
}

/// The digest of the index of the only image of a build.
pub(crate) fn digest_of(build: &Value) -> String {
    assert_eq!(build["images"].as_array().map(Vec::len), Some(1), "{build}");
    build["images"][0]["digest"].as_str().unwrap().to_owned()
}

/// `text` with digests as `sha256:…` and cut ones as `sha256:xxx`, for snapshots: the digests
/// themselves stand in `reproducible`.
pub(crate) fn without_digests(text: &str) -> String {
    let mut out = String::new();
    let mut parts = text.split("sha256:");
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(part.len());
        out.push_str("sha256:");
        if end == 64 {
            out.push('…');
        } else {
            out.push_str(&"x".repeat(end));
        }
        out.push_str(&part[end..]);
    }
    out
}

/// How often each word is in a list.
pub(crate) fn tally<'a>(words: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_insert(0) += 1;
    }
    counts
}
