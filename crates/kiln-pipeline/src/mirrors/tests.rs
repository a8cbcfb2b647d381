use kiln_types::{Digest, ImageName, LockedIndex};

use super::*;

const SERVICE: &str = "https://snapshots.example/archive/{archive}/{timestamp}";

fn source(archive: &str, snapshot: Option<&str>) -> ArchiveSource {
    ArchiveSource {
        archive: archive.to_owned(),
        suites: vec!["trixie".to_owned()],
        components: vec!["main".to_owned()],
        url: None,
        flat: None,
        keyrings: Vec::new(),
        trusted: false,
        origin: None,
        label: None,
        priority: 500,
        snapshot: snapshot.map(str::to_owned),
    }
}

fn lock(snapshot: Option<&str>, indexes: &[(&str, &str)]) -> Lock {
    Lock {
        image: ImageName::new("demo").expect("a name"),
        inputs: Digest::of(b""),
        snapshot: snapshot.map(|text| text.parse().expect("a time")),
        indexes: indexes
            .iter()
            .map(|(archive, date)| LockedIndex {
                archive: (*archive).to_owned(),
                suite: "trixie".to_owned(),
                date: date.parse().expect("a time"),
                release: Digest::of(b""),
            })
            .collect(),
        packages: Vec::new(),
    }
}

fn urls(settings: &MirrorSettings, source: &ArchiveSource) -> Option<Vec<String>> {
    settings
        .candidates(source, TODAY)
        .map(|candidates| candidates.urls)
}

/// 2026-11-24T07:00:01Z.
const TODAY: Timestamp = Timestamp::from_unix(1_795_503_601);

#[test]
fn the_most_explicit_address_wins() {
    let mut settings = MirrorSettings::default();
    let debian = source("debian", Some(SERVICE));
    let midnight = "https://snapshots.example/archive/debian/20261124T000000Z";
    assert_eq!(urls(&settings, &debian), Some(vec![midnight.to_owned()]));
    assert_eq!(urls(&settings, &source("mine", None)), None);

    settings.apt = vec!["http://apt/a".to_owned(), "http://apt/b".to_owned()];
    assert_eq!(urls(&settings, &debian), Some(settings.apt.clone()));

    settings
        .mirrors
        .insert("debian".to_owned(), vec!["http://mirror".to_owned()]);
    assert_eq!(
        urls(&settings, &debian),
        Some(vec!["http://mirror".to_owned()])
    );

    settings.snapshot = "20250101T120000Z".parse().ok();
    let snapshot = "https://snapshots.example/archive/debian/20250101T120000Z";
    assert_eq!(urls(&settings, &debian), Some(vec![snapshot.to_owned()]));

    let own = ArchiveSource {
        url: Some("file:/srv".to_owned()),
        ..debian
    };
    assert_eq!(urls(&settings, &own), Some(vec!["file:/srv".to_owned()]));
}

#[test]
fn an_archive_without_snapshots_keeps_its_mirrors_when_a_snapshot_is_asked_for() {
    let mut settings = MirrorSettings {
        snapshot: "20250101T120000Z".parse().ok(),
        ..MirrorSettings::default()
    };
    assert_eq!(urls(&settings, &source("mine", None)), None);
    settings
        .mirrors
        .insert("mine".to_owned(), vec!["http://mine".to_owned()]);
    assert_eq!(
        urls(&settings, &source("mine", None)),
        Some(vec!["http://mine".to_owned()])
    );
}

#[test]
fn a_locked_package_is_looked_for_in_the_past_at_last() {
    let mut settings = MirrorSettings::default();
    settings
        .mirrors
        .insert("debian".to_owned(), vec!["http://mirror".to_owned()]);
    let debian = source("debian", Some(SERVICE));
    let indexes = [
        ("debian", "2026-10-01T08:00:00Z"),
        ("debian", "2026-10-02T08:00:00Z"),
        ("debian-security", "2026-10-05T08:00:00Z"),
    ];
    let url = |stamp: &str| Some(format!("https://snapshots.example/archive/debian/{stamp}"));
    // (what, source, lock, where at last)
    let table = [
        (
            "a day after the newest index of the archive",
            debian.clone(),
            lock(None, &indexes),
            url("20261003T080000Z"),
        ),
        (
            "the snapshot that was read",
            debian.clone(),
            lock(Some("20261004T000000Z"), &indexes),
            url("20261004T000000Z"),
        ),
        (
            "a lock that knows nothing of the archive",
            debian.clone(),
            lock(None, &indexes[2..]),
            None,
        ),
        (
            "an archive that nobody keeps",
            source("debian", None),
            lock(None, &indexes),
            None,
        ),
        (
            "an archive whose address the definition gives",
            ArchiveSource {
                url: Some("http://own".to_owned()),
                ..debian
            },
            lock(None, &indexes),
            None,
        ),
    ];
    for (what, source, lock, expected) in table {
        let addresses = settings.for_packages(&source, &lock, TODAY);
        assert_eq!(addresses.last_resort, expected, "{what}");
        assert_eq!(addresses.mirrors.len(), 1, "{what}");
    }
}

#[test]
fn a_snapshot_is_not_asked_twice() {
    let settings = MirrorSettings {
        snapshot: "20261004T000000Z".parse().ok(),
        ..MirrorSettings::default()
    };
    let lock = lock(Some("20261004T000000Z"), &[]);
    let addresses = settings.for_packages(&source("debian", Some(SERVICE)), &lock, TODAY);
    assert_eq!(addresses.mirrors.len(), 1);
    assert_eq!(addresses.last_resort, None);
}
