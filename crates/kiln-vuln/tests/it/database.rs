//! The database file: everything that went in comes out, and damage is found.

use kiln_types::Timestamp;
use kiln_vuln::feed::{read_debian_tracker, read_epss, read_kev, read_osv_lines};
use kiln_vuln::{
    Advisories as _, AdvisorySet, Database, DatabaseError, seal_database, write_database,
};

use crate::feeds::bytes;

fn set() -> AdvisorySet {
    let mut set = read_debian_tracker(&bytes("debian-tracker.json.zst")[..]).unwrap();
    read_osv_lines(&bytes("alpine-sample.osv.jsonl.zst")[..], &mut set).unwrap();
    read_osv_lines(&bytes("debian-sample.osv.jsonl.zst")[..], &mut set).unwrap();
    set.merge(read_kev(&bytes("vunnel-kev/valid-catalog-1.json")[..]).unwrap());
    set.merge(
        read_epss(&bytes("vunnel-epss/example-1.csv")[..])
            .unwrap()
            .0,
    );
    set.finish();
    set
}

#[test]
fn what_goes_in_comes_out() {
    let set = set();
    let file = write_database(&set, Timestamp::EPOCH);
    assert_eq!(
        file,
        write_database(&set, Timestamp::EPOCH),
        "equal sets, equal bytes"
    );
    println!("{} facts in {} bytes", set.fact_count(), file.len());
    let database = Database::open(&file[..]).unwrap();
    database.check().unwrap();
    let ecosystems: Vec<&str> = set.ecosystems().collect();
    assert_eq!(database.meta().ecosystems, ecosystems);
    let mut packages: Vec<(&str, &str)> = set
        .all_facts()
        .map(|(ecosystem, package, _)| (ecosystem, package))
        .collect();
    packages.dedup();
    assert!(packages.len() > 1_900, "{}", packages.len());
    for (ecosystem, package) in packages {
        let Ok(expected) = set.facts(ecosystem, package);
        assert_eq!(database.facts(ecosystem, package).unwrap(), expected);
        for fact in expected {
            let Ok(expected) = set.vulnerability(&fact.vulnerability);
            assert_eq!(
                database.vulnerability(&fact.vulnerability).unwrap(),
                expected
            );
        }
    }
    assert!(
        database
            .facts("debian:13", "no-such-package")
            .unwrap()
            .is_empty()
    );
    assert_eq!(database.vulnerability("CVE-1").unwrap(), None);
    assert!(!database.covers("debian:10~"));
}

#[test]
fn a_torn_or_altered_file_is_an_error_and_never_an_answer() {
    let set = set();
    let file = write_database(&set, Timestamp::EPOCH);
    assert!(matches!(
        Database::open(&b"short"[..]),
        Err(DatabaseError::Format)
    ));
    assert!(matches!(
        Database::open(&[0_u8; 4096][..]),
        Err(DatabaseError::Format)
    ));
    for part in 1..20 {
        let length = file.len() * part / 20;
        assert!(Database::open(&file[..length]).is_err(), "torn at {length}");
    }
    // Every changed byte of the records is found by the whole check, at the latest.
    let mut missed = 0;
    for step in 0..40 {
        let mut bytes = file.clone();
        let at = bytes.len() * step / 40 + 11;
        bytes[at] ^= 0x20;
        let found = match Database::open(&bytes[..]) {
            Err(_) => true,
            Ok(database) => database.check().is_err(),
        };
        missed += usize::from(!found);
    }
    assert_eq!(missed, 0, "changes that were not found");
}

/// Whoever writes a database to do harm makes its checks fit: what is read behind them must hold.
#[test]
fn a_database_whose_checks_fit_and_whose_content_lies_is_an_error() {
    let mut set = read_debian_tracker(
        &br#"{"one":{"CVE-2030-0001":{"releases":{"trixie":{"status":"resolved","fixed_version":"1","urgency":"high"}}}}}"#[..],
    )
    .unwrap();
    set.finish();
    let whole = write_database(&set, Timestamp::EPOCH);
    let mut sealed = whole.clone();
    seal_database(&mut sealed);
    assert_eq!(sealed, whole, "sealing changes nothing that fits");
    let (mut errors, mut reached) = (0, 0);
    let ends = (8..96).chain(whole.len() - 400..whole.len()).step_by(5);
    for at in ends {
        let mut changed = whole.clone();
        changed[at] = changed[at].wrapping_add(0x7f);
        let unsealed = Database::open(&changed[..]).and_then(|database| database.check());
        assert!(unsealed.is_err(), "byte {at}");
        seal_database(&mut changed);
        let Ok(database) = Database::open(&changed[..]) else {
            errors += 1;
            continue;
        };
        let _ = database.facts("debian:13", "one");
        let _ = database.vulnerability("CVE-2030-0001");
        match database.check() {
            Ok(()) => reached += 1,
            Err(_) => errors += 1,
        }
    }
    assert!(errors > 0 && reached > 0, "{errors} {reached}");
}
