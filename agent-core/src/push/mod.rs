//! Web Push (RFC 8030, 8291, 8292): devices, the outbox, and the sender.
//!
//! Only a decision pushes. Its rows are written with it, in one transaction, so a message is neither lost nor invented;
//! every message shows something, because browsers take the permission away from silent ones.

mod encrypt;
mod endpoint;
mod message;
mod sender;
mod store;
mod vapid;

use protocol::{DecisionId, DecisionKind, DeviceView, PushState, SubscribeParams, SubscriptionId, UserId};
use sqlx::SqliteConnection;

use crate::store::StoreError;
use crate::{Core, kanban};

pub use sender::start_sender;

/// Devices of one person.
const MAX_DEVICES: i64 = 20;
/// How long a push service keeps a message for a device that is off: RFC 8030 §5.2.
const TTL_MS: i64 = 6 * 3_600_000;

/// A refusal or a fault, in a sentence for people.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The subscription is not acceptable.
    #[error("{0}")]
    Invalid(String),
    /// No such device of this person.
    #[error("{0}")]
    NotFound(String),
    /// The key file is not usable.
    #[error("{0}")]
    Unavailable(String),
    /// The database failed.
    #[error(transparent)]
    Internal(#[from] StoreError),
}

impl From<sqlx::Error> for PushError {
    fn from(error: sqlx::Error) -> Self {
        Self::Internal(error.into())
    }
}

/// What a decision says on a lock screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionPush<'a> {
    /// The decision.
    pub decision: DecisionId,
    /// Its kind.
    pub kind: DecisionKind,
    /// Card number, for the topic and the tag.
    pub card_number: i64,
    /// Card title.
    pub card_title: &'a str,
    /// What is asked.
    pub ask: &'a str,
    /// Open decisions, this one included: the badge.
    pub open: i64,
}

/// Writes one outbox row per device, in the transaction that opens the decision.
pub(crate) async fn enqueue(
    core: &Core,
    tx: &mut SqliteConnection,
    message: &DecisionPush<'_>,
) -> Result<(), StoreError> {
    let now = core.now_ms();
    let payload = message::decision(message, core.config().push.hide_details);
    let topic = message::topic(message.card_number);
    for device in store::all_devices(tx).await? {
        store::enqueue(tx, device, Some(message.decision), &topic, &payload, now, now + TTL_MS).await?;
    }
    Ok(())
}

/// The server's public key and the person's devices.
///
/// # Errors
/// When the key file or the database cannot be used.
pub async fn state(core: &Core, user: UserId) -> Result<PushState, PushError> {
    let key = vapid::VapidKey::load_or_make(core.home())?;
    let devices = store::devices(core.store().reader(), user).await?;
    let devices = devices
        .into_iter()
        .map(|device| DeviceView {
            id: device.id,
            host: endpoint::host(&device.endpoint),
            device: device.device,
            created_at: device.created_at,
            last_sent_at: device.last_sent_at,
            last_displayed_at: device.last_displayed_at,
            last_error: device.last_error,
        })
        .collect();
    Ok(PushState { public_key: key.public_key(), devices })
}

/// Adds a device, or renews it when its endpoint is known.
///
/// # Errors
/// `Invalid` for keys that are none and for endpoints of unknown push services.
pub async fn subscribe(core: &Core, user: UserId, params: SubscribeParams) -> Result<SubscriptionId, PushError> {
    endpoint::check(&params.endpoint, &core.config().push.allowed_origins)?;
    let keys = encrypt::SubscriberKeys::parse(&params.p256dh, &params.auth)?;
    let device = crate::text::excerpt(&params.device, 80);
    let origin = params.origin.as_deref().map(endpoint::check_app_origin).transpose()?;
    let mut tx = core.write().await?;
    let known = store::is_device_of(&mut tx, user, &params.endpoint).await?;
    if !known && store::count_devices(&mut tx, user).await? >= MAX_DEVICES {
        return Err(PushError::Invalid(format!("{MAX_DEVICES} devices are registered; remove one in Settings first")));
    }
    let id = SubscriptionId(kanban::new_id());
    let new = store::NewDevice { id, user, endpoint: &params.endpoint, keys: &keys, name: &device, origin };
    let id = store::upsert_device(&mut tx, &new, core.now_ms()).await?;
    tx.commit().await?;
    Ok(id)
}

/// Removes a device.
///
/// # Errors
/// `NotFound` when it is not the person's.
pub async fn unsubscribe(core: &Core, user: UserId, id: SubscriptionId) -> Result<(), PushError> {
    let mut tx = core.write().await?;
    if !store::remove_device(&mut tx, user, id).await? {
        return Err(PushError::NotFound("this device is not registered any more".into()));
    }
    tx.commit().await?;
    Ok(())
}

/// Queues a test message for one device.
///
/// # Errors
/// `NotFound` when it is not the person's.
pub async fn send_test(core: &Core, user: UserId, id: SubscriptionId) -> Result<(), PushError> {
    let mut tx = core.write().await?;
    if !store::devices(&mut *tx, user).await?.iter().any(|device| device.id == id) {
        return Err(PushError::NotFound("this device is not registered any more".into()));
    }
    let now = core.now_ms();
    let open = store::open_decisions(&mut tx).await?;
    store::enqueue(&mut tx, id, None, "test", &message::test(open), now, now + 60_000).await?;
    tx.commit().await?;
    Ok(())
}

/// The device's service worker says it displayed a message.
///
/// # Errors
/// When the database fails; an unknown endpoint is not an error, it changes nothing.
pub async fn displayed(core: &Core, user: UserId, endpoint: &str) -> Result<(), PushError> {
    let mut tx = core.write().await?;
    store::set_displayed(&mut tx, user, endpoint, core.now_ms()).await?;
    tx.commit().await?;
    Ok(())
}
