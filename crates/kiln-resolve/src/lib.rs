//! Package universe and constraints to a set of packages; explains itself.
