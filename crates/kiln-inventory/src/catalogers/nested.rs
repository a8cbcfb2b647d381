//! What is found in one file that holds others, and what that may cost. A small archive may have
//! archives without number in it, and each of their names stands in every component that it is the
//! place of: bytes that are unpacked do not bound what is kept of them.

use std::mem;

use crate::layer::ScanLimits;
use crate::node::Found;

/// Archives that are opened in one file.
const MOST_ARCHIVES: usize = 20_000;
/// Components of one file.
const MOST_COMPONENTS: usize = 20_000;
/// What all that is kept of one file may weigh: eight megabytes of places alone.
const MOST_WEIGHT: u64 = 128 << 20;
/// The place of a component is copied into its evidence, and from there into every document and
/// report.
const WEIGHT_OF_PLACE: u64 = 16;
/// Other texts of it are copied too, but fewer times.
const WEIGHT_OF_TEXT: u64 = 4;
/// Things that could not be read of which each is said.
const MOST_MISSED: usize = 20;
/// Letters of a text in a message.
const LONGEST: usize = 300;

/// A search through one file.
pub(crate) struct Search {
    /// Bytes that may still be unpacked.
    unpacked: u64,
    /// Bytes that may still be in memory at once, beside the file.
    room: u64,
    /// Levels of archives in archives.
    depth: usize,
    archives: usize,
    components: usize,
    weight: u64,
    found: Vec<Found>,
    wrong: Vec<String>,
    is_over: bool,
}

impl Search {
    pub(crate) const fn new(limits: &ScanLimits) -> Self {
        Self {
            unpacked: limits.nested,
            // The list of an archive is there twice while it is opened.
            room: limits.nested / 8 * 5,
            depth: limits.depth,
            archives: MOST_ARCHIVES,
            components: MOST_COMPONENTS,
            weight: MOST_WEIGHT,
            found: Vec::new(),
            wrong: Vec::new(),
            is_over: false,
        }
    }

    /// Whether there was too much: nothing more is looked at.
    pub(crate) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Counts an archive that is about to be opened; false when it must not be.
    pub(crate) fn enter(&mut self) -> bool {
        match self.archives.checked_sub(1) {
            Some(left) => self.archives = left,
            None => self.stop(&format!("it holds more than {MOST_ARCHIVES} archives")),
        }
        !self.is_over
    }

    /// Whether archives in an archive that lies so deep are not opened.
    pub(crate) const fn is_too_deep(&self, depth: usize) -> bool {
        depth >= self.depth
    }

    /// Takes bytes from what may be unpacked; false, and nothing is taken, when too few are left.
    pub(crate) fn unpack(&mut self, bytes: u64) -> bool {
        let left = self.unpacked.checked_sub(bytes);
        self.unpacked = left.unwrap_or(self.unpacked);
        left.is_some()
    }

    /// Takes memory until it is left; false, and nothing is taken, when too little is there.
    pub(crate) fn hold(&mut self, bytes: u64) -> bool {
        let left = self.room.checked_sub(bytes);
        self.room = left.unwrap_or(self.room);
        left.is_some()
    }

    /// Gives back what was held.
    pub(crate) fn leave(&mut self, bytes: u64) {
        self.room = self.room.saturating_add(bytes);
    }

    /// Adds a component that was found at a place inside; false when there were too many.
    pub(crate) fn add(&mut self, inside: &str, mut found: Found) -> bool {
        if self.is_over {
            return false;
        }
        let left = self.weight.checked_sub(weight(inside, &found));
        match (self.components.checked_sub(1), left) {
            (None, _) => self.stop(&format!("it holds more than {MOST_COMPONENTS} components")),
            (_, None) => self.stop("the names of what it holds are too long"),
            (Some(components), Some(left)) => {
                (self.components, self.weight) = (components, left);
                inside.clone_into(&mut found.inside);
                self.found.push(found);
            }
        }
        !self.is_over
    }

    /// Says what could not be read at a place inside.
    pub(crate) fn miss(&mut self, inside: &str, reason: &str) {
        match self.wrong.len() {
            _ if self.is_over => {}
            0..MOST_MISSED => self.wrong.push(match inside {
                "" => shortened(reason),
                inside => format!("{}: {}", shortened(inside), shortened(reason)),
            }),
            MOST_MISSED => self.wrong.push("and more inside".to_owned()),
            _ => {}
        }
    }

    fn stop(&mut self, reason: &str) {
        self.is_over = true;
        let reason = format!("{reason}: the rest is not looked at");
        self.wrong.push(reason);
    }

    /// The components, and what could not be read.
    pub(crate) fn finish(mut self) -> (Vec<Found>, Vec<String>) {
        (mem::take(&mut self.found), self.wrong)
    }
}

/// What keeping all this costs, about.
pub(crate) fn kept(found: &[Found], wrong: &[String]) -> u64 {
    let components: u64 = found.iter().map(|found| weight(&found.inside, found)).sum();
    let messages: u64 = wrong.iter().map(|text| text.len() as u64).sum();
    components.saturating_add(messages.saturating_mul(WEIGHT_OF_TEXT))
}

fn weight(inside: &str, found: &Found) -> u64 {
    let component = &found.component;
    let optional = [
        &component.supplier,
        &component.summary,
        &component.homepage,
        &component.copyright,
        &component.licences.expression,
    ];
    let licences = component.licences.texts.iter();
    let texts = [&component.name, &component.version]
        .into_iter()
        .chain(optional.into_iter().flatten())
        .chain(&found.needs)
        .chain(&found.provides)
        .map(String::len)
        .chain(licences.map(|(name, text)| name.len() + text.name.len() + text.text.len()));
    let text: usize = texts.sum();
    (text as u64)
        .saturating_mul(WEIGHT_OF_TEXT)
        .saturating_add((inside.len() as u64).saturating_mul(WEIGHT_OF_PLACE))
}

/// The begin and the end of a long text.
fn shortened(text: &str) -> String {
    let count = text.chars().count();
    if count <= LONGEST {
        return text.to_owned();
    }
    let begin = text.chars().take(LONGEST / 2);
    let end = text.chars().skip(count - LONGEST / 2);
    begin.chain(['…']).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use kiln_types::{Component, ComponentKind, EvidenceKind};

    use super::super::java;
    use super::super::java::tests::stored;
    use super::*;

    #[test]
    fn attack_jars_that_fan_out() {
        let manifest = b"Implementation-Version: 1\n";
        let mut jar = stored(&[("META-INF/MANIFEST.MF", manifest)]);
        for _ in 0..2 {
            let names: Vec<String> = (0..150).map(|number| format!("{number}.jar")).collect();
            let members: Vec<(&str, &[u8])> = names
                .iter()
                .map(|name| (name.as_str(), jar.as_slice()))
                .collect();
            jar = stored(&members);
        }
        let mut search = Search::new(&ScanLimits::default());
        java::archive("app.jar", &jar, &mut search);
        let (found, wrong) = search.finish();
        assert_eq!(found.len(), MOST_ARCHIVES - 1 - MOST_ARCHIVES.div_ceil(151));
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains("20000 archives"), "{wrong:?}");
    }

    #[test]
    fn attack_archives_and_lists_that_fill_memory() {
        let limits = ScanLimits {
            nested: 1 << 20,
            ..ScanLimits::default()
        };
        let pom = (
            "META-INF/maven/g/a/pom.properties",
            b"groupId=g\nartifactId=a\nversion=1\n",
        );
        let jar = |padding: usize| stored(&[(pom.0, pom.1), ("padding", &vec![0; padding])]);
        let (small, large) = (jar(500 << 10), jar(700 << 10));
        for (outer, count, reason) in [
            // What was left makes room for the next one.
            (stored(&[("1.jar", &small), ("2.jar", &small)]), 2, None),
            (
                stored(&[("1.jar", &large), ("2.jar", b"")]),
                0,
                Some("1.jar: it takes more memory"),
            ),
        ] {
            let mut search = Search::new(&limits);
            java::archive("outer.zip", &outer, &mut search);
            let (found, wrong) = search.finish();
            assert_eq!(found.len(), count);
            assert_eq!(wrong.is_empty(), reason.is_none(), "{wrong:?}");
            assert!(
                reason.is_none_or(|reason| wrong[0].starts_with(reason)),
                "{wrong:?}"
            );
        }
        let names: Vec<String> = (0..400).map(|number| format!("{number:02000}")).collect();
        let members: Vec<(&str, &[u8])> =
            names.iter().map(|name| (name.as_str(), &b""[..])).collect();
        let mut search = Search::new(&limits);
        java::archive("outer.zip", &stored(&members), &mut search);
        let (_, wrong) = search.finish();
        assert!(wrong[0].contains("its list of files"), "{wrong:?}");
    }

    #[test]
    fn attack_long_names_inside() {
        let component = Component::new(ComponentKind::Maven, "a", "1");
        let found = Found::new(component, EvidenceKind::Metadata);
        let inside = "x".repeat(1 << 20);
        let mut search = Search::new(&ScanLimits::default());
        let added = (0..100).filter(|_| search.add(&inside, found.clone()));
        assert_eq!(added.count(), 7);
        search.miss(&inside, &inside);
        let (found, wrong) = search.finish();
        assert_eq!((found.len(), wrong.len()), (7, 1));
        let mut search = Search::new(&ScanLimits::default());
        for _ in 0..100 {
            search.miss(&inside, &inside);
        }
        let (_, wrong) = search.finish();
        assert_eq!(wrong.len(), MOST_MISSED + 1);
        assert!(kept(&[], &wrong) < 100_000);
    }
}
