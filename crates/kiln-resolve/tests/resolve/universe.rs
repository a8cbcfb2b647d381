//! A universe in memory, written in a few words.
//!
//! One version of one package a line, fields separated by `;`:
//!
//! ```text
//! nginx 1.26; depends: libc (>= 2), a | b; conflicts: apache; provides: httpd (= 1)
//! mawk 1.3;   provides: awk; priority: required; essential; multi-arch: allowed; suite: backports
//! ```
//!
//! Versions of one package are preferred in the order of their lines unless one is higher.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kiln_types::{
    Alternatives, Comparison, Constraint, Digest, FormatError, MultiArch, PackageId, PackageName,
    PackageRecord, PackageVersion, Priority, Provide, Relation, Universe,
};

#[derive(Default)]
pub(crate) struct Memory {
    records: Vec<Arc<PackageRecord>>,
    named: HashMap<String, Vec<PackageId>>,
    providing: HashMap<String, Vec<PackageId>>,
    /// The order in which names are mentioned, where it matters; otherwise that of the names.
    pub(crate) mentions: HashMap<String, u32>,
}

impl Memory {
    pub(crate) fn new(text: &str) -> Self {
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self::of(lines.map(line).collect())
    }

    pub(crate) fn of(records: Vec<PackageRecord>) -> Self {
        let mut universe = Self::default();
        let mut by_name: BTreeMap<PackageName, Vec<PackageRecord>> = BTreeMap::new();
        for record in records {
            by_name.entry(record.name.clone()).or_default().push(record);
        }
        for (name, mut versions) in by_name {
            // Stable: of equal versions, the earlier line is preferred.
            versions.sort_by(|left, right| compare(right.version.as_str(), left.version.as_str()));
            for record in versions {
                let id = PackageId(u32::try_from(universe.records.len()).unwrap());
                universe.named.entry(name.to_string()).or_default().push(id);
                let mut provided: Vec<&str> =
                    record.provides.iter().map(|p| p.name.as_str()).collect();
                provided.sort_unstable();
                provided.dedup();
                for name in provided {
                    universe
                        .providing
                        .entry(name.to_owned())
                        .or_default()
                        .push(id);
                }
                universe.records.push(Arc::new(record));
            }
        }
        universe
    }

    pub(crate) fn records(&self) -> &[Arc<PackageRecord>] {
        &self.records
    }
}

impl Universe for Memory {
    fn named(&self, name: &str) -> Vec<PackageId> {
        self.named.get(name).cloned().unwrap_or_default()
    }

    fn providing(&self, name: &str) -> Vec<PackageId> {
        self.providing.get(name).cloned().unwrap_or_default()
    }

    fn record(&self, id: PackageId) -> Result<Arc<PackageRecord>, FormatError> {
        let record = self
            .records
            .get(id.0 as usize)
            .ok_or_else(|| FormatError::malformed("universe", "no such id"))?;
        if record.path == "damaged" {
            return Err(FormatError::malformed(record.name.to_string(), "damaged"));
        }
        Ok(record.clone())
    }

    fn compare(&self, left: &str, right: &str) -> Ordering {
        compare(left, right)
    }

    fn similar(&self, name: &str, limit: usize) -> Vec<String> {
        let mut names: Vec<String> = self
            .named
            .keys()
            .filter(|known| known.starts_with(name.get(..3).unwrap_or(name)))
            .cloned()
            .collect();
        names.sort();
        names.truncate(limit);
        names
    }

    fn first_mention(&self, id: PackageId) -> u32 {
        self.mentions
            .get(self.records[id.0 as usize].name.as_str())
            .copied()
            .unwrap_or(id.0)
    }

    fn architecture(&self) -> &str {
        "amd64"
    }
}

/// deb-version(7): epoch, then alternating parts of non-digits and digits, `~` before the end.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    let epoch = |text: &str| {
        text.split_once(':')
            .map_or((0, text.to_owned()), |(e, rest)| {
                (e.parse().unwrap_or(0), rest.to_owned())
            })
    };
    let (left_epoch, left): (u64, String) = epoch(left);
    let (right_epoch, right): (u64, String) = epoch(right);
    let split = |text: &str| {
        text.rsplit_once('-')
            .map_or((text.to_owned(), String::new()), |(u, r)| {
                (u.to_owned(), r.to_owned())
            })
    };
    let (left_upstream, left_revision) = split(&left);
    let (right_upstream, right_revision) = split(&right);
    left_epoch
        .cmp(&right_epoch)
        .then_with(|| parts(&left_upstream, &right_upstream))
        .then_with(|| parts(&left_revision, &right_revision))
}

fn parts(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    let weight = |byte: Option<&u8>| match byte {
        None => 0,
        Some(byte) if byte.is_ascii_digit() => 0,
        Some(b'~') => -1,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    while !left.is_empty() || !right.is_empty() {
        loop {
            let more = |bytes: &[u8]| bytes.first().is_some_and(|byte| !byte.is_ascii_digit());
            if !more(left) && !more(right) {
                break;
            }
            let order = weight(left.first()).cmp(&weight(right.first()));
            if order.is_ne() {
                return order;
            }
            left = &left[1.min(left.len())..];
            right = &right[1.min(right.len())..];
        }
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .position(|byte| !byte.is_ascii_digit())
                .unwrap_or(bytes.len())
        };
        let (left_digits, right_digits) = (&left[..number(left)], &right[..number(right)]);
        (left, right) = (&left[left_digits.len()..], &right[right_digits.len()..]);
        let trim = |digits: &[u8]| {
            let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
            digits[zeros..].to_vec()
        };
        let (a, b) = (trim(left_digits), trim(right_digits));
        let order = a.len().cmp(&b.len()).then_with(|| a.cmp(&b));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

pub(crate) fn relation(text: &str) -> Relation {
    let (name, constraint) = match text.trim().split_once('(') {
        None => (text.trim(), None),
        Some((name, rest)) => {
            let rest = rest.trim().trim_end_matches(')').trim();
            let at = rest.find(|c: char| !"<>=".contains(c)).unwrap();
            let comparison = match &rest[..at] {
                "<<" => Comparison::Earlier,
                "<=" => Comparison::EarlierOrEqual,
                "=" => Comparison::Equal,
                ">=" => Comparison::LaterOrEqual,
                ">>" => Comparison::Later,
                other => panic!("unknown comparison {other}"),
            };
            let version = PackageVersion::new(rest[at..].trim()).unwrap();
            (
                name.trim(),
                Some(Constraint {
                    comparison,
                    version,
                }),
            )
        }
    };
    let (name, qualifier) = match name.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier.to_owned())),
        None => (name, None),
    };
    Relation {
        name: name.to_owned(),
        qualifier,
        constraint,
    }
}

pub(crate) fn relations(text: &str) -> Vec<Relation> {
    text.split(',')
        .filter(|part| !part.trim().is_empty())
        .map(relation)
        .collect()
}

pub(crate) fn groups(text: &str) -> Vec<Alternatives> {
    text.split(',')
        .filter(|part| !part.trim().is_empty())
        .map(|group| group.split('|').map(relation).collect())
        .collect()
}

pub(crate) fn provides(text: &str) -> Vec<Provide> {
    relations(text)
        .into_iter()
        .map(|relation| Provide {
            name: match relation.qualifier {
                Some(qualifier) => format!("{}:{qualifier}", relation.name),
                None => relation.name,
            },
            version: relation.constraint.map(|constraint| constraint.version),
        })
        .collect()
}

pub(crate) fn priority(text: &str) -> Priority {
    match text {
        "required" => Priority::Required,
        "important" => Priority::Important,
        "standard" => Priority::Standard,
        "extra" => Priority::Extra,
        _ => Priority::Optional,
    }
}

pub(crate) fn multi_arch(text: &str) -> MultiArch {
    match text {
        "same" => MultiArch::Same,
        "foreign" => MultiArch::Foreign,
        "allowed" => MultiArch::Allowed,
        _ => MultiArch::No,
    }
}

pub(crate) fn record(name: &str, version: &str) -> PackageRecord {
    PackageRecord {
        name: PackageName::new(name).unwrap(),
        version: PackageVersion::new(version).unwrap(),
        architecture: "amd64".to_owned(),
        source: name.to_owned(),
        depends: Vec::new(),
        conflicts: Vec::new(),
        provides: Vec::new(),
        multi_arch: MultiArch::No,
        priority: Priority::Optional,
        essential: false,
        archive: "debian".to_owned(),
        suite: "stable".to_owned(),
        path: format!("pool/{name}_{version}.deb"),
        size: 1,
        installed_size: 1,
        sha256: Digest::of(name.as_bytes()),
    }
}

fn line(line: &str) -> PackageRecord {
    let mut fields = line.split(';').map(str::trim);
    let (name, version) = fields.next().unwrap().split_once(' ').unwrap();
    let mut record = record(name, version.trim());
    for field in fields.filter(|field| !field.is_empty()) {
        let (key, value) = field.split_once(':').unwrap_or((field, ""));
        let value = value.trim();
        match key.trim() {
            "depends" => record.depends = groups(value),
            "conflicts" => record.conflicts = relations(value),
            "provides" => record.provides = provides(value),
            "priority" => record.priority = priority(value),
            "multi-arch" => record.multi_arch = multi_arch(value),
            "essential" => record.essential = true,
            "suite" => record.suite = value.to_owned(),
            "damaged" => record.path = "damaged".to_owned(),
            other => panic!("unknown field {other}"),
        }
    }
    record
}
