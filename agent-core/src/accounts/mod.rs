//! People who can sign in: set-up link, password, sign-in limits, browser sessions.

use protocol::{SetUpParams, UserId, Viewer};

use crate::Core;
use crate::store::StoreError;

mod sessions;

pub use sessions::{
    SESSION_USER, StoredSession, delete_session, load_session, purge_sessions, save_session, session_is_live,
    session_user_exists,
};

/// A refusal or a fault, in a sentence for people.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The input is not acceptable.
    #[error("{0}")]
    Invalid(String),
    /// Wrong password, used or expired link, disabled account.
    #[error("{0}")]
    Denied(String),
    /// Too many attempts.
    #[error("too many attempts; try again in {} s", retry_after_ms.div_ceil(1000))]
    TooMany {
        /// Milliseconds until the next attempt is looked at.
        retry_after_ms: u64,
    },
    /// The database failed.
    #[error(transparent)]
    Internal(#[from] StoreError),
}

/// Whether an owner exists.
pub async fn is_set_up(core: &Core) -> Result<bool, AccountError> { unimplemented!() }
/// Makes a single-use token for the set-up link, valid for 24 hours; earlier ones end.
/// When an owner exists already, the link lets whoever holds it choose a new password.
pub async fn issue_setup_token(core: &Core) -> Result<String, AccountError> { unimplemented!() }
/// Uses the token: makes the owner, or sets the owner's new password and ends every session.
pub async fn set_up(core: &Core, params: SetUpParams) -> Result<Viewer, AccountError> { unimplemented!() }
/// Checks the password. `origin` is the client's address, for limiting guesses.
pub async fn sign_in(core: &Core, password: &str, origin: &str) -> Result<Viewer, AccountError> { unimplemented!() }
/// The person of a session, unless the account is gone or disabled.
pub async fn viewer(core: &Core, id: UserId) -> Result<Option<Viewer>, AccountError> { unimplemented!() }
