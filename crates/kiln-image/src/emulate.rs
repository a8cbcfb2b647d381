//! Declarative stand-ins for maintainer scripts.
//!
//! kiln never runs a maintainer script. What the scripts of the packages it knows would have done
//! to a fresh root is done here, by emulators: small, pure functions from the merged tree of an
//! image to the files that are missing in it. Each is declared in one file, says which scripts it
//! stands for, and is listed in [`all`]; the coverage report compares that list with the scripts
//! that the packages of an image carry.
//!
//! Invariants
//! - An emulator reads nothing but the [`Tree`]: no clock, no host file, no environment. The same
//!   tree gives the same bytes.
//! - Emulators run in the order of the plan; each sees what the earlier ones made.
//! - What an emulator makes replaces what stands at that path. Where a symbolic link takes the
//!   place of a directory, the emulator has made sure that nothing lies below it.
//! - Everything made carries the epoch as its time; the assembler does not change it.
//! - Paths have no leading slash, and every parent of a path in an answer is a real directory (or
//!   absent): links such as `/lib` → `usr/lib` have been followed.

mod accounts;
mod adduser;
mod alternatives;
mod apache2;
mod apt_sources;
mod base_files;
mod base_passwd;
mod ca_certificates;
mod certificate;
mod debconf;
mod dpkg;
mod fontconfig;
mod java;
mod java_keystore;
mod ld_so_cache;
mod ld_so_conf;
mod locales;
mod localtime;
mod memcached;
mod netbase;
mod nginx;
mod nsswitch;
mod os_release;
mod output;
mod ownership;
mod pam;
mod postgresql;
mod python;
mod redis;
mod resolve;
mod shadow;
mod shells;
mod ssl_cert;
mod systemd_units;
#[cfg(test)]
mod testing;
mod ucf;

use kiln_types::{Classify, Control, ErrorClass, FileEntry, Plan, SynthesisedFile};

use crate::elf::ElfFacts;

pub(crate) use ld_so_conf::directories as library_directories;
pub use resolve::resolve;
pub(crate) use resolve::{links_on_the_way, resolve_parent};

/// What an emulator sees: the merged tree of the image before it, earlier emulators included.
pub trait Tree {
    /// What is being built.
    fn plan(&self) -> &Plan;

    /// The entry at this path; links are not followed.
    fn entry(&self, path: &str) -> Option<&FileEntry>;

    /// Everything below this directory at any depth, sorted by path, the directory itself left
    /// out. Empty where there is no such directory; links are not followed.
    fn below(&self, directory: &str) -> Vec<&FileEntry>;

    /// The content of a regular file, symbolic links followed inside the tree; `None` where
    /// nothing or something else is there.
    ///
    /// # Errors
    /// When the file is larger than [`MAX_CONTENT`] or cannot be read.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, EmulateError>;

    /// The facts of the ELF file at this path; links are not followed. Known at least for files
    /// whose name holds `.so`.
    fn elf(&self, path: &str) -> Option<&ElfFacts>;

    /// Whether this package is in the image.
    fn has_package(&self, name: &str) -> bool;

    /// The control information of every package in the image, scripts included, by name; empty
    /// where the tree does not know it.
    fn packages(&self) -> Vec<&Control> {
        Vec::new()
    }

    /// The version of a package in the image, where the tree knows it. Emulators that need one can
    /// do without, but must read large files then.
    fn package_version(&self, name: &str) -> Option<&str> {
        let _ = name;
        None
    }
}

/// The largest file whose content an emulator reads, in bytes.
pub const MAX_CONTENT: u64 = 16 << 20;

/// A stand-in for maintainer scripts.
pub trait Emulator: Sync {
    /// The name by which plans ask for it.
    fn name(&self) -> &'static str;

    /// What it does, in one line for people.
    fn summary(&self) -> &'static str;

    /// The scripts whose effect it stands for: package and script (`postinst`, `triggers` …).
    fn stands_for(&self) -> &'static [(&'static str, &'static str)];

    /// Whether what it makes describes what is in the image (a cache, a list of programs). Where
    /// the image is cut by what is reached, it runs again on what remains, and what it made before
    /// is forgotten. All others run once, before the cut, because what they read may leave.
    fn describes_contents(&self) -> bool {
        false
    }

    /// The packages that what it makes is for. Where none of them stays, it goes with them; what
    /// is for everybody (accounts, certificates) names none.
    fn serves(&self) -> &'static [&'static str] {
        &[]
    }

    /// Makes what is missing in this tree; empty where there is nothing to do.
    ///
    /// # Errors
    /// When the tree holds something that the real script would fail on, or that cannot be read.
    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError>;
}

/// Every emulator, in the order in which they run by default.
#[must_use]
pub fn all() -> &'static [&'static dyn Emulator] {
    &[
        &base_passwd::BasePasswd,
        &accounts::Accounts,
        &base_files::BaseFiles,
        &os_release::OsRelease,
        &shells::Shells,
        &nsswitch::Nsswitch,
        &localtime::Localtime,
        &ca_certificates::CaCertificates,
        &alternatives::Alternatives,
        &ld_so_cache::LdSoCache,
        &netbase::Netbase,
        &fontconfig::Fontconfig,
        &locales::Locales,
        &pam::Pam,
        &dpkg::Dpkg,
        &debconf::Debconf,
        &systemd_units::SystemdUnits,
        &apt_sources::AptSources,
        &adduser::Adduser,
        &ssl_cert::SslCert,
        &java_keystore::JavaKeystore,
        &java::Java,
        &python::Python,
        &apache2::Apache2,
        &nginx::Nginx,
        &redis::Redis,
        &memcached::Memcached,
        &postgresql::Postgresql,
        &ucf::Ucf,
    ]
}

/// The emulator of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Emulator> {
    all()
        .iter()
        .copied()
        .find(|emulator| emulator.name() == name)
}

/// The hash under which OpenSSL looks up the certificate in a PEM file (`openssl x509
/// -subject_hash`); `None` where the file does not hold exactly one certificate.
#[must_use]
pub fn certificate_subject_hash(pem: &[u8]) -> Option<u32> {
    certificate::subject_hash(&certificate::single_certificate(pem)?)
}

/// Why an emulator could not do its work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmulateError {
    /// A file in the image is not what the script would have expected.
    #[error("emulator `{emulator}`: `/{path}`: {reason}")]
    File {
        /// The emulator.
        emulator: &'static str,
        /// The path, without its leading slash.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// What the definition asks for cannot be.
    #[error("emulator `{emulator}`: {reason}")]
    Plan {
        /// The emulator.
        emulator: &'static str,
        /// What cannot be.
        reason: String,
    },
    /// A file of the tree could not be read.
    #[error("cannot read `/{path}` of the image: {reason}")]
    Read {
        /// The path, without its leading slash.
        path: String,
        /// What went wrong.
        reason: String,
    },
}

impl Classify for EmulateError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::File { .. } => ErrorClass::Integrity,
            Self::Plan { .. } => ErrorClass::User,
            Self::Read { .. } => ErrorClass::Environment,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_findable() {
        let mut names: Vec<_> = all().iter().map(|emulator| emulator.name()).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        for name in names {
            assert_eq!(by_name(name).unwrap().name(), name);
            assert!(!by_name(name).unwrap().summary().is_empty());
        }
        assert!(by_name("nothing").is_none());
    }
}
