//! Every error that a person sees is worded here, and only here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kiln_inventory::InventoryError;
use kiln_pipeline::PipelineError;
use kiln_types::{Classify, Diagnostic, ErrorClass, Severity};
use schemars::JsonSchema;
use serde::Serialize;

use crate::exit::Exit;
use crate::render::{self, Painter};

/// What any command prints with `--json` when it fails.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ErrorAnswer {
    /// What went wrong.
    error: ErrorBody,
}

/// What went wrong.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct ErrorBody {
    /// `diagnostics`, `usage`, `user`, `policy`, `unknown`, `integrity`, `network`, `environment` or
    /// `internal`.
    reason: &'static str,
    /// In words.
    message: String,
    /// What to do, where that can be said.
    help: Option<String>,
    /// Everything wrong with documents, by place.
    #[schemars(with = "Vec<serde_json::Value>")]
    diagnostics: Vec<Diagnostic>,
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A document is wrong; the texts are those that the diagnostics point into.
    Diagnostics {
        list: Vec<Diagnostic>,
        texts: BTreeMap<String, String>,
        exit: Exit,
    },
    /// The answer was printed and is not a yes.
    Answered(Exit),
    /// The command line makes no sense.
    Usage(String),
    /// A stage failed.
    Pipeline(PipelineError),
    /// Another room failed, and knows how.
    Classed(ErrorClass, anyhow::Error),
    /// Anything else.
    Other(anyhow::Error),
}

impl From<InventoryError> for Failure {
    fn from(error: InventoryError) -> Self {
        Self::Classed(error.class(), error.into())
    }
}

impl From<PipelineError> for Failure {
    fn from(error: PipelineError) -> Self {
        match error {
            PipelineError::Diagnostics(list) => Self::Diagnostics {
                list,
                texts: BTreeMap::new(),
                exit: Exit::Failed,
            },
            error => Self::Pipeline(error),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.into())
    }
}

impl Failure {
    /// Diagnostics of one text.
    pub(crate) fn of_text(list: Vec<Diagnostic>, name: &str, text: &str) -> Self {
        let texts = BTreeMap::from([(name.to_owned(), text.to_owned())]);
        Self::Diagnostics {
            list,
            texts,
            exit: Exit::Failed,
        }
    }

    /// How the process ends.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Diagnostics { exit, .. } | Self::Answered(exit) => *exit,
            Self::Usage(_) => Exit::Usage,
            Self::Pipeline(error) => error.class().into(),
            Self::Classed(class, _) => (*class).into(),
            Self::Other(_) => Exit::Failed,
        }
    }

    /// The text for standard error.
    pub(crate) fn render(&self, painter: Painter) -> String {
        let error = painter.severity(Severity::Error);
        let mut text = String::new();
        match self {
            Self::Answered(_) => {}
            Self::Diagnostics { list, texts, .. } => {
                text = render::diagnostics(list, &|file| texts.get(file).cloned(), painter);
                let errors = list
                    .iter()
                    .filter(|diagnostic| diagnostic.severity == Severity::Error)
                    .count();
                if errors > 1 {
                    let _ = writeln!(text, "{errors} errors");
                }
            }
            Self::Usage(message) => {
                let _ = writeln!(text, "{error}: {message}");
            }
            Self::Pipeline(PipelineError::Index(list)) => {
                text = render::diagnostics(list, &|_| None, painter);
            }
            Self::Pipeline(failure) => {
                let reasons = with_reasons(failure);
                let _ = writeln!(text, "{error}: {}", render::printable_lines(&reasons));
                if let Some(help) = failure.help() {
                    let help = render::printable_lines(&help);
                    let _ = writeln!(text, "  {}: {help}", painter.dim("help"));
                }
            }
            Self::Classed(_, failure) | Self::Other(failure) => {
                let reasons = format!("{failure:#}");
                let _ = writeln!(text, "{error}: {}", render::printable_lines(&reasons));
            }
        }
        text
    }

    /// The same for programs; nothing where the answer was printed already.
    pub(crate) fn answer(&self) -> Option<ErrorAnswer> {
        let reason = match self {
            Self::Answered(_) => return None,
            Self::Diagnostics { .. } => "diagnostics",
            Self::Usage(_) => "usage",
            Self::Pipeline(error) => class_word(error.class()),
            Self::Classed(class, _) => class_word(*class),
            Self::Other(_) => "environment",
        };
        let diagnostics = match self {
            Self::Diagnostics { list, .. } | Self::Pipeline(PipelineError::Index(list)) => {
                list.clone()
            }
            _ => Vec::new(),
        };
        let message = match self {
            Self::Diagnostics { list, .. } => {
                list.first().map(ToString::to_string).unwrap_or_default()
            }
            Self::Usage(message) => message.clone(),
            Self::Pipeline(error) => with_reasons(error),
            Self::Classed(_, error) | Self::Other(error) => format!("{error:#}"),
            Self::Answered(_) => String::new(),
        };
        let help = match self {
            Self::Pipeline(error) => error.help(),
            _ => None,
        };
        Some(ErrorAnswer {
            error: ErrorBody {
                reason,
                message,
                help,
                diagnostics,
            },
        })
    }
}

/// The word for a kind of failure.
const fn class_word(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::User => "user",
        ErrorClass::Policy => "policy",
        ErrorClass::Unknown => "unknown",
        ErrorClass::Integrity => "integrity",
        ErrorClass::Network => "network",
        ErrorClass::Environment => "environment",
        ErrorClass::Internal => "internal",
    }
}

/// An error with the reasons below it that it does not tell itself.
fn with_reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(reason) = below {
        let said = reason.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        below = reason.source();
    }
    text
}
