//! How to run an image with nothing more than it declared: read-only root file system, its own
//! writable paths, no capabilities, no new privileges. For docker, compose and Kubernetes.

use std::collections::BTreeSet;

use kiln_types::{PathKind, Plan};

/// What runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunFor {
    Docker,
    Compose,
    Kubernetes,
}

impl RunFor {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Compose => "compose",
            Self::Kubernetes => "kubernetes",
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Docker => "docker run",
            Self::Compose => "compose.yaml",
            Self::Kubernetes => "part of a Kubernetes pod",
        }
    }
}

/// A directory that must be writable at run time.
pub(crate) struct Writable {
    pub(crate) path: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mode: u32,
    /// A volume keeps it over restarts.
    pub(crate) volume: bool,
}

/// The directories that the plan declares writable.
pub(crate) fn writable(plan: &Plan) -> Vec<Writable> {
    let volumes: BTreeSet<&str> = plan.config.volumes.iter().map(String::as_str).collect();
    plan.paths
        .iter()
        .filter(|path| path.writable && matches!(path.kind, PathKind::Directory))
        .map(|path| {
            let text = path.path.to_string();
            let (uid, gid) = (path.uid, path.gid);
            Writable {
                volume: volumes.contains(text.as_str()),
                path: text,
                uid,
                gid,
                mode: path.mode.unwrap_or(0o755),
            }
        })
        .collect()
}

/// The name under which `kiln build --load` brings the image into an engine.
fn reference(plan: &Plan, prefix: &str) -> String {
    let suffix = if plan.variant == "standard" {
        String::new()
    } else {
        format!("-{}", plan.variant)
    };
    format!("{prefix}{}:{}{suffix}", plan.image, plan.line)
}

/// Variants for building run as root; root without capabilities cannot write to what belongs to
/// others, so they keep theirs.
pub(crate) fn runs_as_root(plan: &Plan) -> bool {
    plan.accounts.run_as.is_none_or(|(uid, _)| uid == 0)
}

fn port(port: &str) -> &str {
    port.split('/').next().unwrap_or(port)
}

/// The settings as text; `prefix` stands before the image's name.
pub(crate) fn render(plan: &Plan, with: RunFor, prefix: &str) -> String {
    let reference = reference(plan, prefix);
    match with {
        RunFor::Docker => docker(plan, &reference),
        RunFor::Compose => compose(plan, &reference),
        RunFor::Kubernetes => kubernetes(plan, &reference),
    }
}

fn docker(plan: &Plan, reference: &str) -> String {
    let mut parts = vec!["docker run --rm --read-only".to_owned()];
    if !runs_as_root(plan) {
        parts.push("--cap-drop ALL --security-opt no-new-privileges".to_owned());
    }
    for path in writable(plan) {
        if path.volume {
            parts.push(format!("--volume {}-data:{}", plan.image, path.path));
        } else {
            let (uid, gid, mode) = (path.uid, path.gid, path.mode);
            parts.push(format!(
                "--tmpfs {}:uid={uid},gid={gid},mode={mode:o}",
                path.path
            ));
        }
    }
    for text in &plan.config.ports {
        parts.push(format!("--publish {0}:{text}", port(text)));
    }
    parts.push(reference.to_owned());
    format!("{}\n", parts.join(" \\\n  "))
}

fn compose(plan: &Plan, reference: &str) -> String {
    let name = plan.image.as_str().rsplit('/').next().unwrap_or_default();
    let mut text = format!("services:\n  {name}:\n    image: {reference}\n    read_only: true\n");
    if !runs_as_root(plan) {
        text.push_str("    cap_drop: [ALL]\n    security_opt: [no-new-privileges:true]\n");
    }
    let (volumes, scratch): (Vec<_>, Vec<_>) =
        writable(plan).into_iter().partition(|path| path.volume);
    if !scratch.is_empty() {
        text.push_str("    tmpfs:\n");
        for path in scratch {
            let (uid, gid, mode) = (path.uid, path.gid, path.mode);
            text.push_str(&format!(
                "      - {}:uid={uid},gid={gid},mode={mode:o}\n",
                path.path
            ));
        }
    }
    if !plan.config.ports.is_empty() {
        text.push_str("    ports:\n");
        for text_port in &plan.config.ports {
            text.push_str(&format!("      - \"{0}:{text_port}\"\n", port(text_port)));
        }
    }
    if !volumes.is_empty() {
        text.push_str("    volumes:\n");
        for path in &volumes {
            text.push_str(&format!("      - data:{}\n", path.path));
        }
        text.push_str("volumes:\n  data: {}\n");
    }
    text
}

fn kubernetes(plan: &Plan, reference: &str) -> String {
    let name = plan.image.as_str().rsplit('/').next().unwrap_or_default();
    let mut text = String::from("spec:\n");
    if let Some((uid, gid)) = plan.accounts.run_as {
        text.push_str(&format!(
            "  securityContext:\n    runAsNonRoot: {}\n    runAsUser: {uid}\n    runAsGroup: {gid}\n    fsGroup: {gid}\n    seccompProfile: {{type: RuntimeDefault}}\n",
            uid != 0
        ));
    }
    text.push_str(&format!(
        "  containers:\n    - name: {name}\n      image: {}\n",
        reference
    ));
    if !plan.config.ports.is_empty() {
        text.push_str("      ports:\n");
        for text_port in &plan.config.ports {
            let protocol = text_port
                .split_once('/')
                .map_or("TCP".to_owned(), |(_, protocol)| protocol.to_uppercase());
            text.push_str(&format!(
                "        - {{containerPort: {}, protocol: {protocol}}}\n",
                port(text_port)
            ));
        }
    }
    text.push_str("      securityContext:\n        readOnlyRootFilesystem: true\n");
    if !runs_as_root(plan) {
        text.push_str(
            "        allowPrivilegeEscalation: false\n        capabilities: {drop: [ALL]}\n",
        );
    }
    let paths = writable(plan);
    if !paths.is_empty() {
        text.push_str("      volumeMounts:\n");
        for path in &paths {
            text.push_str(&format!(
                "        - {{name: {}, mountPath: {}}}\n",
                volume_name(&path.path),
                path.path
            ));
        }
        text.push_str("  volumes:\n");
        for path in &paths {
            let name = volume_name(&path.path);
            if path.volume {
                text.push_str(&format!(
                    "    - {{name: {name}, persistentVolumeClaim: {{claimName: {name}}}}}\n"
                ));
            } else {
                text.push_str(&format!("    - {{name: {name}, emptyDir: {{}}}}\n"));
            }
        }
    }
    text
}

/// A DNS label from a path: `/var/lib/nginx` is `var-lib-nginx`.
fn volume_name(path: &str) -> String {
    let name: String = path
        .trim_matches('/')
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    let name: String = name.chars().take(63).collect();
    name.trim_matches('-').to_owned()
}
