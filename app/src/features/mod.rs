//! One folder per feature, by the word that names it everywhere else.

pub mod accounts;
pub mod decisions;
pub mod home;
pub mod inbox;
pub mod kanban;
pub mod keys;
pub mod palette;
pub mod push;
pub mod review;
pub mod settings;
