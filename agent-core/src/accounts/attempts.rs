//! Slowing down guesses, across restarts: ten at once, then a pause that doubles up to five minutes. A pause, not a
//! lock: the owner cannot be shut out for long by somebody else's guessing.

use sqlx::SqliteConnection;

use super::{AccountError, store};
use crate::Core;

const BURST: i64 = 10;
const FIRST_PAUSE_MS: i64 = 5_000;
const LONGEST_PAUSE_MS: i64 = 300_000;
/// After this long without a failure the count starts anew.
const FORGIVEN_AFTER_MS: i64 = 3_600_000;
/// Everybody's guesses together: an attacker with many addresses is slowed down too.
const ANYBODY: &str = "account:owner";
/// The account as a whole tolerates more than one address does.
const ANYBODY_BURST: i64 = 50;

fn key(origin: &str) -> String {
    format!("origin:{}", crate::text::excerpt(origin, 64))
}

/// Counts an attempt as failed before its password is looked at, or refuses it. Counting first means that guesses made
/// at the same time cannot all pass before the first of them has failed; [`succeeded`] takes it back.
pub(super) async fn begin(core: &Core, origin: &str) -> Result<(), AccountError> {
    let keys = [(key(origin), BURST), (ANYBODY.to_owned(), ANYBODY_BURST)];
    // Asked on a reader first: a flood of refused attempts must not hold up those who write.
    for (key, _) in &keys {
        refuse_if_locked(store::locked_until(core.store().reader(), key).await?, core.now_ms())?;
    }
    let mut tx = core.write().await?;
    let now = core.now_ms();
    for (key, _) in &keys {
        refuse_if_locked(store::locked_until(&mut *tx, key).await?, now)?;
    }
    for (key, burst) in &keys {
        let failures = store::count_failure(&mut tx, key, now, now - FORGIVEN_AFTER_MS).await?;
        store::lock(&mut tx, key, now + pause_ms(failures, *burst)).await?;
    }
    store::purge_attempts(&mut tx, now - 24 * FORGIVEN_AFTER_MS).await?;
    tx.commit().await?;
    Ok(())
}

fn refuse_if_locked(until: Option<i64>, now: i64) -> Result<(), AccountError> {
    match until {
        Some(until) if until > now => {
            Err(AccountError::TooMany { retry_after_ms: u64::try_from(until - now).unwrap_or(0) })
        }
        _ => Ok(()),
    }
}

/// The password was right: its address starts anew, and the account loses what [`begin`] counted.
pub(super) async fn succeeded(tx: &mut SqliteConnection, origin: &str) -> Result<(), AccountError> {
    store::forget_attempts(tx, &key(origin)).await?;
    Ok(store::uncount_failure(tx, ANYBODY).await?)
}

fn pause_ms(failures: i64, burst: i64) -> i64 {
    if failures < burst {
        return 0;
    }
    let doublings = u32::try_from(failures - burst).unwrap_or(u32::MAX).min(10);
    (FIRST_PAUSE_MS << doublings).min(LONGEST_PAUSE_MS)
}

pub(super) async fn forget(tx: &mut SqliteConnection) -> Result<(), AccountError> {
    Ok(store::forget_all_attempts(tx).await?)
}

#[cfg(test)]
mod tests {
    use super::{BURST, pause_ms};

    #[test]
    fn ten_guesses_are_free_then_the_pause_doubles_to_five_minutes() {
        assert_eq!(pause_ms(9, BURST), 0);
        assert_eq!(pause_ms(10, BURST), 5_000);
        assert_eq!(pause_ms(11, BURST), 10_000);
        assert_eq!(pause_ms(1_000_000, BURST), 300_000);
    }
}
