//! Bytes: tar, gzip, zstd, xz and ar, with limits against hostile input and deterministic writing.
