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
    /// How the version is found.
    form: Form,
    /// The licence of every version.
    licence: Option<&'static str>,
    /// Who makes it.
    supplier: &'static str,
}

/// How a version is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// After the mark.
    After,
    /// After the mark, up to a zero or blank: the mark also stands in lists of versions.
    Alone,
    /// After a mark of which so many bytes at its end belong to the version.
    Shared(usize),
    /// The highest of all versions of three numbers that stand alone between zeros: programs that
    /// list since when they have each command list no version above their own.
    Highest,
}

/// A class without a mark, see [`Form::Highest`].
const fn highest(
    name: &'static str,
    files: &'static [&'static str],
    licence: Option<&'static str>,
    supplier: &'static str,
) -> Class {
    Class {
        name,
        files,
        mark: b"",
        form: Form::Highest,
        licence,
        supplier,
    }
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
        form: Form::After,
        licence,
        supplier,
    }
}

impl Class {
    const fn with(mut self, form: Form) -> Self {
        self.form = form;
        self
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
        // In sentences about other versions stands what is not its own.
        b"\0 version ",
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
    highest("redis", &["redis-server", "redis-cli"], None, "Redis"),
    highest(
        "sqlite",
        &["libsqlite3.so*"],
        Some("blessing"),
        "SQLite project",
    ),
    highest("xz", &["liblzma.so*"], None, "The Tukaani Project"),
    highest("git", &["git"], Some("GPL-2.0-only"), "Git project"),
    highest("erlang", &["beam.smp"], Some("Apache-2.0"), "Ericsson"),
    class("xz", &["xz"], b"(XZ Utils) ", None, "The Tukaani Project"),
    class("zstd", &["zstd"], b"\0v1.", None, "Meta Platforms").with(Form::Shared(2)),
    class(
        "perl",
        &["perl*", "libperl.so*"],
        b"\0v5.",
        Some("Artistic-1.0-Perl OR GPL-1.0-or-later"),
        "The Perl Foundation",
    )
    .with(Form::Shared(2)),
    class(
        "lua",
        &["lua*", "liblua*"],
        b"$LuaVersion: Lua ",
        Some("MIT"),
        "Lua.org",
    ),
    class(
        "mariadb",
        &["mariadbd", "mysqld"],
        b"\0MariaDB ",
        Some("GPL-2.0-only"),
        "MariaDB Foundation",
    )
    .with(Form::Alone),
    class(
        "varnish",
        &["varnishd"],
        b"\0varnish-",
        Some("BSD-2-Clause"),
        "Varnish Software",
    ),
    class(
        "lighttpd",
        &["lighttpd"],
        b"\0lighttpd/",
        Some("BSD-3-Clause"),
        "lighttpd project",
    ),
    class(
        "dnsmasq",
        &["dnsmasq"],
        b"\0dnsmasq-",
        Some("GPL-2.0-only OR GPL-3.0-only"),
        "Simon Kelley",
    ),
    class(
        "openssh",
        &["ssh", "sshd"],
        b"\0OpenSSH_",
        None,
        "OpenSSH project",
    )
    .with(Form::Alone),
];

/// Files beside a program in which its version stands alone: the component, its licence and supplier.
pub(crate) fn release_of(path: &str) -> Option<(&'static str, &'static str, &'static str)> {
    let (folder, base) = path.rsplit_once('/')?;
    if base == "VERSION" && (folder == "go" || folder.ends_with("/go")) {
        return Some(("go", "BSD-3-Clause", "Go project"));
    }
    let above = folder.rsplit_once('/').map_or("", |(above, _)| above);
    let is_erlang = base == "OTP_VERSION" && above.ends_with("erlang/releases");
    is_erlang.then_some(("erlang", "Apache-2.0", "Ericsson"))
}

/// The component that such a file is about.
pub(crate) fn release(path: &str, bytes: &[u8]) -> super::Cataloged {
    let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(256)).unwrap_or_default());
    let line = text.lines().next().unwrap_or_default().trim();
    let version = line.strip_prefix("go").unwrap_or(line);
    let is_version = version.starts_with(|letter: char| letter.is_ascii_digit())
        && version.len() < 40
        && version
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '.');
    let Some((name, licence, supplier)) = release_of(path).filter(|_| is_version) else {
        return Ok(Vec::new());
    };
    let mut component = component(ComponentKind::Binary, None, name, name, version);
    component.licences.expression = Some(licence.to_owned());
    component.supplier = Some(supplier.to_owned());
    Ok(vec![Found::new(component, EvidenceKind::Metadata)])
}

/// Versions of three numbers between zeros, as long as they are higher than the one before.
#[derive(Default)]
pub(crate) struct Versions(Option<[u32; 3]>);

impl Versions {
    /// Looks at what follows a zero.
    pub(crate) fn look(&mut self, after_zero: &[u8]) {
        let text = after_zero.strip_prefix(b"v").unwrap_or(after_zero);
        let mut numbers = [0_u32; 3];
        let mut place = 0;
        let mut digits = 0;
        for byte in text.iter().take(12) {
            match byte {
                b'0'..=b'9' if digits < 3 => {
                    digits += 1;
                    if let Some(number) = numbers.get_mut(place) {
                        *number = *number * 10 + u32::from(byte - b'0');
                    }
                }
                b'.' if digits > 0 && place < 2 => {
                    place += 1;
                    digits = 0;
                }
                0 if digits > 0 && place == 2 => {
                    self.0 = self.0.max(Some(numbers));
                    return;
                }
                _ => return,
            }
        }
    }

    /// The component of a class with the highest of them.
    pub(crate) fn found(&self, class: &Class) -> Option<Found> {
        let [major, minor, patch] = self.0?;
        Some(class.component(&format!("{major}.{minor}.{patch}")))
    }
}

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
        if self.form == Form::Highest {
            return None;
        }
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
            _ => {
                from_needle.strip_prefix(self.mark)?;
                let shared = match self.form {
                    Form::Shared(shared) => shared,
                    _ => 0,
                };
                from_needle.get(self.mark.len().checked_sub(shared)?..)?
            }
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
        let stands_alone = match (self.name, self.form) {
            ("python", _) | (_, Form::Shared(_)) => text.get(length) == Some(&0),
            (_, Form::Alone) => matches!(text.get(length), Some(0 | b' ')),
            _ => true,
        };
        if !begins || !(2..=4).contains(&numbers) || !stands_alone {
            return None;
        }
        Some(self.component(version))
    }

    fn component(&self, version: &str) -> Found {
        let mut component = component(ComponentKind::Binary, None, self.name, self.name, version);
        // OpenSSL changed its licence with version 3.
        let licence = match self.name {
            "openssl" if version.starts_with("3.") => Some("Apache-2.0"),
            _ => self.licence,
        };
        component.licences.expression = licence.map(str::to_owned);
        component.supplier = Some(self.supplier.to_owned());
        Found::new(component, EvidenceKind::BinaryText)
    }

    /// Whether its version is the highest of all, see [`Versions`].
    pub(crate) fn is_highest(&self) -> bool {
        self.form == Form::Highest
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
        // What stands in programs of Debian 12 around the version.
        for (file, text, expected) in [
            (
                "perl5.36.0",
                &b"\0v5.36.0\0panic: sysconf"[..],
                Some("perl 5.36.0"),
            ),
            ("xz", b"\0xz (XZ Utils) 5.4.1\0", Some("xz 5.4.1")),
            (
                "zstd",
                b"Enabled\0v1.5.4\0Zstandard CLI",
                Some("zstd 1.5.4"),
            ),
            (
                "lua5.4",
                b"$LuaVersion: Lua 5.4.4  Copyright",
                Some("lua 5.4.4"),
            ),
            (
                "liblua5.4.so.0.0.0",
                b"$LuaVersion: Lua 5.4.4  Copyright",
                Some("lua 5.4.4"),
            ),
            (
                "mariadbd",
                b"\0MariaDB 10.11.19\0",
                Some("mariadb 10.11.19"),
            ),
            (
                "varnishd",
                b"\0varnish-7.1.1 revision 7cee",
                Some("varnish 7.1.1"),
            ),
            ("lighttpd", b"\0lighttpd/1.4.69\0", Some("lighttpd 1.4.69")),
            ("dnsmasq", b"\0dnsmasq-2.90\0", Some("dnsmasq 2.90")),
            ("ssh", b"\0OpenSSH_9.2p1 Debian-2", Some("openssh 9.2p1")),
            ("ssh", b"\0OpenSSH_7.0*,OpenSSH_7.1*", None),
            (
                "haproxy",
                b"\0 version 2.6.12-1+deb12u4, released",
                Some("haproxy 2.6.12"),
            ),
            ("haproxy", b"any more since HAProxy version 2.5.\0", None),
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

    #[test]
    fn the_highest_version_that_stands_alone_counts() {
        let mut versions = Versions::default();
        for text in [
            &b"1.0.0\0"[..],
            b"7.0.15\0c11-builtin",
            b"7.0.151790282056\0",
            b"6.2.0\0",
            b"9.9\0",
            b"8.1.2.3\0",
            b"9.0.0 is new\0",
            b"9.0.",
            b"",
        ] {
            versions.look(text);
        }
        let class = classes("redis-server")[0];
        assert!(class.is_highest());
        let found = versions.found(class).unwrap();
        assert_eq!(found.component.version, "7.0.15");
        assert!(Versions::default().found(class).is_none());
    }

    #[test]
    fn releases_in_files_of_their_own() {
        for (path, text, expected) in [
            (
                "usr/local/go/VERSION",
                &b"go1.26.8\ntime 2026-08-28"[..],
                Some("go 1.26.8"),
            ),
            (
                "usr/lib/erlang/releases/25/OTP_VERSION",
                b"25.2.3\n",
                Some("erlang 25.2.3"),
            ),
            ("usr/local/go/VERSION", b"devel +abc", None),
            ("app/VERSION", b"1.0", None),
        ] {
            let found = release(path, text).unwrap();
            let found = found
                .first()
                .map(|found| format!("{} {}", found.component.name, found.component.version));
            assert_eq!(found.as_deref(), expected, "{path}");
        }
    }
}
