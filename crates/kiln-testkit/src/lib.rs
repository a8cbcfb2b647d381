//! A hermetic world for tests: tiny signed repositories and a server for them.
