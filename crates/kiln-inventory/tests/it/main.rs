//! Whole images, honest and hostile, through the front door. Attacks are named after themselves.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod image;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod places;
