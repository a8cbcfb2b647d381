//! Images, containers and volumes of the engine, which go when they are dropped.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::{Engine, text};

/// A name that nobody else has.
fn own(what: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("kiln-test-{what}-{}-{number}", std::process::id())
}

/// Lets the user of a container read it.
pub(crate) fn share(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = if path.is_dir() { 0o755 } else { 0o644 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn docker(arguments: &[&str]) -> Output {
    Command::new("docker").args(arguments).output().unwrap()
}

/// A built image.
pub(crate) struct Image(String);

impl Image {
    pub(crate) fn build(engine: &Engine, image: &str, platform: &str) -> Self {
        let name = own("image");
        let output = format!("docker-daemon:{name}");
        engine.kiln(&["build", image, "--platform", platform, "-o", &output]);
        Self(name)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        docker(&["image", "rm", &self.0]);
    }
}

/// A named volume.
pub(crate) struct Volume(String);

impl Volume {
    pub(crate) fn new(engine: &Engine) -> Self {
        let name = own("volume");
        engine.docker(&["volume", "create", &name]);
        Self(name)
    }

    /// As `--volume` has it.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}:{path}", self.0)
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        docker(&["volume", "rm", "--force", &self.0]);
    }
}

/// A container that was started.
pub(crate) struct Container {
    name: String,
}

impl Container {
    pub(crate) fn start(engine: &Engine, image: &Image, options: &[&str]) -> Self {
        let container = Self { name: own("run") };
        let words = ["run", "--detach", "--name", container.name.as_str()];
        engine.docker(&[&words, options, &[image.0.as_str()]].concat());
        container
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Everything it has written.
    pub(crate) fn log(&self) -> String {
        let output = docker(&["logs", &self.name]);
        text(&output.stdout) + &text(&output.stderr)
    }

    /// Sends a signal to its first process.
    pub(crate) fn kill(&self, signal: &str) {
        let output = docker(&["kill", "--signal", signal, &self.name]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    /// Its exit code, for which it has so long.
    pub(crate) fn wait(&self, patience: Duration) -> i32 {
        let code = self.read(&["wait", &self.name], patience, &|text| {
            text.ends_with('\n')
        });
        code.trim().parse().unwrap()
    }

    /// Waits for a text in its log.
    pub(crate) fn wait_for(&self, part: &str, patience: Duration) {
        let words = ["logs", "--follow", &self.name];
        self.read(&words, patience, &|text| text.contains(part));
    }

    /// Runs a command in it until it writes what it must.
    pub(crate) fn until(&self, command: &[&str], wanted: &str, patience: Duration) {
        let words = [&["exec", self.name.as_str()], command].concat();
        let deadline = Instant::now() + patience;
        loop {
            let output = docker(&words);
            if text(&output.stdout) == wanted {
                return;
            }
            let said = text(&output.stdout) + &text(&output.stderr);
            assert!(Instant::now() < deadline, "{said}{}", self.log());
        }
    }

    /// Reads what the client writes until it is enough.
    fn read(&self, words: &[&str], patience: Duration, enough: &dyn Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + patience;
        let mut client = Command::new("docker");
        client
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut client = client.spawn().unwrap();
        let parts = parts(&mut client);
        let mut read = [String::new(), String::new()];
        let found = loop {
            if let Some(found) = read.iter().find(|text| enough(text)) {
                break found.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let part = parts.recv_timeout(left);
            if part.is_err() {
                let _ = client.kill();
            }
            let log = if part.is_err() {
                self.log()
            } else {
                String::new()
            };
            assert!(part.is_ok(), "{words:?} in {patience:?}: {read:?}; {log}");
            let (stream, part) = part.unwrap();
            read[stream].push_str(&part);
        };
        let _ = client.kill();
        client.wait().unwrap();
        found
    }
}

/// What a process writes to its two streams, as it comes.
fn parts(process: &mut Child) -> Receiver<(usize, String)> {
    let (sender, receiver) = channel();
    let streams: [Box<dyn Read + Send>; 2] = [
        Box::new(process.stdout.take().unwrap()),
        Box::new(process.stderr.take().unwrap()),
    ];
    for (number, mut stream) in streams.into_iter().enumerate() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut part) {
                if sender.send((number, text(&part[..length]))).is_err() {
                    return;
                }
            }
        });
    }
    receiver
}

impl Drop for Container {
    fn drop(&mut self) {
        docker(&["rm", "--force", "--volumes", &self.name]);
    }
}
