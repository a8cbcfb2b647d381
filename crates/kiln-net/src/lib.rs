//! HTTP, retries, mirrors.
