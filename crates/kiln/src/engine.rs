//! Loading an image into the local container engine, through its own client, so that contexts,
//! sockets and credentials are those that the person uses anyway.

use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use kiln_pipeline::{GatheredImage, Pipeline, PlatformImage};
use kiln_types::{Architecture, Platform};

use crate::context::Context;
use crate::failure::Failure;

/// Engines' clients that understand `load`, the first found is used.
const CLIENTS: [&str; 3] = ["docker", "podman", "nerdctl"];

/// Loads an image under these references; the platform of this machine if it is among the image's,
/// otherwise the first. Returns what was loaded, for people.
pub(crate) fn load(
    context: &Context,
    pipeline: &Pipeline<'_>,
    image: &GatheredImage,
    references: &[String],
) -> Result<String, Failure> {
    let platform = native()
        .and_then(|native| {
            image
                .platforms
                .iter()
                .find(|gathered| gathered.platform == native)
        })
        .or_else(|| image.platforms.first())
        .with_context(|| format!("image `{}` has no platform", image.name))?;
    let client = client(context)?;
    load_platform(&client, pipeline, &platform.image, references)?;
    let first = references.first().map_or("", String::as_str);
    Ok(format!("{client}: {first} ({})", platform.platform))
}

/// Loads the image of one platform under these references, through this client.
pub(crate) fn load_platform(
    client: &str,
    pipeline: &Pipeline<'_>,
    image: &PlatformImage,
    references: &[String],
) -> Result<(), Failure> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the engine's own client knows how to reach it"
    )]
    let mut child = Command::new(client)
        .arg("load")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{client} load`"))?;
    let written = match child.stdin.take() {
        Some(mut input) => pipeline.write_docker_archive(image, references, &mut input),
        None => Ok(()),
    };
    let output = child
        .wait_with_output()
        .with_context(|| format!("`{client} load`"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        let message = message.trim();
        return Err(anyhow::anyhow!("`{client} load` failed: {message}").into());
    }
    written?;
    Ok(())
}

/// The engine's client on PATH.
pub(crate) fn client(context: &Context) -> anyhow::Result<String> {
    let path = context
        .world
        .environment
        .get("PATH")
        .map(String::as_str)
        .unwrap_or_default();
    for client in CLIENTS {
        if path
            .split(':')
            .any(|folder| std::path::Path::new(folder).join(client).is_file())
        {
            return Ok(client.to_owned());
        }
    }
    bail!(
        "no container engine's client is on PATH: expected one of {}",
        CLIENTS.join(", ")
    )
}

/// The platform of this machine, where kiln builds for it.
pub(crate) fn native() -> Option<Platform> {
    match std::env::consts::ARCH {
        "x86_64" => Some(Platform::linux(Architecture::Amd64)),
        "aarch64" => Some(Platform::linux(Architecture::Arm64)),
        _ => None,
    }
}
