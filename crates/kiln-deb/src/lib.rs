//! The Debian formats: versions, control files, indexes, signatures, packages and the installed database.
