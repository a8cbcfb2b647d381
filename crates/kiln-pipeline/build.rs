//! Names the code that decides about an image's bytes, so that a kiln with other code does not
//! take images from the cache that its code would make differently. The name never gets into an
//! image.

include!("../kiln-inventory/sources.rs");

/// The rooms whose code decides about bytes.
const ROOMS: [&str; 7] = [
    "kiln-archive",
    "kiln-deb",
    "kiln-image",
    "kiln-oci",
    "kiln-pipeline",
    "kiln-script",
    "kiln-types",
];

fn main() {
    println!("cargo::rustc-env=KILN_CODE={}", name_of_sources(&ROOMS));
}
