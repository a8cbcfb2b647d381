//! Random small universes, every one of whose sets can be tried.

use std::collections::BTreeSet;

use kiln_resolve::{ResolveError, resolve};
use kiln_types::{PackageRecord, PackageRequest, Relation, Unmet};
use proptest::prelude::*;
use proptest::sample::Index;

use super::universe::{Memory, groups, multi_arch, provides, record, relations};

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const VIRTUAL: [&str; 2] = ["v", "w"];

fn target() -> impl Strategy<Value = String> {
    let name = prop_oneof![4 => prop::sample::select(&NAMES[..]), 2 => prop::sample::select(&VIRTUAL[..]), 1 => Just("gone")];
    let constraint =
        prop_oneof![4 => Just(""), 1 => Just(" (>= 2)"), 1 => Just(" (<< 2)"), 1 => Just(" (= 1)")];
    let qualifier = prop_oneof![8 => Just(""), 1 => Just(":any"), 1 => Just(":i386")];
    (name, qualifier, constraint)
        .prop_map(|(name, qualifier, constraint)| format!("{name}{qualifier}{constraint}"))
}

fn package() -> impl Strategy<Value = PackageRecord> {
    let group =
        prop::collection::vec(target(), 1..3).prop_map(|alternatives| alternatives.join(" | "));
    let offer = (
        prop::sample::select(&["v", "w", "a"][..]),
        prop::sample::select(&["", " (= 1)", " (= 2)"][..]),
    )
        .prop_map(|(name, version)| format!("{name}{version}"));
    (
        prop::sample::select(&NAMES[..]),
        prop::sample::select(&["1", "2"][..]),
        prop::collection::btree_set(group, 0..3),
        prop::collection::btree_set(target(), 0..2),
        prop::collection::btree_set(offer, 0..2),
        prop::sample::select(&["no", "allowed", "foreign"][..]),
    )
        .prop_map(|(name, version, depends, conflicts, offers, marked)| {
            let join = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(", ");
            let mut record = record(name, version);
            record.depends = groups(&join(depends));
            record.conflicts = relations(&join(conflicts));
            record.provides = provides(&join(offers));
            record.multi_arch = multi_arch(marked);
            record
        })
}

fn universe() -> impl Strategy<Value = Vec<PackageRecord>> {
    prop::collection::vec(package(), 1..11).prop_map(|mut records| {
        // One record per name and version.
        let mut seen = BTreeSet::new();
        records.retain(|record| seen.insert((record.name.clone(), record.version.clone())));
        records
    })
}

fn wanted() -> impl Strategy<Value = PackageRequest> {
    let include = prop::collection::btree_set(prop::sample::select(&NAMES[..]), 1..4);
    let exclude = prop::collection::btree_set(prop::sample::select(&NAMES[..]), 0..2);
    (include, exclude, any::<bool>()).prop_map(|(include, exclude, tolerate)| {
        let mut text: Vec<String> = include.into_iter().map(str::to_owned).collect();
        text.extend(exclude.into_iter().map(|name| format!("!{name}")));
        super::request(&format!(
            "{}{}",
            if tolerate { "?" } else { "" },
            text.join(", ")
        ))
    })
}

/// The rules once more, written down from the manuals instead of from the solver.
mod rules {
    use super::*;
    use kiln_types::{MultiArch, Universe};

    pub(super) fn satisfies(
        universe: &Memory,
        relation: &Relation,
        package: &PackageRecord,
    ) -> bool {
        let fits = |version: &str| {
            relation
                .constraint
                .as_ref()
                .is_none_or(|c| universe.satisfies(version, c.comparison, c.version.as_str()))
        };
        let architecture = match relation.qualifier.as_deref() {
            Some("i386") => false,
            Some("any") => package.multi_arch == MultiArch::Allowed,
            _ => true,
        };
        architecture
            && (package.name.as_str() == relation.name && fits(package.version.as_str())
                || package.provides.iter().any(|offer| {
                    offer.name == relation.name
                        && match &offer.version {
                            Some(version) => fits(version.as_str()),
                            None => relation.constraint.is_none(),
                        }
                }))
    }

    fn is_excluded(request: &PackageRequest, package: &PackageRecord) -> bool {
        request.exclude.contains(&package.name)
            && !request.include.iter().any(|item| item.name == package.name)
    }

    /// Whether the exclusions leave a group open.
    fn is_open(universe: &Memory, request: &PackageRequest, group: &[Relation]) -> bool {
        let mut candidates = universe
            .records()
            .iter()
            .filter(|p| group.iter().any(|r| satisfies(universe, r, p)))
            .peekable();
        candidates.peek().is_some() && candidates.all(|package| is_excluded(request, package))
    }

    pub(super) fn hold(
        universe: &Memory,
        request: &PackageRequest,
        set: &[&PackageRecord],
    ) -> bool {
        let names: BTreeSet<_> = set.iter().map(|package| &package.name).collect();
        names.len() == set.len()
            && request.include.iter().all(|item| {
                // A name without a package of its own stands for whatever provides it.
                let real = universe
                    .records()
                    .iter()
                    .any(|package| package.name == item.name);
                let offers = |package: &&PackageRecord| {
                    package
                        .provides
                        .iter()
                        .any(|p| p.name == item.name.as_str())
                };
                if real {
                    names.contains(&item.name)
                } else {
                    set.iter().any(offers)
                }
            })
            && set.iter().all(|package| {
                !is_excluded(request, package)
                    && package.depends.iter().all(|group| {
                        set.iter().any(|other| {
                            group
                                .iter()
                                .any(|relation| satisfies(universe, relation, other))
                        }) || request.unmet == Unmet::Tolerate && is_open(universe, request, group)
                    })
                    && package.conflicts.iter().all(|relation| {
                        !set.iter().any(|other| {
                            other.name != package.name && satisfies(universe, relation, other)
                        })
                    })
            })
    }

    /// Whether any set at all meets the request.
    pub(super) fn can_hold(universe: &Memory, request: &PackageRequest) -> bool {
        let records: Vec<&PackageRecord> =
            universe.records().iter().map(|record| &**record).collect();
        (0..1_u32 << records.len()).any(|bits| {
            let set: Vec<&PackageRecord> = records
                .iter()
                .enumerate()
                .filter(|(i, _)| bits >> i & 1 == 1)
                .map(|(_, p)| *p)
                .collect();
            hold(universe, request, &set)
        })
    }
}

/// The universe and request without everything that the sentences do not speak of.
fn restricted(
    records: &[PackageRecord],
    request: &PackageRequest,
    core: &[&String],
) -> (Memory, PackageRequest) {
    let speaks = |start: String| {
        core.iter().any(|sentence| {
            **sentence == start
                || sentence.starts_with(&format!("{start};"))
                || sentence.starts_with(&format!("{start},"))
        })
    };
    let mut request = request.clone();
    // Requests stay known: their package must not become unknown, so only the wish goes.
    request
        .include
        .retain(|item| speaks(format!("`{}` is requested", item.name)));
    let mut records = records.to_vec();
    for record in &mut records {
        let (name, version) = (record.name.clone(), record.version.clone());
        record.depends.retain(|group| {
            let text: Vec<String> = group.iter().map(ToString::to_string).collect();
            speaks(format!("`{name}` {version} needs `{}`", text.join(" | ")))
        });
        record
            .conflicts
            .retain(|relation| speaks(format!("`{name}` {version} conflicts with `{relation}`")));
    }
    (Memory::of(records), request)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn the_answer_is_right(records in universe(), request in wanted()) {
        let universe = Memory::of(records);
        match resolve(&universe, &request) {
            Ok(found) => {
                let set: Vec<&PackageRecord> = found.packages.iter().map(|record| &**record).collect();
                prop_assert!(rules::hold(&universe, &request, &set), "{:?}", super::set(&found));
                prop_assert!(found.tolerated.is_empty() || request.unmet == Unmet::Tolerate);
                for package in &found.packages {
                    prop_assert!(found.why(package.name.as_str()).is_some(), "nothing needs {}", package.name);
                }
            }
            Err(ResolveError::Request(_)) => {}
            Err(ResolveError::OpenDependency(open)) => {
                prop_assert!(!open.is_empty());
                prop_assert!(!rules::can_hold(&universe, &request));
                let tolerant = PackageRequest { unmet: Unmet::Tolerate, ..request };
                prop_assert!(rules::can_hold(&universe, &tolerant));
            }
            Err(error) => prop_assert!(!rules::can_hold(&universe, &request), "{error}"),
        }
    }

    #[test]
    fn a_core_is_minimal(records in universe(), mut request in wanted()) {
        request.exclude.clear();
        let universe = Memory::of(records.clone());
        if let Err(ResolveError::Conflict { core }) = resolve(&universe, &request) {
            let all: Vec<&String> = core.iter().collect();
            let (alone, asked) = restricted(&records, &request, &all);
            prop_assert!(!rules::can_hold(&alone, &asked), "not a contradiction: {core:#?}");
            for (number, sentence) in core.iter().enumerate() {
                let others: Vec<&String> = core.iter().enumerate().filter(|(i, _)| *i != number).map(|(_, s)| s).collect();
                let (fewer, asked) = restricted(&records, &request, &others);
                prop_assert!(rules::can_hold(&fewer, &asked), "not needed: {sentence}\n{core:#?}");
            }
        }
    }

    #[test]
    fn the_order_of_insertion_does_not_matter(records in universe(), request in wanted(), picks in prop::collection::vec(any::<Index>(), 12)) {
        let mut shuffled = records.clone();
        for (number, pick) in picks.iter().enumerate().take(shuffled.len()) {
            let other = pick.index(shuffled.len());
            shuffled.swap(number, other);
        }
        let tell = |universe: Memory| match resolve(&universe, &request) {
            Ok(found) => format!("{:?} {:?} {:?}", super::set(&found), found.edges, found.tolerated),
            Err(error) => error.to_string(),
        };
        let first = tell(Memory::of(records.clone()));
        prop_assert_eq!(&first, &tell(Memory::of(records)));
        prop_assert_eq!(&first, &tell(Memory::of(shuffled)));
    }
}
