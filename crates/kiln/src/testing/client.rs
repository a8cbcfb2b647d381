//! The engine through its own client: run to an end or to a limit, and leave nothing behind, even
//! when a signal ends kiln.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// What is kept of a stream; the rest is read and dropped.
const MOST: u64 = 1 << 20;
/// How long the engine may take for its own affairs, such as removing a container.
const AFFAIRS: Duration = Duration::from_secs(120);

/// A command that ran to its end.
#[derive(Clone, Debug, Default)]
pub(super) struct Finished {
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// What must go in the end.
#[derive(Debug, Default)]
struct Held {
    containers: BTreeSet<String>,
    images: BTreeSet<String>,
    folders: BTreeSet<PathBuf>,
}

/// A container engine.
#[derive(Debug)]
pub(crate) struct Engine {
    client: String,
    /// Whether there is no network of the engine's own, so that containers share the machine's.
    host_network: bool,
    held: Arc<Mutex<Held>>,
    next: AtomicU32,
}

impl Engine {
    /// The engine that this client reaches.
    pub(crate) fn connect(client: String) -> anyhow::Result<Self> {
        let networks = ["network", "ls", "--format", "{{.Name}}"].map(str::to_owned);
        let listed = run(&client, &networks, AFFAIRS)
            .with_context(|| format!("cannot start `{client}`"))?
            .with_context(|| format!("`{client}` does not answer"))?;
        if listed.code != 0 {
            bail!(
                "no container engine answers `{client}`: {}",
                listed.stderr.trim()
            );
        }
        // podman calls its network by its own name.
        let host_network = !listed
            .stdout
            .lines()
            .any(|name| matches!(name.trim(), "bridge" | "podman"));
        let held = Arc::new(Mutex::new(Held::default()));
        clean_up_on_signals(&client, &held).context("cannot watch for signals")?;
        Ok(Self {
            client,
            host_network,
            held,
            next: AtomicU32::new(0),
        })
    }

    /// The client's name.
    pub(crate) fn client(&self) -> &str {
        &self.client
    }

    /// Whether containers share the machine's network.
    pub(super) const fn host_network(&self) -> bool {
        self.host_network
    }

    /// Runs the client; an error where it does not succeed.
    pub(super) fn succeed(&self, words: &[&str]) -> Result<Finished, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        match self.within(&words, AFFAIRS)? {
            Some(finished) if finished.code == 0 => Ok(finished),
            Some(finished) => Err(format!(
                "`{} {}` failed: {}",
                self.client,
                words.first().map_or("", String::as_str),
                finished.stderr.trim()
            )),
            None => Err(format!("`{}` does not answer", self.client)),
        }
    }

    /// Runs the client; nothing where it did not end in time.
    pub(super) fn within(
        &self,
        words: &[String],
        limit: Duration,
    ) -> Result<Option<Finished>, String> {
        run(&self.client, words, limit)
            .map_err(|error| format!("cannot run `{}`: {error}", self.client))
    }

    /// A name for a container, which goes when the value does.
    pub(super) fn reserve(&self) -> Container<'_> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("kiln-test-{}-{number}", std::process::id());
        if let Ok(mut held) = self.held.lock() {
            held.containers.insert(name.clone());
        }
        Container { engine: self, name }
    }

    /// A name for an image, which goes when the value does.
    pub(crate) fn reserve_image(&self, text: &str) -> LoadedImage<'_> {
        let reference = format!("kiln-test/{text}:{}", std::process::id());
        if let Ok(mut held) = self.held.lock() {
            held.images.insert(reference.clone());
        }
        LoadedImage {
            engine: self,
            reference,
        }
    }

    /// A folder that goes in any case.
    pub(crate) fn hold_folder(&self, folder: &std::path::Path) {
        if let Ok(mut held) = self.held.lock() {
            held.folders.insert(folder.to_owned());
        }
    }
}

/// A container, until it goes.
pub(super) struct Container<'a> {
    engine: &'a Engine,
    name: String,
}

impl Container<'_> {
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let _ = remove_container(&self.engine.client, &self.name);
        if let Ok(mut held) = self.engine.held.lock() {
            held.containers.remove(&self.name);
        }
    }
}

/// An image in the engine, until it goes.
pub(crate) struct LoadedImage<'a> {
    engine: &'a Engine,
    reference: String,
}

impl LoadedImage<'_> {
    pub(crate) fn reference(&self) -> &str {
        &self.reference
    }
}

impl Drop for LoadedImage<'_> {
    fn drop(&mut self) {
        let _ = remove_image(&self.engine.client, &self.reference);
        if let Ok(mut held) = self.engine.held.lock() {
            held.images.remove(&self.reference);
        }
    }
}

fn remove_container(client: &str, name: &str) -> std::io::Result<Option<Finished>> {
    let words = ["rm", "--force", "--volumes", name].map(str::to_owned);
    run(client, &words, AFFAIRS)
}

fn remove_image(client: &str, reference: &str) -> std::io::Result<Option<Finished>> {
    let words = ["image", "rm", reference].map(str::to_owned);
    run(client, &words, AFFAIRS)
}

/// Ctrl-C and the like end kiln, but not before what it started in the engine is gone.
fn clean_up_on_signals(client: &str, held: &Arc<Mutex<Held>>) -> std::io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let (client, held) = (client.to_owned(), Arc::clone(held));
    std::thread::spawn(move || {
        let Some(signal) = signals.forever().next() else {
            return;
        };
        // Held until the end, so that no new container gets a name.
        let held = held.lock();
        if let Ok(held) = &held {
            // A container whose start was under way is there the second time.
            for pause in [300, 0] {
                for name in &held.containers {
                    let _ = remove_container(&client, name);
                }
                std::thread::sleep(Duration::from_millis(pause));
            }
            for reference in &held.images {
                let _ = remove_image(&client, reference);
            }
            for folder in &held.folders {
                let _ = std::fs::remove_dir_all(folder);
            }
        }
        std::process::exit(128 + signal);
    });
    Ok(())
}

/// Runs a program to its end or to the limit.
fn run(program: &str, words: &[String], limit: Duration) -> std::io::Result<Option<Finished>> {
    let deadline = Instant::now() + limit;
    #[expect(
        clippy::disallowed_methods,
        reason = "the engine's own client knows how to reach it"
    )]
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (sender, receiver) = mpsc::channel();
    let streams: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|stream| Box::new(stream) as _),
        child.stderr.take().map(|stream| Box::new(stream) as _),
    ];
    for (number, stream) in streams.into_iter().enumerate() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let text = stream.map_or_else(String::new, read_bounded);
            let _ = sender.send((number, text));
        });
    }
    let mut texts = [String::new(), String::new()];
    for _ in 0..texts.len() {
        let left = deadline.saturating_duration_since(Instant::now());
        match receiver.recv_timeout(left) {
            Ok((number, text)) => {
                if let Some(place) = texts.get_mut(number) {
                    *place = text;
                }
            }
            Err(_) => {
                let _ = child.kill();
                child.wait()?;
                return Ok(None);
            }
        }
    }
    let status = child.wait()?;
    let [stdout, stderr] = texts;
    Ok(Some(Finished {
        code: status.code().unwrap_or(-1),
        stdout,
        stderr,
    }))
}

/// The beginning of a stream, which is read to its end, so that nobody who writes to it waits.
fn read_bounded(mut stream: Box<dyn Read + Send>) -> String {
    let mut kept = Vec::new();
    let _ = stream.as_mut().take(MOST).read_to_end(&mut kept);
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        vec!["-c".to_owned(), text.to_owned()]
    }

    #[test]
    fn programs_run_to_their_end_or_to_the_limit() {
        let done = run(
            "sh",
            &words("echo out; echo err >&2; exit 7"),
            Duration::from_secs(30),
        );
        let done = done.unwrap().unwrap();
        assert_eq!(
            (done.code, done.stdout.as_str(), done.stderr.as_str()),
            (7, "out\n", "err\n")
        );
        let late = run("sleep", &["60".to_owned()], Duration::from_millis(50));
        assert!(late.unwrap().is_none());
        assert!(run("/no/such/program", &[], Duration::from_secs(1)).is_err());
    }

    #[test]
    fn floods_of_output_are_cut_and_do_not_block() {
        let flood = run(
            "sh",
            &words("head -c 3000000 /dev/zero | tr '\\0' x"),
            Duration::from_secs(60),
        );
        let flood = flood.unwrap().unwrap();
        assert_eq!((flood.code, flood.stdout.len() as u64), (0, MOST));
    }
}
