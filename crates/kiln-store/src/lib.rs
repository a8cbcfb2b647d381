//! Content-addressed blobs on disk: whole or absent, verified, garbage-collected.
