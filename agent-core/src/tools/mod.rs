//! Tools.
mod places;
mod policy;
