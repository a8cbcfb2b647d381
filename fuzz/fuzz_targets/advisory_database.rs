//! A database whose checks all fit, with other bytes in it: as somebody writes it who means harm.
#![no_main]

use kiln_types::Timestamp;
use kiln_vuln::feed::{FeedKind, read_feed};
use kiln_vuln::{Advisories, AdvisorySet, Database, seal_database, write_database};
use libfuzzer_sys::fuzz_target;

/// A small database with a fact of many kinds.
fn base() -> Vec<u8> {
    let mut set = AdvisorySet::new();
    for (kind, text) in [
        (
            FeedKind::DebianTracker,
            r#"{"one":{"CVE-2030-0001":{"description":"d","releases":{"trixie":{"status":"resolved","fixed_version":"1.0-2","urgency":"high"}}},
            "CVE-2030-0002":{"releases":{"trixie":{"status":"open","urgency":"low","nodsa":"Minor","nodsa_reason":""}}}}}"#,
        ),
        (
            FeedKind::Osv,
            r#"{"id":"GHSA-aaaa-bbbb-cccc","aliases":["CVE-2030-0003"],"modified":"2030-01-01T00:00:00Z","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"affected":[{"package":{"ecosystem":"npm","name":"b"},"versions":["1.0.0"],"ranges":[{"type":"SEMVER","events":[{"introduced":"1"},{"last_affected":"2"}]}]}]}"#,
        ),
        (
            FeedKind::Kev,
            r#"{"vulnerabilities":[{"cveID":"CVE-2030-0001","dateAdded":"2030-02-01","knownRansomwareCampaignUse":"Known"}]}"#,
        ),
    ] {
        let read = read_feed(kind, "f", std::io::Cursor::new(text));
        set.merge(read.expect("it is a feed").set);
    }
    set.finish();
    write_database(&set, Timestamp::EPOCH)
}

fuzz_target!(|edits: Vec<(u16, u8, u8)>| {
    thread_local!(static BASE: Vec<u8> = base());
    let mut bytes = BASE.with(Clone::clone);
    // The two directories are the most of it: what stands before, between and behind them is reached
    // from both ends.
    for (place, side, byte) in edits {
        let place = usize::from(place);
        let at = match side & 3 {
            0 => place,
            1 => bytes.len().saturating_sub(1 + place),
            2 => bytes.len() / 2 + place,
            _ => (bytes.len() / 2).saturating_sub(place),
        };
        if let Some(found) = bytes.get_mut(at) {
            *found = byte;
        }
    }
    seal_database(&mut bytes);
    let Ok(database) = Database::open(bytes.as_slice()) else {
        return;
    };
    let _ = database.check();
    for (ecosystem, package) in [("debian:13", "one"), ("npm", "b")] {
        let _ = database.facts(ecosystem, package);
    }
    for id in ["CVE-2030-0001", "CVE-2030-0003", "GHSA-aaaa-bbbb-cccc"] {
        let _ = database.vulnerability(id);
    }
});
