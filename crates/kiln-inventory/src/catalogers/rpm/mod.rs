//! rpm's database in its three forms, and the list that images without rpm have in its place.
//!
//! | file | form |
//! |---|---|
//! | `rpmdb.sqlite` | SQLite, since Fedora 33 |
//! | `Packages.db` | rpm's own, in SUSE |
//! | `Packages` | a hash table of Berkeley DB, before |
//! | `rpmmanifest/container-manifest-2` | lines of text, in images of Azure Linux without rpm |
//!
//! Each is a box of package headers; what is in one box more than another does not matter here. The
//! readers walk over bytes: an offset that leads out, a page that is visited twice and a list that is
//! longer than its bytes end the walk, and what was found until then counts.

mod berkeley;
mod bytes;
mod header;
mod manifest;
mod native;
mod sqlite;

pub(crate) use header::source_package;

use crate::node::Found;

/// Packages of one database.
const MOST: usize = 100_000;

/// A form of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `rpmdb.sqlite`.
    Sqlite,
    /// `Packages.db`.
    Native,
    /// `Packages`.
    Berkeley,
    /// `container-manifest-2`.
    Manifest,
}

/// Takes in the packages of a database, and what is wrong with it.
#[derive(Default)]
struct Box {
    found: Vec<Found>,
    wrong: Vec<String>,
}

impl Box {
    /// Takes in a header; whether there is room for more.
    fn header(&mut self, bytes: &[u8]) -> bool {
        if self.found.len() >= MOST {
            self.miss(format!("it lists more than {MOST} packages"));
            return false;
        }
        match header::package(bytes) {
            Ok(found) => self.found.extend(found),
            Err(reason) => self.miss(format!("a package of it: {reason}")),
        }
        true
    }

    fn miss(&mut self, reason: String) {
        const SHOWN: usize = 100;
        if self.wrong.len() < SHOWN {
            self.wrong.push(reason);
        }
    }
}

/// The packages of a database, and what could not be read of it.
pub(crate) fn installed(form: Form, bytes: &[u8]) -> (Vec<Found>, Vec<String>) {
    let mut packages = Box::default();
    // An image may hold a database that was never filled.
    if bytes.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let read = match form {
        Form::Sqlite => sqlite::read(bytes, &mut packages),
        Form::Native => native::read(bytes, &mut packages),
        Form::Berkeley => berkeley::read(bytes, &mut packages),
        Form::Manifest => {
            manifest::read(bytes, &mut packages);
            Ok(())
        }
    };
    if let Err(reason) = read {
        packages.miss(reason);
    }
    (packages.found, packages.wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `rpm -qa` of the databases in `tests/fixtures`, which rpm 4.18 itself (SQLite) and the library
    /// of Berkeley DB 5.3 wrote.
    const EXPECTED: [&str; 4] = [
        "kilntest-a 2:1.2.3-4.el9 x86_64 kilntest-a 1.2.3-4.el9 [\"usr/bin/kilntest\"]",
        "kilntest-a-libs 2:1.2.3-4.el9 x86_64 kilntest-a 1.2.3-4.el9 [\"usr/lib64/kilntest\", \"usr/lib64/kilntest/libx.txt\"]",
        "kilntest-b 2.0~rc1-1 noarch kilntest-b 2.0~rc1-1 []",
        // Its header takes many pages.
        "kilntest-c 0:1.0-1 noarch kilntest-c 1.0-1 401 files",
    ];

    pub(super) fn lines(form: Form, bytes: &[u8]) -> Vec<String> {
        let (found, wrong) = installed(form, bytes);
        assert!(wrong.is_empty(), "{wrong:?}");
        let mut lines: Vec<String> = found
            .iter()
            .map(|found| {
                let component = &found.component;
                let files = match found.files.len() {
                    0..=9 => format!("{:?}", found.files),
                    many => format!("{many} files"),
                };
                format!(
                    "{} {} {} {} {} {files}",
                    component.name,
                    component.version,
                    component.architecture.as_deref().unwrap_or("-"),
                    component.source_name(),
                    component.source_version(),
                )
            })
            .collect();
        lines.sort();
        lines
    }

    fn sqlite() -> Vec<u8> {
        inflated(include_bytes!("../../../tests/fixtures/rpmdb.sqlite.gz"))
    }

    fn berkeley() -> Vec<u8> {
        inflated(include_bytes!("../../../tests/fixtures/rpm-Packages.gz"))
    }

    fn inflated(bytes: &[u8]) -> Vec<u8> {
        use std::io::Read as _;
        let limits = kiln_archive::Limits::default();
        let codec = kiln_archive::decompress::Codec::Gzip;
        let mut all = Vec::new();
        kiln_archive::decompress::decoder(codec, bytes, &limits)
            .unwrap()
            .read_to_end(&mut all)
            .unwrap();
        all
    }

    #[test]
    fn every_form_lists_what_rpm_lists() {
        assert_eq!(lines(Form::Sqlite, &sqlite()), EXPECTED);
        assert_eq!(lines(Form::Berkeley, &berkeley()), EXPECTED);
        let headers = headers();
        assert_eq!(
            lines(Form::Native, &native::tests::database(&headers)),
            EXPECTED
        );
    }

    /// The headers in the SQLite database.
    fn headers() -> Vec<Vec<u8>> {
        let mut headers = Vec::new();
        sqlite::each(&sqlite(), &mut |header| {
            headers.push(header.to_vec());
            true
        })
        .unwrap();
        headers
    }

    #[test]
    fn licences_and_supplier_are_those_of_the_header() {
        let (found, _) = installed(Form::Sqlite, &sqlite());
        let a = found
            .iter()
            .find(|found| found.component.name == "kilntest-a")
            .unwrap();
        assert_eq!(
            a.component.licences.expression.as_deref(),
            Some("BSD-2-Clause AND MIT")
        );
        assert_eq!(
            a.component.supplier.as_deref(),
            Some("Example Organisation")
        );
        assert_eq!(
            a.component.homepage.as_deref(),
            Some("https://example.com/a")
        );
        assert_eq!(a.component.summary.as_deref(), Some("A test package"));
    }

    #[test]
    fn cut_and_changed_databases_end_and_are_reported() {
        for (form, whole) in [
            (Form::Sqlite, sqlite()),
            (Form::Berkeley, berkeley()),
            (Form::Native, native::tests::database(&headers())),
        ] {
            for cut in [1, 20, 100, 4096, whole.len() / 2] {
                let (_, wrong) = installed(form, &whole[..cut]);
                assert!(!wrong.is_empty(), "{form:?} {cut}");
            }
            // Every byte of the structures in front, one at a time; and some of the rest.
            for at in (0..512).chain((512..whole.len()).step_by(199)) {
                let mut changed = whole.clone();
                changed[at] ^= 0xff;
                let _ = installed(form, &changed);
            }
        }
    }
}
