//! Settings, read once: flag, then environment (`KILN_*`), then the project's file (`kiln.toml`),
//! then the user's, then the default. `kiln config show` says where each came from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use kiln_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cli::Global;
use crate::commands::config::without_password;

/// Where a setting came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "from", content = "where")]
pub(crate) enum Origin {
    Flag(String),
    Environment(String),
    File(PathBuf),
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A setting and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

/// All settings.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Settings {
    /// The store's directory.
    pub(crate) home: Setting<PathBuf>,
    /// Threads.
    pub(crate) jobs: Setting<usize>,
    /// Whether the network is left alone.
    pub(crate) offline: Setting<bool>,
    /// Read archives as they were at this time.
    pub(crate) snapshot: Setting<Option<Timestamp>>,
    /// Base URLs by archive.
    pub(crate) mirrors: Setting<BTreeMap<String, Vec<String>>>,
    /// Where apt's sources are looked up when no mirror is set.
    pub(crate) apt_sources: Setting<PathBuf>,
    /// A proxy for http and https.
    pub(crate) http_proxy: Setting<Option<String>>,
    /// A proxy for https only.
    pub(crate) https_proxy: Setting<Option<String>>,
    /// Hosts that need no proxy.
    pub(crate) no_proxy: Setting<Option<String>>,
    /// More certificate authorities, PEM.
    pub(crate) ca_file: Setting<Option<PathBuf>>,
    /// How often a request is tried again.
    pub(crate) retries: Setting<u32>,
    /// Seconds without a byte after which a mirror has stalled.
    pub(crate) stall_seconds: Setting<u64>,
    /// Downloads at once.
    pub(crate) parallel: Setting<usize>,
    /// Whether blobs are flushed to the disk as they come in.
    pub(crate) sync: Setting<bool>,
    /// Whether layers of images that were read are remembered.
    pub(crate) scan_cache: Setting<bool>,
    /// Where feeds of advisories are, by kind, where that is not the default; an empty list leaves a
    /// feed out.
    pub(crate) feeds: Setting<BTreeMap<String, Vec<String>>>,
    /// The public keys, PEM, one of which must have signed advisory databases of others.
    pub(crate) advisory_key: Setting<Option<PathBuf>>,
    /// Where a database is published that `kiln db update` takes instead of the feeds.
    pub(crate) advisory_source: Setting<Option<String>>,
    /// How many advisory databases are kept.
    pub(crate) advisory_snapshots: Setting<usize>,
}

/// What a settings file may hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    home: Option<PathBuf>,
    jobs: Option<usize>,
    offline: Option<bool>,
    snapshot: Option<Timestamp>,
    mirrors: Option<BTreeMap<String, Vec<String>>>,
    apt_sources: Option<PathBuf>,
    http_proxy: Option<String>,
    https_proxy: Option<String>,
    no_proxy: Option<String>,
    ca_file: Option<PathBuf>,
    retries: Option<u32>,
    stall_seconds: Option<u64>,
    parallel: Option<usize>,
    sync: Option<bool>,
    scan_cache: Option<bool>,
    feeds: Option<BTreeMap<String, Vec<String>>>,
    advisory_key: Option<PathBuf>,
    advisory_source: Option<String>,
    advisory_snapshots: Option<usize>,
}

/// The outside world, as the process found it.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) directory: PathBuf,
    pub(crate) processors: usize,
}

impl World {
    fn get(&self, name: &str) -> Option<&str> {
        self.environment
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

/// The sources of one setting, most important first.
struct Source<'a> {
    world: &'a World,
    files: &'a [(PathBuf, File)],
}

impl Source<'_> {
    fn pick<T: Clone>(
        &self,
        flag: Option<(&str, T)>,
        variables: &[&str],
        parse: impl Fn(&str) -> Result<T>,
        field: impl Fn(&File) -> Option<T>,
        default: T,
    ) -> Result<Setting<T>> {
        if let Some((name, value)) = flag {
            return Ok(Setting {
                value,
                origin: Origin::Flag(name.to_owned()),
            });
        }
        for name in variables {
            if let Some(text) = self.world.get(name) {
                let value =
                    parse(text).with_context(|| format!("environment variable `{name}`"))?;
                return Ok(Setting {
                    value,
                    origin: Origin::Environment((*name).to_owned()),
                });
            }
        }
        for (path, file) in self.files {
            if let Some(value) = field(file) {
                return Ok(Setting {
                    value,
                    origin: Origin::File(path.clone()),
                });
            }
        }
        Ok(Setting {
            value: default,
            origin: Origin::Default,
        })
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.trim()
        .parse()
        .map_err(|_| anyhow::anyhow!("`{text}` is not a number in range"))
}

fn boolean(text: &str) -> Result<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => bail!("`{text}` is neither true nor false"),
    }
}

/// `debian=URL[,URL] debian-security=URL`.
fn mirrors(text: &str) -> Result<BTreeMap<String, Vec<String>>> {
    text.split_whitespace()
        .zip(1..)
        .map(|(part, number): (&str, u32)| {
            // An address is not shown: it may hold a password.
            let (archive, urls) = part
                .split_once('=')
                .filter(|(name, _)| !name.contains([':', '/', '@']))
                .with_context(|| match part.contains([':', '/', '@']) {
                    true => format!("entry {number} is not of the form NAME=URL[,URL]"),
                    false => format!("`{part}` is not of the form NAME=URL[,URL]"),
                })?;
            Ok((
                archive.to_owned(),
                urls.split(',').map(str::to_owned).collect(),
            ))
        })
        .collect()
}

impl Settings {
    /// Merges all sources.
    pub(crate) fn load(global: &Global, world: &World) -> Result<Self> {
        let mut files = Vec::new();
        if let Some(path) = &global.config {
            let file = read(path)?
                .with_context(|| format!("settings file `{}` does not exist", path.display()))?;
            files.push((path.clone(), file));
        } else {
            let home = world.get("HOME").map(Path::new);
            let config_home = world
                .get("XDG_CONFIG_HOME")
                .map(PathBuf::from)
                .or_else(|| home.map(|home| home.join(".config")));
            let candidates = [
                Some(world.directory.join("kiln.toml")),
                config_home.map(|path| path.join("kiln/config.toml")),
            ];
            for path in candidates.into_iter().flatten() {
                if let Some(file) = read(&path)? {
                    files.push((path, file));
                }
            }
        }
        let source = Source {
            world,
            files: &files,
        };
        let text = |text: &str| Ok(Some(text.to_owned()));
        let path = |text: &str| Ok(PathBuf::from(text));
        // Where neither is told, it must be told in the settings.
        let is_told =
            world.get("KILN_HOME").is_some() || files.iter().any(|(_, file)| file.home.is_some());
        let home = match default_home(world) {
            Err(_) if is_told => PathBuf::new(),
            home => home?,
        };
        Ok(Self {
            home: source.pick(None, &["KILN_HOME"], path, |file| file.home.clone(), home)?,
            jobs: source.pick(
                None,
                &["KILN_JOBS"],
                number,
                |file| file.jobs,
                world.processors.clamp(1, 64),
            )?,
            offline: source.pick(
                global.offline.then_some(("--offline", true)),
                &["KILN_OFFLINE"],
                boolean,
                |file| file.offline,
                false,
            )?,
            snapshot: source.pick(
                None,
                &["KILN_SNAPSHOT"],
                |text| Ok(Some(text.parse()?)),
                |file| file.snapshot.map(Some),
                None,
            )?,
            mirrors: source.pick(
                None,
                &["KILN_MIRRORS"],
                mirrors,
                |file| file.mirrors.clone(),
                BTreeMap::new(),
            )?,
            apt_sources: source.pick(
                None,
                &["KILN_APT_DIR"],
                path,
                |file| file.apt_sources.clone(),
                PathBuf::from("/etc/apt"),
            )?,
            http_proxy: source.pick(
                None,
                &["KILN_HTTP_PROXY", "http_proxy", "HTTP_PROXY"],
                text,
                |file| file.http_proxy.clone().map(Some),
                None,
            )?,
            https_proxy: source.pick(
                None,
                &["KILN_HTTPS_PROXY", "https_proxy", "HTTPS_PROXY"],
                text,
                |file| file.https_proxy.clone().map(Some),
                None,
            )?,
            no_proxy: source.pick(
                None,
                &["KILN_NO_PROXY", "no_proxy", "NO_PROXY"],
                text,
                |file| file.no_proxy.clone().map(Some),
                None,
            )?,
            ca_file: source.pick(
                None,
                &["KILN_CA_FILE"],
                |text| Ok(Some(PathBuf::from(text))),
                |file| file.ca_file.clone().map(Some),
                None,
            )?,
            retries: source.pick(None, &["KILN_RETRIES"], number, |file| file.retries, 3)?,
            stall_seconds: source.pick(
                None,
                &["KILN_STALL_SECONDS"],
                number,
                |file| file.stall_seconds,
                30,
            )?,
            parallel: source.pick(None, &["KILN_PARALLEL"], number, |file| file.parallel, 8)?,
            sync: source.pick(None, &["KILN_SYNC"], boolean, |file| file.sync, false)?,
            scan_cache: source.pick(
                None,
                &["KILN_SCAN_CACHE"],
                boolean,
                |file| file.scan_cache,
                true,
            )?,
            feeds: source.pick(
                None,
                &["KILN_FEEDS"],
                mirrors,
                |file| file.feeds.clone(),
                BTreeMap::new(),
            )?,
            advisory_key: source.pick(
                None,
                &["KILN_ADVISORY_KEY"],
                |text| Ok(Some(PathBuf::from(text))),
                |file| file.advisory_key.clone().map(Some),
                None,
            )?,
            advisory_source: source.pick(
                None,
                &["KILN_ADVISORY_SOURCE"],
                text,
                |file| file.advisory_source.clone().map(Some),
                None,
            )?,
            advisory_snapshots: source.pick(
                None,
                &["KILN_ADVISORY_SNAPSHOTS"],
                number,
                |file| file.advisory_snapshots,
                30,
            )?,
        })
    }
}

fn default_home(world: &World) -> Result<PathBuf> {
    if let Some(cache) = world
        .get("XDG_CACHE_HOME")
        .filter(|path| path.starts_with('/'))
    {
        return Ok(Path::new(cache).join("kiln"));
    }
    match world.get("HOME") {
        Some(home) => Ok(Path::new(home).join(".cache/kiln")),
        None => bail!(
            "neither KILN_HOME nor HOME is set: say where the store shall be with KILN_HOME=DIR"
        ),
    }
}

/// The largest settings file.
const LARGEST: u64 = 1 << 20;

fn read(path: &Path) -> Result<Option<File>> {
    let text = match std::fs::metadata(path) {
        Ok(meta) if meta.len() > LARGEST => {
            bail!("settings file `{}` is larger than 1 MiB", path.display())
        }
        Ok(_) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read settings `{}`", path.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error)
                .with_context(|| format!("cannot read settings `{}`", path.display()));
        }
    };
    let file = toml::from_str(&text).map_err(|error| {
        let shown = without_passwords(&error.to_string());
        anyhow::anyhow!("{shown}").context(format!("settings file `{}`", path.display()))
    })?;
    Ok(Some(file))
}

/// A message that quotes the line of a file: without user and password of the addresses in it.
fn without_passwords(message: &str) -> String {
    message
        .split_inclusive([' ', '"', '\'', '`', ',', '\n'])
        .map(|word| match word.split_once('@') {
            Some((user, _)) if user.contains(':') => without_password(word),
            _ => word.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(directory: &Path, variables: &[(&str, &str)]) -> World {
        let environment = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        World {
            environment,
            directory: directory.to_owned(),
            processors: 2,
        }
    }

    #[test]
    fn flag_beats_environment_beats_file_beats_default() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_string_lossy().into_owned();
        let mut world = world(folder.path(), &[("HOME", &home)]);
        let load = |global: &Global, world: &World| Settings::load(global, world).unwrap();

        let settings = load(&Global::default(), &world);
        assert_eq!(
            (settings.jobs.value, &settings.jobs.origin),
            (2, &Origin::Default)
        );
        assert_eq!(settings.home.value, folder.path().join(".cache/kiln"));

        std::fs::write(
            folder.path().join("kiln.toml"),
            "jobs = 7\noffline = false\n",
        )
        .unwrap();
        let settings = load(&Global::default(), &world);
        assert_eq!(settings.jobs.value, 7);
        assert!(matches!(settings.jobs.origin, Origin::File(_)));

        world
            .environment
            .insert("KILN_JOBS".to_owned(), "5".to_owned());
        world
            .environment
            .insert("KILN_OFFLINE".to_owned(), "no".to_owned());
        let settings = load(
            &Global {
                offline: true,
                ..Global::default()
            },
            &world,
        );
        assert_eq!(settings.jobs.value, 5);
        assert!(settings.offline.value);
        assert_eq!(
            settings.offline.origin,
            Origin::Flag("--offline".to_owned())
        );
    }

    #[test]
    fn errors_name_the_place() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kiln.toml"), "job = 7\n").unwrap();
        let error = Settings::load(&Global::default(), &world(folder.path(), &[("HOME", "/h")]))
            .unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("kiln.toml") && text.contains("job"), "{text}");

        std::fs::remove_file(folder.path().join("kiln.toml")).unwrap();
        // Nobody needs HOME who says where the store is.
        assert!(Settings::load(&Global::default(), &world(folder.path(), &[])).is_err());
        let told = world(folder.path(), &[("KILN_HOME", "/k")]);
        let settings = Settings::load(&Global::default(), &told);
        assert_eq!(settings.unwrap().home.value, Path::new("/k"));
        let variables = [("HOME", "/h"), ("KILN_JOBS", "many")];
        let error =
            Settings::load(&Global::default(), &world(folder.path(), &variables)).unwrap_err();
        assert!(format!("{error:#}").contains("KILN_JOBS"));
    }

    #[test]
    fn mirrors_from_the_environment() {
        let parsed =
            mirrors("debian=http://a/debian,http://b/debian debian-security=file:/srv/sec")
                .unwrap();
        assert_eq!(parsed["debian"], ["http://a/debian", "http://b/debian"]);
        assert_eq!(parsed["debian-security"], ["file:/srv/sec"]);
        for wrong in [
            "http://a",
            "nvd:https://user:secret@host/x",
            "https://user:secret@host/?a=b",
            "nvd=file:/x https://user:secret@host/x",
        ] {
            let error = format!("{:#}", mirrors(wrong).unwrap_err());
            assert!(
                error.contains("NAME=URL") && !error.contains("secret"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_settings_file_that_is_wrong_keeps_its_passwords() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kiln.toml");
        for text in [
            "feeds = { nvd = \"https://user:secret@host/x\" }",
            "feeds = { nvd = [\"https://user:secret@host/x\"",
        ] {
            std::fs::write(&path, text).unwrap();
            let error = format!("{:#}", read(&path).err().unwrap());
            assert!(
                error.contains("host/x") && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
