//! The catalog that kiln carries: every file below `catalog/` of the project, embedded when the
//! program is built. One folder an image, its definition in `image.yaml`.

use crate::span::Document;

/// A file of a catalog image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatalogFile {
    /// The path in the image's folder: `image.yaml`, or what a `source:` names.
    pub path: &'static str,
    /// The content.
    pub bytes: &'static [u8],
}

static IMAGES: &[(&str, &[CatalogFile])] = include!(concat!(env!("OUT_DIR"), "/catalog.rs"));

/// The names of all images, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    IMAGES.iter().map(|(name, _)| *name)
}

/// The files of an image, sorted by path.
#[must_use]
pub fn get(name: &str) -> Option<&'static [CatalogFile]> {
    IMAGES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, files)| *files)
}

/// The content of a file of an image.
#[must_use]
pub fn file(name: &str, path: &str) -> Option<&'static [u8]> {
    get(name)?
        .iter()
        .find(|file| file.path == path)
        .map(|file| file.bytes)
}

/// The definition of an image as a document, named `kiln:NAME/image.yaml`.
#[must_use]
pub fn document(name: &str) -> Option<Document> {
    let text = std::str::from_utf8(file(name, "image.yaml")?).ok()?;
    Some(Document::new(format!("kiln:{name}/image.yaml"), text))
}
