//! Passwords: strength, argon2id, and a bound on how many are worked on at once.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use protocol::MIN_PASSWORD_CHARS;
use tokio::sync::Semaphore;

use super::AccountError;

/// 64 MiB, three passes, one lane: what Vaultwarden recommends, above OWASP's minimum of 19 MiB and two.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;
const MAX_PASSWORD_BYTES: usize = 1024;
/// Each costs 64 MiB, and the machine is small.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// Refused whatever their length: the long ones people really use.
const COMMON: &[&str] = &[
    "password1234",
    "passwordpassword",
    "123456789012",
    "1234567890123",
    "12345678901234",
    "123456789123",
    "qwertyuiopas",
    "qwertyuiop123",
    "qwerty123456",
    "iloveyou1234",
    "letmeinplease",
    "adminadminadmin",
    "administrator",
    "welcome12345",
    "changemenow1",
    "correcthorsebatterystaple",
    "hermeshermes",
    "hermesagent1",
    "000000000000",
    "111111111111",
    "abcdefghijkl",
    "abcdefghijklm",
    "asdfghjklasdf",
];

pub(super) fn check_strength(password: &str, name: &str) -> Result<(), AccountError> {
    let chars = password.chars().count();
    if chars < MIN_PASSWORD_CHARS {
        return Err(AccountError::Invalid(format!(
            "the password has {chars} characters, it needs at least {MIN_PASSWORD_CHARS}; three or four words do well"
        )));
    }
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(AccountError::Invalid("the password is longer than 1,024 bytes".into()));
    }
    let lower = password.to_lowercase();
    let repeats = password.chars().next().is_some_and(|first| password.chars().all(|c| c == first));
    let is_name = !name.is_empty() && lower.replace(&name.to_lowercase(), "").chars().count() < 4;
    if COMMON.contains(&lower.as_str()) || repeats || is_name {
        return Err(AccountError::Invalid("this password is one of the first that are guessed; choose another".into()));
    }
    Ok(())
}

fn argon2() -> Result<Argon2<'static>, AccountError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .map_err(|error| AccountError::Unavailable(format!("argon2 refuses its parameters: {error}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password with a fresh salt.
pub(super) async fn hash(password: String) -> Result<String, AccountError> {
    off_the_loop(move || {
        let hash = argon2()?
            .hash_password(password.as_bytes())
            .map_err(|error| AccountError::Unavailable(format!("the password cannot be hashed: {error}")))?;
        Ok(hash.to_string())
    })
    .await
}

/// What looking at a password found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Wrong,
    Right,
    /// Right, and its hash was made with weaker parameters than those of today.
    Outdated,
}

/// Whether the password is the one behind the hash. Without a hash the same work is done for nothing, so that an
/// answer's time does not tell whether an account exists.
pub(super) async fn verify(password: String, hash: Option<String>) -> Result<Verdict, AccountError> {
    off_the_loop(move || {
        let Some(hash) = hash else {
            argon2()?
                .hash_password(password.as_bytes())
                .map_err(|error| AccountError::Unavailable(error.to_string()))?;
            return Ok(Verdict::Wrong);
        };
        let damaged = |error: &dyn std::fmt::Display| {
            AccountError::Unavailable(format!(
                "the stored password is damaged ({error}); `hermes setup-link` on the machine lets you choose a new one"
            ))
        };
        let parsed = PasswordHash::new(&hash).map_err(|error| damaged(&error))?;
        // Works with the parameters that stand in the hash.
        if argon2()?.verify_password(password.as_bytes(), &parsed).is_err() {
            return Ok(Verdict::Wrong);
        }
        let used = Params::try_from(&parsed).map_err(|error| damaged(&error))?;
        let strong = parsed.algorithm.as_str() == "argon2id"
            && parsed.version == Some(u32::from(Version::V0x13))
            && used.m_cost() >= MEMORY_KIB
            && used.t_cost() >= PASSES
            && used.p_cost() >= LANES;
        Ok(if strong { Verdict::Right } else { Verdict::Outdated })
    })
    .await
}

async fn off_the_loop<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AccountError> + Send + 'static,
) -> Result<T, AccountError> {
    let _permit =
        AT_ONCE.acquire().await.map_err(|error| AccountError::Unavailable(format!("shutting down: {error}")))?;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| AccountError::Unavailable(format!("the password could not be checked: {error}")))?
}

#[cfg(test)]
mod tests {
    use super::{Verdict, check_strength, hash, verify};

    #[test]
    fn weak_passwords_are_refused_with_the_reason() {
        for weak in ["short", "password1234", "aaaaaaaaaaaaaaaa", "Administrator", "adaada adaada"] {
            assert!(check_strength(weak, "Ada").is_err(), "{weak}");
        }
        for fine in ["three green bicycles", "üñí çødé wörds", "T7#kq!zzP0w2"] {
            assert!(check_strength(fine, "Ada").is_ok(), "{fine}");
        }
    }

    #[tokio::test]
    async fn the_right_password_fits_and_no_other() {
        let stored = hash("three green bicycles".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"), "{stored}");
        assert_eq!(verify("three green bicycles".into(), Some(stored.clone())).await.unwrap(), Verdict::Right);
        assert_eq!(verify("three green bicycle".into(), Some(stored)).await.unwrap(), Verdict::Wrong);
        assert_eq!(verify("anything at all".into(), None).await.unwrap(), Verdict::Wrong);
    }
}
