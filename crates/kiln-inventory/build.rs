//! Names the code that says what is in a layer, so that a kiln with other code does not take answers
//! from the cache that its own would not give. The name is part of a key and of nothing else.

include!("sources.rs");

/// The rooms whose code decides.
const ROOMS: [&str; 5] = [
    "kiln-archive",
    "kiln-deb",
    "kiln-inventory",
    "kiln-oci",
    "kiln-types",
];

fn main() {
    println!(
        "cargo::rustc-env=KILN_CATALOGERS={}",
        name_of_sources(&ROOMS)
    );
}
