//! What a message says: one JSON for declarative Web Push (WebKit) and for our service worker on every other browser.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::DecisionKind;
use serde_json::json;

use super::DecisionPush;
use crate::text::excerpt;

const MAX_TITLE_CHARS: usize = 80;
const MAX_ASK_CHARS: usize = 90;
/// Text that travels in the address, readable even when the machine is out of reach.
const MAX_FRAGMENT_CHARS: usize = 400;
/// Longest message before the origin is filled in. Services accept 3,993 bytes, but Firefox on Android was seen to
/// refuse from 2.8 KB on.
const MAX_BYTES: usize = 2_700;
/// Body of a message that a service found too large.
const SHORT_BODY_CHARS: usize = 60;
/// Stands for the server's own origin in the outbox, because it is known only when the message is sent.
pub(super) const ORIGIN: &str = "{origin}";

/// The message of a decision. `app_badge` stands in both places that browsers are documented to read.
pub(super) fn decision(message: &DecisionPush<'_>, hide_details: bool) -> String {
    let address = format!("{ORIGIN}/d/{}", message.decision);
    if hide_details {
        return written(message, "Open Hermes to see what it is.", &address);
    }
    let card = excerpt(message.card_title, MAX_TITLE_CHARS);
    let body = format!("{card}: {}", excerpt(message.ask, MAX_ASK_CHARS));
    let short = format!("{card}\n{}", clip(message.ask));
    // Base64 makes four bytes of three, and adds nothing that JSON would have to escape.
    let room = MAX_BYTES.saturating_sub(written(message, &body, &address).len() + 1) / 4 * 3;
    let short = &short[..short.floor_char_boundary(room)];
    written(message, &body, &format!("{address}#{}", URL_SAFE_NO_PAD.encode(short)))
}

fn written(message: &DecisionPush<'_>, body: &str, navigate: &str) -> String {
    json!({
        "web_push": 8030,
        "notification": {
            "title": title(message.kind), "body": body, "navigate": navigate, "lang": "en", "dir": "auto",
            "silent": false, "tag": topic(message.card_number), "app_badge": message.open.to_string(),
        },
        "app_badge": message.open,
    })
    .to_string()
}

/// The message without what can be read in the app; `None` when there is nothing to leave out.
pub(super) fn shortened(payload: &str) -> Option<String> {
    let mut json: serde_json::Value = serde_json::from_str(payload).ok()?; // silent-ok: then it cannot be shortened
    let notification = json.get_mut("notification")?;
    let navigate = notification.get("navigate")?.as_str()?;
    let navigate = navigate.split_once('#').map_or(navigate, |(address, _)| address).to_owned();
    let body = excerpt(notification.get("body")?.as_str()?, SHORT_BODY_CHARS);
    notification["navigate"] = navigate.into();
    notification["body"] = body.into();
    let short = json.to_string();
    (short.len() < payload.len()).then_some(short)
}

/// A test message for one device.
pub(super) fn test(open: i64) -> String {
    json!({
        "web_push": 8030,
        "notification": {
            "title": "Hermes can reach you", "body": "This is the test message you asked for.",
            "navigate": format!("{ORIGIN}/settings"), "lang": "en", "dir": "auto", "silent": false, "tag": "test",
            "app_badge": open.to_string(),
        },
        "app_badge": open,
    })
    .to_string()
}

/// RFC 8030 §5.4: at most 32 base64url characters. One per card: a newer question replaces an undelivered one.
pub(super) fn topic(card_number: i64) -> String {
    format!("card-{card_number}")
}

fn title(kind: DecisionKind) -> &'static str {
    match kind {
        DecisionKind::Review => "Review ready",
        DecisionKind::Question => "A question for you",
        DecisionKind::Failed => "A card keeps failing",
        DecisionKind::Budget => "A budget is spent",
    }
}

fn clip(text: &str) -> String {
    text.chars().take(MAX_FRAGMENT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use protocol::{DecisionId, DecisionKind};

    use super::*;

    fn push<'a>(title: &'a str, ask: &'a str) -> DecisionPush<'a> {
        DecisionPush {
            decision: DecisionId(uuid::Uuid::nil()),
            kind: DecisionKind::Review,
            card_number: 142,
            card_title: title,
            ask,
            open: 3,
        }
    }

    #[test]
    fn the_longest_texts_still_make_a_message_of_three_kilobytes() {
        for long in ["字\u{1F600}".repeat(100_000), "\"\\".repeat(100_000), "a".repeat(100_000)] {
            let payload = decision(&push(&long, &long), false).replace(ORIGIN, &format!("https://{}", "x".repeat(253)));
            assert!(payload.len() <= 3 * 1024, "{}", payload.len());
            let json: serde_json::Value = serde_json::from_str(&payload).unwrap();
            let fragment = json["notification"]["navigate"].as_str().unwrap().split_once('#').unwrap().1;
            assert!(URL_SAFE_NO_PAD.decode(fragment).is_ok_and(|text| String::from_utf8(text).is_ok()));
        }
    }

    #[test]
    fn a_shortened_message_still_opens_the_decision() {
        let whole = decision(&push("Login", &"which way? ".repeat(50)), false);
        let short = shortened(&whole).unwrap();
        assert!(short.len() + 400 < whole.len(), "{short}");
        let json: serde_json::Value = serde_json::from_str(&short).unwrap();
        assert_eq!(json["notification"]["navigate"], format!("{ORIGIN}/d/{}", uuid::Uuid::nil()));
        assert_eq!((&json["web_push"], &json["app_badge"]), (&json!(8030), &json!(3)));
        assert_eq!(shortened(&short), None, "nothing is left to leave out");
    }

    #[test]
    fn details_can_be_hidden_from_the_lock_screen() {
        let payload = decision(&push("secret title", "secret ask"), true);
        assert!(!payload.contains("secret"));
        let json: serde_json::Value = serde_json::from_str(&payload).unwrap();
        assert_eq!(json["notification"]["navigate"], format!("{ORIGIN}/d/{}", uuid::Uuid::nil()));
        assert_eq!((&json["web_push"], &json["app_badge"]), (&json!(8030), &json!(3)));
    }

    #[test]
    fn the_fragment_carries_the_text() {
        let json: serde_json::Value = serde_json::from_str(&decision(&push("Login", "which way?"), false)).unwrap();
        let navigate = json["notification"]["navigate"].as_str().unwrap();
        let fragment = navigate.split_once('#').unwrap().1;
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(fragment).unwrap()).unwrap();
        assert_eq!(text, "Login\nwhich way?");
    }
}
