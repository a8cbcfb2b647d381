//! The catalog's images in a real container engine, from today's packages of the machine's own
//! mirrors: every declared test, on both architectures, with nothing allowed but what the
//! definition declares.
//!
//! `scripts/with-engine` says by environment variables whether an engine is there. Without one the
//! tests say so and pass; with `CI=true` that is a failure.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on must fail"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "these tests are about processes, time and the environment"
)]
#![expect(clippy::print_stderr, reason = "what is skipped must be seen")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a server may take until it answers; arm64 is emulated.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn every_declared_test_of_the_catalog_holds() {
    let Some(engine) = Engine::find() else { return };
    let mut ran = 0;
    for image in ["static", "base", "nginx"] {
        for platform in engine.platforms() {
            for variant in ["standard", "dev"] {
                ran += engine.try_image(image, variant, platform);
            }
        }
    }
    eprintln!("{ran} declared tests held");
    assert!(ran >= 10, "the catalog declares more tests than {ran}");
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

struct Engine {
    network_host: bool,
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
        Some(Self {
            network_host: set("KILN_TEST_NETWORK") == "host",
            arm64,
        })
    }

    fn platforms(&self) -> &'static [&'static str] {
        if self.arm64 {
            &["linux/amd64", "linux/arm64"]
        } else {
            &["linux/amd64"]
        }
    }

    fn kiln(&self, arguments: &[&str]) -> Output {
        // The store stays between runs of the tests, so that packages are fetched once.
        let store = Path::new(env!("CARGO_TARGET_TMPDIR")).join("engine-store");
        let output = Command::new(env!("CARGO_BIN_EXE_kiln"))
            .args(arguments)
            .env("KILN_HOME", store)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "kiln {arguments:?}: {}",
            text(&output.stderr)
        );
        output
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

    /// Runs every declared test of one variant on one platform; says how many.
    fn try_image(&self, image: &str, variant: &str, platform: &str) -> usize {
        let name = format!(
            "kiln-test/{image}-{variant}-{}:test",
            platform.trim_start_matches("linux/")
        );
        let select = ["--variant", variant, "--platform", platform];
        let output = format!("docker-daemon:{name}");
        self.kiln(&[&["build", image, "-o", &output], &select[..]].concat());
        let shown = self.kiln(&[&["show", image, "--json"], &select[..]].concat());
        let plans: Value = serde_json::from_slice(&shown.stdout).unwrap();
        let plan = &plans[0];
        let mut ran = 0;
        for test in plan["tests"].as_array().unwrap() {
            let what = format!("{name}: {}", test["name"].as_str().unwrap());
            let (probe, expected) = (&test["probe"], &test["expectation"]);
            if let Some(command) = probe["run"].as_array() {
                let command: Vec<&str> =
                    command.iter().map(|word| word.as_str().unwrap()).collect();
                Self::try_command(&what, &name, platform, plan, &command, expected);
            } else {
                let url = probe["http"]["url"].as_str().unwrap();
                self.try_http(&what, &name, platform, plan, url, expected);
            }
            eprintln!("ok: {what}");
            ran += 1;
        }
        self.docker(&["image", "rm", &name]);
        ran
    }

    /// What a container may do: nothing but what the plan declares. A variant that runs as root is
    /// for building; root without capabilities cannot write to what belongs to others.
    fn restrictions(plan: &Value, platform: &str) -> Vec<String> {
        let mut flags: Vec<String> = [
            "--read-only",
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges",
        ]
        .map(str::to_owned)
        .to_vec();
        if plan["accounts"]["run_as"][0] == 0 {
            flags.clear();
        }
        flags.extend(["--platform".to_owned(), platform.to_owned()]);
        for path in plan["paths"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|path| path["writable"] == true)
        {
            let mode = path["mode"].as_u64().unwrap_or(0o755);
            let (place, uid, gid) = (path["path"].as_str().unwrap(), &path["uid"], &path["gid"]);
            flags.extend([
                "--tmpfs".to_owned(),
                format!("/{place}:uid={uid},gid={gid},mode={mode:o}"),
            ]);
        }
        flags
    }

    fn try_command(
        what: &str,
        name: &str,
        platform: &str,
        plan: &Value,
        command: &[&str],
        expected: &Value,
    ) {
        let mut docker = Command::new("docker");
        docker
            .args(["run", "--rm", "--network", "none"])
            .args(Self::restrictions(plan, platform));
        docker
            .args(["--entrypoint", command[0], name])
            .args(&command[1..]);
        let output = docker.output().unwrap();
        let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
        let code = output.status.code().unwrap_or(-1);
        if expected["must_fail"] == true {
            assert!(code != 0, "{what}: it must fail\n{all}");
        } else {
            let wanted = expected["code"].as_i64().unwrap_or(0);
            assert_eq!(i64::from(code), wanted, "{what}: exit code\n{all}");
        }
        if let Some(part) = expected["contains"].as_str() {
            assert!(
                all.contains(part),
                "{what}: `{part}` is not in its output\n{all}"
            );
        }
    }

    fn try_http(
        &self,
        what: &str,
        name: &str,
        platform: &str,
        plan: &Value,
        url: &str,
        expected: &Value,
    ) {
        let rest = url.strip_prefix("http://localhost:").unwrap();
        let (port, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut arguments: Vec<String> = ["run", "--detach"].map(str::to_owned).to_vec();
        if self.network_host {
            arguments.extend(["--network".to_owned(), "host".to_owned()]);
        } else {
            arguments.extend(["--publish".to_owned(), format!("127.0.0.1::{port}")]);
        }
        arguments.extend(Self::restrictions(plan, platform));
        arguments.push(name.to_owned());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let container = Container(text(&self.docker(&arguments).stdout).trim().to_owned());
        let address = if self.network_host {
            format!("127.0.0.1:{port}")
        } else {
            text(&self.docker(&["port", &container.0, port]).stdout)
                .lines()
                .next()
                .unwrap()
                .to_owned()
        };
        let (status, body) = container.get(what, &address, path);
        let wanted = expected["code"].as_u64().unwrap_or(200);
        assert_eq!(u64::from(status), wanted, "{what}: status");
        if let Some(part) = expected["contains"].as_str() {
            assert!(
                body.contains(part),
                "{what}: `{part}` is not in the answer\n{body}"
            );
        }
        // The stop signal ends it cleanly, long before the engine's patience does.
        self.docker(&["stop", "--time", "20", &container.0]);
        let code = self.docker(&["inspect", "--format", "{{.State.ExitCode}}", &container.0]);
        assert_eq!(
            text(&code.stdout).trim(),
            "0",
            "{what}: it did not end cleanly"
        );
    }
}

/// A container that goes when the test does, however it ends.
struct Container(String);

impl Container {
    /// Asks until there is an answer, or the container is gone, or patience ends.
    fn get(&self, what: &str, address: &str, path: &str) -> (u16, String) {
        let started = Instant::now();
        loop {
            if let Some(answer) = get(address, path) {
                return answer;
            }
            let state = Command::new("docker")
                .args(["inspect", "--format", "{{.State.Running}}", &self.0])
                .output()
                .unwrap();
            let running = text(&state.stdout).trim() == "true";
            if !running || started.elapsed() > PATIENCE {
                let logs = Command::new("docker")
                    .args(["logs", &self.0])
                    .output()
                    .unwrap();
                panic!(
                    "{what}: no answer (running: {running})\n{}{}",
                    text(&logs.stdout),
                    text(&logs.stderr)
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = Command::new("docker")
            .args(["rm", "--force", "--volumes", &self.0])
            .output();
    }
}

fn get(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .ok()?;
    write!(stream, "GET /{path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = text(&answer);
    let status = answer.split_whitespace().nth(1)?.parse().ok()?;
    Some((status, answer))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
