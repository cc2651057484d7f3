//! The one bounded text a worker reads.
