//! Failures that are not a card's: when several cards of one profile fail the same way, the profile rests, one person
//! is asked once, and the other cards neither burn their attempts nor ask as well.

use protocol::{CardId, RunId, RunOutcome};
use sqlx::SqliteConnection;

use super::KanbanError;
use super::card_row::CardRow;
use crate::{Actor, Core};

/// So many cards failing the same way within the window are no accident.
const SAME_FAILURES: i64 = 3;
const WINDOW_MS: i64 = 10 * 60_000;
const FIRST_PAUSE_MS: i64 = 10 * 60_000;
const LONGEST_PAUSE_MS: i64 = 60 * 60_000;
/// A failure this long after a pause is a new one.
const REMEMBERED_MS: i64 = 60 * 60_000;
const MAX_KEY_CHARS: usize = 160;

const END_BACKOFF: &str = "UPDATE kanban_card SET backoff_until = NULL, updated_at = ?2, revision = revision + 1
    WHERE id = ?1 AND backoff_until > ?2";
const SET_KEY: &str = "UPDATE kanban_run SET failure_key = ?2 WHERE id = ?1";
const SAME: &str = "SELECT count(DISTINCT card_id) FROM kanban_run
    WHERE profile = ?1 AND failure_key = ?2 AND ended_at > ?3 AND card_id <> ?4";
const PRESENT: &str = "SELECT failure_key, paused_at, until FROM kanban_profile_pause WHERE profile = ?1";
const PAUSE: &str = "INSERT INTO kanban_profile_pause (profile, failure_key, error, paused_at, until)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (profile) DO UPDATE SET failure_key = ?2, error = ?3, paused_at = ?4, until = ?5";
// Cards that were tried in vain are held beyond the rest; without it they need not wait so long. What a provider said
// of when to come again stays.
macro_rules! release {
    ($of:literal) => {
        concat!(
            "UPDATE kanban_card SET backoff_until = ?1
              WHERE state = 'ready' AND deleted_at IS NULL AND backoff_until > ?1 AND id IN (
                SELECT r.card_id FROM kanban_profile_pause p CROSS JOIN kanban_run r
                    ON r.profile = p.profile AND r.failure_key = p.failure_key AND r.ended_at >= p.paused_at - 3600000 ",
            $of,
            "); DELETE FROM kanban_profile_pause AS p ",
            $of
        )
    };
}
const RESUME: &str = release!("WHERE p.profile = ?2");
const RESUME_ALL: &str = release!("");
// One that ends later than any rest lasts was written while the clock was ahead.
macro_rules! paused {
    () => {
        "SELECT profile, until FROM kanban_profile_pause WHERE until > ?1 AND until <= ?1 + 3600000 LIMIT 500"
    };
}
pub(super) use paused;

/// What a failure means beyond its card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the card's own.
    OfTheCard,
    /// Others failed like this: the profile rests from now on, and a person is told with this card.
    PausesProfile {
        /// Cards that failed the same way, with this one.
        cards: i64,
    },
    /// The profile rests for this already; nobody is asked again, and the card's failures are not counted. The card
    /// comes after the others when the rest is over, or one that never works would be tried first for ever.
    Known {
        /// Until then, Unix ms.
        until: i64,
    },
}

/// Whether an outcome says something of the profile. Too long and too quiet are the card's own.
pub(super) fn may_be_the_profiles(outcome: RunOutcome) -> bool {
    matches!(outcome, RunOutcome::SpawnFailed | RunOutcome::Crashed | RunOutcome::ProtocolViolation)
}

/// Looks at a failure, remembers it, and pauses its profile when it is not the card's fault.
pub(super) async fn judge(
    tx: &mut SqliteConnection,
    run: RunId,
    card: &CardRow,
    profile: &str,
    error: &str,
    now: i64,
) -> Result<Verdict, KanbanError> {
    let key = key(error);
    sqlx::query(SET_KEY).bind(run.0).bind(&key).execute(&mut *tx).await?;
    let present: Option<(String, i64, i64)> = sqlx::query_as(PRESENT).bind(profile).fetch_optional(&mut *tx).await?;
    if let Some((known, paused_at, until)) = present
        && known == key
        && now.saturating_sub(until) < REMEMBERED_MS
    {
        // One that ends later than any rest lasts was written while the clock was ahead.
        if until > now && until <= now + LONGEST_PAUSE_MS {
            return Ok(Verdict::Known { until });
        }
        // It was tried again and nothing has changed: a longer rest.
        let until = now + until.saturating_sub(paused_at).saturating_mul(2).clamp(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
        set(tx, profile, &key, error, now, until).await?;
        return Ok(Verdict::Known { until });
    }
    let query = sqlx::query_scalar(SAME).bind(profile).bind(&key).bind(now - WINDOW_MS).bind(card.id.0);
    let others: i64 = query.fetch_one(&mut *tx).await?;
    if others + 1 < SAME_FAILURES {
        return Ok(Verdict::OfTheCard);
    }
    set(tx, profile, &key, error, now, now + FIRST_PAUSE_MS).await?;
    Ok(Verdict::PausesProfile { cards: others + 1 })
}

async fn set(
    tx: &mut SqliteConnection,
    profile: &str,
    key: &str,
    error: &str,
    now: i64,
    until: i64,
) -> Result<(), KanbanError> {
    let error = crate::text::excerpt(error, 400);
    sqlx::query(PAUSE).bind(profile).bind(key).bind(error).bind(now).bind(until).execute(tx).await?;
    Ok(())
}

/// A run of the profile went well, or a person says to try again: the rest is over, and cards that were tried in vain
/// may start from `at` on.
pub(super) async fn resume(tx: &mut SqliteConnection, profile: &str, at: i64) -> Result<(), KanbanError> {
    sqlx::query(RESUME).bind(at).bind(profile).execute(tx).await?;
    Ok(())
}

/// A card need not wait any longer after its last attempt.
pub(super) async fn end_backoff(tx: &mut SqliteConnection, card: CardId, now: i64) -> Result<(), KanbanError> {
    sqlx::query(END_BACKOFF).bind(card.0).bind(now).execute(tx).await?;
    Ok(())
}

/// A person who starts a card afresh means its profile, too.
pub(super) async fn resume_for(
    core: &Core,
    tx: &mut SqliteConnection,
    actor: &Actor,
    card: &CardRow,
) -> Result<(), KanbanError> {
    if !actor.is_person() {
        return Ok(());
    }
    let config = core.config();
    resume(tx, card.assignee.as_deref().unwrap_or(&config.kanban.default_assignee), core.now_ms()).await
}

/// The model's settings changed: what failed because of them may work now.
pub(crate) async fn resume_all(tx: &mut SqliteConnection, now: i64) -> Result<(), sqlx::Error> {
    sqlx::query(RESUME_ALL).bind(now).execute(tx).await?;
    Ok(())
}

/// The words of an error without what differs from card to card: ids, addresses, paths, quoted names. Exit codes and
/// HTTP statuses stay: another one is another failure.
fn key(error: &str) -> String {
    let mut key = String::new();
    let first = error.lines().next().unwrap_or_default().to_lowercase();
    for word in first.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let is_code = bare.len() <= 3 && bare.bytes().all(|byte| byte.is_ascii_digit());
        let has_digit = bare.contains(|c: char| c.is_ascii_digit());
        let varies = word.contains('/') || (has_digit && !is_code) || word.starts_with(['"', '\'']);
        key.push_str(if varies { "#" } else { word });
        key.push(' ');
        if key.len() > MAX_KEY_CHARS {
            break;
        }
    }
    key.trim_end().to_owned()
}

#[cfg(test)]
pub(super) const ALL_SQL: &[&str] = &[END_BACKOFF, SET_KEY, SAME, PRESENT, PAUSE, RESUME, RESUME_ALL];

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn the_same_failure_of_two_cards_has_one_key() {
        let one = key("the model cannot be used: HTTP 401 for key \"abc\" in /home/a/T-1\nmore");
        assert_eq!(one, key("The model cannot be used: HTTP 401 for key \"xyz\" in /home/a/T-2"));
        assert_eq!(key("refused by 10.0.0.1:443, request 4711ab"), key("refused by 10.0.0.2:443, request 9c1d"));
        assert_ne!(key("the worker ended with exit code 1"), key("the worker ended with exit code 101"));
        assert_ne!(one, key("the worker was killed by signal 9"));
        assert!(key(&"word ".repeat(1000)).len() < 200);
    }
}
