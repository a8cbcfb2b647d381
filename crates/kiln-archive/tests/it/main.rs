//! Tests of `kiln-archive` through its front door: formats, attacks, properties, and the real tools.

#[cfg(test)]
mod ar;
#[cfg(test)]
mod decompress;
#[cfg(test)]
mod forge;
#[cfg(test)]
mod real_tools;
#[cfg(test)]
mod segments;
#[cfg(test)]
mod tar_attacks;
#[cfg(test)]
mod tar_formats;
#[cfg(test)]
mod tar_round_trip;
