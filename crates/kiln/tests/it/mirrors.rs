//! Mirrors over TLS that cannot be trusted.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::world::World;

/// Serves a folder over TLS with a certificate for `name` that nobody has signed but itself.
struct Secure {
    child: Child,
    url: String,
    certificate: PathBuf,
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Secure {
    /// None where the machine has no openssl, which is said.
    fn serve(site: &Path, keys: &Path, name: &str) -> Option<Self> {
        let (certificate, key) = (keys.join("certificate.pem"), keys.join("key.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=mirror", "-addext"])
            .arg(format!("subjectAltName={name}"))
            .args([
                "-addext",
                "basicConstraints=critical,CA:FALSE",
                "-addext",
                "extendedKeyUsage=serverAuth",
            ])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .stderr(Stdio::null())
            .status();
        if !made.is_ok_and(|status| status.success()) {
            assert!(
                std::env::var_os("CI").is_none(),
                "openssl is missing, and nothing may be skipped here"
            );
            eprintln!("skipped: there is no openssl on this machine");
            return None;
        }
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-WWW", "-cert"])
            .arg(&certificate)
            .arg("-key")
            .arg(&key)
            .current_dir(site)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned))
            .unwrap();
        Some(Self {
            child,
            url: format!("https://{address}"),
            certificate,
        })
    }
}

#[test]
fn https_mirrors_must_have_a_certificate_that_is_trusted_and_theirs() {
    let world = World::new();
    let build = |server: &Secure, trusted: bool| {
        let mirrors = format!("tiny={}", server.url);
        let authority = server.certificate.to_str().unwrap();
        let mut variables = vec![("KILN_MIRRORS", mirrors.as_str())];
        if trusted {
            variables.push(("KILN_CA_FILE", authority));
        }
        world.kiln_with(&["build", "image.yaml"], &variables)
    };
    let keys = tempfile::tempdir().unwrap();
    let Some(right) = Secure::serve(&world.site, keys.path(), "IP:127.0.0.1") else {
        return;
    };
    let keys = tempfile::tempdir().unwrap();
    let Some(other) = Secure::serve(&world.site, keys.path(), "DNS:elsewhere.invalid") else {
        return;
    };
    for (server, trusted) in [(&right, false), (&other, true), (&other, false)] {
        let run = build(server, trusted);
        assert_eq!(run.code, Some(1), "{run}");
        assert!(run.stderr.contains("certificate"), "{run}");
        assert!(run.stderr.contains("InRelease"), "{run}");
        assert!(!world.environment.work().join("image.lock").exists());
        world.assert_store_is_sound();
    }
    let run = build(&right, true);
    assert_eq!(run.code, Some(0), "{run}");
}
