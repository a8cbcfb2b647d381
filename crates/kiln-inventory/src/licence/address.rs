//! Licences named by where their text stands. Only addresses that SPDX's list gives for exactly one
//! licence (its `seeAlso`), or that the licence's own steward uses.

/// (address without scheme, `www.` and ending; licence).
const KNOWN: &[(&str, &str)] = &[
    ("apache.org/licenses/license-1.1", "Apache-1.1"),
    ("apache.org/licenses/license-2.0", "Apache-2.0"),
    ("opensource.org/licenses/apache2.0", "Apache-2.0"),
    ("opensource.org/licenses/apache-2.0", "Apache-2.0"),
    ("opensource.org/licenses/mit", "MIT"),
    ("opensource.org/licenses/mit-license", "MIT"),
    ("opensource.org/licenses/bsd-2-clause", "BSD-2-Clause"),
    ("opensource.org/licenses/bsd-3-clause", "BSD-3-Clause"),
    ("opensource.org/licenses/epl-1.0", "EPL-1.0"),
    ("opensource.org/licenses/epl-2.0", "EPL-2.0"),
    ("opensource.org/licenses/isc", "ISC"),
    ("eclipse.org/legal/epl-v10", "EPL-1.0"),
    ("eclipse.org/legal/epl-v20", "EPL-2.0"),
    ("eclipse.org/legal/epl-2.0", "EPL-2.0"),
    ("eclipse.org/org/documents/edl-v10", "BSD-3-Clause"),
    ("mozilla.org/mpl/2.0", "MPL-2.0"),
    ("mozilla.org/mpl/mpl-1.1", "MPL-1.1"),
    ("creativecommons.org/publicdomain/zero/1.0", "CC0-1.0"),
    ("unlicense.org", "Unlicense"),
];

/// The licence whose text stands at an address.
pub(crate) fn of_address(address: &str) -> Option<&'static str> {
    let lower = address.trim().to_ascii_lowercase();
    let (_, rest) = lower.split_once("://")?;
    let rest = rest.strip_prefix("www.").unwrap_or(rest);
    let rest = rest.trim_end_matches('/');
    let bare = [".txt", ".html", ".htm", ".php"]
        .iter()
        .find_map(|ending| rest.strip_suffix(ending))
        .unwrap_or(rest);
    KNOWN
        .iter()
        .find_map(|(known, id)| (*known == bare).then_some(*id))
}

#[cfg(test)]
mod tests {
    use super::of_address;

    #[test]
    fn an_address_names_one_licence_or_none() {
        for (address, expected) in [
            (
                "https://www.apache.org/licenses/LICENSE-2.0.txt",
                Some("Apache-2.0"),
            ),
            (
                "http://www.apache.org/licenses/LICENSE-2.0",
                Some("Apache-2.0"),
            ),
            (
                "http://www.opensource.org/licenses/mit-license.php",
                Some("MIT"),
            ),
            ("https://opensource.org/licenses/MIT/", Some("MIT")),
            ("http://www.eclipse.org/legal/epl-v10.html", Some("EPL-1.0")),
            // Which GPL, and with what exception, such pages do not say.
            (
                "http://www.gnu.org/licenses/old-licenses/lgpl-2.1.html",
                None,
            ),
            ("https://example.com/apache.org/licenses/license-2.0", None),
            ("apache.org/licenses/license-2.0", None),
        ] {
            assert_eq!(of_address(address), expected, "{address}");
        }
        for (_, id) in super::KNOWN {
            assert!(spdx::license_id(id).is_some(), "{id}");
        }
    }
}
