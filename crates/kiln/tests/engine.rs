//! The catalog's images in a real container engine, from today's packages of the machine's own
//! mirrors: `kiln test` runs every declared test, with nothing allowed but what the definition
//! declares.
//!
//! `standard` runs on both architectures and `dev` on amd64; `make interop-all` also runs `dev` on
//! arm64, and `standard` under the strictest settings.
//!
//! `scripts/with-engine` says by environment variables whether an engine is there. Without one the
//! tests say so and pass; with `CI=true` that is a failure.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]
#![expect(
    clippy::disallowed_methods,
    reason = "these tests are about processes, time and the environment"
)]
#![expect(clippy::print_stderr, reason = "what is skipped must be seen")]

#[path = "engine/container.rs"]
mod container;
#[path = "engine/documents.rs"]
mod documents;
#[path = "engine/postgres.rs"]
mod postgres;
#[path = "engine/start.rs"]
mod start;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use serde_json::Value;

#[test]
fn every_declared_test_of_the_catalog_holds() {
    let Some(engine) = Engine::find() else { return };
    let catalog = engine.kiln(&["catalog", "--json"]);
    let catalog: Value = serde_json::from_slice(&catalog.stdout).unwrap();
    let mut ran = 0;
    let mut failures = Vec::new();
    for image in catalog["images"].as_array().unwrap() {
        let image = image["name"].as_str().unwrap();
        let platforms = engine.platforms();
        for (variant, platforms) in [("standard", platforms), ("dev", "linux/amd64")] {
            let started = Instant::now();
            let answer = engine.test(&[
                image,
                "--version",
                "all",
                "--variant",
                variant,
                "--platform",
                platforms,
            ]);
            let passed = answer["passed"].as_u64().unwrap();
            eprintln!(
                "{image} {variant} {platforms}: {passed} tests held, {:.0} s",
                started.elapsed().as_secs_f64()
            );
            for target in answer["targets"].as_array().unwrap() {
                for test in target["tests"].as_array().unwrap() {
                    if test["passed"] != true {
                        let (target, settings) = (&target["target"], &target["settings"]);
                        let (name, message) = (&test["name"], test["message"].as_str());
                        let message = message.unwrap_or_default();
                        failures.push(format!("{image} {target} {settings} {name}: {message}"));
                    }
                }
            }
            assert!(passed > 0 || !failures.is_empty(), "{image}: no tests");
            ran += passed;
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    eprintln!("{ran} declared tests held");
}

#[test]
fn loads_under_its_own_name() {
    let Some(engine) = Engine::find() else { return };
    engine.kiln(&["build", "base", "--load"]);
    let output = engine.docker(&[
        "image",
        "inspect",
        "kiln/base:latest",
        "--format",
        "{{.Config.User}}",
    ]);
    assert_eq!(text(&output.stdout).trim(), "65532:65532");
}

/// A program that serves TLS with one certificate and asks itself, trusting what the system does.
const TLS_PROGRAM: &str = r#"package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	go func() {
		http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "secret") })
		fmt.Fprintln(os.Stderr, http.ListenAndServeTLS("127.0.0.1:8443", "/tls/cert.pem", "/tls/key.pem", nil))
		os.Exit(1)
	}()
	for attempt := 0; attempt < 100000; attempt++ {
		answer, err := http.Get("https://localhost:8443/")
		if err != nil {
			if attempt == 99999 || os.Getenv("ONCE") != "" && attempt > 1000 {
				fmt.Println(err)
				os.Exit(2)
			}
			continue
		}
		text, _ := io.ReadAll(answer.Body)
		fmt.Println("the server said", string(text))
		return
	}
}
"#;

#[test]
fn a_program_built_in_go_runs_on_static_and_trusts_its_certificates() {
    let Some(engine) = Engine::find() else { return };
    let own = |image: &str| format!("kiln-test/stage-{image}:{}", std::process::id());
    let (go, target, built) = (own("go"), own("static"), own("built"));
    for (image, name) in [("go", &go), ("static", &target)] {
        let output = format!("docker-daemon:{name}");
        engine.kiln(&["build", image, "--platform", "linux/amd64", "-o", &output]);
    }
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("main.go", TLS_PROGRAM);
    write("go.mod", "module example.test/tls\n\ngo 1.24\n");
    // Stages without a shell: RUN in exec form.
    write(
        "Dockerfile",
        &format!(
            "FROM {go} AS build\nWORKDIR /go/src\nCOPY --chown=65532:65532 main.go go.mod ./\n\
             RUN [\"go\", \"build\", \"-o\", \"/go/app\", \".\"]\n\
             FROM {target}\nCOPY --from=build /go/app /app\nENTRYPOINT [\"/app\"]\n"
        ),
    );
    let mut build = Command::new("docker");
    build.env("DOCKER_BUILDKIT", "0");
    build.args(["build", "--quiet", "--network", "none", "--tag", &built]);
    let output = build.arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    // A certificate of its own, and the image's bundle with it behind the others.
    let openssl = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
        .args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext"])
        .args(["subjectAltName=DNS:localhost", "-keyout", "key.pem"])
        .args(["-out", "cert.pem"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(openssl.status.success(), "{}", text(&openssl.stderr));
    let created = engine.docker(&["create", &built]);
    let created = text(&created.stdout).trim().to_owned();
    let bundle = "etc/ssl/certs/ca-certificates.crt";
    let copied = folder.path().join("bundle.pem");
    engine.docker(&[
        "cp",
        &format!("{created}:/{bundle}"),
        copied.to_str().unwrap(),
    ]);
    engine.docker(&["rm", &created]);
    let mut all = std::fs::read_to_string(&copied).unwrap();
    assert!(all.matches("BEGIN CERTIFICATE").count() > 100);
    let run = |arguments: &[&str]| {
        let mount =
            |name: &str, place: &str| format!("{}:/{place}:ro", folder.path().join(name).display());
        for name in ["cert.pem", "key.pem", "bundle.pem"] {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::Permissions::from_mode(0o644);
            std::fs::set_permissions(folder.path().join(name), mode).unwrap();
        }
        Command::new("docker")
            .args(["run", "--rm", "--network", "none", "--read-only"])
            .args(["--cap-drop", "ALL", "--security-opt", "no-new-privileges"])
            .args(["-v", &mount("cert.pem", "tls/cert.pem")])
            .args(["-v", &mount("key.pem", "tls/key.pem")])
            .args(["-v", &mount("bundle.pem", bundle)])
            .args(arguments)
            .arg(&built)
            .output()
            .unwrap()
    };
    // Without the certificate in the bundle nobody trusts the server.
    let refused = run(&["--env", "ONCE=1"]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    assert!(text(&refused.stdout).contains("unknown authority"));
    all.push_str(&std::fs::read_to_string(folder.path().join("cert.pem")).unwrap());
    std::fs::write(&copied, all).unwrap();
    let trusted = run(&[]);
    let said = text(&trusted.stdout);
    assert!(said.contains("the server said secret"), "{said}");
    for name in [&built, &go, &target] {
        engine.docker(&["image", "rm", name]);
    }
}

struct Engine {
    arm64: bool,
}

impl Engine {
    fn find() -> Option<Self> {
        let set = |name: &str| std::env::var(name).unwrap_or_default();
        if set("KILN_TEST_ENGINE").is_empty() {
            assert!(
                set("CI") != "true",
                "CI must have a container engine: run through scripts/with-engine"
            );
            eprintln!("SKIPPED: no container engine (scripts/with-engine --own starts one)");
            return None;
        }
        let arm64 = set("KILN_TEST_ARM64") == "1";
        assert!(arm64 || set("CI") != "true", "CI must run arm64 containers");
        if !arm64 {
            eprintln!("SKIPPED in part: containers for arm64 do not run here");
        }
        Some(Self { arm64 })
    }

    fn platforms(&self) -> &'static str {
        if self.arm64 { "all" } else { "linux/amd64" }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        // The store stays between runs of the tests, so that packages are fetched once.
        let store = Path::new(env!("CARGO_TARGET_TMPDIR")).join("engine-store");
        Command::new(env!("CARGO_BIN_EXE_kiln"))
            .args(arguments)
            .env("KILN_HOME", store)
            .output()
            .unwrap()
    }

    fn kiln(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "kiln {arguments:?}: {}",
            text(&output.stderr)
        );
        output
    }

    /// What `kiln test` answers, whether tests failed or not.
    fn test(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[&["test", "--json"], arguments].concat());
        assert!(
            matches!(output.status.code(), Some(0 | 2)),
            "kiln test {arguments:?}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn docker(&self, arguments: &[&str]) -> Output {
        let output = Command::new("docker").args(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "docker {arguments:?}: {}",
            text(&output.stderr)
        );
        output
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
