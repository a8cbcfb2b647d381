//! Go: the build information that the linker writes into a program (Go source tree,
//! `debug/buildinfo`). Since Go 1.18 the two strings stand behind the header itself.

use kiln_types::{Component, ComponentKind, EvidenceKind};

use super::{Cataloged, component, is_sane};
use crate::node::Found;

/// What the header begins with; it is aligned to 16 bytes.
pub(crate) const MAGIC: &[u8] = b"\xff Go buildinf:";
/// Bytes of the header.
const HEADER: usize = 32;
/// Bytes of build information that are kept: the largest programs have some hundred kilobytes.
pub(crate) const LONGEST: usize = 4 << 20;
/// The lines of modules stand between two marks of 16 bytes.
const MARK: usize = 16;
/// Modules of one program.
const MOST: usize = 20_000;

/// The modules of a program whose build information begins `bytes`. Empty where it is none, or of
/// Go before 1.18, whose header has pointers.
pub(crate) fn modules(bytes: &[u8]) -> Cataloged {
    let Some(flags) = bytes.get(15) else {
        return Ok(Vec::new());
    };
    if !bytes.starts_with(MAGIC) {
        return Ok(Vec::new());
    }
    if flags & 2 == 0 {
        return Err("a Go program of before 1.18: its modules are not read".to_owned());
    }
    let mut rest = bytes.get(HEADER..).unwrap_or_default();
    let (Some(version), Some(information)) = (string(&mut rest), string(&mut rest)) else {
        return Err("the build information of Go is broken".to_owned());
    };
    let version = String::from_utf8_lossy(version);
    // A string of the toolchain itself looks like a header; its version would be none.
    if !version.starts_with("go1") && !version.starts_with("devel") {
        return Ok(Vec::new());
    }
    let inner = information.len().checked_sub(MARK);
    let lines = inner
        .and_then(|end| information.get(MARK..end))
        .unwrap_or_default();
    let lines = String::from_utf8_lossy(lines);
    let mut found = Vec::new();
    found.push(Found::new(
        standard_library(&version),
        EvidenceKind::BuildInformation,
    ));
    let mut settings = Vec::new();
    let mut last: Option<Module> = None;
    for line in lines.lines().take(MOST) {
        let mut fields = line.split('\t');
        match fields.next() {
            Some(kind @ ("mod" | "dep")) => {
                found.extend(last.take().and_then(Module::found));
                last = Some(Module {
                    is_main: kind == "mod",
                    path: fields.next().unwrap_or_default().to_owned(),
                    version: fields.next().unwrap_or_default().to_owned(),
                    sum: fields.next().unwrap_or_default().to_owned(),
                });
            }
            // The module before is replaced by this one.
            Some("=>") => {
                if let Some(module) = &mut last {
                    let path = fields.next().unwrap_or_default();
                    let version = fields.next().unwrap_or_default();
                    if !version.is_empty() {
                        path.clone_into(&mut module.path);
                        version.clone_into(&mut module.version);
                        fields
                            .next()
                            .unwrap_or_default()
                            .clone_into(&mut module.sum);
                    }
                }
            }
            Some("build") => settings.extend(fields.next().map(str::to_owned)),
            _ => {}
        }
    }
    found.extend(last.take().and_then(Module::found));
    // Revision and time of the sources say which `(devel)` it is.
    let wanted = [
        "vcs.revision=",
        "vcs.time=",
        "vcs.modified=",
        "CGO_ENABLED=",
        "GOFLAGS=",
        "-tags=",
    ];
    for setting in settings {
        if let Some((name, value)) = setting.split_once('=')
            && wanted.iter().any(|wanted| setting.starts_with(wanted))
            && let Some(main) = found
                .iter_mut()
                .find(|found| found.component.properties.contains_key("go-main"))
        {
            let name = format!("go-{}", name.trim_start_matches('-'));
            // Flags of a build may carry a token.
            let value = kiln_types::secret::shown_text(value).into_owned();
            main.component.properties.insert(name, value);
        }
    }
    Ok(found)
}

struct Module {
    is_main: bool,
    path: String,
    version: String,
    sum: String,
}

impl Module {
    fn found(self) -> Option<Found> {
        if !is_sane(&self.path) {
            return None;
        }
        let (namespace, name) = match self.path.rsplit_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, self.path.as_str()),
        };
        let mut component = component(
            ComponentKind::Golang,
            namespace,
            name,
            &self.path,
            &self.version,
        );
        if self.is_main {
            component
                .properties
                .insert("go-main".to_owned(), "true".to_owned());
        }
        if !self.sum.is_empty() {
            component.properties.insert("go-sum".to_owned(), self.sum);
        }
        Some(Found::new(component, EvidenceKind::BuildInformation))
    }
}

/// The standard library, under the name that the Go vulnerability database gives it.
fn standard_library(version: &str) -> Component {
    // `go1.22.3 X:boringcrypto`, `go1.25-custom`.
    let number = version.split([' ', '-']).next().unwrap_or_default();
    let number = number.strip_prefix("go").unwrap_or(number);
    let mut component = component(ComponentKind::Golang, None, "stdlib", "stdlib", number);
    component
        .properties
        .insert("go-version".to_owned(), version.chars().take(200).collect());
    component.licences.expression = Some("BSD-3-Clause".to_owned());
    component
}

/// A string with its length before it.
fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        length |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
        if shift > 28 {
            return None;
        }
    }
    let (text, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(text)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Build information as the linker writes it.
    pub(crate) fn header(version: &str, lines: &str) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([8, 2]);
        bytes.resize(HEADER, 0);
        let mark = [0x30; MARK];
        let information = [&mark[..], lines.as_bytes(), &mark[..]].concat();
        for text in [version.as_bytes(), &information] {
            let mut length = text.len();
            while length > 0x7f {
                bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
                length >>= 7;
            }
            bytes.push(u8::try_from(length).unwrap());
            bytes.extend_from_slice(text);
        }
        bytes
    }

    #[test]
    fn modules_replacements_and_the_standard_library() {
        let lines = "path\texample.com/app\nmod\texample.com/app\t(devel)\t\ndep\tgolang.org/x/net\tv0.1.0\th1:a=\ndep\tgithub.com/a/b\tv1.0.0\n=>\tgithub.com/c/b\tv1.0.1\th1:b=\nbuild\tvcs.revision=abc\n";
        let found = modules(&header("go1.24.4", lines)).unwrap();
        let list: Vec<(&str, &str)> = found
            .iter()
            .map(|found| {
                (
                    found.component.name.as_str(),
                    found.component.version.as_str(),
                )
            })
            .collect();
        assert_eq!(
            list,
            [
                ("stdlib", "1.24.4"),
                ("example.com/app", "(devel)"),
                ("golang.org/x/net", "v0.1.0"),
                ("github.com/c/b", "v1.0.1"),
            ]
        );
        assert_eq!(found[1].component.properties["go-vcs.revision"], "abc");
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let mut bytes = header("go1.24.4", "mod\ta\tv1\n");
        bytes.truncate(40);
        assert!(modules(&bytes).is_err());
        bytes.truncate(HEADER);
        bytes.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert!(modules(&bytes).is_err());
        assert!(modules(b"\xff Go buildinf:").unwrap().is_empty());
    }
}
