//! From what a person types to what is inside an image: `TRANSPORT:WHERE`, or the name of an image
//! that was built into the store.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::Context as _;
use kiln_inventory::read::{MAX_DOCUMENT, document};
use kiln_inventory::{
    Image, NoMemory, Place, ScanLimits, Transport, open, open_index, open_project,
};
use kiln_pipeline::RememberedLayers;
use kiln_types::{BlobSource, Digest, Inventory, Subject};

use crate::context::Context;
use crate::engine;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;

/// What an IMAGE argument leads to.
enum Opened {
    /// What a document says.
    Document(Box<Inventory>),
    /// Images, one a platform, and the file that they are read from where it goes away with them.
    Images(Vec<Image>, Option<tempfile::NamedTempFile>),
}

fn opened(context: &Context, image: &str) -> Result<Opened, Failure> {
    let images = if Place::is_one(image) {
        let place = image
            .parse::<Place>()
            .map_err(|error| Failure::Usage(error.to_string()))?;
        fits(&place)?;
        match place {
            Place::Document(file) => {
                return Ok(Opened::Document(Box::new(from_document(&file)?)));
            }
            Place::Transport(Transport::DockerDaemon { reference }) => {
                return from_engine(context, &reference.to_string());
            }
            Place::Project(directory) => vec![open_project(&directory)?],
            Place::Transport(transport) => open(&transport)?,
        }
    } else {
        from_store(context, image)?
    };
    Ok(Opened::Images(images, None))
}

/// By what the bytes of layers are known to be the ones that were read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// By the mark of their file.
    ByMark,
    /// By their digest, made again: for verdicts.
    ByDigest,
}

/// What is inside the image that an IMAGE argument names, on one platform.
pub(crate) fn inventory(
    context: &Context,
    image: &str,
    platform: Option<&str>,
) -> Result<Inventory, Failure> {
    one(context, image, platform, Known::ByMark)
}

/// The same for a verdict.
pub(crate) fn inventory_for_verdict(
    context: &Context,
    image: &str,
    platform: Option<&str>,
) -> Result<Inventory, Failure> {
    one(context, image, platform, Known::ByDigest)
}

fn one(
    context: &Context,
    image: &str,
    platform: Option<&str>,
    known: Known,
) -> Result<Inventory, Failure> {
    match opened(context, image)? {
        Opened::Document(inventory) => Ok(*inventory),
        Opened::Images(images, _file) => read(context, chosen(image, images, platform)?, known),
    }
}

/// For a verdict: on every platform that the image has, or on the one that is asked for.
pub(crate) fn inventories_for_verdict(
    context: &Context,
    image: &str,
    platform: Option<&str>,
) -> Result<Vec<Inventory>, Failure> {
    match opened(context, image)? {
        Opened::Document(inventory) => Ok(vec![*inventory]),
        Opened::Images(images, _file) if platform.is_some() || images.is_empty() => {
            let image = chosen(image, images, platform)?;
            Ok(vec![read(context, image, Known::ByDigest)?])
        }
        Opened::Images(images, _file) => images
            .into_iter()
            .map(|image| read(context, image, Known::ByDigest))
            .collect(),
    }
}

/// The images that an IMAGE argument names, one a platform, or the one of the platform that is asked
/// for: who they are, without reading what is in them.
pub(crate) fn subjects(
    context: &Context,
    image: &str,
    platform: Option<&str>,
) -> Result<Vec<Subject>, Failure> {
    Ok(match opened(context, image)? {
        Opened::Document(inventory) => vec![inventory.subject],
        Opened::Images(images, _file) if platform.is_some() || images.is_empty() => {
            vec![chosen(image, images, platform)?.subject]
        }
        Opened::Images(images, _file) => images.into_iter().map(|image| image.subject).collect(),
    })
}

/// The references by which whoever asks knows an image: the one that he named it by, and further
/// ones. A path is none, and what the image at a path says of its own name is only its word.
pub(crate) fn references(image: &str, also: &[String]) -> Vec<String> {
    let named = match Place::is_one(image) {
        false => Some(key(image)),
        true => match image.parse() {
            Ok(Place::Transport(Transport::DockerDaemon { reference })) => {
                Some(reference.to_string())
            }
            Ok(Place::Transport(Transport::DockerArchive { reference, .. })) => {
                reference.map(|reference| reference.familiar())
            }
            Ok(Place::Transport(
                Transport::Oci { tag, .. } | Transport::OciArchive { tag, .. },
            )) => tag.filter(|tag| tag.contains('/')),
            _ => None,
        },
    };
    named.into_iter().chain(also.iter().cloned()).collect()
}

/// The name of an image in the store.
fn key(name: &str) -> String {
    match name.contains(':') {
        true => name.to_owned(),
        false => format!("{name}:latest"),
    }
}

/// What a document says is inside.
fn from_document(file: &Path) -> Result<Inventory, Failure> {
    let describe = || format!("cannot read `{}`", file.display());
    let open = std::fs::File::open(file).with_context(describe)?;
    // No more memory than the file has bytes: a vector that grows takes twice as much.
    let length = open.metadata().map_or(0, |meta| meta.len());
    let room = usize::try_from(length.min(MAX_DOCUMENT) + 1).unwrap_or_default();
    let mut bytes = Vec::with_capacity(room);
    // One byte more than is read tells a larger file.
    std::io::Read::take(open, MAX_DOCUMENT + 1)
        .read_to_end(&mut bytes)
        .with_context(describe)?;
    Ok(document(&file.display().to_string(), &bytes)?)
}

/// The images of a name in the store.
fn from_store(context: &Context, name: &str) -> Result<Vec<Image>, Failure> {
    let key = key(name);
    let store = context.store()?;
    let folder = context.world.directory.clone();
    let settings = context.pipeline_settings(&folder, None);
    let named = context.pipeline(&store, &settings).named(&key)?;
    let Some(named) = named else {
        if let Some(place) = place_of(&folder.join(name)) {
            return Err(Failure::Usage(format!(
                "the store has no image `{key}`, but `{name}` is a file or directory: did you mean \
                 `{place}:{name}`?"
            )));
        }
        return Err(Failure::Usage(format!(
            "the store has no image `{key}`: build it with `kiln build`, or name a place such as \
             `oci:DIR`, `docker-archive:FILE` or `rootfs:DIR`"
        )));
    };
    of_index(context, &key, named.index.digest, named.index.size)
}

/// Refuses a directory where a file is meant, and the other way round, with what it would be named
/// by. What is not there is for whoever opens it to say.
fn fits(place: &Place) -> Result<(), Failure> {
    let (path, is_file) = match place {
        Place::Document(file)
        | Place::Transport(
            Transport::DockerArchive { file, .. } | Transport::OciArchive { file, .. },
        ) => (file, true),
        Place::Project(directory) | Place::Transport(Transport::Oci { directory, .. }) => {
            (directory, false)
        }
        Place::Transport(_) => return Ok(()),
    };
    let Ok(meta) = std::fs::metadata(path) else {
        return Ok(());
    };
    let is_layout = !matches!(place, Place::Transport(Transport::Oci { .. }))
        || path.join("oci-layout").exists();
    let what = match (is_file, meta.is_dir()) {
        (true, true) => "is a directory",
        (false, false) => "is no directory",
        (false, true) if !is_layout => "is no OCI layout",
        _ => return Ok(()),
    };
    let path = path.display();
    let near = place_of(path.to_string().as_ref());
    let near = near.map_or(String::new(), |near| {
        format!(": did you mean `{near}:{path}`?")
    });
    Err(Failure::Usage(format!("`{path}` {what}{near}")))
}

/// What a path that is there would be named by.
fn place_of(path: &Path) -> Option<&'static str> {
    let meta = std::fs::metadata(path).ok()?;
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    Some(match meta.is_dir() {
        true if path.join("oci-layout").exists() => "oci",
        true => "rootfs",
        false if name.ends_with(".json") => "sbom",
        false => "docker-archive",
    })
}

/// The images of an index in the store, one a platform.
pub(crate) fn of_index(
    context: &Context,
    name: &str,
    digest: Digest,
    size: u64,
) -> Result<Vec<Image>, Failure> {
    let blobs: Arc<dyn BlobSource> = Arc::new(context.store()?);
    Ok(open_index(name, digest, size, &blobs)?)
}

/// Adds to the inventory of an image in the store what its lock says of it. Only a name in the store
/// leads to a lock: the same file elsewhere gives the same document on every machine.
pub(crate) fn add_build(
    context: &Context,
    image: &str,
    inventory: &mut Inventory,
) -> Result<(), Failure> {
    let (false, Some(manifest)) = (Place::is_one(image), inventory.subject.manifest) else {
        return Ok(());
    };
    let store = context.store()?;
    let settings = context.pipeline_settings(&context.world.directory, None);
    match context.pipeline(&store, &settings).built_from(&manifest)? {
        Some(built) => Ok(kiln_inventory::with_build(inventory, &built)?),
        None => {
            context.say(&format!(
                "the store does not know any more what `{image}` was made of, so that this is what its \
                 layers say: build it again to have archives and digests of its packages"
            ));
            Ok(())
        }
    }
}

/// What the store remembers of layers. A store that cannot be opened remembers nothing, which keeps
/// nobody from reading an image that lies elsewhere.
fn remembered(context: &Context, known: Known) -> Option<RememberedLayers> {
    use kiln_types::Clock as _;
    if !context.settings.scan_cache.value {
        return None;
    }
    let store = context.store().ok()?;
    let memory = RememberedLayers::new(store, context.clock.now());
    Some(match known {
        Known::ByMark => memory,
        Known::ByDigest => memory.for_verdict(),
    })
}

/// What is inside an image.
pub(crate) fn read(context: &Context, image: Image, known: Known) -> Result<Inventory, Failure> {
    let threads = context.settings.jobs.value.max(1);
    let limits = ScanLimits::default();
    Ok(match remembered(context, known) {
        Some(memory) => image.inventory(&limits, threads, &memory)?,
        None => image.inventory(&limits, threads, &NoMemory)?,
    })
}

/// An image of the local engine, which its client saves into a temporary file.
fn from_engine(context: &Context, reference: &str) -> Result<Opened, Failure> {
    let client = engine::client(context)?;
    let file = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the engine's own client knows how to reach it"
    )]
    let output = Command::new(&client)
        .args(["save", reference])
        .stdin(Stdio::null())
        .stdout(file.reopen().context("cannot open a temporary file")?)
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("cannot start `{client} save`"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        let message = message.trim();
        return Err(anyhow::anyhow!("`{client} save {reference}` failed: {message}").into());
    }
    let mut images = open(&Transport::DockerArchive {
        file: file.path().to_owned(),
        reference: None,
    })?;
    for image in &mut images {
        image.subject.name = reference.to_owned();
    }
    Ok(Opened::Images(images, Some(file)))
}

/// One platform of several: the one asked for, or this machine's, or the first.
fn chosen(name: &str, images: Vec<Image>, platform: Option<&str>) -> Result<Image, Failure> {
    let platforms: Vec<String> = images
        .iter()
        .map(|image| image.subject.platform.clone().unwrap_or_default())
        .collect();
    let is = |found: &str, wanted: &str| {
        let wanted = match wanted.contains('/') {
            true => wanted.to_owned(),
            false => format!("linux/{wanted}"),
        };
        found == wanted
            || found
                .strip_prefix(&wanted)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    // Engines may take any of them.
    if let Some(twice) = platforms.iter().enumerate().find_map(|(place, one)| {
        let is_asked = platform.is_none_or(|wanted| is(one, wanted));
        (is_asked && platforms.iter().skip(place + 1).any(|other| other == one)).then_some(one)
    }) {
        return Err(kiln_inventory::InventoryError::Malformed {
            subject: name.to_owned(),
            reason: format!("it has several images of the platform `{twice}`"),
        }
        .into());
    }
    let native = engine::native().map(|native| native.to_string());
    let place = match platform {
        Some(wanted) => platforms
            .iter()
            .position(|found| found == wanted)
            .or_else(|| platforms.iter().position(|found| is(found, wanted)))
            .ok_or_else(|| {
                Failure::Usage(format!(
                    "`{name}` has no platform `{wanted}`; it has: {}",
                    platforms.join(", ")
                ))
            })?,
        None => native
            .and_then(|native| platforms.iter().position(|found| is(found, &native)))
            .unwrap_or(0),
    };
    images
        .into_iter()
        .nth(place)
        .ok_or_else(|| anyhow::anyhow!("`{name}` holds no image").into())
}

/// Says what could not be read. The answer stands, but nobody may take it for the whole (exit 3).
pub(crate) fn tell_incomplete(context: &Context, inventory: &Inventory) -> Result<(), Failure> {
    const SHOWN: usize = 10;
    if inventory.is_complete() {
        return Ok(());
    }
    for missed in inventory.incomplete.iter().take(SHOWN) {
        let line = format!("not read: {}: {}", missed.place, missed.reason);
        context.say(&render::printable(&line));
    }
    let count = inventory.incomplete.len();
    if count > SHOWN {
        context.say(&format!("not read: {} more", count - SHOWN));
    }
    Err(Failure::Answered(Exit::Unknown))
}

#[cfg(test)]
mod tests {
    use super::references;

    #[test]
    fn an_image_has_the_name_that_it_was_asked_for_by() {
        for (image, expected) in [
            ("nginx", Some("nginx:latest")),
            ("nginx:1.27", Some("nginx:1.27")),
            ("oci:nginx", None),
            ("oci-archive:nginx.tar:1.27", None),
            ("docker-archive:nginx.tar", None),
            ("docker-archive:nginx.tar:nginx:1.27", Some("nginx:1.27")),
            (
                "docker-daemon:nginx:1.27",
                Some("docker.io/library/nginx:1.27"),
            ),
            ("rootfs:nginx", None),
            ("sbom:nginx.json", None),
        ] {
            let found = references(image, &[]);
            assert_eq!(found.first().map(String::as_str), expected, "{image}");
        }
        assert_eq!(references("dir:x", &["a".to_owned()]), ["a"]);
    }
}
