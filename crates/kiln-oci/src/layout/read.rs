//! Reading layouts.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use kiln_types::{BlobSource, Digest, Mark, Platform};

use super::write::read_small;
use super::{INDEX, MARKER, Marker, REF_NAME};
use crate::closure::read_blob;
use crate::{
    Descriptor, Document, ImageConfig, Index, Manifest, OciError, Root, from_json, media_type,
    read_document,
};

/// A layout that is read. It is a [`BlobSource`]; blobs are verified when they are read through
/// the methods here.
#[derive(Clone, Debug)]
pub struct Layout {
    directory: PathBuf,
    index: Index,
}

impl Layout {
    /// Opens a layout.
    ///
    /// # Errors
    /// When the directory is no layout, or its index is malformed.
    pub fn open(directory: &Path) -> Result<Self, OciError> {
        let path = directory.join(MARKER);
        let marker: Marker = from_json(&path.display().to_string(), &read_small(&path)?)?;
        if marker.image_layout_version != Marker::current().image_layout_version {
            let reason = format!(
                "layout version {} is not supported",
                marker.image_layout_version
            );
            return Err(OciError::Unsupported {
                subject: directory.display().to_string(),
                reason,
            });
        }
        let path = directory.join(INDEX);
        let (name, bytes) = (path.display().to_string(), read_small(&path)?);
        crate::check_spelling(&name, &bytes, crate::Spelling::Manifest)?;
        let index = from_json(&name, &bytes)?;
        Ok(Self {
            directory: directory.to_owned(),
            index,
        })
    }

    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// The images that the layout lists, with their tags.
    #[must_use]
    pub fn roots(&self) -> Vec<Root> {
        let root = |descriptor: &Descriptor| Root {
            tag: descriptor.annotations.get(REF_NAME).cloned(),
            descriptor: descriptor.clone(),
        };
        self.index.manifests.iter().map(root).collect()
    }

    /// The image of this tag; without a tag, the only image there is.
    ///
    /// # Errors
    /// When there is none, or more than one without a tag to choose by.
    pub fn find(&self, tag: Option<&str>) -> Result<Descriptor, OciError> {
        let roots = self.roots();
        let found: Vec<&Root> = roots
            .iter()
            .filter(|root| tag.is_none() || root.tag.as_deref() == tag)
            .collect();
        let tags: Vec<&str> = roots
            .iter()
            .filter_map(|root| root.tag.as_deref())
            .collect();
        let tags = if tags.is_empty() {
            "none".to_owned()
        } else {
            tags.join(", ")
        };
        let reason = match (&found[..], tag) {
            ([root], _) => return Ok(root.descriptor.clone()),
            ([], Some(tag)) => format!("it has no image tagged `{tag}`; its tags: {tags}"),
            ([], None) => "it holds no image".to_owned(),
            (_, Some(tag)) => format!("it has {} images tagged `{tag}`", found.len()),
            (_, None) => format!(
                "it holds {} images; name one by its tag: {tags}",
                found.len()
            ),
        };
        Err(OciError::NotFound {
            subject: self.directory.display().to_string(),
            reason,
        })
    }

    /// The manifest of an image for a platform: the descriptor's own if it is a manifest, else that
    /// of the index (or of an index in it).
    ///
    /// # Errors
    /// When there is none for the platform, or a document is missing or malformed.
    pub fn manifest(
        &self,
        image: &Descriptor,
        platform: Platform,
    ) -> Result<(Descriptor, Manifest), OciError> {
        self.manifest_at(image, platform, 0)?
            .ok_or_else(|| OciError::NotFound {
                subject: image.digest.to_string(),
                reason: format!("it has no image for {platform}"),
            })
    }

    fn manifest_at(
        &self,
        image: &Descriptor,
        platform: Platform,
        depth: usize,
    ) -> Result<Option<(Descriptor, Manifest)>, OciError> {
        let index = match read_document(image, self)? {
            Document::Manifest(manifest) => return Ok(Some((image.clone(), manifest))),
            Document::Index(index) => index,
        };
        if depth > 2 {
            return Err(OciError::malformed(
                image.digest.to_string(),
                "indexes nest too deep",
            ));
        }
        for inner in &index.manifests {
            let matches = inner
                .platform
                .as_ref()
                .is_some_and(|found| found.is(platform));
            let is_index = media_type::is_index(&inner.media_type);
            if (matches || (is_index && inner.platform.is_none()))
                && let Some(found) = self.manifest_at(inner, platform, depth + 1)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The configuration of an image.
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn config(&self, manifest: &Manifest) -> Result<ImageConfig, OciError> {
        from_json(
            &manifest.config.digest.to_string(),
            &read_blob(&manifest.config, self)?,
        )
    }
}

impl Layout {
    fn path_of(&self, digest: &Digest) -> PathBuf {
        self.directory
            .join("blobs")
            .join("sha256")
            .join(digest.hex())
    }
}

impl BlobSource for Layout {
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(open_regular(&self.path_of(digest))?))
    }

    fn mark(&self, digest: &Digest) -> io::Result<Option<Mark>> {
        mark_of(&self.path_of(digest))
    }
}

/// The mark of a file, by what stat(2) says of it and statvfs(3) of its file system; `None` where
/// marks say nothing: of what is no regular file, and where the file system lies in memory, because
/// there a write through a mapping changes no time.
///
/// # Errors
/// When it is not there.
pub fn mark_of(path: &Path) -> io::Result<Option<Mark>> {
    /// tmpfs and ramfs (statfs(2)).
    const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
    let meta = std::fs::metadata(path)?;
    let kind = u64::try_from(rustix::fs::statfs(path)?.f_type).unwrap_or_default();
    if !meta.is_file() || IN_MEMORY.contains(&kind) {
        return Ok(None);
    }
    // Another file system may be mounted from the same device later.
    let system = rustix::fs::statvfs(path)?.f_fsid;
    Ok(Some(Mark::of_file(
        (meta.dev(), system),
        meta.ino(),
        meta.size(),
        (meta.mtime(), meta.mtime_nsec()),
        (meta.ctime(), meta.ctime_nsec()),
    )))
}

/// Opens a regular file: a pipe in its place would never end, or never begin.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    let file = File::options()
        .read(true)
        .custom_flags(i32::try_from(flags).unwrap_or_default())
        .open(path)?;
    if !file.metadata()?.is_file() {
        let reason = format!("`{}` is no regular file", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    Ok(file)
}
