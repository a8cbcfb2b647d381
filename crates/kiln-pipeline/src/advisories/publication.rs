//! A database as an organisation publishes it: an OCI layout, which any web server can serve.
//!
//! ```text
//! index.json            `latest`, and one tag a date
//! blobs/sha256/…        for each a manifest with these layers:
//!   database            packed (kiln-vuln) and compressed
//!   signature           over the digest of the unpacked file
//!   delta               the packed database against an older one, for each that is still published
//! ```
//!
//! The signature is what is trusted, and nothing else: what it is over is read first, and the file
//! that comes of all the rest must have that digest. Equal databases, keys and predecessors give
//! equal bytes.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use kiln_archive::zstd::{compress, decompress};
use kiln_oci::layout::{self, Layout};
use kiln_oci::{
    Descriptor, Document, Manifest, OciError, Root, Transport, media_type, read_document, to_json,
};
use kiln_types::{BlobSource, Digest, Timestamp};
use kiln_vuln::{Database, pack_database, signature, unpack_database};

use super::folder::{LARGEST_DATABASE, compact};
use super::{AdvisoryError, file_error};

/// What the artifact is.
pub(super) const ARTIFACT: &str = "application/vnd.kiln.advisories.v1";
/// A packed and compressed database.
pub(super) const DATABASE: &str = "application/vnd.kiln.advisories.database.v1+zstd";
/// Its signature.
pub(super) const SIGNATURE: &str = "application/vnd.kiln.advisories.signature.v1";
/// What makes a packed database of an older one.
pub(super) const DELTA: &str = "application/vnd.kiln.advisories.delta.v1+zstd";

/// The digest of a database file: of the one in the artifact, or of the one that a delta begins from.
pub(super) const OF: &str = "dev.kiln.advisories.database";
/// When it was built.
const CREATED: &str = "org.opencontainers.image.created";

/// The tag of the newest.
const LATEST: &str = "latest";

/// How much is made of compressing. A database is published once and fetched often, but beyond so many
/// bytes the best level takes minutes and saves a twentieth.
const fn level(packed: &[u8]) -> i32 {
    match packed.len() {
        0..=0x0100_0000 => 19,
        _ => 12,
    }
}

/// The largest packed database.
pub(super) const LARGEST_PACKED: u64 = LARGEST_DATABASE / 2;

/// Where a database is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicationPlace {
    /// A layout on this machine.
    Folder {
        /// Its directory.
        directory: PathBuf,
        /// The tag in it; `latest` where none is named.
        tag: Option<String>,
    },
    /// A layout that a web server serves.
    Web {
        /// Its address.
        root: String,
    },
}

impl FromStr for PublicationPlace {
    type Err = String;

    /// `https://…`, `oci:DIR[:TAG]`, `file:/DIR`, or a path.
    fn from_str(text: &str) -> Result<Self, String> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        Ok(match (scheme, text.strip_prefix("file:")) {
            (Some("http" | "https"), _) => Self::Web {
                root: text.to_owned(),
            },
            (_, Some(path)) => Self::Folder {
                directory: path.strip_prefix("//").unwrap_or(path).into(),
                tag: None,
            },
            (Some(scheme), None) => {
                return Err(format!(
                    "`{scheme}://` is no place for a database: expected `https://…`, `oci:DIR` or a folder"
                ));
            }
            (None, None) if text.starts_with("oci:") => {
                match text
                    .parse::<Transport>()
                    .map_err(|error| error.to_string())?
                {
                    Transport::Oci { directory, tag } => Self::Folder { directory, tag },
                    _ => return Err(format!("`{text}` is no place for a database")),
                }
            }
            // `https:/host`: what is wrong with it is not shown, for it may hold a password.
            _ if ["http:", "https:"]
                .iter()
                .any(|scheme| text.starts_with(scheme)) =>
            {
                return Err("an address is written `https://HOST/PATH`".to_owned());
            }
            _ => Self::Folder {
                directory: text.into(),
                tag: None,
            },
        })
    }
}

/// What publishing gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The digest of the database.
    pub digest: Digest,
    /// Whether it was published before, so that nothing was written.
    pub is_there: bool,
    /// The bytes of its file.
    pub bytes: u64,
    /// The bytes of it that are sent.
    pub sent: u64,
    /// For each older database that is still published: the bytes that lead from it to this one.
    pub deltas: Vec<(Digest, u64)>,
    /// How many older ones were taken out.
    pub removed: usize,
}

/// What is to be published.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// The database file's bytes.
    pub database: &'a [u8],
    /// The private key, PEM.
    pub key: &'a str,
    /// How many databases shall be published at once, this one included.
    pub keep: usize,
}

/// Publishes a database in a layout.
///
/// # Errors
/// When the database is damaged, the key is none, something newer is published, or the layout cannot
/// be written.
pub fn publish(
    directory: &Path,
    tag: Option<&str>,
    publication: &Publication<'_>,
) -> Result<Published, AdvisoryError> {
    let name = directory.display().to_string();
    let damaged = |source| AdvisoryError::Database {
        path: "the database to publish".to_owned(),
        source,
    };
    let opened = Database::open(publication.database).map_err(damaged)?;
    opened.check().map_err(damaged)?;
    let built = opened.meta().built;
    let digest = Digest::of(publication.database);
    let text =
        signature::sign(publication.key, &digest).map_err(|source| AdvisoryError::Signature {
            path: "the signing key".to_owned(),
            source,
        })?;
    let packed = pack_database(publication.database).map_err(damaged)?;
    let before = published(directory)?;
    let tag = tag.unwrap_or(LATEST);
    if let Some(newest) = before
        .iter()
        .map(|one| one.built)
        .max()
        .filter(|newest| *newest > built)
    {
        return Err(AdvisoryError::RolledBack {
            place: name,
            built,
            newest,
        });
    }
    let mut blobs = Blobs::default();
    let compressed = compress(&packed, level(&packed), &[]).map_err(file_error(directory))?;
    let mut database = blobs.add(DATABASE, compressed);
    database
        .annotations
        .insert(OF.to_owned(), digest.to_string());
    let mut layers = vec![database.clone(), blobs.add(SIGNATURE, text.into_bytes())];
    let mut deltas = Vec::new();
    for old in before.iter().filter(|old| old.database != digest) {
        let base = old.packed(directory)?;
        let delta = compress(&packed, level(&packed), &base).map_err(file_error(directory))?;
        // One that spares little is not worth a second way to the same thing.
        if delta.len() as u64 > database.size / 2 {
            continue;
        }
        deltas.push((old.database, delta.len() as u64));
        let mut layer = blobs.add(DELTA, delta);
        layer
            .annotations
            .insert(OF.to_owned(), old.database.to_string());
        layers.push(layer);
    }
    let mut manifest = Manifest::new(blobs.add(media_type::EMPTY, b"{}".to_vec()), layers);
    manifest.artifact_type = Some(ARTIFACT.to_owned());
    manifest
        .annotations
        .insert(OF.to_owned(), digest.to_string());
    manifest
        .annotations
        .insert(CREATED.to_owned(), built.to_string());
    let mut descriptor = blobs.add(media_type::MANIFEST, to_json(&manifest)?);
    descriptor.artifact_type = Some(ARTIFACT.to_owned());
    let is_there = before.iter().any(|old| {
        old.descriptor.digest == descriptor.digest && old.tags.iter().any(|one| one == tag)
    });
    let mut removed = 0;
    if !is_there {
        let roots = [tag.to_owned(), compact(built)].map(|tag| Root {
            descriptor: descriptor.clone(),
            tag: Some(tag),
        });
        layout::write(directory, &roots, &blobs)?;
        removed = thin_out(directory, before, &descriptor, publication.keep)?;
    }
    Ok(Published {
        digest,
        is_there,
        bytes: publication.database.len() as u64,
        sent: database.size,
        deltas,
        removed,
    })
}

/// Takes out the oldest until so many are left beside the new one.
fn thin_out(
    directory: &Path,
    mut before: Vec<Old>,
    new: &Descriptor,
    keep: usize,
) -> Result<usize, AdvisoryError> {
    before.retain(|old| old.descriptor.digest != new.digest);
    before.sort_by_key(|old| std::cmp::Reverse((old.built, old.descriptor.digest)));
    let gone: Vec<Digest> = before
        .iter()
        .skip(keep.max(1) - 1)
        .map(|old| old.descriptor.digest)
        .collect();
    layout::remove(directory, &|root| gone.contains(&root.descriptor.digest))?;
    Ok(gone.len())
}

/// A database that is published already.
struct Old {
    descriptor: Descriptor,
    tags: Vec<String>,
    built: Timestamp,
    /// The digest of its file.
    database: Digest,
    layer: Descriptor,
}

impl Old {
    fn packed(&self, directory: &Path) -> Result<Vec<u8>, AdvisoryError> {
        let layout = Layout::open(directory)?;
        let mut bytes = Vec::new();
        kiln_oci::copy_verified(&(&self.layer).into(), &layout, &mut bytes, "a database")?;
        decompress(&bytes, &[], LARGEST_PACKED).map_err(file_error(directory))
    }
}

/// What a layout has, the oldest first; other images in it are passed over.
fn published(directory: &Path) -> Result<Vec<Old>, AdvisoryError> {
    let is_empty = std::fs::read_dir(directory).map_or(true, |mut list| list.next().is_none());
    if is_empty {
        return Ok(Vec::new());
    }
    let layout = Layout::open(directory)?;
    let mut out: BTreeMap<(Timestamp, Digest), Old> = BTreeMap::new();
    for root in layout.roots() {
        // What copies artifacts leaves their type out of the index.
        let Document::Manifest(manifest) = read_document(&root.descriptor, &layout)? else {
            continue;
        };
        if manifest.artifact_type.as_deref() != Some(ARTIFACT) {
            continue;
        }
        let artifact = Artifact::of(&directory.display().to_string(), &manifest)?;
        let built = manifest.annotations.get(CREATED);
        let built =
            built
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| AdvisoryError::Publication {
                    place: directory.display().to_string(),
                    reason: format!("{} does not say when it was built", root.descriptor.digest),
                })?;
        let old = out
            .entry((built, root.descriptor.digest))
            .or_insert_with(|| Old {
                descriptor: root.descriptor.clone(),
                tags: Vec::new(),
                built,
                database: artifact.digest,
                layer: artifact.database,
            });
        old.tags.extend(root.tag);
    }
    Ok(out.into_values().collect())
}

/// The parts of an artifact.
pub(super) struct Artifact {
    /// The digest of the database file, as the manifest says: the signature must be over it.
    pub(super) digest: Digest,
    pub(super) database: Descriptor,
    pub(super) signature: Descriptor,
    /// By the digest that each begins from.
    pub(super) deltas: BTreeMap<Digest, Descriptor>,
}

impl Artifact {
    /// Of a manifest that was read at a place.
    pub(super) fn of(place: &str, manifest: &Manifest) -> Result<Self, AdvisoryError> {
        let wrong = |reason: String| AdvisoryError::Publication {
            place: place.to_owned(),
            reason,
        };
        match manifest.artifact_type.as_deref() {
            Some(ARTIFACT) => {}
            Some(other) if other.starts_with("application/vnd.kiln.advisories.") => {
                return Err(wrong(format!(
                    "it is `{other}`, which this kiln does not read"
                )));
            }
            _ => return Err(wrong("it is no advisory database".to_owned())),
        }
        let only = |kind: &str, what: &str| {
            let mut found = manifest
                .layers
                .iter()
                .filter(|layer| layer.media_type == kind);
            match (found.next(), found.next()) {
                (Some(one), None) => Ok(one.clone()),
                (None, _) => Err(wrong(format!("it has no {what}"))),
                _ => Err(wrong(format!("it has more than one {what}"))),
            }
        };
        let of = |layer: &Descriptor| {
            let text = layer.annotations.get(OF).map(String::as_str);
            text.and_then(|text| text.parse::<Digest>().ok())
                .ok_or_else(|| {
                    wrong(format!(
                        "{} does not say of which database it is",
                        layer.digest
                    ))
                })
        };
        let database = only(DATABASE, "database")?;
        let mut deltas = BTreeMap::new();
        for layer in manifest
            .layers
            .iter()
            .filter(|layer| layer.media_type == DELTA)
        {
            deltas.insert(of(layer)?, layer.clone());
        }
        Ok(Self {
            digest: of(&database)?,
            signature: only(SIGNATURE, "signature")?,
            database,
            deltas,
        })
    }
}

/// The database file of what was sent, against the packed database that it begins from; nothing but
/// its digest says that it is the right one.
///
/// # Errors
/// When what was sent is broken or too large.
pub fn unpack_sent(sent: &[u8], base: &[u8]) -> Result<Vec<u8>, String> {
    let packed = decompress(sent, base, LARGEST_PACKED).map_err(|error| error.to_string())?;
    unpack_database(&packed, LARGEST_DATABASE).map_err(|error| error.to_string())
}

/// The manifest of an index that has a tag, or `latest`.
///
/// # Errors
/// When there is none.
pub(super) fn tagged<'a>(
    place: &str,
    manifests: &'a [Descriptor],
    tag: Option<&str>,
) -> Result<&'a Descriptor, AdvisoryError> {
    let tag = tag.unwrap_or(LATEST);
    manifests
        .iter()
        .find(|one| one.annotations.get(layout::REF_NAME).map(String::as_str) == Some(tag))
        .ok_or_else(|| AdvisoryError::Publication {
            place: place.to_owned(),
            reason: format!("nothing in it is tagged `{tag}`"),
        })
}

/// Blobs in memory.
#[derive(Default)]
struct Blobs(BTreeMap<Digest, Arc<[u8]>>);

impl Blobs {
    fn add(&mut self, media_type: &str, bytes: Vec<u8>) -> Descriptor {
        let descriptor = Descriptor::of(media_type, &bytes);
        self.0.insert(descriptor.digest, bytes.into());
        descriptor
    }
}

impl BlobSource for Blobs {
    fn open(&self, digest: &Digest) -> std::io::Result<Box<dyn Read + Send>> {
        match self.0.get(digest) {
            Some(bytes) => Ok(Box::new(Cursor::new(Arc::clone(bytes)))),
            None => Err(std::io::ErrorKind::NotFound.into()),
        }
    }
}

impl From<OciError> for AdvisoryError {
    fn from(error: OciError) -> Self {
        Self::Layout(Box::new(error))
    }
}
