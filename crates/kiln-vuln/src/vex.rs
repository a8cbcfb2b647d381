//! VEX: what others say about whether a product is affected. OpenVEX, CSAF and CycloneDX.
//!
//! A statement is about a finding where it names the vulnerability (by any of its ids) and, as its
//! product, the component, something that the component is part of, or the image. Of all statements
//! about a finding, whatever their documents, the latest holds: `not_affected` and `fixed` suppress
//! it, `affected` and `under_investigation` leave it standing and so take back what was said before.
//!
//! What does not apply says why: [`outcomes`](apply) has one entry for each statement.

mod apply;
mod csaf;
mod cyclonedx;
mod identity;
mod image;
mod openvex;
mod product;
mod read;
mod write;

pub use apply::{VexOptions, VexOutcome, VexVerdict, apply};
pub use image::image_purl;
pub use product::Target;
pub use read::{MAX_VEX, read_vex};
pub use write::{StatementMistake, VexHead, check_statement, merge_vex, write_openvex};

use std::collections::BTreeSet;
use std::fmt;

use kiln_types::{Classify, Digest, ErrorClass, Timestamp, VexStatus};

/// A moment of a document, to the nanosecond: statements of one second have an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// The second.
    pub second: Timestamp,
    /// And what is more.
    pub nanoseconds: u32,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = self.second.to_string();
        match self.nanoseconds {
            0 => f.write_str(&second),
            nanoseconds => {
                let fraction = format!("{nanoseconds:09}");
                let (second, fraction) =
                    (second.trim_end_matches('Z'), fraction.trim_end_matches('0'));
                write!(f, "{second}.{fraction}Z")
            }
        }
    }
}

/// In which form a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VexForm {
    /// OpenVEX 0.2.0 and before.
    OpenVex,
    /// CSAF 2.0.
    Csaf,
    /// CycloneDX with an analysis of vulnerabilities.
    CycloneDx,
}

impl fmt::Display for VexForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::OpenVex => "openvex",
            Self::Csaf => "csaf",
            Self::CycloneDx => "cyclonedx",
        })
    }
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VexDocument {
    /// Its name, as it was given.
    pub name: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its form.
    pub form: VexForm,
    /// Who says what it says.
    pub author: String,
    /// When.
    pub at: Option<Moment>,
    /// Its statements, in its order.
    pub statements: Vec<VexStatement>,
}

/// A product of a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct VexProduct {
    /// Its names: package URLs, the reference of an image, or a digest. Any of them is
    /// enough; where package URLs are among them, nothing else is.
    pub names: Vec<String>,
    /// Names of its parts that the statement is about; all of it where there are none.
    pub parts: Vec<String>,
    /// Why it cannot be told what it is, where that is so.
    pub unknown: Option<String>,
    /// What else it is called that contradicts its names, and does not count.
    pub doubt: Option<String>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VexStatement {
    /// The place in its document: `statement 3`.
    pub place: String,
    /// When it was made; the document's time where it has none of its own.
    pub at: Option<Moment>,
    /// The ids of the vulnerability.
    pub ids: BTreeSet<String>,
    /// What it says.
    pub status: VexStatus,
    /// Why, in a word of its form.
    pub justification: String,
    /// Why, in words.
    pub impact: String,
    /// What to do.
    pub action: String,
    /// How it came to its status.
    pub notes: String,
    /// About what.
    pub products: Vec<VexProduct>,
    /// The rule of its form that it breaks, for which it is not applied.
    pub unusable: Option<String>,
}

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the VEX document `{name}` cannot be read at {place}: {reason}")]
pub struct VexError {
    /// Which document.
    pub name: String,
    /// Where in it: a line, a statement.
    pub place: String,
    /// What is wrong.
    pub reason: String,
    /// Whether it is JSON of another kind, and no broken document.
    pub is_other: bool,
}

impl Classify for VexError {
    fn class(&self) -> ErrorClass {
        ErrorClass::Integrity
    }
}
