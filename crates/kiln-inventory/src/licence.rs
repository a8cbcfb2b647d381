//! Licences: names as people write them to SPDX expressions, and Debian's copyright files.
//!
//! Nothing is guessed from the text of a licence. A name that SPDX does not know becomes a
//! `LicenseRef-…` with the text that stands beside it.

mod address;
mod order;
mod remembered;

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{Digest, LicenceText, Licences};
use serde::{Deserialize, Serialize};

/// Bytes of one licence text, and of all notices, that are kept.
const LONGEST_TEXT: usize = 64 << 10;
const LONGEST_NOTICES: usize = 16 << 10;
/// Licences of one component.
const MOST: usize = 256;
/// Times that one component may name a licence, and bytes of such a name.
const MOST_ASKED: usize = 10_000;
const LONGEST_NAME: usize = 4096;

/// What a copyright file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Copyright {
    /// The licences.
    pub(crate) licences: Licences,
    /// The copyright notices, one a line.
    pub(crate) notices: String,
}

/// Collects the licences of one component.
#[derive(Default)]
pub(crate) struct Collector {
    expressions: BTreeSet<String>,
    /// The reference that each name got.
    references: BTreeMap<String, String>,
    /// How often something was added.
    asked: usize,
    texts: BTreeMap<String, LicenceText>,
}

impl Collector {
    /// Adds what a field says: an SPDX expression, or a name. `text` is what stands for a name that
    /// is not in the list.
    pub(crate) fn add(&mut self, said: &str, text: Option<&str>) {
        let said = said.trim();
        self.asked += 1;
        if said.is_empty() || self.expressions.len() >= MOST || self.asked > MOST_ASKED {
            return;
        }
        let expression = match valid(said) {
            Some(expression) => expression,
            None => match known(said) {
                Some(id) => id,
                None => match with_references(said) {
                    Some((expression, references)) => {
                        for name in references {
                            let entry = LicenceText {
                                name: name.clone(),
                                text: text.unwrap_or(&name).to_owned(),
                            };
                            self.texts.entry(name).or_insert(entry);
                        }
                        expression
                    }
                    None => self.reference(said, text),
                },
            },
        };
        self.expressions.insert(expression);
    }

    /// Adds a licence expression of DEP-5: `GPL-2+ or Artistic, and MIT`. The texts are those of the
    /// file's licence paragraphs, by name.
    fn add_dep5(&mut self, said: &str, texts: &BTreeMap<&str, &str>) {
        let said = said.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        self.asked += 1;
        if said.is_empty() || self.expressions.len() >= MOST || self.asked > MOST_ASKED {
            return;
        }
        if said.len() > LONGEST_NAME {
            let reference = self.reference(&said, None);
            self.expressions.insert(reference);
            return;
        }
        // In DEP-5 a comma before `and` binds weaker than `or` without one.
        let mut conjuncts = Vec::new();
        for outer in split_word(&said.replace(", and ", " ,and "), ",and") {
            let mut disjuncts = Vec::new();
            for either in split_word(&outer.replace(", or ", " or "), "or") {
                // Between two commas there may be no name at all.
                let parts: Vec<String> = split_word(&either, "and")
                    .iter()
                    .filter(|name| !name.trim_matches([' ', ',']).is_empty())
                    .map(|name| self.dep5_name(name, texts))
                    .collect();
                if !parts.is_empty() {
                    disjuncts.push(joined(&parts, " AND "));
                }
            }
            if !disjuncts.is_empty() {
                conjuncts.push(joined(&disjuncts, " OR "));
            }
        }
        if conjuncts.is_empty() {
            return;
        }
        let expression = joined(&conjuncts, " AND ");
        // Parentheses around a whole that needs none would make two spellings of one licence.
        self.expressions.insert(expression);
    }

    fn dep5_name(&mut self, name: &str, texts: &BTreeMap<&str, &str>) -> String {
        let name = name.trim_matches([' ', ',']);
        match known(name) {
            Some(id) => id,
            None => self.reference(name, texts.get(name).copied()),
        }
    }

    /// A `LicenseRef-…` for a name; texts that differ make different ones.
    fn reference(&mut self, name: &str, text: Option<&str>) -> String {
        let name: String = name.chars().take(LONGEST_NAME).collect();
        if let Some(id) = self.references.get(&name) {
            return id.clone();
        }
        let id = self.new_reference(&name, text);
        self.references.insert(name, id.clone());
        id
    }

    fn new_reference(&mut self, name: &str, text: Option<&str>) -> String {
        let mut id = "LicenseRef-".to_owned();
        for letter in name.chars().take(60) {
            let plain = letter.is_ascii_alphanumeric() || letter == '.' || letter == '-';
            match plain {
                true => id.push(letter),
                false if id.ends_with('-') => {}
                false => id.push('-'),
            }
        }
        let mut id = id.trim_end_matches('-').to_owned();
        if id == "LicenseRef" {
            id.push_str("-unnamed");
        }
        let text = text.map(str::trim).filter(|text| !text.is_empty());
        if text.is_some() || name.chars().count() > 60 {
            let whole = format!("{name}\n{}", text.unwrap_or_default());
            let hex = Digest::of(whole.as_bytes()).hex();
            id.push('-');
            id.push_str(hex.get(..8).unwrap_or_default());
        }
        self.texts.entry(id.clone()).or_insert_with(|| LicenceText {
            name: shortened(name, 200),
            text: shortened(text.unwrap_or(name), LONGEST_TEXT),
        });
        id
    }

    /// All of them apply.
    pub(crate) fn finish(self) -> Licences {
        let parts: Vec<String> = self.expressions.into_iter().collect();
        let expression = ordered(&joined(&parts, " AND "));
        Licences {
            expression: (!expression.is_empty()).then_some(expression),
            texts: self.texts,
        }
    }
}

/// The licence of a single field, where it says anything.
pub(crate) fn of_field(said: &str) -> Licences {
    let mut collector = Collector::default();
    collector.add(said, None);
    collector.finish()
}

/// What a bundle's manifest says (OSGi core, `Bundle-License`): licences between commas, each a name
/// or an address, with attributes behind semicolons. An address that names no licence says nothing.
pub(crate) fn of_bundle(said: &str) -> Licences {
    let mut collector = Collector::default();
    for one in said.split(',') {
        let name = one.split(';').next().unwrap_or_default();
        let name = name.trim().trim_matches('"');
        match address::of_address(name) {
            Some(id) => collector.add(id, None),
            None if name.contains("://") => {}
            None => collector.add(name, None),
        }
    }
    collector.finish()
}

/// Parts of an expression joined; a part that has another operator gets parentheses.
fn joined(parts: &[String], operator: &str) -> String {
    let other = match operator {
        " AND " => " OR ",
        _ => " AND ",
    };
    let wrapped: Vec<String> = match parts {
        [one] => return one.clone(),
        parts => parts
            .iter()
            .map(|part| match part.contains(other) {
                true => format!("({part})"),
                false => part.clone(),
            })
            .collect(),
    };
    let mut seen = BTreeSet::new();
    let unique: Vec<String> = wrapped
        .into_iter()
        .filter(|part| seen.insert(part.clone()))
        .collect();
    unique.join(operator)
}

/// Splits at a word that stands between blanks.
fn split_word(text: &str, word: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for piece in text.split(' ') {
        if piece.eq_ignore_ascii_case(word) {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(piece);
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}\n[…]", text.get(..end).unwrap_or_default())
}

thread_local! {
    static VALID: remembered::Answers = remembered::Answers::default();
    static KNOWN: remembered::Answers = remembered::Answers::default();
    static ORDERED: remembered::Answers = remembered::Answers::default();
}

fn ordered(said: &str) -> String {
    let answer = |said: &str| Some(order::ordered(said.to_owned()));
    remembered::recall(&ORDERED, said, answer).unwrap_or_default()
}

/// The text as an SPDX expression in canonical spelling, where it is one.
fn valid(text: &str) -> Option<String> {
    remembered::recall(&VALID, text, parsed)
}

fn parsed(text: &str) -> Option<String> {
    // What refers to something outside the list is told elsewhere.
    let is_own = text.contains("LicenseRef-");
    if is_own || text.len() > 4096 || text.matches('(').count() > 64 {
        return None;
    }
    let mode = spdx::ParseMode {
        allow_slash_as_or_operator: true,
        allow_imprecise_license_names: false,
        allow_postfix_plus_on_gpl: true,
        allow_deprecated: false,
        allow_unknown: false,
    };
    let canonical = spdx::Expression::canonicalize(text).ok().flatten();
    // Nearly all are written as they should be, and what is strictly one is one.
    if canonical.is_none()
        && let Ok(expression) = spdx::Expression::parse(text)
    {
        return without_references(&expression);
    }
    let canonical = canonical.unwrap_or_else(|| text.to_owned());
    let expression = spdx::Expression::parse_mode(&canonical, mode).ok()?;
    let written = expression.to_string();
    // What is given on must be readable by everybody, references to licences included.
    spdx::Expression::parse(&written).ok()?;
    without_references(&expression)
}

/// The expression as it is written, if it names nothing outside the list.
fn without_references(expression: &spdx::Expression) -> Option<String> {
    let has_reference = expression
        .requirements()
        .any(|requirement| requirement.req.license.id().is_none());
    (!has_reference).then(|| expression.to_string())
}

/// An expression that refers to licences outside the list, as documents have them (SPDX 2.3,
/// annex D), with those references.
fn with_references(text: &str) -> Option<(String, Vec<String>)> {
    if !text.contains("LicenseRef-") || text.len() > 4096 || text.matches('(').count() > 64 {
        return None;
    }
    let expression = spdx::Expression::parse(text).ok()?;
    let references = expression
        .requirements()
        .filter(|requirement| requirement.req.license.id().is_none())
        .map(|requirement| requirement.req.license.to_string())
        .collect();
    Some((expression.to_string(), references))
}

/// The identifier of a licence by the names that Debian, npm, Python and others write.
fn known(name: &str) -> Option<String> {
    remembered::recall(&KNOWN, name.trim(), identified)
}

fn identified(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    if let Some((licence, exception)) = lower.split_once(" with ") {
        let licence = known(name.get(..licence.len())?)?;
        let exception = exception
            .trim()
            .trim_end_matches(" exception")
            .replace(' ', "-");
        let id = [
            exception.clone(),
            format!("{exception}-exception"),
            format!("{exception}-exception-2.0"),
            format!("{exception}-exception-3.1"),
        ]
        .iter()
        .find_map(|candidate| {
            spdx::identifiers::EXCEPTIONS
                .iter()
                .map(|exception| exception.name)
                .find(|name| name.eq_ignore_ascii_case(candidate))
        })?;
        return valid(&format!("{licence} WITH {id}"));
    }
    // The licences of GNU: a plus sign or `-or-later`; Debian leaves out a zero.
    for family in ["AGPL", "LGPL", "GPL", "GFDL"] {
        let Some(rest) = lower.strip_prefix(&family.to_ascii_lowercase()) else {
            continue;
        };
        let rest = rest.trim_start_matches(['-', 'v', ' ']);
        let (version, later) = match rest
            .strip_suffix('+')
            .or_else(|| rest.strip_suffix("-or-later"))
            .or_else(|| rest.strip_suffix(" or later"))
        {
            Some(version) => (version, "or-later"),
            None => (rest.strip_suffix("-only").unwrap_or(rest), "only"),
        };
        let (version, invariants) = match version
            .strip_suffix("-no-invariants")
            .or_else(|| version.strip_suffix("-niv"))
        {
            Some(version) => (version, "-no-invariants"),
            None => (version, ""),
        };
        let version = match version.contains('.') {
            true => version.to_owned(),
            false => format!("{version}.0"),
        };
        return valid(&format!("{family}-{version}{invariants}-{later}"));
    }
    let alias = match lower.as_str() {
        "expat" | "mit license" | "the mit license" | "mit/expat" | "mit-license" => "MIT",
        "apache"
        | "apache 2"
        | "apache-2"
        | "apache 2.0"
        | "apache license 2.0"
        | "apache2"
        | "asl-2"
        | "asl 2.0"
        | "apache license, version 2.0"
        | "apache software license"
        | "apache license version 2.0"
        | "the apache license, version 2.0"
        | "the apache software license, version 2.0" => "Apache-2.0",
        "bsd-2-clause" | "bsd-2" | "bsd 2-clause" | "2-clause bsd" => "BSD-2-Clause",
        "bsd-3-clause"
        | "bsd-3"
        | "bsd 3-clause"
        | "3-clause bsd"
        | "new bsd"
        | "bsd 3-clause license"
        | "modified bsd license" => "BSD-3-Clause",
        "bsd-4-clause" | "bsd-4" => "BSD-4-Clause",
        "artistic" | "artistic-1" => "Artistic-1.0",
        "artistic-2" => "Artistic-2.0",
        "mpl-2" | "mpl 2.0" | "mozilla public license 2.0 (mpl 2.0)" => "MPL-2.0",
        "mpl-1" => "MPL-1.0",
        "cc0" | "cc0-1" => "CC0-1.0",
        "cc-by-3" => "CC-BY-3.0",
        "cc-by-4" => "CC-BY-4.0",
        "cc-by-sa-3" => "CC-BY-SA-3.0",
        "cc-by-sa-4" => "CC-BY-SA-4.0",
        "psf" | "psf-2" | "psfl" | "python software foundation license" => "PSF-2.0",
        "isc license (iscl)" | "isc license" => "ISC",
        "zpl-2.1" | "zope public license" => "ZPL-2.1",
        "boost-1" | "bsl-1" => "BSL-1.0",
        "epl-2" => "EPL-2.0",
        "epl-1" => "EPL-1.0",
        "ofl-1" | "sil-1.1" => "OFL-1.1",
        "unlicense" | "the unlicense" => "Unlicense",
        "zlib/libpng" => "Zlib",
        _ => {
            return spdx::identifiers::LICENSES
                .iter()
                .map(|licence| licence.name)
                .find(|id| id.eq_ignore_ascii_case(name))
                .and_then(valid);
        }
    };
    Some(alias.to_owned())
}

/// Reads a copyright file of Debian: the machine-readable form (DEP-5), or free text, of which only
/// the references to `/usr/share/common-licenses` are understood. `package` names the text that no
/// licence of the list stands for.
pub(crate) fn copyright(text: &str, package: &str) -> Copyright {
    match dep5(text) {
        Some(copyright) => copyright,
        None => free_text(text, package),
    }
}

/// A field with its continuation lines.
struct Field<'a> {
    name: &'a str,
    first: &'a str,
    /// Of the fields that are read.
    rest: String,
}

impl Field<'_> {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

fn paragraphs(text: &str) -> Vec<Vec<Field<'_>>> {
    let mut paragraphs = vec![Vec::<Field<'_>>::new()];
    for line in text.lines() {
        if line.trim().is_empty() {
            paragraphs.push(Vec::new());
            continue;
        }
        let Some(current) = paragraphs.last_mut() else {
            break;
        };
        if line.starts_with([' ', '\t']) {
            if let Some(field) = current.last_mut()
                && (field.is("license") || field.is("copyright"))
            {
                let line = line.trim();
                field.rest.push_str(if line == "." { "" } else { line });
                field.rest.push('\n');
            }
        } else if let Some((name, value)) = line.split_once(':') {
            current.push(Field {
                name: name.trim(),
                first: value.trim(),
                rest: String::new(),
            });
        }
    }
    paragraphs.retain(|fields| !fields.is_empty());
    paragraphs
}

fn dep5(text: &str) -> Option<Copyright> {
    let paragraphs = paragraphs(text);
    let header = paragraphs.first()?;
    let is_format = |field: &Field<'_>| field.is("format") || field.is("format-specification");
    if !header.iter().any(is_format) {
        return None;
    }
    let mut texts = BTreeMap::new();
    for fields in &paragraphs {
        if let Some(field) = fields.iter().find(|field| field.is("license"))
            && !field.rest.trim().is_empty()
        {
            texts.entry(field.first).or_insert(field.rest.as_str());
        }
    }
    let mut collector = Collector::default();
    let mut notices = Notices::default();
    for fields in &paragraphs {
        let speaks_of_files = fields
            .iter()
            .any(|field| field.is("files") || is_format(field));
        if !speaks_of_files {
            continue;
        }
        if let Some(field) = fields.iter().find(|field| field.is("license")) {
            collector.add_dep5(field.first, &texts);
        }
        if let Some(field) = fields.iter().find(|field| field.is("copyright")) {
            notices.add(field.first);
            field.rest.lines().for_each(|line| notices.add(line));
        }
    }
    Some(Copyright {
        licences: collector.finish(),
        notices: notices.finish(),
    })
}

fn free_text(text: &str, package: &str) -> Copyright {
    const FOLDER: &str = "/usr/share/common-licenses/";
    let words = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let is_later = words.contains("any later version") || words.contains("or later");
    let mut collector = Collector::default();
    for (at, _) in text.match_indices(FOLDER).take(1000) {
        let name: String = text
            .get(at + FOLDER.len()..)
            .unwrap_or_default()
            .chars()
            .take(30)
            .take_while(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.'))
            .collect();
        let name = name.trim_end_matches('.');
        let is_gnu = name.starts_with("GPL") || name.starts_with("LGPL");
        let is_known = name.len() > 4 || name == "BSD";
        match name {
            "BSD" => collector.add("BSD-3-Clause", None),
            // A link to the newest: it says no version.
            "GPL" | "LGPL" | "GFDL" => collector.add(&format!("{name}-unversioned"), Some(text)),
            _ if is_known && is_gnu && is_later => collector.add(&format!("{name}+"), Some(text)),
            _ if is_known => collector.add(name, Some(text)),
            _ => {}
        }
    }
    if collector.expressions.is_empty() && !text.trim().is_empty() {
        collector.add(&format!("{package} copyright"), Some(text));
    }
    let mut notices = Notices::default();
    for line in text.lines().map(str::trim) {
        if line.starts_with("Copyright") || line.starts_with("(c)") || line.starts_with('©') {
            notices.add(line);
        }
    }
    Copyright {
        licences: collector.finish(),
        notices: notices.finish(),
    }
}

/// Copyright notices, each once, in the order of the file.
#[derive(Default)]
struct Notices<'a> {
    seen: BTreeSet<&'a str>,
    text: String,
}

impl<'a> Notices<'a> {
    fn add(&mut self, line: &'a str) {
        let line = line.trim();
        if line.is_empty() || line == "." || self.text.len() > LONGEST_NOTICES {
            return;
        }
        if self.seen.insert(line) {
            if !self.text.is_empty() {
                self.text.push('\n');
            }
            self.text.push_str(line);
        }
    }

    fn finish(self) -> String {
        shortened(&self.text, LONGEST_NOTICES)
    }
}

#[cfg(test)]
mod tests;
