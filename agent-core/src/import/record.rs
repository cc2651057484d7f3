//! Values of somebody else's database, by column name. A column may be missing, hold another type than it should, or
//! bytes that are no text: what can be read is read, and the record remembers that it was damaged.

use std::cell::{Cell, RefCell};

use sqlx::sqlite::{SqliteRow, SqliteValueRef};
use sqlx::{Decode, Row, Sqlite, TypeInfo, ValueRef};

/// As much of a value that makes no sense is repeated.
const MAX_ODD_CHARS: usize = 60;

/// A row being read.
pub(super) struct Record<'r> {
    row: &'r SqliteRow,
    damaged: Cell<bool>,
    odd: RefCell<Vec<String>>,
}

impl<'r> Record<'r> {
    pub(super) fn new(row: &'r SqliteRow) -> Self {
        Self { row, damaged: Cell::new(false), odd: RefCell::default() }
    }

    /// Whether some text had bytes that are no UTF-8.
    pub(super) fn damaged(&self) -> bool {
        self.damaged.get()
    }

    /// Values that were there and could not be what their columns hold, a remark for each.
    pub(super) fn odd(&self) -> Vec<String> {
        self.odd.take()
    }

    fn note_odd(&self, column: &str) {
        let text = self.text(column).unwrap_or_default();
        if !text.trim().is_empty() {
            let text = crate::text::excerpt(&text, MAX_ODD_CHARS);
            self.odd.borrow_mut().push(format!("its {column} \"{text}\" makes no sense and was left out"));
        }
    }

    fn value(&self, column: &str) -> Option<(SqliteValueRef<'r>, String)> {
        // silent-ok: databases of older versions lack columns, which is the same as having nothing in them
        let value = self.row.try_get_raw(column).ok().filter(|value| !value.is_null())?;
        let kind = value.type_info().name().to_owned();
        Some((value, kind))
    }

    /// The text, whatever it may look like; bytes that are no UTF-8 become U+FFFD.
    pub(super) fn text(&self, column: &str) -> Option<String> {
        let (value, kind) = self.value(column)?;
        match kind.as_str() {
            // silent-ok: a value is always of the type it just said it has
            "INTEGER" => <i64 as Decode<Sqlite>>::decode(value).ok().map(|number| number.to_string()),
            "REAL" => <f64 as Decode<Sqlite>>::decode(value).ok().map(|number| number.to_string()),
            _ => {
                let bytes = <&[u8] as Decode<Sqlite>>::decode(value).ok()?;
                let text = String::from_utf8_lossy(bytes);
                if matches!(text, std::borrow::Cow::Owned(_)) {
                    self.damaged.set(true);
                }
                Some(text.into_owned())
            }
        }
    }

    /// The text without white space around it, unless nothing is left.
    pub(super) fn word(&self, column: &str) -> Option<String> {
        self.text(column).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// The number, also when it is written as text or has a fraction.
    pub(super) fn number(&self, column: &str) -> Option<i64> {
        let (value, kind) = self.value(column)?;
        let number = match kind.as_str() {
            // silent-ok: as above
            "INTEGER" => <i64 as Decode<Sqlite>>::decode(value).ok(),
            "REAL" => <f64 as Decode<Sqlite>>::decode(value).ok().and_then(whole),
            _ => {
                let bytes = <&[u8] as Decode<Sqlite>>::decode(value).ok()?;
                let text = std::str::from_utf8(bytes).unwrap_or_default().trim();
                text.parse().ok().or_else(|| text.parse::<f64>().ok().and_then(whole))
            }
        };
        if number.is_none() {
            self.note_odd(column);
        }
        number
    }

    /// A moment in Unix milliseconds, from epoch seconds.
    pub(super) fn time(&self, column: &str) -> Option<i64> {
        let number = self.number(column)?;
        let at = super::map::millis(number);
        // Zero was a way of writing "never".
        if at.is_none() && number != 0 {
            self.note_odd(column);
        }
        at
    }
}

/// Without its fraction; nothing for what no whole number can be.
fn whole(number: f64) -> Option<i64> {
    (number.is_finite() && number.abs() < 9e15).then_some(number as i64)
}
