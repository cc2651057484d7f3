//! Sends what is due. Woken by every commit and by the next due time; a message that another process queued is on the
//! wire within 200 ms of its commit.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::store::{self, Due, Target};
use super::vapid::VapidKey;
use super::{PushError, encrypt, endpoint, message};
use crate::task::Tasks;
use crate::{Core, http_client};

const DEADLINE: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 8;
/// A taken message is tried again after this, should its sender die. Longer than two requests and writing down what
/// came of them: within it nobody else sends that message.
const RETAKEN_AFTER_MS: i64 = 30_000;
const FIRST_PAUSE_MS: i64 = 5_000;
const LONGEST_PAUSE_MS: i64 = 3_600_000;
const KEEP_MS: i64 = 7 * 24 * 3_600_000;
const MAX_ANSWER_BYTES: usize = 4096;
const IDLE: Duration = Duration::from_secs(60);
/// Used when the configuration names nobody. A push service may want to reach whoever runs a server; Apple refuses
/// addresses that cannot exist, so the project's own page stands in.
const SUBJECT: &str = "https://github.com/hermes-agent/hermes";

struct Sender {
    core: Core,
    key: VapidKey,
    client: Client,
    origin: String,
    permits: Arc<Semaphore>,
    tasks: Tasks,
}

/// Sends what is due until shutdown; woken by every commit. `origin` is where a tap leads when the configuration
/// names no public address.
///
/// # Errors
/// When the key file cannot be used.
pub fn start_sender(core: Core, tasks: &Tasks, origin: &str) -> Result<(), PushError> {
    let origin = core.config().server.public_url.clone().unwrap_or_else(|| origin.to_owned());
    let key = VapidKey::load_or_make(core.home())?;
    let client = http_client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(DEADLINE)
        .build()
        .map_err(|error| PushError::Unavailable(format!("no HTTP client for push messages: {error}")))?;
    let sender = Arc::new(Sender {
        key,
        client,
        origin: origin.trim_end_matches('/').to_owned(),
        permits: Arc::new(Semaphore::new(AT_ONCE)),
        tasks: tasks.clone(),
        core,
    });
    let stop = tasks.stopping();
    tasks.spawn("push-sender", async move {
        let mut changes = sender.core.changes().subscribe();
        loop {
            changes.mark_unchanged();
            let pause = match sender.send_due(&stop).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::error!(%error, "push messages cannot be read; trying again");
                    Duration::from_secs(5)
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                changed = changes.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(pause) => {}
            }
        }
    });
    Ok(())
}

impl Sender {
    /// Takes and sends everything that is due. Returns how long there is nothing to do.
    async fn send_due(self: &Arc<Self>, stop: &CancellationToken) -> Result<Duration, PushError> {
        loop {
            // Asked on a reader first: most commits concern no message, and need no write lock.
            let now = self.core.now_ms();
            match store::next_due(self.core.store().reader()).await? {
                None => return Ok(IDLE),
                Some(at) if at > now => {
                    return Ok(Duration::from_millis(u64::try_from(at - now).unwrap_or(0)).min(IDLE));
                }
                Some(_) => {}
            }
            // Only what can be sent at once is taken: a claim must not run out while its message waits for others.
            let first = tokio::select! {
                () = stop.cancelled() => return Ok(IDLE),
                permit = Arc::clone(&self.permits).acquire_owned() => permit,
            };
            let Ok(first) = first else { return Ok(IDLE) };
            let more = std::iter::from_fn(|| Arc::clone(&self.permits).try_acquire_owned().ok());
            let permits: Vec<OwnedSemaphorePermit> = std::iter::once(first).chain(more).collect();
            for (due, permit) in self.take(permits.len()).await?.into_iter().zip(permits) {
                let sender = Arc::clone(self);
                self.tasks.spawn("push-message", async move {
                    if let Err(error) = sender.send(&due).await {
                        tracing::error!(%error, message = due.id, "a push message could not be handled");
                    }
                    drop(permit);
                });
            }
        }
    }

    async fn take(&self, limit: usize) -> Result<Vec<Due>, PushError> {
        let mut tx = self.core.write().await?;
        let now = self.core.now_ms();
        store::expire(&mut tx, now).await?;
        let batch = store::take_due(&mut tx, now, now + RETAKEN_AFTER_MS, limit).await?;
        store::purge(&mut tx, now - KEEP_MS).await?;
        tx.commit().await?;
        Ok(batch)
    }

    async fn send(&self, due: &Due) -> Result<(), PushError> {
        let Some(target) = store::target(self.core.store().reader(), due.device).await? else {
            return Ok(());
        };
        let answer = self.deliver(due, &target).await;
        self.settle(due, answer).await
    }

    /// Sends the message, and a shorter one when the service finds it too large.
    async fn deliver(&self, due: &Due, target: &Target) -> Result<Answer, PushError> {
        let payload = due.payload.replace(message::ORIGIN, target.origin.as_deref().unwrap_or(&self.origin));
        let (target, keys) = (&target.endpoint, &target.keys);
        let answer = self.post(due, target, keys, &payload).await?;
        if answer.status == Some(StatusCode::PAYLOAD_TOO_LARGE)
            && let Some(short) = message::shortened(&payload)
        {
            return self.post(due, target, keys, &short).await;
        }
        Ok(answer)
    }

    async fn post(
        &self,
        due: &Due,
        target: &str,
        keys: &encrypt::SubscriberKeys,
        payload: &str,
    ) -> Result<Answer, PushError> {
        let config = self.core.config();
        let url = endpoint::check(target, &config.push.allowed_origins)?;
        let now = self.core.now_ms();
        let body = encrypt::encrypt(payload.as_bytes(), keys)?;
        let subject = config.push.subject.as_deref().unwrap_or(SUBJECT);
        let authorization = self.key.authorization(&url.origin().ascii_serialization(), subject, now / 1000);
        let ttl = ((due.expires_at - now) / 1000).max(60);
        let sent = self
            .client
            .post(url)
            .header("TTL", ttl)
            .header("Urgency", &due.urgency)
            .header("Topic", &due.topic)
            .header("Content-Encoding", "aes128gcm")
            .header("Content-Type", "application/octet-stream")
            .header("Authorization", authorization)
            .body(body)
            .send()
            .await;
        Ok(match sent {
            Ok(response) => Answer::from_response(response, now).await,
            Err(error) => Answer { status: None, retry_after_ms: None, text: reason(&error) },
        })
    }

    async fn settle(&self, due: &Due, answer: Result<Answer, PushError>) -> Result<(), PushError> {
        let now = self.core.now_ms();
        let mut tx = self.core.write().await?;
        let answer = match answer {
            Ok(answer) => answer,
            Err(PushError::Internal(error)) => return Err(error.into()),
            Err(error) => {
                store::mark_failed(&mut tx, due, None, &error.to_string()).await?;
                tx.commit().await?;
                return Ok(());
            }
        };
        let status = answer.status.map(|status| status.as_u16());
        match status {
            Some(code @ 200..=299) => store::mark_sent(&mut tx, due, code, now).await?,
            Some(404 | 410) => {
                tracing::info!(device = %due.device, "a device has left its push service and is removed");
                store::device_gone(&mut tx, due.device).await?;
            }
            None | Some(406 | 408 | 429 | 500..=599) => {
                // A service may ask for a longer pause than ours, not for none.
                let next = now + answer.retry_after_ms.unwrap_or(0).max(pause_ms(due.attempts));
                if next >= due.expires_at {
                    store::mark_failed(&mut tx, due, status, &answer.in_words()).await?;
                } else {
                    store::mark_later(&mut tx, due, status, &answer.in_words(), next).await?;
                }
            }
            Some(_) => {
                tracing::warn!(status, device = %due.device, answer = %answer.text, "a push service refused a message");
                store::mark_failed(&mut tx, due, status, &answer.in_words()).await?;
            }
        }
        tx.commit().await?;
        Ok(())
    }
}

/// 5 s, 10 s … an hour, with up to a fifth on top, so that devices do not come back all at once.
fn pause_ms(attempts: u32) -> i64 {
    let pause = (FIRST_PAUSE_MS << attempts.saturating_sub(1).min(20)).min(LONGEST_PAUSE_MS);
    let mut byte = [0_u8; 1];
    // silent-ok: without randomness the pause is merely even
    let _ = getrandom::fill(&mut byte);
    pause + pause * i64::from(byte[0]) / 1280
}

/// Why there was no answer, without the address, which is a secret of the device.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", DEADLINE.as_secs());
    }
    // The innermost cause says what happened; the outer ones only that something did.
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause.and_then(std::error::Error::source) {
        cause = Some(inner);
    }
    cause.map_or_else(|| "the connection failed".to_owned(), ToString::to_string)
}

/// What a push service said.
struct Answer {
    status: Option<StatusCode>,
    retry_after_ms: Option<i64>,
    text: String,
}

impl Answer {
    async fn from_response(mut response: Response, now_ms: i64) -> Self {
        let retry_after_ms = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok())
            .and_then(|text| http_client::retry_after_ms(text, now_ms));
        let status = Some(response.status());
        let mut bytes = Vec::new();
        while bytes.len() < MAX_ANSWER_BYTES {
            match response.chunk().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(%error, "a push service's answer broke off");
                    break;
                }
            }
        }
        bytes.truncate(MAX_ANSWER_BYTES);
        Self { status, retry_after_ms, text: crate::text::excerpt(&String::from_utf8_lossy(&bytes), 200) }
    }

    fn in_words(&self) -> String {
        match self.status {
            Some(status) if self.text.is_empty() => format!("the push service answered {status}"),
            Some(status) => format!("the push service answered {status}: {}", self.text),
            None => format!("the push service could not be reached: {}", self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::pause_ms;

    #[test]
    fn pauses_grow_to_an_hour() {
        assert!((5_000..=6_000).contains(&pause_ms(1)));
        assert!((20_000..=24_000).contains(&pause_ms(3)));
        assert!(pause_ms(1_000) <= 4_320_000);
    }
}
