//! Images leave the store, in the words of containers-transports(5). Whatever is written appears
//! whole or not at all.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use kiln_oci::{Reference, Root, Transport, archive, docker_archive, layout};
use kiln_types::Platform;

use crate::rootfs::write_rootfs;
use crate::{GatheredImage, GatheredPlatform, Pipeline, PipelineError, PlatformImage};

/// Where an image shall go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    text: String,
    transport: Transport,
}

/// A text that names no output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OutputError(String);

impl FromStr for Output {
    type Err = OutputError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let transport: Transport = text
            .parse()
            .map_err(|error: kiln_oci::TransportError| OutputError(error.to_string()))?;
        if matches!(transport, Transport::Registry { .. }) {
            return Err(OutputError(format!(
                "`{text}`: this kiln does not push to registries; write `oci:DIR` and copy it with skopeo or crane"
            )));
        }
        if let Transport::OciArchive { file, .. } | Transport::DockerArchive { file, .. } =
            &transport
            && file == Path::new("-")
        {
            return Err(OutputError(format!(
                "`{text}`: an image goes into a file and not to standard output; a file of that name is `./-`"
            )));
        }
        Ok(Self {
            text: text.to_owned(),
            transport,
        })
    }
}

impl Output {
    /// Whether Docker's own format is written, which cannot hold zstd layers.
    #[must_use]
    pub const fn is_docker(&self) -> bool {
        matches!(
            self.transport,
            Transport::DockerArchive { .. } | Transport::DockerDaemon { .. }
        )
    }

    /// The name in a container engine, for outputs that go to one: the caller loads it there.
    #[must_use]
    pub fn daemon_reference(&self) -> Option<String> {
        match &self.transport {
            Transport::DockerDaemon { reference } => Some(reference.familiar()),
            _ => None,
        }
    }
}

impl Pipeline<'_> {
    /// Writes images to an output (not to an engine: see [`Output::daemon_reference`]). Returns what
    /// was written, for people. Relative paths start at `directory`.
    ///
    /// # Errors
    /// When the output cannot hold the images, or cannot be written.
    pub fn write(
        &self,
        images: &[GatheredImage],
        output: &Output,
        directory: &Path,
    ) -> Result<Vec<String>, PipelineError> {
        let oci = |error: kiln_oci::OciError| PipelineError::Oci(error);
        match &output.transport {
            Transport::Oci {
                directory: place,
                tag,
            } => {
                layout::write(
                    &directory.join(place),
                    &roots(images, tag.as_deref())?,
                    self.store,
                )
                .map_err(oci)?;
            }
            Transport::OciArchive { file, tag } => {
                let roots = roots(images, tag.as_deref())?;
                whole_file(&directory.join(file), &mut |out| {
                    archive::write(out, &roots, self.store).map_err(oci)
                })?;
            }
            Transport::DockerArchive { file, reference } => {
                let mut list = Vec::new();
                for image in images {
                    let platform = one_platform(image, &output.text, self.settings.native)?;
                    let references = match reference {
                        Some(reference) => vec![reference.clone()],
                        None => references(image)?,
                    };
                    list.push(docker_archive::DockerImage {
                        manifest: platform.image.manifest.clone(),
                        references,
                    });
                }
                if reference.is_some() && list.len() > 1 {
                    return Err(several(&output.text, list.len()));
                }
                whole_file(&directory.join(file), &mut |out| {
                    docker_archive::write(out, &list, self.store).map_err(oci)
                })?;
            }
            Transport::RootFs { directory: place } => {
                let [image] = images else {
                    return Err(several(&output.text, images.len()));
                };
                let [platform] = image.platforms.as_slice() else {
                    return Err(platforms(&output.text, image));
                };
                write_rootfs(self.store, &platform.image, &directory.join(place))?;
            }
            Transport::DockerDaemon { .. } | Transport::Registry { .. } => {
                return Err(PipelineError::Internal(
                    "an engine or registry is not written by the pipeline".to_owned(),
                ));
            }
        }
        Ok(vec![output.text.clone()])
    }

    /// Writes what `docker load` takes: one platform's image under these names.
    ///
    /// # Errors
    /// When a name is none, a layer is of a kind that Docker refuses, or writing fails.
    pub fn write_docker_archive(
        &self,
        image: &PlatformImage,
        references: &[String],
        out: &mut dyn Write,
    ) -> Result<(), PipelineError> {
        let references = references
            .iter()
            .map(|text| parse_reference(text))
            .collect::<Result<Vec<_>, _>>()?;
        let image = docker_archive::DockerImage {
            manifest: image.manifest.clone(),
            references,
        };
        let mut out = BufWriter::with_capacity(256 << 10, out);
        docker_archive::write(&mut out, &[image], self.store).map_err(PipelineError::Oci)?;
        out.flush().map_err(|source| PipelineError::Io {
            doing: "writing the archive".to_owned(),
            source,
        })
    }
}

/// Roots for a layout: under the given tag, or under each image's most exact one.
fn roots(images: &[GatheredImage], tag: Option<&str>) -> Result<Vec<Root>, PipelineError> {
    if tag.is_some() && images.len() > 1 {
        return Err(several("a single tag", images.len()));
    }
    Ok(images
        .iter()
        .map(|image| Root {
            descriptor: image.index.clone(),
            tag: tag
                .map(str::to_owned)
                .or_else(|| image.tags.first().cloned()),
        })
        .collect())
}

fn references(image: &GatheredImage) -> Result<Vec<Reference>, PipelineError> {
    image
        .tags
        .iter()
        .map(|tag| parse_reference(&format!("{}:{tag}", image.name)))
        .collect()
}

fn parse_reference(text: &str) -> Result<Reference, PipelineError> {
    text.parse()
        .map_err(|error: kiln_oci::ReferenceError| PipelineError::Output(error.to_string()))
}

/// The platform for an archive that holds only one: the only one, or this machine's.
fn one_platform<'a>(
    image: &'a GatheredImage,
    output: &str,
    native: Option<Platform>,
) -> Result<&'a GatheredPlatform, PipelineError> {
    match image.platforms.as_slice() {
        [only] => Ok(only),
        several => several
            .iter()
            .find(|gathered| Some(gathered.platform) == native)
            .ok_or_else(|| platforms(output, image)),
    }
}

fn platforms(output: &str, image: &GatheredImage) -> PipelineError {
    let names: Vec<String> = image
        .platforms
        .iter()
        .map(|gathered| gathered.platform.to_string())
        .collect();
    let names = names.join(", ");
    PipelineError::Output(format!(
        "`{output}` holds one platform, and there are {names}: choose with `--platform`"
    ))
}

fn several(output: &str, count: usize) -> PipelineError {
    PipelineError::Output(format!(
        "`{output}` holds one image, and {count} are built: choose with `--variant` and `--version`"
    ))
}

/// Writes a file beside its place and renames it into it.
fn whole_file(
    path: &Path,
    write: &mut dyn FnMut(&mut dyn Write) -> Result<(), PipelineError>,
) -> Result<(), PipelineError> {
    if let Ok(meta) = std::fs::symlink_metadata(path)
        && !meta.is_file()
    {
        return Err(PipelineError::Output(format!(
            "`{}` is there and is not a regular file: an archive takes the place of files only",
            path.display()
        )));
    }
    let io = |source: std::io::Error| PipelineError::Io {
        doing: format!("writing `{}`", path.display()),
        source,
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .map_or_else(|| PathBuf::from("."), Path::to_owned);
    let name = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut partial = PartialOutput::claim(&folder, &name).map_err(io)?;
    let mut out = BufWriter::with_capacity(256 << 10, &mut partial.file);
    write(&mut out)?;
    out.into_inner().map_err(|error| io(error.into_error()))?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    partial.file.set_permissions(mode).map_err(io)?;
    std::fs::rename(&partial.path, path).map_err(io)?;
    // Nothing is left to remove under the old name.
    partial.path = PathBuf::new();
    Ok(())
}

/// How many unfinished files of other writers are passed by.
const MAX_WRITERS: u32 = 1_000;

/// An unfinished file beside its place. It goes when it is dropped; one whose writer was killed is
/// removed by the next writer to the same place.
struct PartialOutput {
    path: PathBuf,
    /// Locked as long as it is open; the kernel gives the lock back when its owner dies.
    file: File,
}

impl PartialOutput {
    fn claim(folder: &Path, name: &str) -> std::io::Result<Self> {
        for number in 0..MAX_WRITERS {
            let path = folder.join(format!(".{name}.{number}.kiln-partial"));
            if let Ok(left) = File::open(&path)
                && left.try_lock().is_ok()
                && is_same(&left, &path)
            {
                std::fs::remove_file(&path)?;
            }
            let file = match File::create_new(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            };
            // Somebody may have taken it for left behind before it was locked.
            if file.try_lock().is_ok() && is_same(&file, &path) {
                return Ok(Self { path, file });
            }
        }
        Err(std::io::Error::other(format!(
            "{MAX_WRITERS} writers are at work on it"
        )))
    }
}

impl Drop for PartialOutput {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether an open file is still the one at its path, which is no link.
fn is_same(open: &File, path: &Path) -> bool {
    match (open.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => {
            there.is_file() && (open.dev(), open.ino()) == (there.dev(), there.ino())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_writer_left_goes_with_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(".out.tar.0.kiln-partial");
        std::fs::write(&left, "half").unwrap();
        let elsewhere = folder.path().join("elsewhere");
        std::fs::write(&elsewhere, "mine").unwrap();
        std::os::unix::fs::symlink(&elsewhere, folder.path().join(".out.tar.1.kiln-partial"))
            .unwrap();
        let place = folder.path().join("out.tar");
        whole_file(&place, &mut |out| {
            // Another one at the same time has a file of its own, and follows no link.
            let other = PartialOutput::claim(folder.path(), "out.tar").unwrap();
            assert!(other.path.ends_with(".out.tar.2.kiln-partial"));
            out.write_all(b"whole").unwrap();
            Ok(())
        })
        .unwrap();
        assert_eq!(std::fs::read(&place).unwrap(), b"whole");
        assert_eq!(std::fs::read(&elsewhere).unwrap(), b"mine");
        assert!(!left.exists());
        let failed = whole_file(&place, &mut |_| Err(PipelineError::Output("no".to_owned())));
        assert!(failed.is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }
}
