//! Signing in.

use serde::{Deserialize, Serialize};

use crate::UserId;

/// Shortest password, in characters (OWASP ASVS 5.0, 6.2.1 with no second factor: 15; 12 with rate limits on a private network).
pub const MIN_PASSWORD_CHARS: usize = 12;

/// The person a request comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    /// Id.
    pub id: UserId,
    /// Display name.
    pub name: String,
}

/// What the first screen needs to know before anyone is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInState {
    /// Whether an owner exists already.
    pub set_up: bool,
    /// The person signed in, if any.
    pub viewer: Option<Viewer>,
}

/// Makes the owner's account, once, with the token of the printed link.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetUpParams {
    /// Single-use token.
    pub token: String,
    /// Display name.
    pub name: String,
    /// At least [`MIN_PASSWORD_CHARS`] characters.
    pub password: String,
}

/// Signs in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInParams {
    /// Password.
    pub password: String,
}

// Passwords and tokens stay out of logs and panics.
impl std::fmt::Debug for SetUpParams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetUpParams").field("name", &self.name).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SignInParams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignInParams").finish_non_exhaustive()
    }
}
