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
/// Stands for the server's own origin in the outbox, because it is known only when the message is sent.
pub(super) const ORIGIN: &str = "{origin}";

/// The message of a decision. `app_badge` stands in both places that browsers are documented to read.
pub(super) fn decision(message: &DecisionPush<'_>, hide_details: bool) -> String {
    let title = title(message.kind);
    let body = if hide_details {
        "Open Hermes to see what it is.".to_owned()
    } else {
        format!("{}: {}", excerpt(message.card_title, MAX_TITLE_CHARS), excerpt(message.ask, MAX_ASK_CHARS))
    };
    let mut navigate = format!("{ORIGIN}/d/{}", message.decision);
    if !hide_details {
        let short = format!("{}\n{}", excerpt(message.card_title, MAX_TITLE_CHARS), clip(message.ask));
        navigate.push('#');
        navigate.push_str(&URL_SAFE_NO_PAD.encode(short));
    }
    json!({
        "web_push": 8030,
        "notification": {
            "title": title, "body": body, "navigate": navigate, "lang": "en", "dir": "auto", "silent": false,
            "tag": topic(message.card_number), "app_badge": message.open.to_string(),
        },
        "app_badge": message.open,
    })
    .to_string()
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
        DecisionKind::Approval => "Approval needed",
        DecisionKind::Auth => "Sign-in needed",
        DecisionKind::Failed => "A card keeps failing",
        DecisionKind::Stale => "A card went quiet",
        DecisionKind::Budget => "A budget is spent",
    }
}

fn clip(text: &str) -> String {
    let clipped: String = text.chars().take(MAX_FRAGMENT_CHARS).collect();
    clipped
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
    fn the_longest_texts_still_fit_into_one_encrypted_record() {
        let long = "字\u{1F600}".repeat(100_000);
        let payload = decision(&push(&long, &long), false).replace(ORIGIN, &"https://x".repeat(20));
        assert!(payload.len() <= super::super::encrypt::MAX_PLAINTEXT, "{}", payload.len());
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
