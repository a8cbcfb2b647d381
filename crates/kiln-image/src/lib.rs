//! Packages to fragments, fragments to layers, layers to an image.
