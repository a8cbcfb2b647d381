//! The interests of packages in triggers (deb-triggers(5)), as dpkg keeps them in `triggers/`:
//! `File` for those in paths, one file for each other trigger.

use std::collections::BTreeMap;

use kiln_types::{InstalledPackage, RelativePath};

use super::info_name;

/// Names in `triggers/` that are no triggers.
const RESERVED: [&str; 3] = ["File", "Lock", "Unincorp"];

/// The files of `triggers/` by name. Directives that dpkg would not understand are left out.
pub(super) fn write(packages: &[&InstalledPackage]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::from([
        ("File".to_owned(), Vec::new()),
        ("Unincorp".to_owned(), Vec::new()),
    ]);
    for package in packages {
        let Some(text) = package
            .control
            .members
            .get("triggers")
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
        else {
            continue;
        };
        let name = info_name(&package.control);
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            let (Some(directive), Some(trigger), None) = (words.next(), words.next(), words.next())
            else {
                continue;
            };
            let wait = match directive {
                "interest" | "interest-await" => "",
                "interest-noawait" => "/noawait",
                _ => continue,
            };
            if !trigger.bytes().all(|byte| byte.is_ascii_graphic()) {
                continue;
            }
            let (file, line) = if trigger.starts_with('/') && RelativePath::new(trigger).is_ok() {
                ("File", format!("{trigger} {name}{wait}\n"))
            } else if trigger.contains('/')
                || trigger.starts_with('.')
                || RESERVED.contains(&trigger)
            {
                continue;
            } else {
                (trigger, format!("{name}{wait}\n"))
            };
            files
                .entry(file.to_owned())
                .or_default()
                .extend_from_slice(line.as_bytes());
        }
    }
    files
}
