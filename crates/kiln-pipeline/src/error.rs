//! Why a stage failed: whatever its room said, and what only the pipeline can see.

use kiln_image::AssembleError;
use kiln_net::NetError;
use kiln_resolve::ResolveError;
use kiln_store::StoreError;
use kiln_types::{Classify, Diagnostic, ErrorClass, FormatError};

/// Why a stage failed.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The network, or what answers there.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The advisory database.
    #[error(transparent)]
    Advisory(#[from] crate::advisories::AdvisoryError),
    /// A file could not be fetched.
    #[error("{what}: {source}")]
    Fetch {
        /// What it is.
        what: String,
        /// Why not.
        source: NetError,
    },
    /// A package or an index is not what it should be.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// No set of packages meets the request.
    #[error("{target}:\n{source}")]
    Resolve {
        /// The target that was resolved.
        target: String,
        /// Why not.
        source: ResolveError,
    },
    /// The image cannot be assembled.
    #[error("{target}: {source}")]
    Assemble {
        /// The target that was assembled.
        target: String,
        /// Why not.
        source: AssembleError,
    },
    /// Several things failed; all of them.
    #[error("{}", list(.0))]
    Several(Vec<PipelineError>),
    /// The image needs the start program, and this kiln was built without it.
    #[error(
        "{target} needs kiln's start program for {architecture}, which this kiln was built without"
    )]
    NoStartProgram {
        /// The target.
        target: String,
        /// The architecture.
        architecture: String,
    },
    /// A package format that this kiln does not know.
    #[error("package format `{0}` is not supported: this kiln builds from `deb`")]
    UnknownFormat(String),
    /// There is no mirror for an archive.
    #[error("no mirror is known for archive `{archive}`")]
    NoMirror {
        /// The archive.
        archive: String,
    },
    /// Something is not in the store, and the network must be left alone.
    #[error("{what} is not in the store, and `--offline` forbids to fetch it")]
    Offline {
        /// What is missing.
        what: String,
    },
    /// A locked file is gone from every mirror.
    #[error("{}", gone(.0))]
    Gone(Vec<GonePackage>),
    /// An index is older than one that was seen before.
    #[error(
        "index of `{archive}` `{suite}` is of {date}, but one of {seen} was seen before: this mirror is out of date, or somebody rolls it back"
    )]
    RolledBack {
        /// The archive.
        archive: String,
        /// The suite.
        suite: String,
        /// The date of the index.
        date: String,
        /// The date that was seen.
        seen: String,
    },
    /// An index is signed, but not the one that is wanted, or not fresh.
    #[error("{}", findings(.0))]
    Index(Vec<Diagnostic>),
    /// No mirror had a usable index; what each said.
    #[error("no usable index of `{archive}` `{suite}`:{}", indented(.attempts))]
    NoIndex {
        /// The archive.
        archive: String,
        /// The suite.
        suite: String,
        /// What each mirror said.
        attempts: Vec<String>,
        /// The kind of the most serious failure.
        class: ErrorClass,
    },
    /// The lock does not fit the definition.
    #[error("{0}")]
    Lock(String),
    /// The built image breaks rules of its profile.
    #[error("{target} breaks the rules of its profile:{}", indented(.violations))]
    Checks {
        /// The target.
        target: String,
        /// Which rules, and where.
        violations: Vec<String>,
    },
    /// The definition or another document is wrong.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Diagnostics(Vec<Diagnostic>),
    /// Reading or writing outside the store failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, with the path.
        doing: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// An OCI document or container.
    #[error(transparent)]
    Oci(#[from] kiln_oci::OciError),
    /// An output that cannot be.
    #[error("{0}")]
    Output(String),
    /// A defect in kiln.
    #[error("{0}")]
    Internal(String),
}

/// A locked package that no mirror has any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GonePackage {
    /// `name_version_architecture`.
    pub package: String,
    /// The archive.
    pub archive: String,
    /// Its path there.
    pub path: String,
    /// Where it was asked for, and what was said there.
    pub attempts: Vec<String>,
}

fn list(errors: &[PipelineError]) -> String {
    let mut lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.dedup();
    lines.join("\n")
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}

fn findings(list: &[Diagnostic]) -> String {
    let line = |finding: &Diagnostic| match (&finding.expected, &finding.found) {
        (Some(expected), Some(found)) => {
            format!("{}: expected {expected}, found {found}", finding.message)
        }
        _ => finding.message.clone(),
    };
    list.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn gone(packages: &[GonePackage]) -> String {
    let names: Vec<String> = packages
        .iter()
        .map(|gone| {
            format!(
                "{} (archive `{}`, `{}`)",
                gone.package, gone.archive, gone.path
            )
        })
        .collect();
    let mut attempts: Vec<&str> = Vec::new();
    for attempt in packages.iter().flat_map(|gone| &gone.attempts) {
        if !attempts.contains(&attempt.as_str()) {
            attempts.push(attempt);
        }
    }
    format!(
        "no mirror has these locked packages any more:{}\nasked: {}",
        indented(&names),
        attempts.join("; ")
    )
}

impl PipelineError {
    /// What to do, where that can be said.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let text = match self {
            Self::NoMirror { archive } => {
                let snapshot = match archive.starts_with("debian") {
                    true => ", or build from snapshot.debian.org with KILN_SNAPSHOT=20261124T000000Z",
                    false => "",
                };
                format!(
                    "this machine has no apt source for it; name a mirror with \
                     `mirrors.{archive} = [\"https://…\"]` in kiln.toml or \
                     KILN_MIRRORS=\"{archive}=https://…\"{snapshot}"
                )
            }
            Self::Advisory(crate::AdvisoryError::None { at: None }) => {
                "make one with `kiln db update`, or take one over with `kiln db import`".to_owned()
            }
            Self::Advisory(crate::AdvisoryError::None { at: Some(_) }) => {
                "`kiln db status` lists the databases that are kept".to_owned()
            }
            Self::NoStartProgram { .. } => {
                "run `scripts/build-start` in kiln's source and build kiln again, or remove `start` and `init` from the definition".to_owned()
            }
            Self::Offline { .. } => "run once without `--offline`, or copy the store of a machine that has it".to_owned(),
            Self::Gone(_) => "mirrors keep only the newest versions: resolve again with `--update`, or build where an \
                              archive of old versions can be reached (for Debian, snapshot.debian.org)"
                .to_owned(),
            Self::RolledBack { .. } => "use another mirror; when the older index is really wanted, forget the newer one \
                                        with `kiln cache forget-releases`"
                .to_owned(),
            Self::Index(findings) => return findings.iter().find_map(|finding| finding.help.clone()),
            Self::Several(errors) => return errors.iter().find_map(Self::help),
            Self::Store(StoreError::Full { .. }) => {
                "free some room, prune with `kiln cache prune`, or put the store elsewhere with KILN_HOME".to_owned()
            }
            _ => return None,
        };
        Some(text)
    }
}

impl Classify for PipelineError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Store(error) => error.class(),
            Self::Net(error) | Self::Fetch { source: error, .. } => error.class(),
            Self::Advisory(error) => error.class(),
            Self::Format(error) => error.class(),
            Self::Resolve { source, .. } => source.class(),
            Self::Assemble { source, .. } => source.class(),
            Self::Oci(error) => error.class(),
            Self::Several(errors) => errors.first().map_or(ErrorClass::Internal, Classify::class),
            Self::NoIndex { class, .. } => *class,
            Self::UnknownFormat(_)
            | Self::NoMirror { .. }
            | Self::Diagnostics(_)
            | Self::Output(_)
            | Self::Lock(_) => ErrorClass::User,
            Self::Offline { .. } | Self::Gone(_) => ErrorClass::Network,
            Self::RolledBack { .. } | Self::Index(_) => ErrorClass::Integrity,
            Self::Checks { .. } => ErrorClass::Policy,
            Self::Io { .. } | Self::NoStartProgram { .. } => ErrorClass::Environment,
            Self::Internal(_) => ErrorClass::Internal,
        }
    }
}
