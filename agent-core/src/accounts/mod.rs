//! People who can sign in: set-up link, password, limits on guessing.
//!
//! Passwords are kept as argon2id hashes, tokens as SHA-256. Nothing here is logged or returned.

mod answers;
mod attempts;
mod password;
mod sessions;
mod store;

use password::Verdict;
use protocol::{SetUpParams, UserId, Viewer};
use sha2::{Digest, Sha256};

use crate::store::StoreError;
use crate::{Actor, Core, audit};

/// How long a set-up link works.
const SETUP_TOKEN_MS: i64 = 24 * 3_600_000;
const MAX_NAME_CHARS: usize = 80;

pub use answers::{ANSWERS_KEPT_DAYS, StoredAnswer, load_answer, purge_answers, save_answer};
pub use sessions::{
    SESSION_USER, StoredSession, delete_session, load_session, purge_sessions, save_session, session_is_live,
    session_user_exists, update_session,
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
    /// The password could not be worked on.
    #[error("{0}")]
    Unavailable(String),
    /// The database failed.
    #[error(transparent)]
    Internal(#[from] StoreError),
}

impl From<sqlx::Error> for AccountError {
    fn from(error: sqlx::Error) -> Self {
        Self::Internal(error.into())
    }
}

/// Whether an owner exists.
///
/// # Errors
/// When the database fails.
pub async fn is_set_up(core: &Core) -> Result<bool, AccountError> {
    Ok(store::owner(core.store().reader()).await?.is_some())
}

/// Makes a single-use token for the set-up link, valid for 24 hours; earlier ones end. When an owner exists already,
/// the link lets whoever holds it choose a new password.
///
/// # Errors
/// When the database or the source of randomness fails.
pub async fn issue_setup_token(core: &Core) -> Result<String, AccountError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| AccountError::Unavailable(format!("no randomness for a token: {error}")))?;
    let token = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes);
    let now = core.now_ms();
    let mut tx = core.write().await?;
    store::replace_setup_token(&mut tx, &hash(&token), now, now + SETUP_TOKEN_MS).await?;
    audit::record(&mut tx, now, &Actor::System, "setup_link_issued", "account:owner", &serde_json::json!({})).await?;
    tx.commit().await?;
    Ok(token)
}

/// Uses the token: makes the owner, or sets the owner's new password and ends every session.
///
/// # Errors
/// `Denied` for a used, expired or invented token, `Invalid` for a weak password.
pub async fn set_up(core: &Core, params: SetUpParams) -> Result<Viewer, AccountError> {
    let name = params.name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
        return Err(AccountError::Invalid(format!("a name has 1 to {MAX_NAME_CHARS} characters")));
    }
    password::check_strength(&params.password, name)?;
    let token = hash(&params.token);
    // Asked before the costly hash, and taken after it: the link survives a failure in between.
    if !store::setup_token_is_good(core.store().reader(), &token, core.now_ms()).await? {
        return Err(bad_link());
    }
    let password_hash = password::hash(params.password.clone()).await?;
    let now = core.now_ms();
    let mut tx = core.write().await?;
    if !store::take_setup_token(&mut tx, &token, now).await? {
        return Err(bad_link());
    }
    let id = match store::owner(&mut *tx).await? {
        Some(owner) => {
            store::set_password(&mut tx, owner.id, name, &password_hash).await?;
            store::end_sessions(&mut tx, owner.id).await?;
            owner.id
        }
        None => {
            let id = UserId(uuid::Uuid::now_v7());
            store::insert_user(&mut tx, id, name, &password_hash, now).await?;
            id
        }
    };
    attempts::forget(&mut tx).await?;
    let actor = Actor::Person { id, name: name.to_owned(), device: "set-up link".to_owned() };
    audit::record(&mut tx, now, &actor, "password_set", "account:owner", &serde_json::json!({})).await?;
    tx.commit().await?;
    Ok(Viewer { id, name: name.to_owned() })
}

fn bad_link() -> AccountError {
    AccountError::Denied(
        "this link was used already or is older than a day; `hermes setup-link` on the machine prints a new one".into(),
    )
}

/// Checks the password. `origin` is the client's address, for limiting guesses.
///
/// # Errors
/// `Denied` for a wrong one, `TooMany` while guesses are slowed down.
pub async fn sign_in(core: &Core, password: &str, origin: &str) -> Result<Viewer, AccountError> {
    attempts::begin(core, origin).await?;
    let owner = store::owner(core.store().reader()).await?;
    let known = owner.as_ref().map(|owner| owner.password_hash.clone());
    let verdict = password::verify(password.to_owned(), known).await?;
    let now = core.now_ms();
    let Some(owner) = owner.filter(|owner| verdict != Verdict::Wrong && !owner.disabled) else {
        let mut tx = core.write().await?;
        let detail = serde_json::json!({ "origin": origin });
        audit::record(&mut tx, now, &Actor::System, "sign_in_refused", "account:owner", &detail).await?;
        tx.commit().await?;
        return Err(AccountError::Denied("this password is not right".into()));
    };
    let stronger = match verdict {
        Verdict::Outdated => Some(password::hash(password.to_owned()).await?),
        Verdict::Right | Verdict::Wrong => None,
    };
    let mut tx = core.write().await?;
    attempts::succeeded(&mut tx, origin).await?;
    if let Some(stronger) = stronger {
        store::replace_hash(&mut tx, owner.id, &owner.password_hash, &stronger).await?;
    }
    let viewer = Viewer { id: owner.id, name: owner.name };
    let actor = Actor::Person { id: viewer.id, name: viewer.name.clone(), device: origin.to_owned() };
    audit::record(&mut tx, now, &actor, "signed_in", "account:owner", &serde_json::json!({})).await?;
    tx.commit().await?;
    Ok(viewer)
}

/// The person of a session, unless the account is gone or disabled.
///
/// # Errors
/// When the database fails.
pub async fn viewer(core: &Core, id: UserId) -> Result<Option<Viewer>, AccountError> {
    Ok(store::user(core.store().reader(), id).await?)
}

fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}
