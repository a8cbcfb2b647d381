//! The stages in order, the stage cache, concurrency, and the one bridge between async and sync.
