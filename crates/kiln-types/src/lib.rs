//! The words of the house, and the values that cross its rooms.
//!
//! Everything here is plain data: no input or output, no clock, no environment, no randomness.
//! What must come from outside (time, progress, blobs) comes in through a trait defined here and
//! is implemented on a higher floor.
//!
//! The values follow one line: a [`Plan`] (one variant on one platform) is resolved into a
//! [`Lock`] (exact packages of every plan of an image); both are serialisable, sorted, and the
//! same bytes give the same value.

mod advisory;
mod architecture;
mod built;
mod clock;
mod diagnostic;
mod digest;
mod distribution;
mod error;
mod file_entry;
mod findings;
mod inventory;
mod lock;
mod mark;
mod member_text;
mod names;
mod plan;
mod policy;
mod programs;
mod purl;
mod reach;
mod relation;
mod reporter;
pub mod secret;
mod test_plan;
mod verdict;
mod vex;

pub use advisory::{
    AdvisorySource, Epss, Exploited, Fact, FixState, RangeEnd, Rating, RiskLevel, VersionRange,
    Vulnerability,
};
pub use architecture::{Architecture, Platform, PlatformError};
pub use built::{BuildFact, BuiltFrom, BuiltPackage, PackageOrigin};
pub use clock::{Clock, FixedClock, Timestamp, TimestampError};
pub use diagnostic::{Diagnostic, Location, Severity};
pub use digest::{Digest, DigestError, HashReader, HashWriter, Sha256};
pub use distribution::{
    BlobSource, Control, DatabaseOptions, FormatError, FormatErrorKind, InstalledPackage,
    OpenPackage, PackageFormat, PackageId, PackageRecord, Priority, ReadSeek, SynthesisedFile,
    Universe,
};
pub use error::{Classify, ErrorClass};
pub use file_entry::{EntryKind, FileEntry, RelativePath, RelativePathError};
pub use findings::{
    Affected, Blind, DatabaseFact, DayFact, FilterFact, Finding, Findings, LevelCounts,
    SupportFact, Suppression, Undated, UndatedPart,
};
pub use inventory::{
    AccountFact, Component, ComponentId, ComponentKind, DirectoryFact, DistributionFact, Evidence,
    EvidenceKind, FileFact, ImageFacts, Incomplete, Inventory, LayerFact, LicenceText, Licences,
    SourcePackage, Subject,
};
pub use lock::{Lock, LockedIndex, LockedPackage, TargetId};
pub use mark::{FileTime, Mark};
pub use names::{ImageName, NameError, PackageName, PackageVersion};
pub use plan::{
    Account, Accounts, ArchiveSource, Cuts, Group, PackageRequest, PathKind, PathPlan, Plan,
    Request, RuntimeConfig, START_PROGRAM, StartPlan, Unmet,
};
pub use policy::{
    Allowance, Condition, DatabaseRules, Demand, EndOfLifeRules, EvidenceDemand, ImageRules,
    LicenceRules, Policy, Support, VulnerabilityRules,
};
pub use programs::{LANGUAGE_PACKAGE_MANAGERS, SHELLS, SYSTEM_PACKAGE_MANAGERS};
pub use purl::{Purl, PurlError};
pub use reach::{Language, Load, ReachPlan, ShellCaller};
pub use relation::{Alternatives, Comparison, Constraint, MultiArch, Provide, Relation};
pub use reporter::{Reporter, SilentReporter, Stage};
pub use test_plan::{
    HttpStep, StopStep, TcpStep, TestExpectation, TestFile, TestPlan, TestProbe, TestStep,
    TextExpectation,
};
pub use verdict::{
    Effect, JudgedImage, Outcome, Reason, Suppressed, UsedDatabase, UsedFile, VERDICT_FORMAT,
    Verdict, VerdictInputs,
};
pub use vex::{VexDocumentFact, VexFact, VexStatus};
