//! Programs that were copied into an image without a package: name and version from text that the
//! program prints or carries. Only where file name and text agree.

use kiln_types::{ComponentKind, EvidenceKind};

use super::component;
use crate::node::Found;

/// How a program is recognised.
pub(crate) struct Class {
    /// The component.
    name: &'static str,
    /// What the file is called: exactly, or up to digits and dots where it ends in `*`.
    files: &'static [&'static str],
    /// What stands before the version.
    pub(crate) mark: &'static [u8],
    /// The licence of every version.
    licence: Option<&'static str>,
    /// Who makes it.
    supplier: &'static str,
}

const fn class(
    name: &'static str,
    files: &'static [&'static str],
    mark: &'static [u8],
    licence: Option<&'static str>,
    supplier: &'static str,
) -> Class {
    Class {
        name,
        files,
        mark,
        licence,
        supplier,
    }
}

/// All that are known.
pub(crate) const CLASSES: &[Class] = &[
    class(
        "node",
        &["node", "nodejs"],
        b"node.js/v",
        Some("MIT"),
        "OpenJS Foundation",
    ),
    class(
        "openssl",
        &["openssl", "libcrypto.so*"],
        b"OpenSSL ",
        None,
        "OpenSSL Foundation",
    ),
    class(
        "nginx",
        &["nginx"],
        b"nginx version: nginx/",
        Some("BSD-2-Clause"),
        "nginx project",
    ),
    class(
        "nginx",
        &["nginx"],
        b"\0nginx/",
        Some("BSD-2-Clause"),
        "nginx project",
    ),
    class(
        "postgresql",
        &["postgres"],
        b"\0PostgreSQL ",
        Some("PostgreSQL"),
        "PostgreSQL Global Development Group",
    ),
    class(
        "httpd",
        &["httpd", "apache2"],
        b"\0Apache/",
        Some("Apache-2.0"),
        "Apache Software Foundation",
    ),
    class(
        "httpd",
        &["httpd", "apache2"],
        b"\0Apache httpd ",
        Some("Apache-2.0"),
        "Apache Software Foundation",
    ),
    class(
        "memcached",
        &["memcached"],
        b"\0memcached ",
        Some("BSD-3-Clause"),
        "memcached project",
    ),
    class(
        "busybox",
        &["busybox"],
        b"BusyBox v",
        Some("GPL-2.0-only"),
        "BusyBox project",
    ),
    class(
        "bash",
        &["bash"],
        b"@(#)Bash version ",
        Some("GPL-3.0-or-later"),
        "Free Software Foundation",
    ),
    class(
        "php",
        &["php*", "php-fpm*", "php-cgi*", "libphp*"],
        b"X-Powered-By: PHP/",
        None,
        "The PHP Group",
    ),
    class(
        "ruby",
        &["ruby", "libruby.so*", "libruby-*"],
        b"\0ruby ",
        None,
        "Ruby project",
    ),
    class(
        "python",
        &["python*", "libpython*"],
        b"\0",
        Some("PSF-2.0"),
        "Python Software Foundation",
    ),
    class(
        "haproxy",
        &["haproxy"],
        b"HAProxy version ",
        None,
        "HAProxy project",
    ),
    class(
        "curl",
        &["curl", "libcurl.so*"],
        b"libcurl/",
        Some("curl"),
        "curl project",
    ),
];

/// The classes that a file of this name may belong to.
pub(crate) fn classes(file: &str) -> Vec<&'static Class> {
    CLASSES
        .iter()
        .filter(|class| class.files.iter().any(|pattern| is_called(file, pattern)))
        .collect()
}

/// `python*` is `python3`, `python3.13`, `libpython*` also `libpython3.13.so.1.0`.
fn is_called(file: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        None => file == pattern,
        Some(stem) => file.strip_prefix(stem).is_some_and(|rest| {
            let plain = rest.replace(".so", "");
            plain
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
        }),
    }
}

impl Class {
    /// The component.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// What to look for in a file of this name: for Python the version's first two numbers are part
    /// of the name.
    pub(crate) fn needle(&self, file: &str) -> Option<Vec<u8>> {
        if self.name != "python" {
            return Some(self.mark.to_vec());
        }
        let digits = file.trim_start_matches(|letter: char| !letter.is_ascii_digit());
        let mut parts = digits.split('.');
        let (major, minor) = (parts.next()?, parts.next()?);
        let is_number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(major) || !is_number(minor) {
            return None;
        }
        Some(format!("\0{major}.{minor}.").into_bytes())
    }

    /// The component, if what stands from the needle on has a version of numbers and dots.
    pub(crate) fn found(&self, from_needle: &[u8]) -> Option<Found> {
        let text = match self.name {
            "python" => from_needle.get(1..)?,
            _ => from_needle.strip_prefix(self.mark)?,
        };
        let length = text
            .iter()
            .take(40)
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'.')
            .count();
        let version = std::str::from_utf8(text.get(..length)?).ok()?;
        // bash writes `5.2.37(1)-release`, PHP `8.3.1\r\n`, PostgreSQL `17.5 (Debian …)`.
        let version = version.trim_end_matches('.');
        let numbers = version.split('.').count();
        let begins = version.starts_with(|letter: char| letter.is_ascii_digit());
        // A program that merely mentions a version has it in the middle of a sentence; the version of
        // Python stands alone between two zeros.
        let stands_alone = self.name != "python" || text.get(length) == Some(&0);
        if !begins || !(2..=4).contains(&numbers) || !stands_alone {
            return None;
        }
        let mut component = component(ComponentKind::Binary, None, self.name, self.name, version);
        // OpenSSL changed its licence with version 3.
        let licence = match self.name {
            "openssl" if version.starts_with("3.") => Some("Apache-2.0"),
            _ => self.licence,
        };
        component.licences.expression = licence.map(str::to_owned);
        component.supplier = Some(self.supplier.to_owned());
        Some(Found::new(component, EvidenceKind::BinaryText))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_texts_must_agree() {
        for (file, text, expected) in [
            ("node", &b"node.js/v20.11.0\0"[..], Some("node 20.11.0")),
            (
                "libcrypto.so.3",
                b"OpenSSL 3.5.1 1 Jul 2025\0",
                Some("openssl 3.5.1"),
            ),
            ("python3.13", b"\x003.13.5\0", Some("python 3.13.5")),
            (
                "libpython3.13.so.1.0",
                b"\x003.13.5\0",
                Some("python 3.13.5"),
            ),
            ("python3.13", b"\x003.13.5 is needed\0", None),
            (
                "postgres",
                b"\0PostgreSQL 17.5 (Debian)",
                Some("postgresql 17.5"),
            ),
            (
                "bash",
                b"@(#)Bash version 5.2.37(1) release",
                Some("bash 5.2.37"),
            ),
            ("openssl", b"OpenSSL project", None),
        ] {
            let found = classes(file).iter().find_map(|class| {
                let needle = class.needle(file)?;
                let at = memchr::memmem::find(text, &needle)?;
                class.found(text.get(at..)?)
            });
            let found =
                found.map(|found| format!("{} {}", found.component.name, found.component.version));
            assert_eq!(found.as_deref(), expected, "{file}");
        }
        assert!(classes("nodemon").is_empty());
        assert!(classes("python-config").is_empty());
    }
}
