//! Web Push (RFC 8030, 8291, 8292): devices, the outbox, and the sender.

use protocol::{DecisionId, DecisionKind, PushState, SubscribeParams, SubscriptionId, UserId};
use sqlx::SqliteConnection;

use crate::Core;
use crate::store::StoreError;
use crate::task::Tasks;

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
pub(crate) async fn enqueue(core: &Core, tx: &mut SqliteConnection, message: &DecisionPush<'_>) -> Result<(), StoreError> { let _ = (core, tx, message); Ok(()) }
/// The server's public key and the person's devices.
pub async fn state(core: &Core, user: UserId) -> Result<PushState, PushError> { unimplemented!() }
/// Adds a device, or renews it when its endpoint is known.
pub async fn subscribe(core: &Core, user: UserId, params: SubscribeParams) -> Result<SubscriptionId, PushError> { unimplemented!() }
/// Removes a device.
pub async fn unsubscribe(core: &Core, user: UserId, id: SubscriptionId) -> Result<(), PushError> { unimplemented!() }
/// Queues a test message for one device.
pub async fn send_test(core: &Core, user: UserId, id: SubscriptionId) -> Result<(), PushError> { unimplemented!() }
/// The device's service worker says it displayed a message.
pub async fn displayed(core: &Core, user: UserId, endpoint: &str) -> Result<(), PushError> { unimplemented!() }
/// Sends what is due until shutdown; woken by every commit.
pub fn start_sender(core: Core, tasks: &Tasks) { let _ = (core, tasks); }
