//! What of a board is shown, and in which order: a value that lives in the board's address.

use super::{CardSort, LaneBy, WaitKind};

/// A filter, an order and lanes. The default shows everything but the archive, as people ordered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardView {
    /// Words that title, description, summary or comments contain; `T-12` or `12` finds that card.
    pub text: String,
    /// Any of these profiles; an empty name means cards that name nobody.
    pub assignees: Vec<String>,
    /// All of these labels.
    pub labels: Vec<String>,
    /// This tenant.
    pub tenant: Option<String>,
    /// At least this priority.
    pub priority: Option<i32>,
    /// Waits for this.
    pub wait: Option<WaitKind>,
    /// Asks something of a person.
    pub needs_me: bool,
    /// Failed since its last success.
    pub failing: bool,
    /// The children of this card.
    pub parent: Option<i64>,
    /// The archive as a column of its own.
    pub archived: bool,
    /// Order within columns.
    pub sort: CardSort,
    /// Lanes.
    pub lanes: LaneBy,
}

impl Default for BoardView {
    fn default() -> Self {
        Self {
            text: String::new(),
            assignees: Vec::new(),
            labels: Vec::new(),
            tenant: None,
            priority: None,
            wait: None,
            needs_me: false,
            failing: false,
            parent: None,
            archived: false,
            sort: CardSort::Manual,
            lanes: LaneBy::None,
        }
    }
}

impl BoardView {
    /// Whether cards may be hidden by it. The archive adds a column and hides nothing.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        let open = Self { archived: self.archived, sort: self.sort, lanes: self.lanes, ..Self::default() };
        *self != open
    }

    /// Reads the query of an address, without its `?`. What it does not know is left out: an old link still shows
    /// something.
    #[must_use]
    pub fn from_query(query: &str) -> Self {
        let mut view = Self::default();
        for pair in query.trim_start_matches('?').split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value);
            match key {
                "q" => view.text = value,
                "assignee" => view.assignees.push(value),
                "label" => view.labels.push(value),
                "tenant" => view.tenant = Some(value).filter(|tenant| !tenant.is_empty()),
                "priority" => view.priority = value.parse().ok(),
                "wait" => view.wait = value.parse().ok(),
                "needs" => view.needs_me = value == "me",
                "failing" => view.failing = true,
                "parent" => view.parent = value.trim_start_matches("T-").parse().ok(),
                "archived" => view.archived = true,
                "sort" => view.sort = value.parse().unwrap_or(CardSort::Manual),
                "lanes" => view.lanes = value.parse().unwrap_or(LaneBy::None),
                _ => {}
            }
        }
        view
    }

    /// The query of an address, without a `?`; empty for the default.
    #[must_use]
    pub fn to_query(&self) -> String {
        let mut pairs = Vec::new();
        if !self.text.is_empty() {
            pairs.push(format!("q={}", encode(&self.text)));
        }
        pairs.extend(self.assignees.iter().map(|name| format!("assignee={}", encode(name))));
        pairs.extend(self.labels.iter().map(|label| format!("label={}", encode(label))));
        pairs.extend(self.tenant.iter().map(|tenant| format!("tenant={}", encode(tenant))));
        pairs.extend(self.priority.iter().map(|priority| format!("priority={priority}")));
        pairs.extend(self.wait.iter().map(|wait| format!("wait={wait}")));
        pairs.extend(self.needs_me.then(|| "needs=me".to_owned()));
        pairs.extend(self.failing.then(|| "failing=1".to_owned()));
        pairs.extend(self.parent.iter().map(|number| format!("parent=T-{number}")));
        pairs.extend(self.archived.then(|| "archived=1".to_owned()));
        if self.sort != CardSort::Manual {
            pairs.push(format!("sort={}", self.sort));
        }
        if self.lanes != LaneBy::None {
            pairs.push(format!("lanes={}", self.lanes));
        }
        pairs.join("&")
    }
}

/// Percent-encodes for a query (RFC 3986 §2.3: unreserved characters stay).
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase());
            }
            let at = out.len() - 2;
            out.insert(at, '%');
        }
    }
    out
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{BoardView, CardSort, LaneBy, WaitKind};

    #[test]
    fn a_view_survives_its_address() {
        let view = BoardView {
            text: "größer & 100 % = ja+nein #1".into(),
            assignees: vec![String::new(), "coder-a".into()],
            labels: vec!["ui/board".into(), "日本".into()],
            tenant: Some("acme".into()),
            priority: Some(-1),
            wait: Some(WaitKind::Parents),
            needs_me: true,
            failing: true,
            parent: Some(12),
            archived: true,
            sort: CardSort::Updated,
            lanes: LaneBy::Assignee,
        };
        assert_eq!(BoardView::from_query(&view.to_query()), view);
        assert!(view.is_filtered());
    }

    #[test]
    fn the_default_view_has_no_query_and_hides_nothing() {
        assert_eq!(BoardView::default().to_query(), "");
        assert_eq!(BoardView::from_query(""), BoardView::default());
        let sorted = BoardView { sort: CardSort::Priority, archived: true, ..BoardView::default() };
        assert!(!sorted.is_filtered());
    }

    #[test]
    fn what_is_unknown_or_broken_is_left_out() {
        let view = BoardView::from_query("?utm=x&sort=sideways&priority=high&wait=&q=50%&q=%zz+a&parent=");
        assert_eq!(view, BoardView { text: "%zz a".into(), ..BoardView::default() });
    }
}
