//! Processes identified by pid and start time, so that a pid used again is never mistaken or killed.
