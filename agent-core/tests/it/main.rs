//! The core against a real database, real files and real processes.

mod text;
