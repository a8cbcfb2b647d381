//! From what a person types to a definition, its plans and its lock.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use kiln_definition::{
    Definition, Document, PlanOptions, catalog, inputs_digest, lock, parse, plans, platforms,
    variants,
};
use kiln_pipeline::{BlobStore, PipelineError, RecordKind};
use kiln_types::{Diagnostic, Digest, Lock, Plan, Platform, Severity};

use crate::cli::Selection;
use crate::context::Context;
use crate::failure::Failure;

/// The largest definition or lock.
const LARGEST: u64 = 16 << 20;

/// Where a definition stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In kiln's own catalog.
    Catalog(String),
    /// In a file.
    File(PathBuf),
}

impl Place {
    /// What stands before the image's name in a container engine: images of the catalog go below
    /// `kiln/`, because `nginx:latest` there is somebody else's.
    pub(crate) const fn engine_prefix(&self) -> &'static str {
        match self {
            Self::Catalog(_) => "kiln/",
            Self::File(_) => "",
        }
    }
}

/// A definition that was read and is free of errors.
pub(crate) struct Loaded {
    pub(crate) document: Document,
    pub(crate) definition: Definition,
    pub(crate) place: Place,
    pub(crate) warnings: Vec<Diagnostic>,
    /// What the tag of `nginx:1.26-dev` selects.
    tag: Option<String>,
}

/// Where a lock stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LockPlace {
    /// In a file.
    File(PathBuf),
    /// In the store, under the image's name.
    Store(String),
}

impl std::fmt::Display for LockPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Store(image) => write!(f, "the store's lock of {image}"),
        }
    }
}

/// Whether a text names a file rather than an image of the catalog.
fn looks_like_a_file(text: &str) -> bool {
    text.contains('/')
        || text.ends_with(".yaml")
        || text.ends_with(".yml")
        || text == "."
        || text == ".."
}

/// The file that a person means: a folder stands for the `image.yaml` in it.
fn definition_file(text: &str) -> PathBuf {
    let path = PathBuf::from(text);
    if path.is_dir() {
        path.join("image.yaml")
    } else {
        path
    }
}

/// Reads a document with a limit on its size.
pub(crate) fn read_document(path: &Path) -> Result<Document, Failure> {
    let describe = || format!("cannot read `{}`", path.display());
    let meta = std::fs::metadata(path).with_context(describe)?;
    if meta.len() > LARGEST {
        return Err(anyhow::anyhow!("`{}` is larger than 16 MiB", path.display()).into());
    }
    // A device says that it is empty: what counts is what comes out.
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).with_context(describe)?;
    let count = std::io::Read::take(file, LARGEST + 1);
    std::io::Read::read_to_end(&mut { count }, &mut bytes).with_context(describe)?;
    if bytes.len() as u64 > LARGEST {
        return Err(anyhow::anyhow!("`{}` is larger than 16 MiB", path.display()).into());
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| anyhow::anyhow!("`{}` is not UTF-8 text", path.display()))?;
    Ok(Document::new(path.display().to_string(), text))
}

/// Reads the definition that an IMAGE argument names.
pub(crate) fn load(image: &str) -> Result<Loaded, Failure> {
    if looks_like_a_file(image) {
        return load_file(definition_file(image));
    }
    let (name, tag) = image
        .split_once(':')
        .map_or((image, None), |(name, tag)| (name, Some(tag.to_owned())));
    match catalog::document(name) {
        Some(document) => read(document, Place::Catalog(name.to_owned()), tag),
        None if Path::new(image).is_file() => load_file(PathBuf::from(image)),
        None => Err(unknown_image(name)),
    }
}

/// Reads the definition in a file.
pub(crate) fn load_file(path: PathBuf) -> Result<Loaded, Failure> {
    read(read_document(&path)?, Place::File(path), None)
}

fn read(document: Document, place: Place, tag: Option<String>) -> Result<Loaded, Failure> {
    let parsed = parse(&document);
    let (errors, warnings): (Vec<_>, Vec<_>) = parsed
        .diagnostics
        .into_iter()
        .partition(|diagnostic| diagnostic.severity == Severity::Error);
    match parsed.value {
        Some(definition) if errors.is_empty() => Ok(Loaded {
            document,
            definition,
            place,
            warnings,
            tag,
        }),
        _ => Err(Failure::of_text(errors, &document.name, &document.text)),
    }
}

fn unknown_image(name: &str) -> Failure {
    let names: Vec<&str> = catalog::names().collect();
    let help = match kiln_definition::nearest(name, names.iter().copied()) {
        Some(near) => {
            format!("did you mean `{near}`? a definition file is named by its path: `./{name}`")
        }
        None => format!(
            "the catalog has: {}; a definition file is named by its path: `./{name}`",
            names.join(", ")
        ),
    };
    let diagnostic = Diagnostic::error(
        "image/unknown",
        format!("there is no image `{name}` in the catalog"),
    )
    .help(help);
    Failure::Diagnostics {
        list: vec![diagnostic],
        texts: BTreeMap::new(),
        exit: crate::exit::Exit::Failed,
    }
}

/// Lists of names where an empty one means a default and `all` everything.
fn chosen(
    given: &[String],
    all: &[String],
    default: Vec<String>,
    what: &str,
) -> Result<Vec<String>, Failure> {
    if given.is_empty() {
        return Ok(default);
    }
    if given.iter().any(|name| name == "all") {
        return Ok(all.to_vec());
    }
    for name in given {
        if !all.contains(name) {
            let near = kiln_definition::nearest(name, all.iter().map(String::as_str));
            let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let known = all.join("`, `");
            return Err(Failure::Usage(format!(
                "there is no {what} `{name}`: expected `{known}` or `all`{hint}"
            )));
        }
    }
    Ok(given.to_vec())
}

/// The folder of a file; that of a bare name is the current one.
fn folder_of(file: &Path) -> &Path {
    file.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

impl Loaded {
    /// The folder that relative paths of the definition start at.
    pub(crate) fn folder(&self) -> &Path {
        match &self.place {
            Place::Catalog(_) => Path::new(""),
            Place::File(path) => folder_of(path),
        }
    }

    /// Reads files beside the definition.
    fn source_file(&self, path: &str) -> Result<Vec<u8>, String> {
        match &self.place {
            Place::Catalog(name) => catalog::file(name, path)
                .map(<[u8]>::to_vec)
                .ok_or_else(|| format!("the catalog's `{name}` has no file `{path}`")),
            Place::File(definition) => {
                let folder = folder_of(definition);
                let file = folder.join(path);
                // A link beside the definition must not bring in a file from elsewhere.
                let real = |path: &Path| {
                    path.canonicalize()
                        .map_err(|error| format!("cannot read `{}`: {error}", path.display()))
                };
                if !real(&file)?.starts_with(real(folder)?) {
                    return Err(format!(
                        "`{}` leads out of the definition's folder",
                        file.display()
                    ));
                }
                let meta = std::fs::metadata(&file)
                    .map_err(|error| format!("cannot read `{}`: {error}", file.display()))?;
                if !meta.is_file() || meta.len() > LARGEST {
                    return Err(format!(
                        "`{}` is not a file of at most 16 MiB",
                        file.display()
                    ));
                }
                std::fs::read(&file)
                    .map_err(|error| format!("cannot read `{}`: {error}", file.display()))
            }
        }
    }

    fn evaluate(&self, options: &PlanOptions) -> Result<Vec<Plan>, Failure> {
        plans(&self.definition, options, &|path| self.source_file(path))
            .map_err(|list| Failure::of_text(list, &self.document.name, &self.document.text))
    }

    /// All plans of the definition: what a lock covers.
    pub(crate) fn all_plans(&self, selection: &Selection) -> Result<Vec<Plan>, Failure> {
        self.evaluate(&PlanOptions {
            sets: sets(selection)?,
            profiles: selection.profiles()?,
            ..PlanOptions::default()
        })
    }

    /// The plans that a command line selects, out of all of them.
    pub(crate) fn select(&self, selection: &Selection, all: &[Plan]) -> Result<Vec<Plan>, Failure> {
        let line_names: Vec<String> = self
            .definition
            .versions
            .iter()
            .map(|line| line.name.value.clone())
            .collect();
        let variant_names = variants(&self.definition);
        let (tag_line, tag_variant) = self.tag_parts(&line_names, &variant_names)?;
        let default_line = tag_line
            .or_else(|| line_names.first().cloned())
            .into_iter()
            .collect();
        let default_variant = vec![tag_variant.unwrap_or_else(|| "standard".to_owned())];
        let lines = chosen(&selection.lines, &line_names, default_line, "version line")?;
        let variants = chosen(
            &selection.variants,
            &variant_names,
            default_variant,
            "variant",
        )?;
        let declared = platforms(&self.definition);
        let platforms = if selection.platforms.is_empty()
            || selection.platforms.iter().any(|name| name == "all")
        {
            declared
        } else {
            let mut wanted = Vec::new();
            for text in &selection.platforms {
                let platform: Platform =
                    text.parse().map_err(|error: kiln_types::PlatformError| {
                        Failure::Usage(error.to_string())
                    })?;
                if !declared.contains(&platform) {
                    let known: Vec<String> = declared.iter().map(ToString::to_string).collect();
                    let known = known.join("`, `");
                    return Err(Failure::Usage(format!(
                        "`{platform}` is not a platform of this image: expected `{known}`"
                    )));
                }
                wanted.push(platform);
            }
            wanted
        };
        let selected = all
            .iter()
            .filter(|plan| {
                lines.contains(&plan.line)
                    && variants.contains(&plan.variant)
                    && platforms.contains(&plan.platform)
            })
            .cloned()
            .collect();
        Ok(selected)
    }

    /// `1.26-dev` is a line and a variant, `1.26` a line, `dev` a variant.
    fn tag_parts(
        &self,
        lines: &[String],
        variants: &[String],
    ) -> Result<(Option<String>, Option<String>), Failure> {
        let Some(tag) = &self.tag else {
            return Ok((None, None));
        };
        if tag == "latest" {
            return Ok((None, None));
        }
        if lines.contains(tag) {
            return Ok((Some(tag.clone()), None));
        }
        if variants.contains(tag) {
            return Ok((None, Some(tag.clone())));
        }
        for variant in variants {
            if let Some(line) = tag
                .strip_suffix(variant.as_str())
                .and_then(|rest| rest.strip_suffix('-'))
                && lines.iter().any(|known| known == line)
            {
                return Ok((Some(line.to_owned()), Some(variant.clone())));
            }
        }
        let known = lines.join("`, `");
        Err(Failure::Usage(format!(
            "`:{tag}` is not a version line of this image, with or without a variant: expected one of `{known}`, then perhaps `-dev`"
        )))
    }

    /// Where the lock of this definition stands.
    pub(crate) fn lock_place(&self, selection: &Selection) -> LockPlace {
        match (&selection.lock, &self.place) {
            (Some(path), _) => LockPlace::File(path.clone()),
            (None, Place::File(path)) => LockPlace::File(path.with_extension("lock")),
            (None, Place::Catalog(name)) => LockPlace::Store(name.clone()),
        }
    }

    /// Prints what is doubtful about the definition.
    pub(crate) fn tell_warnings(&self, context: &Context) {
        let text_of =
            |file: &str| (file == self.document.name).then(|| self.document.text.to_string());
        context.tell_diagnostics(&self.warnings, &text_of);
    }
}

impl Selection {
    /// The profiles that the command line names.
    pub(crate) fn profiles(&self) -> Result<Vec<Document>, Failure> {
        self.profile_files
            .iter()
            .map(|path| read_document(path))
            .collect()
    }
}

fn sets(selection: &Selection) -> Result<BTreeMap<String, String>, Failure> {
    selection
        .sets
        .iter()
        .map(|text| match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(Failure::Usage(format!(
                "`--set {text}` is not of the form VAR=VALUE"
            ))),
        })
        .collect()
}

/// Reads the lock at a place, if there is one.
pub(crate) fn read_lock(
    place: &LockPlace,
    store: Option<&BlobStore>,
) -> Result<Option<Lock>, Failure> {
    let document = match place {
        LockPlace::File(path) if !path.exists() => return Ok(None),
        LockPlace::File(path) => read_document(path)?,
        LockPlace::Store(image) => {
            let Some(store) = store else { return Ok(None) };
            let bytes = store
                .record_get(RecordKind::Lock, image.as_str())
                .map_err(PipelineError::from)?;
            let Some(text) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) else {
                return Ok(None);
            };
            Document::new(place.to_string(), text)
        }
    };
    lock::from_text(&document)
        .map(Some)
        .map_err(|list| Failure::Diagnostics {
            list,
            texts: BTreeMap::from([(document.name.to_string(), document.text.to_string())]),
            exit: crate::exit::Exit::Integrity,
        })
}

/// Writes a lock to its place, whole or not at all.
pub(crate) fn write_lock(place: &LockPlace, lock: &Lock, store: &BlobStore) -> Result<(), Failure> {
    let text = lock::to_text(lock);
    match place {
        LockPlace::Store(image) => {
            store
                .record_put(RecordKind::Lock, image.as_str(), text.as_bytes())
                .map_err(PipelineError::from)?;
        }
        LockPlace::File(path) => {
            let folder = folder_of(path);
            let write = || -> std::io::Result<()> {
                let mut file = tempfile::Builder::new()
                    .prefix(".lock")
                    .tempfile_in(folder)?;
                std::io::Write::write_all(&mut file, text.as_bytes())?;
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
                file.as_file().set_permissions(mode)?;
                file.persist(path)?;
                Ok(())
            };
            write().with_context(|| format!("cannot write lock `{}`", path.display()))?;
        }
    }
    Ok(())
}

/// The digest of what resolution of these plans depends on.
pub(crate) fn inputs(plans: &[Plan]) -> Digest {
    inputs_digest(plans)
}
