//! The documents people write: definitions, profiles, distributions and locks, with spans, lints and a schema.
