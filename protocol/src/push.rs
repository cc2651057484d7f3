//! Web Push subscriptions (RFC 8030, RFC 8291, RFC 8292).

use serde::{Deserialize, Serialize};

use crate::SubscriptionId;

/// What `PushSubscription.toJSON()` gives, plus a name for the device list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscribeParams {
    /// Push service URL.
    pub endpoint: String,
    /// Subscriber's P-256 public key, 65 bytes uncompressed, base64url.
    pub p256dh: String,
    /// Authentication secret, 16 bytes, base64url.
    pub auth: String,
    /// For instance "iPhone" or "Chrome on Linux".
    pub device: String,
    /// Where the device has the app open, as `https://host[:port]`: a tap on a notification leads there.
    #[serde(default)]
    pub origin: Option<String>,
}

/// A device in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceView {
    /// Id.
    pub id: SubscriptionId,
    /// Name.
    pub device: String,
    /// Host of the push service.
    pub host: String,
    /// Unix ms.
    pub created_at: i64,
    /// Last message the push service accepted, Unix ms.
    pub last_sent_at: Option<i64>,
    /// Last message the device displayed, as its service worker said, Unix ms.
    pub last_displayed_at: Option<i64>,
    /// Last failure in words.
    pub last_error: Option<String>,
}

/// What the notification settings show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushState {
    /// The server's VAPID public key, base64url, for `applicationServerKey`.
    pub public_key: String,
    /// Devices of the viewer.
    pub devices: Vec<DeviceView>,
}
